//! How long staff stay signed in to the console, and what ends it (SES-01, SES-02, SES-03, UI-02).

use std::time::Duration;

use rescind::model::ids::StaffId;
use rescind::model::staff::Role;
use rescind::secret::text::SecretText;
use rescind::service::staff;
use rescind::web::guard::cookies;

use crate::support::browser::Browser;
use crate::support::console::username;
use crate::support::{PASSWORD, TestServer, setup_actor};

const MINUTE: u64 = 60;

/// Whether the browser is shown the overview.
async fn is_in(browser: &mut Browser) -> bool {
    let seen = browser.get("/console").await;
    assert!(seen.status == 200 || (seen.status == 303 && seen.location() == "/console/login"), "{}", seen.status);
    seen.status == 200
}

async fn flush(server: &TestServer) {
    rescind::jobs::flush_seen(&server.app).await.expect("flushed");
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_01_staff_are_signed_out_after_fifteen_minutes_without_a_page() {
    let server = TestServer::start().await;
    let mut browser = server.staff(Role::Agent).await;
    server.wait(15 * MINUTE - 5);
    assert!(is_in(&mut browser).await);
    flush(&server).await;
    server.wait(15 * MINUTE - 5);
    assert!(is_in(&mut browser).await, "the page before moved the limit");
    flush(&server).await;
    server.wait(15 * MINUTE);
    assert!(!is_in(&mut browser).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_01_twelve_hours_end_it_however_busy_somebody_is() {
    let server = TestServer::start().await;
    let mut browser = server.staff(Role::Agent).await;
    for _ in 0..(12 * 60 / 10 - 1) {
        server.wait(10 * MINUTE);
        assert!(is_in(&mut browser).await);
        flush(&server).await;
    }
    server.wait(10 * MINUTE - 5);
    assert!(is_in(&mut browser).await, "five seconds before the twelfth hour is over");
    flush(&server).await;
    server.wait(5);
    assert!(!is_in(&mut browser).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_01_the_limits_are_settings() {
    let server = TestServer::start_with(&[("staff_idle_minutes", "2"), ("staff_hours", "1")]).await;
    let mut browser = server.staff(Role::Agent).await;
    for _ in 0..59 {
        server.wait(MINUTE);
        assert!(is_in(&mut browser).await);
        flush(&server).await;
    }
    server.wait(MINUTE);
    assert!(!is_in(&mut browser).await);
    let mut browser = server.staff(Role::Agent).await;
    server.wait(2 * MINUTE);
    assert!(!is_in(&mut browser).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_within_a_minute_write_nothing() {
    let server = TestServer::start().await;
    let mut browser = server.staff(Role::Agent).await;
    assert!(is_in(&mut browser).await);
    assert!(server.app.activity.take_console().is_empty());
    server.wait(MINUTE);
    for _ in 0..3 {
        assert!(is_in(&mut browser).await);
    }
    assert_eq!(server.app.activity.take_console().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_02_a_fourth_sign_in_ends_the_oldest() {
    let server = TestServer::start().await;
    let mut browsers = Vec::new();
    for _ in 0..3 {
        browsers.push(server.staff(Role::Agent).await);
        server.app.clock.advance(Duration::from_millis(1));
    }
    let mut other = server.staff(Role::Supervisor).await;
    for browser in &mut browsers {
        assert!(is_in(browser).await);
    }
    let mut fourth = server.staff(Role::Agent).await;
    let mut living = Vec::new();
    for browser in &mut browsers {
        living.push(is_in(browser).await);
    }
    assert_eq!(living, [false, true, true]);
    assert!(is_in(&mut fourth).await && is_in(&mut other).await);
    let told = server.audit("staff_sign_out").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["actor_id"], &told[0]["reason"]), (&"the-agent".into(), &"older sign-ins ended: 1".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_02_sign_ins_at_once_never_exceed_the_limit() {
    let server = TestServer::start_with(&[("staff_sessions", "1")]).await;
    let (mut a, mut b) = (Browser::new(&server), Browser::new(&server));
    let name = username(Role::Agent);
    let (one, two) = tokio::join!(a.staff_sign_in(&name, PASSWORD), b.staff_sign_in(&name, PASSWORD));
    assert_eq!((one.status.as_u16(), two.status.as_u16()), (303, 303));
    assert_ne!(is_in(&mut a).await, is_in(&mut b).await, "one of them ended the other");
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_03_disabling_and_resetting_end_every_sign_in_at_once() {
    let server = TestServer::start().await;
    let id = StaffId::parse(&username(Role::Agent)).expect("id");
    let mut browser = server.staff(Role::Agent).await;
    let mut other = server.staff(Role::Supervisor).await;
    staff::reset(&server.app, &setup_actor(), &id, &SecretText::from("violin-quarry-93-lantern-fjord")).await.unwrap();
    assert!(!is_in(&mut browser).await);

    let seen = browser.staff_sign_in(id.as_str(), PASSWORD).await;
    assert_eq!(seen.status, 422, "the old password is gone");
    let seen = browser.staff_sign_in(id.as_str(), "violin-quarry-93-lantern-fjord").await;
    assert_eq!(seen.status, 303);
    assert!(is_in(&mut browser).await);

    staff::disable(&server.app, &setup_actor(), &id).await.unwrap();
    assert!(!is_in(&mut browser).await);
    assert!(is_in(&mut other).await, "others stay signed in");
    let live = "SELECT COUNT(*) FROM staff_sessions WHERE username = 'the-agent' AND ended_at IS NULL";
    assert_eq!(server.db_count(live).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_stay_signed_in_when_everybody_is_locked() {
    let server = TestServer::start().await;
    let mut supervisor = server.staff(Role::Supervisor).await;
    server.db_lock_everyone().await;
    assert!(is_in(&mut supervisor).await, "somebody must be there to unlock");
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_02_signing_out_ends_the_session_itself_not_only_the_cookie() {
    let server = TestServer::start().await;
    let mut browser = server.staff(Role::Agent).await;
    let mut copy = browser.clone();
    let seen = browser.staff_sign_out().await;
    assert_eq!((seen.status.as_u16(), seen.location()), (303, "/console/login?signed_out=1"));
    assert_eq!(seen.header("clear-site-data"), "\"cache\"");
    assert!(!browser.cookies.contains_key(cookies::CONSOLE));
    assert!(!is_in(&mut copy).await, "a copied cookie is worth nothing afterwards");
    let page = browser.get("/console/login?signed_out=1").await;
    assert!(page.body.contains("You are signed out"), "{}", page.body);
    let told = server.audit("staff_sign_out").await;
    assert_eq!((told.len(), &told[0]["actor_id"], &told[0]["outcome"]), (1, &"the-agent".into(), &"done".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn ui_02_every_sign_in_is_a_new_session_and_ends_the_one_before_in_the_browser() {
    let server = TestServer::start().await;
    let mut browser = server.staff(Role::Agent).await;
    let mut before = browser.clone();
    let seen = browser.staff_sign_in(&username(Role::Agent), PASSWORD).await;
    assert_eq!(seen.status, 303);
    assert_ne!(before.cookies[cookies::CONSOLE], browser.cookies[cookies::CONSOLE]);
    assert!(!is_in(&mut before).await && is_in(&mut browser).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_the_console_are_kept_nowhere() {
    let server = TestServer::start().await;
    let mut browser = server.staff(Role::Agent).await;
    for path in ["/console", "/console/login", "/console/nothing-here"] {
        assert_eq!(browser.get(path).await.header("cache-control"), "no-store", "{path}");
    }
}
