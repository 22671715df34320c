//! The console: sign-in and what everybody of the staff sees.

use super::person::Person;
use super::promises::hold;
use super::support::{PASSWORD, TestServer};

/// Everybody who works here.
const STAFF: [&str; 5] = ["the-agent", "the-supervisor", "the-branch", "the-admin", "the-auditor"];

impl Person {
    /// Signs in to the console.
    pub async fn starts_work(&self, username: &str) {
        self.open("/console/login").await;
        self.fill("User name", username).await;
        self.fill("Password", PASSWORD).await;
        self.press("Sign in").await;
        self.arrives_at("Overview").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_to_the_console_keeps_every_promise() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    person.open("/console/login").await;
    hold(&person, "console sign-in").await;
    for username in ["the-agent", "nobody", "the-agent", "the-agent", "the-agent", "the-agent"] {
        person.open("/console/login").await;
        person.fill("User name", username).await;
        person.fill("Password", "wrong").await;
        person.press("Sign in").await;
        person.find("//*[@role='alert']").await;
    }
    hold(&person, "console sign-in after wrong passwords").await;
    person.open("/console/nothing/here").await;
    hold(&person, "nothing in the console").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_room_of_everybody_keeps_every_promise() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    for username in STAFF {
        person.starts_work(username).await;
        let rooms =
            person.run("return [...document.querySelectorAll('nav.rooms a')].map(a => a.getAttribute('href'))", vec![]);
        let rooms = rooms.await;
        let rooms = rooms.as_array().expect("links").iter().filter_map(|room| room.as_str());
        for room in rooms.chain(["/console/customers", "/console/staff"]) {
            person.open(room).await;
            hold(&person, &format!("{username} at {room}")).await;
        }
        person.open("/console").await;
        person.press("Sign out").await;
        person.find("//*[contains(., 'You are signed out')]").await;
        hold(&person, &format!("{username} signed out")).await;
    }
}
