//! What a role may do: the way it is shown, what it is refused, and that refusals are written down (ADM-02, AUD-01, UI-03).

use reqwest::Method;
use rescind::model::staff::Role;

use crate::support::browser::Browser;
use crate::support::{ISSUER, TestServer};

/// The addresses of the links in the console's navigation.
fn rooms(body: &str) -> Vec<&str> {
    let nav = body.split_once("<nav class=\"rooms\"").and_then(|(_, rest)| rest.split_once("</nav>")).expect("a nav").0;
    nav.split("<a href=\"").skip(1).filter_map(|rest| rest.split_once('"')).map(|(to, _)| to).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_is_shown_the_way_to_what_it_may_see() {
    let server = TestServer::start().await;
    for (role, shown, searches) in [
        (Role::Agent, ["/console", "/console/incidents"].as_slice(), true),
        (Role::Supervisor, &["/console", "/console/incidents"], true),
        (Role::Branch, &["/console", "/console/incidents"], true),
        (Role::Admin, &["/console", "/console/staff", "/console/clients"], false),
        (Role::Auditor, &["/console", "/console/incidents", "/console/audit"], false),
    ] {
        let page = server.staff(role).await.get("/console").await;
        assert_eq!(rooms(&page.body), shown, "{role:?}");
        assert_eq!(page.body.contains("role=\"search\""), searches, "{role:?}");
        assert!(page.body.contains(&format!("<bdi>the-{}</bdi>", role.as_str())), "{role:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_03_a_form_of_another_sign_in_changes_nothing_and_is_written_down() {
    let server = TestServer::start().await;
    let (mut amina, mut baraka) = (server.staff(Role::Agent).await, server.staff(Role::Supervisor).await);
    let foreign = baraka.get("/console").await.csrf();
    let own = amina.get("/console").await.csrf();
    for (headers, token) in [
        (vec![("Origin", ISSUER)], foreign.as_str()),
        (vec![("Origin", "https://evil.example")], own.as_str()),
        (vec![], own.as_str()),
    ] {
        let form = [("csrf_token", token)];
        let seen = amina.send(Method::POST, "/console/sign-out", &headers, Some(&form)).await;
        assert_eq!(seen.status, 403, "{headers:?}");
        assert!(seen.body.contains("Nothing was changed") && seen.body.contains("the-agent"), "{}", seen.body);
    }
    assert_eq!(amina.get("/console").await.status, 200, "still signed in");
    let rows = server.audit("console_refuse").await;
    let told: Vec<(&str, &str, &str)> = rows
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or_default();
            (text("actor_id"), text("target_id"), text("reason"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("the-agent", "/console/sign-out", "wrong anti-forgery token"),
            ("the-agent", "/console/sign-out", "foreign origin"),
            ("the-agent", "/console/sign-out", "foreign origin"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_01_a_flood_of_refusals_is_written_down_once_a_minute_for_each_person_page_and_reason() {
    let server = TestServer::start_with(&[("limit_scale", "1")]).await;
    let mut amina = server.staff(Role::Agent).await;
    let rows = async || server.db_count("SELECT COUNT(*) FROM audit WHERE action = 'console_refuse'").await;
    for _ in 0..5 {
        assert_eq!(amina.post("/console/sign-out", &[("csrf_token", "wrong")]).await.status, 403);
        assert_eq!(amina.send(Method::POST, "/console/sign-out", &[], Some(&[])).await.status, 403);
        assert_eq!(Browser::new(&server).post("/console/sign-out", &[]).await.status, 403);
    }
    assert_eq!(rows().await, 3);
    server.wait(60);
    assert_eq!(amina.post("/console/sign-out", &[("csrf_token", "wrong")]).await.status, 403);
    assert_eq!(rows().await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_signed_out_reads_that_their_form_did_nothing() {
    let server = TestServer::start().await;
    let mut browser = server.staff(Role::Agent).await;
    let page = browser.get("/console").await;
    server.wait(16 * 60);
    let seen = browser.submit(&page, "/console/sign-out", &[]).await;
    assert_eq!(seen.status, 403);
    assert!(seen.body.contains("You are signed out") && seen.body.contains("/console/login"), "{}", seen.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_console_are_pages_with_a_way_on() {
    let server = TestServer::start().await;
    let mut staff = server.staff(Role::Agent).await;
    let mut nobody = Browser::new(&server);
    for browser in [&mut staff, &mut nobody] {
        let lost = browser.get("/console/nothing-here").await;
        assert_eq!(lost.status, 404);
        assert!(lost.body.contains("<h1>There is nothing here</h1>"), "{}", lost.body);
    }
    let wrong = staff.send(Method::PUT, "/console", &[("Origin", ISSUER)], Some(&[])).await;
    assert_eq!((wrong.status.as_u16(), wrong.header("allow")), (405, "GET, HEAD"));
}
