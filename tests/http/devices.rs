//! The list of devices as people know them: names, kinds and places, from what apps and browsers tell.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::flow::{Pair, VERIFIER, authorize_path};
use crate::support::{JOHN, PASSWORD, TestServer};

const MOBILE: &str = "naybitono-mobile";
const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
const ANDROID: &str =
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36";

/// A server that believes `X-Forwarded-For` of the test and knows three networks.
pub async fn server_with_places() -> TestServer {
    let networks = "Nairobi CBD=198.51.100.0/25, Home WiFi=203.0.113.0/24, Data centre=192.0.2.0/24";
    TestServer::start_with(&[("trusted_proxies", "127.0.0.1"), ("networks", networks)]).await
}

/// A browser at an address.
pub fn browser_at(server: &TestServer, address: &str) -> Browser {
    Browser::new(server).with(&[("X-Forwarded-For", address)])
}

/// Signs John in from an address with an app that tells these things of its device.
pub async fn sign_in_app(server: &TestServer, address: &str, told: &[(&str, &str)]) -> Pair {
    let mut browser = browser_at(server, address);
    let seen = browser.authorize(&authorize_path(MOBILE, told), JOHN).await;
    let code = seen.answer("code").expect("a code");
    let form =
        [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER), ("client_id", MOBILE)];
    Pair::of(&server.post_with("/oauth/token", &[("X-Forwarded-For", address)], &form).await)
}

/// Signs John in on the pages, with headers of one's own.
async fn sign_in_pages(server: &TestServer, headers: &[(&'static str, &str)]) -> Browser {
    let mut browser = Browser::new(server).with(headers);
    let page = browser.get("/login").await;
    assert_eq!(browser.type_password(&page, JOHN, PASSWORD).await.location(), "/account");
    browser
}

/// John's devices as the machine API shows them, last seen first.
pub async fn devices(server: &TestServer) -> Vec<Value> {
    let bearer = server.machine_token("ops-desk").await;
    let seen = server.api("GET", &format!("/api/v1/customers/{JOHN}/devices"), &bearer, None).await.json();
    seen["items"].as_array().expect("items").clone()
}

async fn sessions(server: &TestServer) -> Vec<Value> {
    let bearer = server.machine_token("ops-desk").await;
    let seen = server.api("GET", &format!("/api/v1/customers/{JOHN}/sessions"), &bearer, None).await.json();
    seen["items"].as_array().expect("items").clone()
}

fn shown(item: &Value) -> (&str, &str, Option<&str>) {
    (item["name"].as_str().expect("a name"), item["kind"].as_str().expect("a kind"), item["place"].as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_04_the_list_shows_the_true_devices_and_sessions() {
    let server = server_with_places().await;
    let began = server.app.clock.now();
    let phone = [("device_id", "phone-1"), ("device_model", "iPhone14,2"), ("device_name", "iPhone")];
    let phone = sign_in_app(&server, "198.51.100.7", &phone).await;
    server.wait(60);
    let tablet = [("device_id", "tablet-1"), ("device_model", "iPad4,1"), ("device_name", "Kids")];
    let tablet = sign_in_app(&server, "203.0.113.9", &tablet).await;

    let found = devices(&server).await;
    assert_eq!(found.len(), 2);
    assert_eq!(shown(&found[0]), ("iPad Air (\"Kids\")", "tablet", Some("Home WiFi")));
    assert_eq!(shown(&found[1]), ("iPhone 13 Pro", "phone", Some("Nairobi CBD")));
    let at = |value: &Value| chrono::DateTime::parse_from_rfc3339(value.as_str().expect("a time")).expect("a time");
    for (item, seconds) in [(&found[0], 60), (&found[1], 0)] {
        assert_eq!((&item["client_id"], &item["customer_id"]), (&json!(MOBILE), &json!(JOHN)));
        for name in ["first_seen_at", "last_seen_at"] {
            let after = (at(&item[name]).to_utc() - began).num_seconds();
            assert!((seconds..seconds + 30).contains(&after), "{name}: {after}");
        }
    }

    let listed = sessions(&server).await;
    assert_eq!(listed.len(), 2);
    for (line, device, pair) in [(&listed[0], &found[0], &tablet), (&listed[1], &found[1], &phone)] {
        assert_eq!(line["session_id"], json!(server.sid(&pair.access).await));
        assert_eq!(line["client_name"], json!(MOBILE));
        for name in ["device_id", "name", "kind", "place"] {
            assert_eq!(line[name], device[name], "{name}");
        }
    }

    // What was ended is in no list of what lives; the device stays, and says so.
    let bearer = server.machine_token("ops-desk").await;
    let path = format!("/api/v1/devices/{}", found[1]["device_id"].as_str().unwrap());
    assert_eq!(server.api("DELETE", &path, &bearer, None).await.status, StatusCode::OK);
    let left = sessions(&server).await;
    assert_eq!(left.iter().map(shown).collect::<Vec<_>>(), [("iPad Air (\"Kids\")", "tablet", Some("Home WiFi"))]);
    let found = devices(&server).await;
    assert_eq!(found.iter().filter(|item| item["revoked_at"].is_null()).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_04_foreign_ids_are_not_found_and_lists_never_mix() {
    let server = server_with_places().await;
    sign_in_app(&server, "198.51.100.7", &[("device_id", "phone-1"), ("device_model", "iPhone14,2")]).await;
    let bearer = server.machine_token("ops-desk").await;
    for kind in ["sessions", "devices"] {
        let other = server.api("GET", &format!("/api/v1/customers/CUST_2/{kind}"), &bearer, None).await;
        assert_eq!(other.json()["items"], json!([]), "{kind}");
        let nobody = server.api("GET", &format!("/api/v1/customers/CUST_NOBODY/{kind}"), &bearer, None).await;
        assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    }
    // A machine's session has no device.
    let own = server.api("GET", "/api/v1/customers/ops-desk/sessions", &bearer, None).await;
    assert_eq!(own.status, StatusCode::NOT_FOUND, "a client is no customer");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_page_asks_for_hints_and_the_sign_in_keeps_them() {
    let server = server_with_places().await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/login").await;
    assert_eq!(page.header("accept-ch"), "Sec-CH-UA-Model, Sec-CH-UA-Platform, Sec-CH-UA-Platform-Version");
    assert_eq!(page.header("critical-ch"), "", "no page is loaded twice");
    let wrong = browser.type_password(&page, JOHN, "wrong").await;
    assert!(!wrong.header("accept-ch").is_empty(), "the page after a wrong try asks, too");
    assert_eq!(browser.get("/signed-out").await.header("accept-ch"), "", "other pages need none");

    let hints = |model, platform, version| {
        [("Sec-CH-UA-Model", model), ("Sec-CH-UA-Platform", platform), ("Sec-CH-UA-Platform-Version", version)]
    };
    for (agent, hints, name, kind) in [
        (ANDROID, hints("\"SM-S911B\"", "\"Android\"", "\"14.0.0\""), "Galaxy S23", "phone"),
        (CHROME, hints("\"\"", "\"Windows\"", "\"15.0.0\""), "Chrome on Windows 11", "computer"),
        // Broken ones are as good as none.
        (CHROME, hints("SM-S911B", "Windows", "15.0.0"), "Chrome on Windows", "computer"),
        (ANDROID, hints("\"\"", "\"Unknown\"", "\"\""), "Chrome on Android", "phone"),
    ] {
        server.wait(1);
        let headers: Vec<_> = hints.into_iter().chain([("User-Agent", agent)]).collect();
        sign_in_pages(&server, &headers).await;
        let found = devices(&server).await;
        assert_eq!((found[0]["name"].as_str(), found[0]["kind"].as_str()), (Some(name), Some(kind)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_tells_comes_before_what_its_browser_tells() {
    let server = server_with_places().await;
    let mut browser = Browser::new(&server).with(&[("Sec-CH-UA-Model", "\"SM-S911B\""), ("User-Agent", ANDROID)]);
    let told = [("device_id", "a"), ("device_model", "TECNO KI5q")];
    assert!(browser.authorize(&authorize_path(MOBILE, &told), JOHN).await.answer("code").is_some());
    assert_eq!(devices(&server).await[0]["name"], json!("Tecno Spark 10"));
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_04_hostile_words_of_a_device_are_bounded_and_harmless() {
    let server = server_with_places().await;
    let long = "x".repeat(5_000);
    for (name, model, agent, shown) in [
        ("=cmd|'/c calc'!A1", "", "", "\"=cmd|'/c calc'!A1\""),
        ("a\u{202e}b\u{200b}<b>", "", "", "\"ab<b>\""),
        ("", "iPhone 13 Pro\", owner checked", "", "\"iPhone 13 Pro', owner checked\""),
        (&long, "", CHROME, &format!("Chrome on Windows (\"{}…\")", "x".repeat(40))),
        ("", "", &long, "Unknown device"),
    ] {
        server.wait(1);
        let mut browser = Browser::new(&server).with(&[("User-Agent", agent)]);
        let told: Vec<_> =
            [("device_name", name), ("device_model", model)].into_iter().filter(|(_, text)| !text.is_empty()).collect();
        let seen = browser.send(Method::GET, &authorize_path(MOBILE, &told), &[], None).await;
        if seen.location() == "/login" {
            let page = browser.get("/login").await;
            browser.type_password(&page, JOHN, PASSWORD).await;
            assert_eq!(devices(&server).await[0]["name"], json!(shown));
        } else {
            panic!("{} {}", seen.status, seen.body);
        }
    }
}
