//! By keyboard alone: every stop can be seen, and everything can be reached.

use super::driver::TAB;
use super::hosted::{asks, with_stranger};
use super::look::{DESK, PHONE};
use super::person::Person;
use super::support::{JOHN, PASSWORD, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_signs_in_allows_and_signs_out_by_keyboard() {
    let server = with_stranger("Garden Planner").await;
    for look in [DESK, PHONE] {
        let person = Person::new(&server).await;
        person.look(look).await;
        person.open(&asks(&server)).await;
        // The cursor waits in the first field.
        person.sees_focus().await;
        person.keys(JOHN).await;
        person.tab_to("Password").await;
        person.keys(PASSWORD).await;
        person.enter().await;

        person.arrives_at("Allow").await;
        person.tab_to("Allow").await;
        person.enter().await;
        person.arrives_at("There is nothing here").await;
        let callback = format!("http://127.0.0.1:{}/callback?code=", server.port);
        assert!(person.place().await.starts_with(&callback), "{}", person.place().await);

        person.open("/account").await;
        person.tab_to("Sign out").await;
        person.enter().await;
        person.arrives_at("You are signed out").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_stop_skips_to_the_main_part() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    person.open("/nothing/here").await;
    person.keys(TAB).await;
    person.sees_focus().await;
    assert_eq!(person.focused().await["words"], "Skip to the main part");
    person.enter().await;
    assert!(person.place().await.ends_with("#main"));
}
