//! The pictures of the docs, taken from the demo bank: every name on them can be found there. `TEST_SCREENSHOTS=1` writes
//! them; otherwise they are taken all the same, and must be there.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::console_lockdown::LOCKDOWN;
use super::look::{DESK, Look, PHONE};
use super::person::Person;
use super::support::JOHN;
use super::support::program::{Folder, Program, free_port};

/// Largest picture, in bytes.
const LARGEST: usize = 150_000;

/// A running demo, and what it printed.
struct Demo {
    printed: Value,
    program: Program,
    _folder: Folder,
}

impl Demo {
    async fn start() -> Self {
        let folder = Folder::new();
        let port = free_port();
        let number = port.to_string();
        let arguments = ["demo", "--data", "bank", "--port", &number, "--json"];
        let program = folder.start(port, &arguments).ready().await;
        let printed = serde_json::from_str(&program.printed()).expect("one object");
        Self { printed, program, _folder: folder }
    }

    async fn visitor(&self) -> Person {
        Person::at(&format!("http://localhost:{}", self.program.port), true).await
    }

    fn password_of(&self, username: &str) -> String {
        let staff = self.printed["staff"].as_array().expect("staff");
        let one = staff.iter().find(|one| one["username"] == username).expect("somebody");
        one["password"].as_str().expect("a password").to_owned()
    }
}

fn is_writing() -> bool {
    std::env::var("TEST_SCREENSHOTS").is_ok_and(|value| value == "1")
}

/// Takes the picture `name` of the top of the page that is open, at most `look.height` high.
async fn take(person: &Person, name: &str, look: Look) {
    person.look(look).await;
    let taken = person.picture(look.height).await;
    assert!(taken.len() < LARGEST, "{name} is {} bytes", taken.len());
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("docs/img/{name}.png"));
    if is_writing() {
        fs::write(&path, &taken).expect("written");
    }
    let kept = fs::read(&path)
        .unwrap_or_else(|_| panic!("no docs/img/{name}.png: TEST_SCREENSHOTS=1 tests/run browser takes it"));
    assert_eq!(width(&kept), look.width, "{name} was taken another way");
    assert_eq!(width(&taken), look.width, "{name}");
}

/// The width of a PNG picture.
fn width(png: &[u8]) -> u32 {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n", "no PNG");
    u32::from_be_bytes(png[16..20].try_into().expect("four bytes"))
}

fn cut(look: Look, height: u32) -> Look {
    Look { height, ..look }
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_what_customers_see() {
    let demo = Demo::start().await;
    let person = demo.visitor().await;
    let asked = "/oauth/authorize?response_type=code&client_id=naybitono-web\
        &redirect_uri=https%3A%2F%2Fweb.naybitono.example%2Fcallback&scope=openid%20accounts:read%20payments:write\
        &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&state=1";
    person.open(asked).await;
    take(&person, "sign-in", cut(DESK, 560)).await;
    let customer = &demo.printed["customer"];
    person.signs_in(customer["id"].as_str().unwrap(), customer["password"].as_str().unwrap()).await;
    person.arrives_at("Allow").await;
    take(&person, "consent", cut(DESK, 1200)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_what_agents_see() {
    let demo = Demo::start().await;
    let person = demo.visitor().await;
    person.open("/console/login").await;
    person.fill("User name", "amina").await;
    person.fill("Password", &demo.password_of("amina")).await;
    person.press("Sign in").await;
    person.arrives_at("Overview").await;
    person.open("/console/customers?q=john").await;
    take(&person, "search", cut(DESK, 420)).await;
    person.open(&format!("/console/customers/{JOHN}")).await;
    take(&person, "customer-phone", cut(PHONE, 1000)).await;
    take(&person, "customer", cut(DESK, 900)).await;
    person.press(LOCKDOWN).await;
    person.choose("Phone stolen").await;
    take(&person, "lockdown", cut(DESK, 900)).await;
    person.press("Lock all devices now").await;
    person.arrives_at("Confirmed").await;
    take(&person, "receipt", cut(DESK, 1100)).await;
    person.open("/console").await;
    // Figures are gathered in memory and written every few seconds.
    let began = Instant::now();
    while person.words().await.contains("\n0\ntokens issued") {
        assert!(
            began.elapsed() < Duration::from_mins(1),
            "the demo's phones get tokens, and the overview never says so"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
        person.driver().reload().await;
    }
    take(&person, "overview", cut(DESK, 700)).await;
}
