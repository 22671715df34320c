//! The pages customers see: every state keeps every promise; they work without script, and show nothing after sign-out.

use rescind::model::client::ClientType;
use rescind::policy::client_rules::NewClient;

use super::look::PHONE;
use super::person::Person;
use super::promises::hold;
use super::support::flow::authorize_path;
use super::support::{ACCOUNTS, JOHN, PASSWORD, TestServer, new_client};

const USERNAME: &str = "Customer number";
const PASSWORD_LABEL: &str = "Password";

impl Person {
    /// Types a name and a password, and presses the button.
    pub async fn signs_in(&self, username: &str, password: &str) {
        self.fill(USERNAME, username).await;
        self.fill(PASSWORD_LABEL, password).await;
        self.press("Sign in").await;
    }
}

/// A server with a client that is nobody's own, named by whoever registered it.
pub async fn with_stranger(name: &str) -> TestServer {
    let mut server = TestServer::start().await;
    let new = NewClient {
        name: name.to_owned(),
        redirect_uris: vec!["http://127.0.0.1/callback".to_owned()],
        resources: vec![ACCOUNTS.to_owned()],
        ..new_client("garden-planner", ClientType::Public, "openid accounts:read payments:write")
    };
    server.db_client(new).await;
    server
}

/// Where that client sends people. Nothing answers there but our own "not found".
pub fn asks(server: &TestServer) -> String {
    let back = format!("http://127.0.0.1:{}/callback", server.port);
    let path = authorize_path("naybitono-mobile", &[("client_id", "garden-planner"), ("redirect_uri", &back)]);
    assert!(path.contains("garden-planner"));
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_a_customer_sees_keeps_every_promise() {
    let server = with_stranger("Garden Planner").await;
    let person = Person::new(&server).await;
    person.open("/login").await;
    hold(&person, "sign-in").await;
    person.signs_in(JOHN, "wrong").await;
    person.find("//*[@role='alert']").await;
    hold(&person, "sign-in after a wrong password").await;

    person.open(&asks(&server)).await;
    hold(&person, "sign-in for a client").await;
    person.signs_in(JOHN, PASSWORD).await;
    person.arrives_at("Allow").await;
    hold(&person, "consent").await;
    person.run("document.querySelector('[name=csrf_token]').value = 'x'", vec![]).await;
    person.press("Allow").await;
    person.arrives_at("Nothing was changed").await;
    hold(&person, "a form that is not ours").await;

    person.open("/account").await;
    hold(&person, "account").await;
    person.press("Sign out").await;
    person.arrives_at("You are signed out").await;
    hold(&person, "signed out").await;

    for (path, state) in [
        ("/nothing/here", "not found"),
        ("/oauth/authorize?client_id=nobody", "a broken link"),
        ("/oauth/authorize?client_id=a&client_id=b", "a doubled parameter"),
        ("/consent", "a sign-in that is over"),
        ("/account/sign-out", "a page that cannot be opened"),
    ] {
        person.open(path).await;
        hold(&person, state).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_for_trouble_keep_every_promise() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    server.lock(JOHN).await;
    person.open("/login").await;
    person.signs_in(JOHN, PASSWORD).await;
    person.find("//*[contains(., 'temporarily restricted')]").await;
    hold(&person, "restricted").await;

    // The wait grows with each failure: however slow the machine, some try comes before its time.
    let mut tries = 0;
    while !person.words().await.contains("too many tries") {
        assert!(tries < 20, "{}", person.words().await);
        person.open("/login").await;
        person.signs_in("CUST_2", "wrong").await;
        person.find("//*[@role='alert']").await;
        tries += 1;
    }
    hold(&person, "too many tries").await;

    server.db_break("DROP TABLE logins").await;
    person.open("/login").await;
    hold(&person, "a fault of ours").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_a_customer_signs_in_allows_and_signs_out_on_a_phone() {
    let server = with_stranger("Garden Planner").await;
    let person = Person::without_script(&server).await;
    person.look(PHONE).await;
    person.open(&asks(&server)).await;
    person.signs_in(JOHN, "wrong").await;
    assert!(person.find("//*[@role='alert']").await.words().await.starts_with("That did not match"));
    person.signs_in(JOHN, PASSWORD).await;
    person.arrives_at("Allow").await;
    hold(&person, "consent without script").await;
    person.press("Allow").await;
    person.arrives_at("There is nothing here").await;
    let place = person.place().await;
    assert!(place.starts_with(&format!("http://127.0.0.1:{}/callback?code=", server.port)), "{place}");
    person.wire().await; // that was the client's place

    person.open("/account").await;
    person.press("Sign out").await;
    person.arrives_at("You are signed out").await;
    hold(&person, "signed out without script").await;
    nothing_is_behind(&person).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lgo_04_after_sign_out_the_back_button_shows_nothing() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    person.open("/login").await;
    person.signs_in(JOHN, PASSWORD).await;
    person.arrives_at("You are signed in").await;
    assert!(person.words().await.contains("John Doe"));
    person.press("Sign out").await;
    person.arrives_at("You are signed out").await;
    nothing_is_behind(&person).await;
}

/// Goes back, page by page, and reads nothing about John.
async fn nothing_is_behind(person: &Person) {
    for _ in 0..3 {
        person.driver().back().await;
        let words = person.words().await;
        assert!(!words.contains("John Doe") && !words.contains(JOHN), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_07_a_hostile_client_name_shows_as_text() {
    let name = "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>";
    let server = with_stranger(name).await;
    let person = Person::new(&server).await;
    person.open(&asks(&server)).await;
    assert!(person.words().await.contains(name), "{}", person.words().await);
    hold(&person, "sign-in for a hostile client").await;
    person.signs_in(JOHN, PASSWORD).await;
    person.arrives_at("Allow").await;
    assert!(person.words().await.contains(name));
    let injected = person.run("return document.querySelectorAll('img, body script').length", vec![]).await;
    assert_eq!(injected, 0);
    hold(&person, "consent for a hostile client").await;
}
