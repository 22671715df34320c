//! What devices were used for, as an agent reads it: which API was shown their tokens, how often, since when, from where.

use reqwest::StatusCode;
use rescind::activity::{Seen, Use};
use rescind::model::staff::Role;
use uuid::Uuid;

use crate::devices::{browser_at, server_with_places, sign_in_app};
use crate::support::browser::Seen as Answer;
use crate::support::console::username;
use crate::support::{JOHN, PASSWORD, TestServer};

const PHONE: [(&str, &str); 2] = [("device_id", "phone-1"), ("device_model", "iPhone14,2")];

/// A check by the accounts API, for a request from an address.
async fn check_from(server: &TestServer, token: &str, address: Option<&str>) -> Answer {
    let auth = server.basic("accounts-api");
    let mut form = vec![("token", token)];
    form.extend(address.map(|address| ("client_ip", address)));
    server.post_with("/oauth/introspect", &[("Authorization", &auth)], &form).await
}

async fn flush(server: &TestServer) {
    rescind::jobs::flush_seen(&server.app).await.expect("flushed");
}

/// The lines under "What the devices used", one for each device, API and place.
async fn lines(server: &TestServer, query: &str) -> Vec<String> {
    let mut agent = browser_at(server, "10.1.2.3");
    assert_eq!(agent.staff_sign_in(&username(Role::Agent), PASSWORD).await.status, StatusCode::SEE_OTHER);
    let seen = agent.get(&format!("/console/customers/{JOHN}{query}")).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
    let section = seen.body.split("What the devices used").nth(1).expect("the section");
    let section = section.split("<h2>").next().unwrap_or_default();
    let rows = section.split("<tr>").skip(2);
    rows.map(|row| {
        Answer { body: row.to_owned(), ..seen.clone() }.text().split_whitespace().collect::<Vec<_>>().join(" ")
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_reads_what_a_device_used_how_often_and_where() {
    let server = server_with_places().await;
    let pair = sign_in_app(&server, "198.51.100.7", &PHONE).await;
    assert_eq!(lines(&server, "").await, Vec::<String>::new());
    for address in [None, Some("203.0.113.9"), Some("203.0.113.9"), Some("203.0.113.10")] {
        assert_eq!(check_from(&server, &pair.access, address).await.json()["active"], true);
    }
    server.wait(120);
    assert!(check_from(&server, &pair.access, Some("203.0.113.9")).await.body.contains("true"));
    flush(&server).await;
    let found = lines(&server, "").await;
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("iPhone 13 Pro") && found[0].contains("3 times since"), "{found:?}");
    assert!(found[0].ends_with("Home WiFi"), "{found:?}");
    assert!(found[1].contains("once") && !found[1].contains("since"), "{found:?}");
    assert!(found.iter().any(|line| line.ends_with("not known")), "{found:?}");

    // What is flushed again comes on top.
    check_from(&server, &pair.access, Some("203.0.113.9")).await;
    flush(&server).await;
    assert!(lines(&server, "").await[0].contains("4 times since"));

    server.wait(7_200);
    let hour_ago = (server.app.clock.now() - chrono::TimeDelta::hours(1)).format("%H:%M").to_string();
    assert_eq!(lines(&server, &format!("?since={hour_ago}")).await, Vec::<String>::new());
    server.wait(86_400);
    assert_eq!(lines(&server, "").await, Vec::<String>::new(), "a day is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_told_with_a_check_is_hearsay_and_not_where_the_device_was_seen() {
    let server = server_with_places().await;
    let pair = sign_in_app(&server, "198.51.100.7", &PHONE).await;
    server.wait(60);
    check_from(&server, &pair.access, Some("203.0.113.9")).await;
    flush(&server).await;
    let devices = crate::devices::devices(&server).await;
    assert_eq!(devices[0]["place"], "Nairobi CBD");
}

#[tokio::test(flavor = "multi_thread")]
async fn int_01_what_is_no_address_is_refused_and_an_empty_one_is_none() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    for wrong in ["unknown", "192.0.2.1:443", "[2001:db8::1]", "192.0.2.1, 192.0.2.2", "phone.example"] {
        let seen = check_from(&server, &pair.access, Some(wrong)).await;
        assert_eq!((seen.status, seen.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_request"), "{wrong}");
        assert!(seen.body.contains("client_ip"), "{}", seen.body);
    }
    for right in ["", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
        assert_eq!(check_from(&server, &pair.access, Some(right)).await.json()["active"], true, "{right}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_of_tokens_that_are_not_good_nor_of_machines() {
    let server = server_with_places().await;
    let pair = sign_in_app(&server, "198.51.100.7", &PHONE).await;
    server.wait(3_600);
    check_from(&server, &pair.access, None).await;
    let machine = server.machine_token("ops-desk").await;
    check_from(&server, &machine, None).await;
    flush(&server).await;
    assert_eq!(server.db_count("SELECT COUNT(*) FROM device_activity").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_written_is_written_at_the_next_turn() {
    let server = server_with_places().await;
    let pair = sign_in_app(&server, "198.51.100.7", &PHONE).await;
    check_from(&server, &pair.access, None).await;
    server.db_run("ALTER TABLE device_activity RENAME TO elsewhere", &[]).await;
    rescind::jobs::flush_seen(&server.app).await.expect_err("the table is gone");
    server.db_run("ALTER TABLE elsewhere RENAME TO device_activity", &[]).await;
    check_from(&server, &pair.access, None).await;
    flush(&server).await;
    assert_eq!(server.db_value::<i64>("SELECT count FROM device_activity", &[]).await, Some(2));

    server.wait(30);
    check_from(&server, &pair.access, None).await;
    server.db_run("ALTER TABLE sessions RENAME TO elsewhere", &[]).await;
    rescind::jobs::flush_seen(&server.app).await.expect_err("the table is gone");
    let total = "SELECT CAST(SUM(count) AS BIGINT) FROM device_activity";
    assert_eq!(server.db_value::<i64>(total, &[]).await, Some(3), "one kind that fails stops no other");
    server.db_run("ALTER TABLE elsewhere RENAME TO sessions", &[]).await;
    flush(&server).await;
    let sql = "SELECT COUNT(*) FROM sessions s JOIN devices d ON d.device_id = s.device_id WHERE s.last_seen_at = d.last_seen_at";
    assert_eq!(server.db_count(sql).await, 1, "the session's time came later");
    assert_eq!(server.db_value::<i64>(total, &[]).await, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_everything_waits_for_the_next_turn() {
    let server = TestServer::start().await;
    let activity = &server.app.activity;
    let seen = Seen { device_id: Some(Uuid::nil()), at: server.app.clock.now(), address: None };
    for id in 0..450 {
        let used = Use { seen, from: None, customer_id: JOHN, checker_id: &format!("api-{}", id % 300) };
        activity.used(Uuid::from_u128(id), &used);
        activity.note_page(Uuid::from_u128(id), seen);
    }
    server.app.db.close().await;
    rescind::jobs::flush_seen(&server.app).await.expect_err("there is no database");
    let (living, uses) = activity.take();
    assert_eq!((living.len(), activity.take_pages().len(), uses.len()), (450, 450, 300));
    assert_eq!(uses.iter().map(|one| one.count).sum::<i64>(), 450);
}
