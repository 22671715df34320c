//! The walk that counts: from the search box to the confirmed receipt in at most four interactions, by mouse and by
//! keyboard, on a phone and on a desk, with and without script. And two agents at once.

use super::driver::ESCAPE;
use super::look::{DESK, PHONE};
use super::person::Person;
use super::promises::hold;
use super::support::flow::Pair;
use super::support::{JOHN, TestServer, db_customer};

/// The button.
pub const LOCKDOWN: &str = "EMERGENCY LOCKDOWN: ALL DEVICES";
/// The last press.
const CONFIRM: &str = "Lock all devices now";

/// An access token of a customer, by a real sign-in.
pub async fn token_of(server: &TestServer, customer: &str) -> String {
    let code = server.code_for("naybitono-mobile", customer, &[]).await;
    Pair::of(&server.redeem("naybitono-mobile", &code).await).access
}

/// What an agent does: each is one interaction. Moving the focus is none.
enum Deed {
    Find(String),
    Press(&'static str),
    Choose(&'static str),
}

/// From the search box to the receipt.
fn walk(customer: &str) -> [Deed; 4] {
    [Deed::Find(customer.to_owned()), Deed::Press(LOCKDOWN), Deed::Choose("Phone stolen"), Deed::Press(CONFIRM)]
}

impl Person {
    async fn by_mouse(&self, deed: &Deed) {
        match deed {
            Deed::Find(words) => {
                let field = self.field("Find a customer").await;
                field.click().await;
                self.keys(words).await;
                self.enter().await;
            }
            Deed::Press(words) => self.press(words).await,
            Deed::Choose(label) => self.choose(label).await,
        }
    }

    async fn by_keyboard(&self, deed: &Deed) {
        match deed {
            Deed::Find(words) => {
                self.tab_to("Find a customer").await;
                self.keys(words).await;
                self.enter().await;
            }
            Deed::Press(words) => {
                self.tab_to(words).await;
                self.enter().await;
            }
            Deed::Choose(label) => {
                self.tab_to(label).await;
                self.keys(" ").await;
            }
        }
    }

    /// The incident number on the receipt that is open.
    async fn incident(&self) -> String {
        let number = self.find("//*[starts-with(normalize-space(text()), 'INC_')]").await;
        number.words().await
    }
}

/// All four walks of one person, each for a customer of its own.
async fn walks(server: &TestServer, person: &Person) {
    person.starts_work("the-agent").await;
    for (number, (look, has_mouse)) in [(DESK, true), (PHONE, true), (DESK, false), (PHONE, false)].iter().enumerate() {
        let customer = format!("CUST_90{number}");
        db_customer(&server.app, &customer, &format!("Walker {number}"), None, None).await;
        let token = token_of(server, &customer).await;
        assert!(server.is_active(&token).await);
        person.look(*look).await;
        person.open("/console").await;
        for deed in walk(&customer) {
            if *has_mouse {
                person.by_mouse(&deed).await;
            } else {
                person.by_keyboard(&deed).await;
            }
        }
        person.arrives_at("Confirmed").await;
        let words = person.words().await;
        assert!(words.contains(&customer) && words.contains("Phone stolen"), "{words}");
        assert!(person.incident().await.len() > 8, "{words}");
        assert!(!server.is_active(&token).await, "{look}: the receipt says confirmed, and the token lives");
        assert!(!person.driver().find_all("//*[@class = 'say']").await.is_empty(), "words to read out");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_02_from_the_search_box_to_a_confirmed_receipt_in_four_interactions() {
    let server = TestServer::start().await;
    walks(&server, &Person::new(&server).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_02_the_same_four_interactions_without_script() {
    let server = TestServer::start().await;
    walks(&server, &Person::without_script(&server).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_03_two_agents_at_once_get_one_incident_and_honest_pages() {
    let server = TestServer::start().await;
    let token = token_of(&server, JOHN).await;
    let [agent, supervisor] = Person::two(&server).await;
    for (person, username) in [(&agent, "the-agent"), (&supervisor, "the-supervisor")] {
        person.starts_work(username).await;
        person.open(&format!("/console/customers/{JOHN}/lockdown")).await;
        person.choose("Phone stolen").await;
    }
    tokio::join!(agent.press(CONFIRM), supervisor.press(CONFIRM));
    for person in [&agent, &supervisor] {
        person.arrives_at("Confirmed").await;
    }
    assert_eq!(agent.incident().await, supervisor.incident().await);
    assert!(!server.is_active(&token).await);
    assert_eq!(server.db_count("SELECT COUNT(*) FROM incidents").await, 1);
    assert_eq!(server.db_count("SELECT COUNT(*) FROM audit WHERE action = 'lockdown'").await, 2);
    let others = [agent.words().await, supervisor.words().await];
    let told = others.iter().filter(|words| words.contains("Done by")).count();
    assert_eq!(told, 1, "the one who came second is told who was first: {others:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_press_and_a_reload_stay_one_incident() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    person.starts_work("the-agent").await;
    for deed in walk(JOHN) {
        person.by_mouse(&deed).await;
    }
    person.arrives_at("Confirmed").await;
    let first = person.incident().await;
    person.driver().reload().await;
    person.arrives_at("Confirmed").await;
    assert_eq!(person.incident().await, first);
    person.open(&format!("/console/customers/{JOHN}/lockdown")).await;
    assert!(person.words().await.contains("locked already"), "{}", person.words().await);
    assert_eq!(server.db_count("SELECT COUNT(*) FROM incidents").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_script_the_dialog_asks_in_place_and_escape_closes_it() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    person.starts_work("the-agent").await;
    person.open(&format!("/console/customers/{JOHN}")).await;
    let place = person.place().await;
    let is_open = "return document.querySelector('dialog').open";
    for closing in ["Escape", "Cancel"] {
        person.press(LOCKDOWN).await;
        assert_eq!(person.run(is_open, vec![]).await, true);
        if closing == "Escape" {
            person.keys(ESCAPE).await;
        } else {
            person.press("Cancel").await;
        }
        assert_eq!(
            (person.run(is_open, vec![]).await, person.place().await),
            (false.into(), place.clone()),
            "{closing}"
        );
        assert_eq!(person.focused().await["words"], LOCKDOWN, "the focus goes back to where it was");
    }
    assert_eq!(server.db_count("SELECT COUNT(*) FROM incidents").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_02_what_is_not_confirmed_is_said_and_pressing_again_confirms_it() {
    let server = TestServer::start().await;
    let token = token_of(&server, JOHN).await;
    let person = Person::new(&server).await;
    person.starts_work("the-agent").await;
    person.open(&format!("/console/customers/{JOHN}/lockdown")).await;
    person.choose("Phone lost").await;
    server.db_refuse_audit().await;
    person.wire().await;
    person.press(CONFIRM).await;
    person.arrives_at("NOT confirmed").await;
    assert_eq!(hold(&person, "not confirmed").await.status, 503);
    let first = person.incident().await;
    assert!(server.is_active(&token).await, "nothing was locked, and the page did not say so");

    server.db_accept_audit().await;
    person.press("Press again").await;
    person.arrives_at("Confirmed").await;
    assert_eq!(person.incident().await, first, "one incident, however often somebody presses");
    assert!(!server.is_active(&token).await);
}
