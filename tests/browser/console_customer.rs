//! The pages about a customer, in every state; unlocking; and nothing after sign-out.

use super::console_lockdown::{LOCKDOWN, token_of};
use super::person::Person;
use super::promises::{hold, look_at};
use super::support::{JOHN, TestServer, db_customer};

fn page(customer: &str) -> String {
    format!("/console/customers/{customer}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_about_a_customer_keeps_every_promise() {
    let server = TestServer::start().await;
    for number in 0..3 {
        db_customer(&server.app, &format!("CUST_30{number}"), &format!("Wanjiku {number}"), None, None).await;
    }
    for app in ["naybitono-mobile", "naybitono-web"] {
        server.pair(app).await;
    }
    let person = Person::new(&server).await;
    person.starts_work("the-supervisor").await;
    for (path, state) in [
        ("/console/customers", "search, nothing typed"),
        ("/console/customers?q=wanjiku", "search, several found"),
        ("/console/customers?q=nobody+of+this+name", "search, nobody found"),
        (&page("CUST_300"), "a customer who never signed in"),
        (&page("CUST_404"), "no such customer"),
        (&page(JOHN), "a customer with devices"),
        (&format!("{}?since=00:00", page(JOHN)), "a customer since midnight"),
        (&format!("{}?since=25:99", page(JOHN)), "a customer since no time"),
        (&format!("{}/lockdown", page(JOHN)), "lock?"),
        (&format!("{}/unlock", page(JOHN)), "nothing to unlock"),
    ] {
        person.open(path).await;
        hold(&person, state).await;
    }
    person.open(&page(JOHN)).await;
    person.run("document.querySelectorAll('details').forEach(e => { e.open = true })", vec![]).await;
    look_at(&person, "a customer with everything unfolded").await;
    person.press(LOCKDOWN).await;
    look_at(&person, "the lockdown dialog").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_locking_and_unlocking_keep_every_promise() {
    let server = TestServer::start().await;
    for app in ["naybitono-mobile", "naybitono-web"] {
        server.pair(app).await;
    }
    let token = token_of(&server, JOHN).await;
    let person = Person::new(&server).await;
    person.starts_work("the-supervisor").await;

    person.open(&page(JOHN)).await;
    person.run("document.querySelectorAll('details').forEach(e => { e.open = true })", vec![]).await;
    person.find("(//main//a[starts-with(@href, '/console/sessions/')])[1]").await.click().await;
    person.arrives_at("End this session?").await;
    hold(&person, "end a session?").await;
    person.choose("Other").await;
    person.press("End this session").await;
    person.arrives_at("Confirmed").await;
    hold(&person, "a session ended").await;

    person.open(&page(JOHN)).await;
    person
        .find("(//main//a[starts-with(@href, '/console/devices/') and contains(@href, 'revoke')])[last()]")
        .await
        .click()
        .await;
    person.arrives_at("Revoke this device?").await;
    hold(&person, "revoke a device?").await;
    person.choose("Phone lost").await;
    person.press("Revoke this device").await;
    person.arrives_at("Confirmed").await;
    hold(&person, "a device revoked").await;

    person.open(&format!("{}/lockdown", page(JOHN))).await;
    person.run("document.querySelectorAll('form').forEach(e => { e.noValidate = true })", vec![]).await;
    person.press("Lock all devices now").await;
    person.find("//*[@role='alert' and contains(., 'choose why')]").await;
    hold(&person, "lock, without a reason").await;
    person.choose("Phone stolen").await;
    person.press("Lock all devices now").await;
    person.arrives_at("Confirmed").await;
    hold(&person, "locked").await;
    assert!(!server.is_active(&token).await);

    person.open(&page(JOHN)).await;
    hold(&person, "a locked customer").await;
    person.open(&format!("{}/lockdown", page(JOHN))).await;
    hold(&person, "locked already").await;
    person.open("/console/incidents").await;
    hold(&person, "incidents").await;

    person.open(&page(JOHN)).await;
    person.press("Unlock…").await;
    person.arrives_at("Unlock?").await;
    hold(&person, "unlock?").await;
    person.find("(//label[.//input[@type='radio']])[1]").await.click().await;
    person.press("Unlock").await;
    person.arrives_at("Unlocked").await;
    hold(&person, "unlocked").await;
    token_of(&server, JOHN).await; // signs in again
    assert!(!server.is_active(&token).await, "what was ended stays ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_has_no_unlock() {
    let server = TestServer::start().await;
    server.lock(JOHN).await;
    let person = Person::new(&server).await;
    person.starts_work("the-agent").await;
    person.open(&page(JOHN)).await;
    assert!(person.words().await.contains("LOCKED since"));
    assert!(!person.could_press("Unlock…").await);
    person.wire().await;
    person.open(&format!("{}/unlock", page(JOHN))).await;
    assert_eq!(hold(&person, "unlock by an agent").await.status, 403);
}

/// Signs an agent out after a look at John, and goes back.
async fn nothing_is_behind(person: &Person) {
    person.starts_work("the-agent").await;
    person.open(&page(JOHN)).await;
    person.open(&format!("{}/lockdown", page(JOHN))).await;
    assert!(person.words().await.contains("John Doe"));
    person.press("Sign out").await;
    person.find("//*[contains(., 'You are signed out')]").await;
    for _ in 0..5 {
        person.driver().back().await;
        let words = person.words().await;
        assert!(!words.contains("John") && !words.contains(JOHN) && !words.contains("254"), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_04_after_sign_out_the_back_button_shows_nothing_of_the_customer() {
    let server = TestServer::start().await;
    server.pair("naybitono-mobile").await;
    nothing_is_behind(&Person::new(&server).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_04_neither_does_it_without_script() {
    let server = TestServer::start().await;
    server.pair("naybitono-mobile").await;
    nothing_is_behind(&Person::without_script(&server).await).await;
}
