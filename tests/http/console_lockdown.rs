//! Locking, revoking and unlocking at the console: receipts that are proven, words that are honest (LCK-02, LCK-03, LCK-06,
//! UI-03 on pages).

use std::collections::BTreeSet;

use reqwest::StatusCode;
use rescind::model::staff::Role;
use serde_json::Value;

use crate::support::browser::Seen;
use crate::support::{JOHN, TestServer, db_staff};

const MOBILE: &str = "naybitono-mobile";

fn page_of(customer: &str) -> String {
    format!("/console/customers/{customer}")
}

fn incident(seen: &Seen) -> String {
    assert_eq!(seen.status, StatusCode::SEE_OTHER, "{}", seen.body);
    seen.location().strip_prefix("/console/incidents/").unwrap_or_else(|| panic!("{}", seen.location())).to_owned()
}

fn says(seen: &Seen, words: &str) {
    assert!(seen.text().contains(words), "{words}: {}", seen.text());
}

/// The incident number that a receipt shows.
fn number(receipt: &Seen) -> String {
    receipt.text().split("Incident number ").nth(1).and_then(|rest| rest.get(..14)).unwrap().to_owned()
}

async fn level(server: &TestServer) -> i64 {
    server.db_number("SELECT COUNT(*) FROM epochs WHERE kind = 'subject' AND id = $1 AND level = 'full'", JOHN).await
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_02_from_the_customers_page_two_presses_lead_to_a_confirmed_receipt() {
    let server = TestServer::start().await;
    let pair = server.pair(MOBILE).await;
    let mut agent = server.staff(Role::Agent).await;
    let page = agent.get(&page_of(JOHN)).await;
    says(&page, "You are locking John Doe CUST_789456123");
    let pressed = agent.press(&page, &[("reason", "Phone stolen"), ("note", "on the bus")]).await;
    let number = incident(&pressed);
    assert!(!server.is_active(&pair.access).await, "dead before the receipt is opened");

    let receipt = agent.get(pressed.location()).await;
    assert_eq!(receipt.status, StatusCode::OK);
    for words in [
        "Confirmed: Emergency lockdown",
        "CONFIRMED. Checked just now: nothing of this customer works any more",
        "John Doe CUST_789456123",
        &format!("Incident number {number}"),
        "Why Phone stolen Note on the bus By the-agent",
        "Devices 1 with an app signed in Sessions ended 1 of apps, and every remembered sign-in",
        "on 1 node Stored safely on one database machine",
        "Your devices are locked. Nobody can use your account",
        "Your incident number is",
    ] {
        says(&receipt, words);
    }
    assert!(receipt.body.contains("data-print"));
    let page = agent.get(&page_of(JOHN)).await;
    says(&page, "LOCKED since");
    says(&page, "by the-agent: Phone stolen. Nobody can sign in. Incident");
    says(&page, &format!("Locked: open incident {number}"));
    assert!(!page.text().contains("EMERGENCY LOCKDOWN"), "it says what is so");
    let ask = agent.get(&format!("{}/lockdown", page_of(JOHN))).await;
    says(&ask, "This customer is locked already");
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_03_a_second_press_of_one_form_is_one_incident_and_one_row() {
    let server = TestServer::start().await;
    let mut agent = server.staff(Role::Agent).await;
    let ask = agent.get(&format!("{}/lockdown", page_of(JOHN))).await;
    let fields = [("reason", "Phone lost")];
    let (first, second) = (agent.press(&ask, &fields).await, agent.press(&ask, &fields).await);
    assert_eq!(incident(&first), incident(&second));
    assert_eq!(server.audit("lockdown").await.len(), 1);
    assert_eq!(server.db_count("SELECT COUNT(*) FROM incidents").await, 1);
    let other = agent.press(&ask, &[("reason", "Other")]).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "one form is one request");
    says(&other, "This form was used before");
    server.unlock(JOHN).await;
    assert_eq!(agent.press(&ask, &fields).await.status, StatusCode::UNPROCESSABLE_ENTITY, "lifted since");
    assert_eq!(level(&server).await, 0, "an old form locks nobody anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_03_two_agents_at_once_get_one_incident_and_honest_pages() {
    let server = TestServer::start().await;
    db_staff(&server.app, "wanjiku", Role::Agent).await;
    let (mut one, mut two) = (server.staff(Role::Agent).await, crate::support::browser::Browser::new(&server));
    assert_eq!(two.staff_sign_in("wanjiku", crate::support::PASSWORD).await.status, 303);
    for round in 0..3 {
        let (page_one, page_two) = (one.get(&page_of(JOHN)).await, two.get(&page_of(JOHN)).await);
        let (a, b) = tokio::join!(
            one.press(&page_one, &[("reason", "Phone stolen")]),
            two.press(&page_two, &[("reason", "Caller asks for it")])
        );
        let number = incident(&a);
        assert_eq!(number, incident(&b), "round {round}");
        let rows = server.audit("lockdown").await;
        let of_this: BTreeSet<&str> = rows
            .iter()
            .filter(|row| row["reason"].as_str().unwrap().starts_with(&number))
            .map(|row| row["actor_id"].as_str().unwrap())
            .collect();
        assert_eq!(of_this, BTreeSet::from(["the-agent", "wanjiku"]), "both are written down");
        let (seen_one, seen_two) = (one.get(a.location()).await, two.get(b.location()).await);
        let done_by = |seen: &Seen| seen.text().contains("It is one incident for all who press");
        assert!(done_by(&seen_one) != done_by(&seen_two), "one did it, the other reads who did");
        for seen in [&seen_one, &seen_two] {
            says(seen, "CONFIRMED. Checked just now");
            says(seen, &number);
        }
        server.unlock(JOHN).await;
    }
    assert_eq!(server.db_count("SELECT COUNT(*) FROM incidents").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_02_what_is_not_proven_says_so_and_can_be_pressed_again() {
    let server = TestServer::start().await;
    let pair = server.pair(MOBILE).await;
    let mut agent = server.staff(Role::Agent).await;
    let page = agent.get(&page_of(JOHN)).await;
    server.db_refuse_audit().await;
    let failed = agent.press(&page, &[("reason", "Phone stolen"), ("note", "on the bus")]).await;
    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    says(&failed, "Do not tell the caller that it is done");
    assert!(!failed.text().contains("CONFIRMED.") && failed.body.contains("role=\"alert\""), "{}", failed.body);
    let again = agent.press(&failed, &[("reason", "Phone stolen"), ("note", "on the bus")]).await;
    assert_eq!(again.status, StatusCode::SERVICE_UNAVAILABLE);
    server.db_accept_audit().await;
    assert!(server.is_active(&pair.access).await, "nothing was done halfway");

    assert!(failed.body.contains("name=\"reason\" value=\"Phone stolen\""), "the form holds what was asked");
    assert!(failed.body.contains("name=\"note\" value=\"on the bus\""));
    let done = agent.press(&failed, &[("reason", "Phone stolen"), ("note", "on the bus")]).await;
    let number = incident(&done);
    says(&failed, &number);
    says(&agent.get(done.location()).await, "CONFIRMED.");
    assert!(!server.is_active(&pair.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_02_a_database_that_is_gone_when_the_button_is_pressed_is_not_confirmed() {
    let server = TestServer::start().await;
    let mut agent = server.staff(Role::Agent).await;
    let page = agent.get(&page_of(JOHN)).await;
    server.db_run("ALTER TABLE staff_sessions RENAME TO gone", &[]).await;
    let failed = agent.press(&page, &[("reason", "Phone stolen")]).await;
    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    says(&failed, "NOT confirmed");
    says(&failed, "Do not tell the caller that it is done");
    server.db_run("ALTER TABLE gone RENAME TO staff_sessions", &[]).await;
    assert_eq!(level(&server).await, 0);
    incident(&agent.press(&page, &[("reason", "Phone stolen")]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_must_be_chosen_and_what_was_typed_is_kept() {
    let server = TestServer::start().await;
    let mut boss = server.staff(Role::Supervisor).await;
    let pair = server.pair(MOBILE).await;
    let session = server.live_sessions(JOHN).await[0].clone();
    let told = server.introspect("accounts-api", &pair.access).await.json();
    let device = told["device_id"].as_str().unwrap().to_owned();
    let long = "x".repeat(501);
    let asks = [
        format!("{}/lockdown", page_of(JOHN)),
        format!("/console/devices/{device}/revoke"),
        format!("/console/sessions/{session}/revoke"),
    ];
    for path in &asks {
        let ask = boss.get(path).await;
        assert_eq!(ask.status, StatusCode::OK, "{path}");
        for fields in [vec![("note", "kept words")], vec![("reason", "because"), ("note", "kept words")]] {
            let seen = boss.press(&ask, &fields).await;
            assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
            says(&seen, "Please choose why.");
            assert!(seen.body.contains("kept words") && seen.asking_form() == ask.asking_form(), "{}", seen.body);
        }
        let seen = boss.press(&ask, &[("reason", "Other"), ("note", &long)]).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
        says(&seen, "The note is too long");
        let (action, _) = ask.asking_form();
        let without = boss.submit(&ask, &action, &[("reason", "Other")]).await;
        assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY, "without a key");
    }
    assert!(server.is_active(&pair.access).await);
    assert_eq!(server.db_count("SELECT COUNT(*) FROM incidents").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_03_a_foreign_form_locks_and_unlocks_nobody() {
    let server = TestServer::start().await;
    let mut boss = server.staff(Role::Supervisor).await;
    let ask = boss.get(&format!("{}/lockdown", page_of(JOHN))).await;
    let (path, key) = ask.asking_form();
    let csrf = ask.csrf();
    let form = [("key", key.as_str()), ("reason", "Other"), ("csrf_token", csrf.as_str())];
    let headers: [(&str, &str); 2] = [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")];
    assert_eq!(boss.send(reqwest::Method::POST, &path, &headers, Some(&form)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(boss.send(reqwest::Method::POST, &path, &[], Some(&form)).await.status, StatusCode::FORBIDDEN);
    let mut other = server.staff(Role::Agent).await;
    assert_eq!(other.post(&path, &form).await.status, StatusCode::FORBIDDEN, "somebody else's form");
    assert_eq!(boss.post(&path, &form[..2]).await.status, StatusCode::FORBIDDEN, "none");
    assert_eq!(level(&server).await, 0);
    assert_eq!(boss.post(&path, &form).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_device_is_revoked_and_the_others_live() {
    let server = TestServer::start().await;
    let (lost, kept) = (server.pair(MOBILE).await, server.pair("naybitono-web").await);
    let told = server.introspect("accounts-api", &lost.access).await.json();
    let mut agent = server.staff(Role::Agent).await;
    let ask = agent.get(&format!("/console/devices/{}/revoke", told["device_id"].as_str().unwrap())).await;
    says(&ask, "You are revoking a device of John Doe CUST_789456123");
    let done = agent.press(&ask, &[("reason", "Phone lost")]).await;
    assert!(!server.is_active(&lost.access).await && server.is_active(&kept.access).await);
    let receipt = agent.get(done.location()).await;
    says(&receipt, "Confirmed: Device revoked");
    says(&receipt, "Devices 1 Sessions ended 1");
    says(&receipt, "That device is signed out of your account");
    let page = agent.get(&page_of(JOHN)).await;
    says(&page, "Revoked");
    says(&page, "Device revoked: Phone lost");
    says(&page, "Active: this customer can sign in.");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_is_ended_and_the_others_live() {
    let server = TestServer::start().await;
    let lost = server.pair(MOBILE).await;
    let session = server.live_sessions(JOHN).await[0].clone();
    let kept = server.pair(MOBILE).await;
    let mut agent = server.staff(Role::Agent).await;
    let ask = agent.get(&format!("/console/sessions/{session}/revoke")).await;
    says(&ask, "You are ending a session of John Doe");
    let done = agent.press(&ask, &[("reason", "Suspicious activity")]).await;
    assert!(!server.is_active(&lost.access).await && server.is_active(&kept.access).await);
    let receipt = agent.get(done.location()).await;
    says(&receipt, "Confirmed: Session ended");
    says(&receipt, "That session is ended.");
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_06_agents_lock_and_others_unlock() {
    let server = TestServer::start().await;
    let mut agent = server.staff(Role::Agent).await;
    let receipt = agent.lock_customer(JOHN, "Phone stolen").await;
    let path = format!("{}/unlock", page_of(JOHN));
    for seen in [&receipt, &agent.get(&page_of(JOHN)).await] {
        assert!(!seen.body.contains("/unlock"), "no button for agents");
    }
    assert_eq!(agent.get(&path).await.status, StatusCode::FORBIDDEN);
    let csrf = receipt.csrf();
    let fields = [("csrf_token", csrf.as_str()), ("key", "ABCDEFGHJKMNPQRSTVWXYZ0123"), ("reason", "Other")];
    assert_eq!(agent.post(&path, &fields).await.status, StatusCode::FORBIDDEN);
    assert_eq!(level(&server).await, 1, "still locked");

    for role in [Role::Supervisor, Role::Branch] {
        let mut boss = server.staff(role).await;
        assert!(boss.get(&page_of(JOHN)).await.body.contains(&format!("href=\"{path}\"")));
        let ask = boss.get(&path).await;
        says(&ask, "You are unlocking John Doe");
        says(&ask, "by the-agent: Phone stolen");
        says(&ask, "Contact details were not changed in the last 7 days");
        let done = boss.press(&ask, &[("reason", "Locked by mistake"), ("note", "wrong John")]).await;
        assert_eq!(level(&server).await, 0);
        let lifted = boss.get(done.location()).await;
        says(&lifted, "Unlocked: Emergency lockdown");
        says(&lifted, "Locked by mistake. The customer can sign in again");
        assert!(!lifted.text().contains("CONFIRMED"));
        let late = boss.press(&ask, &[("reason", "Locked by mistake"), ("note", "wrong John")]).await;
        assert_eq!(incident(&late), incident(&done), "an answer that was lost comes again");
        says(&boss.get(&path).await, "This customer is not locked");
        let spare = [("csrf_token", ask.csrf()), ("key", "0".repeat(26)), ("reason", "Other".to_owned())];
        let spare: Vec<(&str, &str)> = spare.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(boss.post(&path, &spare).await.status, StatusCode::CONFLICT);
        agent.lock_customer(JOHN, "Phone stolen").await;
    }
    let rows = server.audit("unlock").await;
    let by: Vec<&Value> = rows.iter().map(|row| &row["actor_id"]).collect();
    assert_eq!(by, ["the-supervisor", "the-branch"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_02_a_receipt_is_proven_anew_each_time_it_is_opened() {
    let server = TestServer::start().await;
    let mut agent = server.staff(Role::Agent).await;
    let number = agent.lock_customer(JOHN, "Phone stolen").await;
    says(&number, "CONFIRMED.");
    let path = format!(
        "/console/incidents/{}",
        server.audit("lockdown").await[0]["reason"].as_str().unwrap()[..14].to_owned()
    );
    server.wait(600);
    says(&agent.get(&path).await, "(10 min ago)");
    // A database that went back to before the lockdown.
    server
        .db_run("UPDATE epochs SET epoch = epoch - 1, level = 'none' WHERE kind = 'subject' AND id = $1", &[&JOHN])
        .await;
    let seen = agent.get(&path).await;
    says(&seen, "NOT confirmed");
    says(&seen, "Do not tell the caller that it is done");
    assert!(!seen.text().contains("CONFIRMED.") && !seen.text().contains("Your devices are locked"), "{}", seen.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_06_a_form_that_was_left_open_lifts_no_later_lockdown() {
    let server = TestServer::start().await;
    let (mut agent, mut boss) = (server.staff(Role::Agent).await, server.staff(Role::Supervisor).await);
    let first = agent.lock_customer(JOHN, "Phone lost").await;
    let ask = boss.get(&format!("{}/unlock", page_of(JOHN))).await;
    server.unlock(JOHN).await;
    let second = agent.lock_customer(JOHN, "Phone stolen").await;
    let late = boss.press(&ask, &[("reason", "Identity checked, customer has the phone back")]).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    says(&late, "The lockdown you looked at was lifted, and the customer was locked again since");
    assert_eq!((level(&server).await, server.audit("unlock").await.len()), (1, 1), "the second one stands");

    let old = agent.get(&format!("/console/incidents/{}", number(&first))).await;
    says(&old, "This lockdown was lifted, but the customer was LOCKED AGAIN since");
    assert!(!old.text().contains("can sign in again") && !old.text().contains("Read this"), "{}", old.text());
    says(&agent.get(&format!("/console/incidents/{}", number(&second))).await, "CONFIRMED.");
    let ask = boss.get(&format!("{}/unlock", page_of(JOHN))).await;
    assert_eq!(boss.press(&ask, &[("reason", "Locked by mistake")]).await.status, StatusCode::SEE_OTHER);
    says(&agent.get(&format!("/console/incidents/{}", number(&first))).await, "Your account is unlocked");
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_02_an_incident_that_locks_nobody_is_not_said_to() {
    let server = TestServer::start().await;
    let mut agent = server.staff(Role::Agent).await;
    agent.lock_customer(JOHN, "Phone stolen").await;
    server.db_run("UPDATE epochs SET level = 'none' WHERE kind = 'subject' AND id = $1", &[&JOHN]).await;
    let page = agent.get(&page_of(JOHN)).await;
    assert!(!page.text().contains("LOCKED since") && page.text().contains("EMERGENCY LOCKDOWN"), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_reads_the_receipt_without_the_person() {
    let server = TestServer::start().await;
    let receipt = server.staff(Role::Agent).await.lock_customer(JOHN, "Phone stolen").await;
    let path = format!("/console/incidents/{}", number(&receipt));
    let seen = server.staff(Role::Auditor).await.get(&path).await;
    says(&seen, "Confirmed: Emergency lockdown");
    assert!(!seen.body.contains("John Doe") && !seen.text().contains("Read this"), "{}", seen.text());
    assert_eq!(server.staff(Role::Admin).await.get(&path).await.status, StatusCode::FORBIDDEN);
}
