//! The console's first page: what was counted, drawn and said, without anybody's name.

use rescind::model::staff::Role;
use rescind::service::figures;

use crate::support::browser::Seen;
use crate::support::{JOHN, TestServer};

/// The number and the words of each figure.
fn figures(page: &Seen) -> Vec<(String, String)> {
    let between = |text: &str, from: &str, to: &str| {
        text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map(|(found, _)| found.to_owned())
    };
    let parts = page.body.split("<li class=\"figure\">").skip(1);
    parts
        .map(|part| {
            let number = between(part, "<span class=\"number\">", "</span>").expect("a number");
            (number, between(part, "<title>", "</title>").unwrap_or_default())
        })
        .collect()
}

fn numbers(page: &Seen) -> Vec<String> {
    figures(page).into_iter().map(|(number, _)| number).collect()
}

async fn flush(server: &TestServer) {
    rescind::jobs::flush_seen(&server.app).await.expect("flushed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_shows_what_was_counted_in_the_last_hour() {
    let server = TestServer::start().await;
    let mut agent = server.staff(Role::Agent).await;
    assert_eq!(numbers(&agent.get("/console").await), ["not counted yet", "0", "0", "0"]);

    let first = server.pair("naybitono-mobile").await;
    server.pair("naybitono-web").await;
    for _ in 0..3 {
        server.post_with("/oauth/token", &[], &[("client_id", "naybitono-mobile"), ("grant_type", "nonsense")]).await;
    }
    server.post_with("/oauth/token", &[], &[("client_id", "nobody"), ("grant_type", "refresh_token")]).await;
    flush(&server).await;
    figures::count_living(&server.app).await.expect("counted");
    let page = agent.get("/console").await;
    assert_eq!(numbers(&page), ["about 2", "2", "4", "0"], "{}", page.body);
    assert!(page.body.contains("(counted at <time datetime="));
    let said = &figures(&page)[1].1;
    assert_eq!(said, "Tokens issued, minute by minute: 2 at most, 2 in the last minute");

    server.wait(60);
    server.lock(JOHN).await;
    figures::count_living(&server.app).await.expect("counted");
    let page = agent.get("/console").await;
    assert_eq!(numbers(&page)[3], "1", "{}", page.body);
    assert!(!server.is_active(&first.access).await);

    server.wait(61 * 60);
    let page = server.staff(Role::Admin).await.get("/console").await;
    assert_eq!(numbers(&page)[..3], ["not counted yet", "0", "0"], "an hour later nothing of it is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_is_counted_once_however_many_nodes_count() {
    let server = TestServer::start().await;
    figures::count_living(&server.app).await.expect("counted");
    server.pair("naybitono-mobile").await;
    figures::count_living(&server.app).await.expect("counted");
    let minutes = "SELECT COUNT(*) FROM tallies WHERE name = 'sessions_living'";
    assert_eq!(server.db_count(minutes).await, 1);
    server.wait(60);
    figures::count_living(&server.app).await.expect("counted");
    assert_eq!(server.db_count(minutes).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_03_nobodys_name_or_number_is_on_the_overview() {
    let server = TestServer::start().await;
    let incident = server.lock(JOHN).await.json()["incident_id"].as_str().expect("a number").to_owned();
    for role in Role::ALL {
        let page = server.staff(role).await.get("/console").await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains(&incident) && page.body.contains("Emergency lockdown"), "{role:?}");
        for hidden in [JOHN, "John", "254712345678", "phone stolen", "fraud-desk"] {
            assert!(!page.body.contains(hidden), "{role:?}: {hidden}");
        }
        let opens = page.body.contains(&format!("href=\"/console/incidents/{incident}\""));
        assert_eq!(opens, role != Role::Admin, "{role:?}");
    }
    assert!(server.audit("incident_read").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_count_survives_two_days_and_then_goes() {
    let server = TestServer::start().await;
    server.pair("naybitono-mobile").await;
    flush(&server).await;
    let rows = async || server.db_count("SELECT COUNT(*) FROM tallies").await;
    let tidy = async || rescind::jobs::clean_up::run(&server.app).await.expect("tidied");
    let before = rows().await;
    assert!(before > 0);
    server.wait(47 * 3600);
    tidy().await;
    assert_eq!(rows().await, before);
    server.wait(2 * 3600);
    tidy().await;
    assert_eq!(rows().await, 0);
}
