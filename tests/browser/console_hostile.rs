//! Stored text from strangers, looked at by staff: it is text, whatever it pretends to be.

use rescind::model::client::ClientType;
use rescind::policy::client_rules::NewClient;
use serde_json::json;

use super::person::Person;
use super::promises::hold;
use super::support::flow::authorize_path;
use super::support::{TestServer, db_customer, new_client};

/// Markup, a script, an attribute's end, a direction override and a formula.
const HOSTILE: &str =
    "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>\u{202e}=HYPERLINK(\"http://elsewhere.example\")";

/// Text that turns directions round, outside of a `<bdi>` or a field that ends it.
const LOOSE: &str = r"
const loose = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode;
  if (/[\u202a-\u202e\u2066-\u2069]/.test(node.data) && !node.parentElement.closest('bdi, input, textarea')) loose.push(node.parentElement.outerHTML);
}
return loose;";

async fn shows_only_text(person: &Person, state: &str) {
    let injected = person.run("return document.querySelectorAll('main img:not([hidden]), body script').length", vec![]);
    assert_eq!(injected.await, 0, "{state}");
    assert_eq!(person.run(LOOSE, vec![]).await, json!([]), "{state}");
    hold(person, state).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_04_hostile_stored_text_shows_as_text_everywhere() {
    let mut server = TestServer::start().await;
    let app = NewClient {
        name: HOSTILE.to_owned(),
        redirect_uris: vec!["http://127.0.0.1/callback".to_owned()],
        first_party: true,
        ..new_client("hostile-app", ClientType::Public, "openid")
    };
    server.db_client(app).await;
    let customer = "CUST_666";
    db_customer(&server.app, customer, HOSTILE, Some("<b>@example.com"), None).await;
    let path = authorize_path(
        "naybitono-mobile",
        &[
            ("client_id", "hostile-app"),
            ("redirect_uri", "http://127.0.0.1/callback"),
            ("device_id", "<b>d</b>"),
            ("device_name", HOSTILE),
            ("device_model", HOSTILE),
        ],
    );
    let mut browser = super::support::browser::Browser::new(&server);
    let code = browser.authorize(&path, customer).await.answer("code").expect("a code");
    server.redeem("hostile-app", &code).await;

    let person = Person::new(&server).await;
    person.starts_work("the-supervisor").await;
    let page = format!("/console/customers/{customer}");
    person.open(&page).await;
    assert!(person.words().await.contains("<script>alert(1)</script>"), "{}", person.words().await);
    shows_only_text(&person, "a hostile customer").await;
    person.open("/console/customers?q=%3Cimg%20src=x").await;
    shows_only_text(&person, "a hostile search").await;
    person.open(&format!("{page}/lockdown")).await;
    shows_only_text(&person, "a hostile lockdown").await;
    person.choose("Other").await;
    person.fill("Note", "<script>alert(1)</script>=1+1").await;
    person.press("Lock all devices now").await;
    person.arrives_at("Confirmed").await;
    assert!(person.words().await.contains("<script>alert(1)</script>=1+1"));
    shows_only_text(&person, "a hostile receipt").await;
    for (path, state) in [
        (page.as_str(), "a hostile locked customer"),
        ("/console/incidents", "hostile incidents"),
        ("/console", "a hostile overview"),
    ] {
        person.open(path).await;
        shows_only_text(&person, state).await;
    }
}
