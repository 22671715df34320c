//! RAT-03: a server flooded with sign-ins from everywhere and with a client's token requests goes on checking tokens and
//! taking them back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::timeout;

use crate::support::PASSWORD;
use crate::support::browser::{Browser, Seen};
use crate::support::flow::{Pair, authorize_path};
use crate::support::program::{Bank, Folder, Program};

/// Of each kind, at once.
const FLOODERS: u32 = 16;
/// A good caller who waits longer is starved. Far more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the floods were told.
#[derive(Default)]
struct Told {
    stop: AtomicBool,
    /// Passwords that were looked at, and sign-ins turned away.
    looked_at: AtomicU32,
    turned_away: AtomicU32,
    tokens: AtomicU32,
}

impl Told {
    fn sum(&self) -> (u32, u32) {
        (self.looked_at.load(Ordering::SeqCst), self.tokens.load(Ordering::SeqCst))
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }
}

/// Tries passwords, each from another address, as another unknown person: every one costs an argon2 run, or is turned away.
async fn sign_in(base: String, flooder: u32, told: Arc<Told>) {
    for number in 0.. {
        if !told.goes_on() {
            return;
        }
        let from = format!("198.18.{flooder}.{}", number % 250);
        let mut browser = Browser::at(&base).with(&[("X-Forwarded-For", &from)]);
        browser.get(&authorize_path("naybitono-mobile", &[])).await;
        let page = browser.get("/login").await;
        if page.status != StatusCode::OK {
            told.turned_away.fetch_add(1, Ordering::SeqCst);
            continue;
        }
        let seen = browser.type_password(&page, &format!("nobody-{flooder}-{number}"), "wrong").await;
        let count = if seen.status == StatusCode::UNPROCESSABLE_ENTITY { &told.looked_at } else { &told.turned_away };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

/// Asks for tokens without end.
async fn tokens(url: String, secret: String, told: Arc<Told>) {
    let http = reqwest::Client::new();
    while told.goes_on() {
        let request = http.post(&url).basic_auth("fraud-desk", Some(&secret));
        let status = request.form(&[("grant_type", "client_credentials")]).send().await.expect("an answer").status();
        if status == StatusCode::OK {
            told.tokens.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A good caller, who is answered at once, or starved.
async fn soon(what: &str, answer: impl Future<Output = Seen>) -> Seen {
    let seen = timeout(PATIENCE, answer).await.unwrap_or_else(|_| panic!("starved: {what}"));
    assert_eq!(seen.status, StatusCode::OK, "{what}: {}", seen.body);
    seen
}

/// A customer, and what one device of theirs holds.
struct Person {
    id: String,
    pair: Pair,
}

/// The token is checked often and taken back, then the customer is locked.
async fn good_callers(server: &Program, bank: &Bank, desk: &str, person: &Person) {
    let Person { id, pair } = person;
    for _ in 0..20 {
        let form = [("token", pair.access.as_str())];
        let check = server.post("/oauth/introspect", Some(("accounts-api", &bank.api)), &form);
        assert_eq!(soon("a check", check).await.json()["active"], true);
    }
    let form = [("token", pair.refresh.as_str()), ("client_id", "naybitono-mobile")];
    soon("a revocation", server.post("/oauth/revoke", None, &form)).await;
    let order = reqwest::Client::new().post(server.url(&format!("/api/v1/customers/{id}/lockdown"))).bearer_auth(desk);
    let order = order.json(&serde_json::json!({ "reason": "phone stolen" }));
    let locked = soon("a lockdown", async { Seen::read(order.send().await.expect("an answer")).await }).await;
    assert_eq!(locked.json()["status"], "confirmed", "{}", locked.body);
    assert!(!server.is_active(bank, &pair.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_03_floods_of_sign_ins_and_of_tokens_starve_neither_checks_nor_taking_back() {
    flooded("fast").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_03_nor_where_every_check_reads_the_database() {
    flooded("plain").await;
}

async fn flooded(checks: &str) {
    // A lease that outlasts a machine that stalls: starving is what is looked for.
    let folder = Folder::of_engine().await.with("RESCIND_TRUSTED_PROXIES", "127.0.0.1").with("RESCIND_LEASE", "30");
    let folder = folder.with("RESCIND_CHECKS", checks);
    let bank = folder.enter_bank("CUST_1");
    let server = folder.serve().await;
    let mut people = vec![Person { id: bank.customer.clone(), pair: server.pair("CUST_1").await }];
    for id in ["CUST_2", "CUST_3", "CUST_4"] {
        let made = folder.run_with(&["customer", "create", "--id", id, "--name", "Jane Doe"], PASSWORD);
        assert_eq!(made.code, 0, "{made:?}");
        people.push(Person { id: id.to_owned(), pair: server.pair(id).await });
    }
    let grant = [("grant_type", "client_credentials")];
    let desk = Pair::of(&server.post("/oauth/token", Some(("fraud-desk", &bank.desk)), &grant).await).access;

    let told = Arc::new(Told::default());
    let mut floods = tokio::task::JoinSet::new();
    for flooder in 0..FLOODERS {
        floods.spawn(sign_in(server.url(""), flooder, told.clone()));
        floods.spawn(tokens(server.url("/oauth/token"), bank.desk.clone(), told.clone()));
    }
    for person in &people {
        let before = told.sum();
        good_callers(&server, &bank, &desk, person).await;
        // Both floods went on beside that.
        let flooded = timeout(PATIENCE, async {
            while told.sum().0 <= before.0 || told.sum().1 <= before.1 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        assert!(flooded.await.is_ok(), "the floods have dried up: {:?}", told.sum());
    }
    told.stop.store(true, Ordering::SeqCst);
    floods.join_all().await;
    let turned_away = told.turned_away.load(Ordering::SeqCst);
    println!("{:?} passwords looked at and tokens given meanwhile, {turned_away} sign-ins turned away", told.sum());
}
