//! Who may read `/metrics`: at the main address this machine alone, directly; at an address of its own whoever reaches it,
//! and nothing else is there.

use std::net::SocketAddr;

use reqwest::StatusCode;
use rescind::web::draining::Draining;
use rescind::web::ops::alone;
use rocket::fairing::AdHoc;

use crate::support::openmetrics::Measures;
use crate::support::{TestServer, raw};

async fn status(server: &TestServer, headers: &[(&str, &str)]) -> u16 {
    let seen = server.call("GET", "/metrics", headers, "").await;
    assert_eq!(seen.body.contains("rescind_"), seen.status == StatusCode::OK, "{}", seen.body);
    seen.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_on_this_machine_reads_it_and_one_that_is_forwarded_does_not() {
    let server = TestServer::start().await;
    assert_eq!(status(&server, &[]).await, 200);
    for header in ["X-Forwarded-For", "Forwarded", "X-Real-IP"] {
        assert_eq!(status(&server, &[(header, "127.0.0.1")]).await, 404, "{header}: who forwards it is not known");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_only_who_it_says_is_on_this_machine_reads_it() {
    let server = TestServer::start_with(&[("trusted_proxies", "127.0.0.1")]).await;
    for (from, expected) in [
        ("203.0.113.9", 404),
        ("10.0.0.1", 404),
        ("127.0.0.1, 203.0.113.9", 404),
        ("203.0.113.9, 127.0.0.1", 404),
        ("nonsense", 404),
        ("127.0.0.1", 200),
        ("::1", 200),
    ] {
        assert_eq!(status(&server, &[("X-Forwarded-For", from)]).await, expected, "{from}");
    }
    assert_eq!(status(&server, &[]).await, 404, "for whom it forwards is not said");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_read_by_plain_http_also_under_an_https_issuer() {
    let server = TestServer::start_with(&[("issuer", "https://id.bank.example")]).await;
    assert_eq!(status(&server, &[]).await, 200);
    assert_eq!(status(&server, &[("Host", "id.bank.example")]).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_address_of_its_own_it_is_gone_from_the_main_one() {
    let server = TestServer::start_with(&[("metrics_address", "127.0.0.1:9464")]).await;
    assert_eq!(status(&server, &[]).await, 404);
    assert_eq!(server.api("GET", "/health/ready", "", None).await.status, StatusCode::OK, "health stays");
}

/// The listener for operators alone; its port.
async fn watched(server: &TestServer, draining: &Draining) -> u16 {
    let (tell, told) = tokio::sync::oneshot::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    let started = AdHoc::on_liftoff("port", move |rocket| {
        let told = tell.lock().unwrap().take().map(|tell| tell.send(rocket.config().port));
        Box::pin(async move { assert!(told.is_some()) })
    });
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    tokio::spawn(alone(server.app.clone(), address, draining.clone()).attach(started).launch());
    told.await.expect("it started")
}

#[tokio::test(flavor = "multi_thread")]
async fn at_an_address_of_its_own_there_are_measures_and_health_and_nothing_else() {
    let server = TestServer::start_with(&[("issuer", "https://id.bank.example")]).await;
    let draining = Draining::default();
    let port = watched(&server, &draining).await;
    let get = async |path: &str, headers: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: 10.1.2.3\r\nConnection: close\r\n{headers}\r\n");
        raw::send_to(port, request.as_bytes()).await
    };
    let page = get("/metrics", "X-Forwarded-For: 203.0.113.9\r\n").await;
    assert_eq!(raw::status(&page), 200, "{page}");
    assert!(page.contains("\r\nx-request-id: ") && page.contains("nosniff"), "{page}");
    Measures::read(page.split_once("\r\n\r\n").expect("a body").1);
    assert_eq!((raw::status(&get("/health/live", "").await), raw::status(&get("/health/ready", "").await)), (200, 200));
    for (_, path) in server.routes.iter().filter(|(method, path)| method == "GET" && !path.starts_with("/_turned")) {
        let expected = if path == "/metrics" || path.starts_with("/health/") { 200 } else { 404 };
        assert_eq!(raw::status(&get(&path.replace("<id>", "x"), "").await), expected, "{path}");
    }
    draining.tell();
    let ready = get("/health/ready", "").await;
    assert!(raw::status(&ready) == 503 && ready.contains("draining"), "{ready}");
}
