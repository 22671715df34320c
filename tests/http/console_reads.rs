//! Every page of the console about a customer: nobody else's things, nothing whole, nothing unwritten, nothing that runs
//! (ADM-02, ADM-03, AUD-01, LCK-02, UI-04, UI-05, UI-06).

use reqwest::StatusCode;
use rescind::model::customer::{Email, Phone};
use rescind::model::ids::CustomerId;
use rescind::model::staff::Role;
use rescind::service::{customer, sessions};
use serde_json::Value;

use crate::support::browser::{Browser, Seen};
use crate::support::{JOHN, TestServer, setup_actor};

const MOBILE: &str = "naybitono-mobile";

/// John's device and session, and his pages.
struct Things {
    device: String,
    session: String,
}

impl Things {
    async fn of_john(server: &TestServer) -> Self {
        let pair = server.pair(MOBILE).await;
        let told = server.introspect("accounts-api", &pair.access).await.json();
        let device = told["device_id"].as_str().expect("a device").to_owned();
        Self { device, session: server.live_sessions(JOHN).await[0].clone() }
    }

    /// Address and what the trail says of its being opened.
    fn pages(&self) -> [(String, &'static str); 6] {
        let john = format!("/console/customers/{JOHN}");
        [
            (john.clone(), "customer page"),
            (format!("{john}/lockdown"), "form"),
            (format!("{john}/unlock"), "form"),
            (format!("/console/devices/{}", self.device), "device page"),
            (format!("/console/devices/{}/revoke", self.device), "form"),
            (format!("/console/sessions/{}/revoke", self.session), "form"),
        ]
    }
}

/// The page a press leads to.
async fn pressed(browser: &mut Browser, path: &str) -> Seen {
    let ask = browser.get(path).await;
    let done = browser.press(&ask, &[("reason", "Other")]).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{path}: {}", done.body);
    browser.get(done.location()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_02_a_machines_session_is_nobodys_at_the_console() {
    let server = TestServer::start().await;
    server.machine_token("batch-job").await;
    let sql = "SELECT session_id FROM sessions WHERE subject_kind = 'service' AND client_id = 'batch-job'";
    let session = server.db_value::<uuid::Uuid>(sql, &[]).await.expect("a session");
    let mut agent = server.staff(Role::Agent).await;
    let john = agent.get(&format!("/console/customers/{JOHN}/lockdown")).await;
    let path = format!("/console/sessions/{session}/revoke");
    assert_eq!(agent.get(&path).await.status, StatusCode::NOT_FOUND);
    let (_, key) = john.asking_form();
    let seen = agent.submit(&john, &path, &[("reason", "Other"), ("key", &key)]).await;
    assert_eq!(seen.status, StatusCode::NOT_FOUND, "a form that no page of ours offers");
    let ended = "SELECT COUNT(*) FROM sessions WHERE ended_at IS NOT NULL";
    assert_eq!((server.db_count(ended).await, server.db_count("SELECT COUNT(*) FROM incidents").await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_01_whatever_shows_a_customer_is_written_down() {
    let server = TestServer::start().await;
    let things = Things::of_john(&server).await;
    let mut boss = server.staff(Role::Supervisor).await;
    let looks = async || {
        let rows = server.audit("customer_read").await;
        let of_staff = rows.into_iter().filter(|row| row["actor_id"] == "the-supervisor");
        of_staff.map(|row| (row["customer_id"].clone(), row["reason"].clone())).collect::<Vec<_>>()
    };
    for (path, reason) in things.pages() {
        let before = looks().await.len();
        assert_eq!(boss.get(&path).await.status, StatusCode::OK, "{path}");
        assert_eq!(looks().await[before..], [(Value::from(JOHN), Value::from(reason))], "{path}");
    }
    let receipt = pressed(&mut boss, &format!("/console/sessions/{}/revoke", things.session)).await;
    assert_eq!(receipt.status, StatusCode::OK);
    let rows = server.audit("incident_read").await;
    let told = rows.iter().map(|row| (&row["actor_id"], &row["customer_id"], &row["reason"])).collect::<Vec<_>>();
    assert_eq!(told, [(&"the-supervisor".into(), &JOHN.into(), &"receipt".into())]);

    server.db_refuse_audit().await;
    for (path, _) in things.pages() {
        let seen = boss.get(&path).await;
        assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(!seen.body.contains("John"), "what cannot be written down is not shown: {path}");
    }
}

/// Every page of the console that is not a list of one role alone.
async fn every_page(server: &TestServer) -> Vec<(String, Seen)> {
    let things = Things::of_john(server).await;
    let mut boss = server.staff(Role::Supervisor).await;
    let mut all = Vec::new();
    let paths = ["/console", "/console/customers", "/console/customers?q=john", "/console/nothing", "/console/audit"];
    for path in paths.map(str::to_owned).into_iter().chain(things.pages().map(|(path, _)| path)) {
        all.push((path.clone(), boss.get(&path).await));
    }
    let ask = boss.get(&format!("/console/customers/{JOHN}/lockdown")).await;
    all.push(("a press without a reason".to_owned(), boss.press(&ask, &[]).await));
    for path in [
        format!("/console/sessions/{}/revoke", things.session),
        format!("/console/devices/{}/revoke", things.device),
        format!("/console/customers/{JOHN}/lockdown"),
        format!("/console/customers/{JOHN}/unlock"),
    ] {
        all.push((format!("the receipt of {path}"), pressed(&mut boss, &path).await));
    }
    all.push(("/console/incidents".to_owned(), boss.get("/console/incidents").await));
    let mut auditor = server.staff(Role::Auditor).await;
    all.push(("the trail".to_owned(), auditor.get("/console/audit").await));
    let mut admin = server.staff(Role::Admin).await;
    for path in ["/console/staff", "/console/clients"] {
        all.push((path.to_owned(), admin.get(path).await));
    }
    all.push(("the sign-in page".to_owned(), Browser::new(server).get("/console/login").await));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_03_no_page_shows_a_contact_detail_whole() {
    let server = TestServer::start().await;
    let id = CustomerId::parse(JOHN).expect("an id");
    let before = sessions::customer(&server.app, &setup_actor(), &id).await.unwrap().unwrap().customer;
    let mut changed = before.clone();
    changed.phone = Phone::from_e164("+254798111222");
    changed.email = Some(Email::parse("john.new@mail.example").unwrap());
    customer::change_contact(&server.app, &setup_actor(), &changed).await.unwrap();
    let secrets: Vec<String> = [before, changed]
        .into_iter()
        .flat_map(|one| [one.phone.map(|phone| phone.as_str().to_owned()), one.email.map(|e| e.as_str().to_owned())])
        .flatten()
        .collect();
    assert_eq!(secrets.len(), 4, "{secrets:?}");
    for (what, seen) in every_page(&server).await {
        for secret in &secrets {
            assert!(!seen.body.contains(secret) && !seen.location().contains(secret), "{what}: {secret}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_04_05_06_every_page_of_the_console_runs_only_ours_and_is_kept_nowhere() {
    let server = TestServer::start().await;
    for (what, seen) in every_page(&server).await {
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(seen.header(name), value, "{what}: {name}");
        }
        let policy = seen.header("content-security-policy");
        let nonce =
            policy.split("script-src 'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
        let expected = format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; img-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
        );
        assert_eq!((policy, nonce.len()), (expected.as_str(), 22), "{what}");
        let scripts = seen.body.matches("<script").count();
        let ours = format!("<script src=\"/static/console.js?v={}\" nonce=\"{nonce}\"", env!("CARGO_PKG_VERSION"));
        assert_eq!(scripts, seen.body.matches(&ours).count(), "{what}: no other script");
        for foreign in [" style=", "<style", "onclick=", "onload=", "onsubmit=", "javascript:"] {
            assert!(!seen.body.contains(foreign), "{what}: {foreign}");
        }
        assert!(seen.body.len() < 100 * 1024 && seen.body.matches("<h1").count() == 1, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_02_a_receipt_has_no_words_for_the_caller_that_are_not_so_any_more() {
    let server = TestServer::start().await;
    let things = Things::of_john(&server).await;
    let mut agent = server.staff(Role::Agent).await;
    let receipt = pressed(&mut agent, &format!("/console/devices/{}/revoke", things.device)).await;
    assert!(receipt.text().contains("That device is signed out of your account"), "{}", receipt.text());
    server.db_run("UPDATE devices SET revoked_at = NULL WHERE device_id = $1", &[&things.device]).await;
    let path =
        format!("/console/incidents/{}", receipt.text().split("Incident number ").nth(1).unwrap()[..14].to_owned());
    let seen = agent.get(&path).await.text();
    assert!(seen.contains("Somebody signed in on this device again since"), "{seen}");
    assert!(!seen.contains("That device is signed out") && !seen.contains("Read this"), "{seen}");
}
