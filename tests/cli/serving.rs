//! `rescind serve`, and commands beside it.

use serde_json::json;

use crate::support::PASSWORD;
use crate::support::database::is_postgres;
use crate::support::program::{Folder, free_port};
use crate::support::raw;

#[tokio::test(flavor = "multi_thread")]
async fn int_09_the_check_after_a_lockdown_from_a_shell_is_inactive() {
    let folder = Folder::of_engine().await;
    let bank = folder.enter_bank("CUST_1");
    let server = folder.serve().await;
    let pair = server.pair(&bank.customer).await;
    for _ in 0..3 {
        assert!(server.is_active(&bank, &pair.access).await);
    }
    let ran = folder.run(&["lockdown", "CUST_1", "--reason", "phone stolen", "--json"]).json();
    assert_eq!((&ran["status"], &ran["sessions_ended"], &ran["devices"]), (&json!("confirmed"), &json!(1), &json!(1)));
    assert!(!server.is_active(&bank, &pair.access).await);
    assert_eq!(server.refresh(&pair.refresh).await.error(), "invalid_grant");
    assert_eq!(server.code("CUST_1", PASSWORD).await.status, 403);

    assert_eq!(folder.run(&["unlock", "CUST_1", "--reason", "seen in branch"]).code, 0);
    assert!(!server.is_active(&bank, &pair.access).await);
    let (first, second) = (server.pair("CUST_1").await, server.pair("CUST_1").await);
    let list = folder.run(&["session", "list", "CUST_1", "--json"]).json();
    let ids: Vec<&str> = list["items"].as_array().unwrap().iter().filter_map(|s| s["session_id"].as_str()).collect();
    assert_eq!(ids.len(), 2, "only the live ones: {list}");
    let ended = folder.run(&["session", "revoke", ids[0], "--reason", "lost laptop", "--json"]).json();
    assert_eq!(ended["sessions_ended"], json!(1));
    let alive = [server.is_active(&bank, &first.access).await, server.is_active(&bank, &second.access).await];
    assert_eq!(alive.iter().filter(|one| **one).count(), 1, "exactly one of the two ended");

    let devices = folder.run(&["device", "list", "CUST_1", "--json"]).json();
    for device in devices["items"].as_array().unwrap() {
        let id = device["device_id"].as_str().unwrap();
        assert_eq!(folder.run(&["device", "revoke", id, "--reason", "lost phone"]).code, 0);
    }
    assert!(!server.is_active(&bank, &first.access).await && !server.is_active(&bank, &second.access).await);

    let pair = server.pair("CUST_1").await;
    assert_eq!(folder.run(&["lockdown", "--client", "naybitono-mobile", "--reason", "leak"]).code, 0);
    assert!(!server.is_active(&bank, &pair.access).await);
    let pair = server.pair("CUST_1").await;
    assert_eq!(folder.run(&["lockdown", "--everyone", "--reason", "breach"]).code, 0);
    assert!(!server.is_active(&bank, &pair.access).await);
    let pair = server.pair("CUST_1").await;
    assert!(server.is_active(&bank, &pair.access).await, "signing in anew is possible at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_an_embedded_database_is_refused_and_the_first_serves_on() {
    if is_postgres() {
        return;
    }
    let folder = Folder::new();
    let first = folder.serve().await;
    let second = folder.start(free_port(), &["serve"]).ended();
    assert!(second.refusal().contains("another server is running on this database"), "{second:?}");
    assert!(second.err.contains("rescind.db"), "{second:?}");
    let health = folder.run(&["health", "--address", &format!("127.0.0.1:{}", first.port), "--json"]);
    assert_eq!(health.json(), json!({ "status": "ready" }));
    first.kill();
    let third = folder.serve().await;
    assert_eq!(third.stop().code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named() {
    let folder = Folder::of_engine().await;
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let ran = folder.start(port, &["serve"]).ended();
    let line = ran.err.lines().last().unwrap_or_default();
    assert!(ran.code == 1 && line.contains("ROCKET_PORT") && line.contains(&port.to_string()), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn measures_have_an_address_of_their_own_if_told_so() {
    let port = free_port();
    let folder = Folder::of_engine().await.with("RESCIND_METRICS_ADDRESS", &format!("127.0.0.1:{port}"));
    let server = folder.serve().await;
    let page = raw::send_to(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(raw::status(&page) == 200 && page.contains("rescind_build{"), "{page}");
    assert!(page.contains("process_start_time_seconds 1") || page.contains("process_start_time_seconds 2"), "{page}");
    let main = raw::send_to(server.port, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert_eq!(raw::status(&main), 404);
    let health = folder.run(&["health", "--address", &format!("127.0.0.1:{port}")]);
    assert_eq!((health.code, health.out.as_str()), (0, "ready\n"));
    assert_eq!(server.stop().code, 0, "both listeners end");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_for_measures_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = Folder::of_engine().await.with("RESCIND_METRICS_ADDRESS", &address);
    let ran = folder.start(free_port(), &["serve"]).ended();
    let line = ran.err.lines().last().unwrap_or_default();
    assert!(ran.code == 1 && line.contains(&format!("RESCIND_METRICS_ADDRESS {address}")), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_asks_the_configured_server() {
    let port = free_port();
    let folder = Folder::of_engine().await.with("ROCKET_PORT", &port.to_string());
    assert!(folder.run(&["health"]).refusal().contains(&format!("127.0.0.1:{port}")));
    let server = folder.start(port, &["serve"]).ready().await;
    assert_eq!(folder.run(&["health"]).out, "ready\n");
    server.kill();
    assert_eq!(folder.run(&["health"]).code, 1);

    let everywhere = Folder::new().with("ROCKET_ADDRESS", "0.0.0.0").with("RESCIND_ISSUER", "https://id.bank.example");
    assert!(everywhere.run(&["health"]).refusal().contains("127.0.0.1:8000"), "asked here, not everywhere");
    everywhere.write("pem", "");
    let tls = everywhere.with("ROCKET_TLS", "{certs=\"pem\",key=\"pem\"}");
    assert!(tls.run(&["health"]).refusal().contains("ROCKET_TLS"), "it speaks no TLS and says so");
}

/// When the customer's only session was last seen.
fn last_seen(folder: &Folder) -> String {
    let list = folder.run(&["session", "list", "CUST_1", "--json"]).json();
    list["items"][0]["last_seen_at"].as_str().expect("a session").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_told_to_stop_finishes_keeps_what_it_saw_and_exits_with_0() {
    let folder = Folder::of_engine().await;
    let bank = folder.enter_bank("CUST_1");
    let server = folder.serve().await;
    let pair = server.pair(&bank.customer).await;
    // Just flushed or not yet: either way the last check is later than what is stored.
    assert!(server.is_active(&bank, &pair.access).await);
    let before = last_seen(&folder);
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    assert!(server.is_active(&bank, &pair.access).await);
    let ran = server.stop();
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{ran:?}");
    let last = ran.err.lines().last().unwrap_or_default();
    assert!(last.contains("\"message\":\"stopped\""), "{}", ran.err);
    assert!(last_seen(&folder) > before, "the last check was not kept: {before}");
    let server = folder.serve().await;
    assert!(server.is_active(&bank, &pair.access).await, "a restart ends nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_one_json_object_per_line() {
    let folder = Folder::of_engine().await;
    let bank = folder.enter_bank("CUST_1");
    let server = folder.serve().await;
    let pair = server.pair(&bank.customer).await;
    server.is_active(&bank, &pair.access).await;
    let ran = server.stop();
    let lines: Vec<serde_json::Value> =
        ran.err.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))).collect();
    let check = lines.iter().find(|line| line["path"] == "/oauth/introspect").expect("a line per request");
    assert_eq!(
        (&check["status"], &check["method"], &check["address"]),
        (&json!(200), &json!("POST"), &json!("127.0.0.1"))
    );
    assert!(check["request_id"].as_str().is_some_and(|id| id.len() == 16), "{check}");
    assert!(!ran.err.contains("/health/"), "health is quiet");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_the_log_is_lost_at_any_level() {
    for level in ["info", "debug", "trace"] {
        let folder = Folder::of_engine().await.with("RESCIND_LOG", level);
        let bank = folder.enter_bank("CUST_1");
        let server = folder.serve().await;
        let pair = server.pair(&bank.customer).await;
        for _ in 0..20 {
            assert!(server.is_active(&bank, &pair.access).await);
        }
        let ran = server.stop();
        let count = |text: &str| ran.err.lines().filter(|line| line.contains(text)).count();
        assert_eq!(count("\"path\":\"/oauth/introspect\""), 20, "{level}: {}", ran.err);
        assert_eq!((count("\"serving\""), count("\"stopped\"")), (1, 1), "{level}: {}", ran.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_01_a_start_on_every_network_warns_once_that_the_console_is_off() {
    for (address, warnings) in [("0.0.0.0", 1), ("127.0.0.1", 0)] {
        let folder = Folder::of_engine().await;
        let folder = folder.with("ROCKET_ADDRESS", address).with("RESCIND_ISSUER", "http://localhost:8000");
        let ran = folder.serve().await.stop();
        assert_eq!(ran.code, 0, "{ran:?}");
        let told = ran.err.lines().filter(|line| line.contains("the console is switched off")).count();
        assert_eq!(told, warnings, "{address}: {}", ran.err);
    }
}
