//! Where the console is shown: private binds, private callers, and a host name of its own (ADM-01).

use crate::support::TestServer;
use crate::support::browser::Seen;
use crate::support::call::FORM;

async fn get(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Seen {
    server.call("GET", path, headers, "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_01_on_a_bind_to_every_network_there_is_no_console() {
    let server = TestServer::start_bound("0.0.0.0").await;
    for path in ["/console", "/console/login", "/console/customers/CUST_789456123", "/console/x"] {
        let seen = get(&server, path, &[]).await;
        assert_eq!(seen.status, 404, "{path}");
        assert!(seen.body.contains("inside the bank"), "{}", seen.body);
        let posted = server.call("POST", path, &[("Origin", crate::support::ISSUER), FORM], "a=b").await;
        assert_eq!(posted.status, 404, "{path}");
    }
    assert_eq!(get(&server, "/%63onsole/login", &[]).await.status, 404, "however it is written");
    assert_eq!(get(&server, "/login", &[]).await.status, 200, "everything else is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_01_strangers_behind_a_proxy_are_not_shown_the_console() {
    let server = TestServer::start_with(&[("trusted_proxies", "127.0.0.1")]).await;
    for (from, status) in [
        ("203.0.113.9", 404),
        ("2001:db8::1", 404),
        ("10.1.2.3, 203.0.113.9", 404),
        ("203.0.113.9, 10.1.2.3", 200),
        ("10.1.2.3", 200),
        ("fd00::1", 200),
    ] {
        let seen = get(&server, "/console/login", &[("X-Forwarded-For", from)]).await;
        assert_eq!(seen.status.as_u16(), status, "{from}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_01_where_a_proxy_does_not_say_for_whom_nobody_is_shown_the_console() {
    let server = TestServer::start_with(&[("trusted_proxies", "127.0.0.1,10.0.0.0/8")]).await;
    assert_eq!(get(&server, "/console/login", &[]).await.status, 404, "a proxy that says nothing");
    for (from, status) in [
        ("203.0.113.9:4711", 404),
        ("[2001:db8::1]:4711", 404),
        ("unknown", 404),
        ("203.0.113.9,", 404),
        ("nonsense, 10.1.2.3", 404),
        ("203.0.113.9, 10.1.2.3", 404),
        ("192.168.7.7, 10.1.2.3", 200),
        ("10.1.2.3", 200),
    ] {
        let seen = get(&server, "/console/login", &[("X-Forwarded-For", from)]).await;
        assert_eq!(seen.status.as_u16(), status, "{from}");
    }
    let plain = TestServer::start().await;
    for name in ["X-Forwarded-For", "Forwarded", "X-Real-IP"] {
        for from in ["203.0.113.9", "10.1.2.3"] {
            let seen = get(&plain, "/console/login", &[(name, from)]).await;
            assert_eq!(seen.status, 404, "{name}: a proxy that is not configured forwards for anybody");
        }
    }
    assert_eq!(get(&plain, "/console/login", &[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_01_a_host_name_of_its_own_shows_the_console_and_nothing_else() {
    let server = TestServer::start_with(&[("console_host", "console.bank.example")]).await;
    let at = async |host: &str, path: &str| get(&server, path, &[("Host", host)]).await.status.as_u16();
    for (path, pages, console) in [
        ("/console/login", 421, 200),
        ("/console", 421, 303),
        ("/login", 200, 421),
        ("/account", 303, 421),
        ("/", 404, 421),
        ("/oauth/authorize", 400, 421),
        ("/.well-known/oauth-authorization-server", 200, 421),
        ("/api/v1/openapi.json", 200, 421),
        ("/static/style.css", 200, 200),
        ("/static/console.js", 200, 200),
        ("/health/live", 200, 200),
    ] {
        assert_eq!(at("localhost:8000", path).await, pages, "{path} at the pages' host");
        assert_eq!(at("console.bank.example", path).await, console, "{path} at the console's host");
        assert_eq!(at("Console.Bank.Example:8000", path).await, console, "{path} at the console's host, in capitals");
    }
    assert_eq!(at("other.example", "/console/login").await, 421);
    assert_eq!(at("other.example", "/login").await, 421);
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_01_staff_sign_in_at_the_consoles_own_host() {
    let server = TestServer::start_with(&[("console_host", "console.bank.example")]).await;
    let host = ("Host", "console.bank.example");
    let page = get(&server, "/console/login", &[host]).await;
    let cookie = page.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let body = format!("csrf_token={}&username=the-agent&password={}", page.csrf(), crate::support::PASSWORD);
    let submit = async |origin: &'static str| {
        let headers = [host, ("Origin", origin), FORM, ("Cookie", cookie.as_str())];
        server.call("POST", "/console/login", &headers, &body).await.status.as_u16()
    };
    assert_eq!(submit("http://console.evil.example").await, 403);
    assert_eq!(submit(crate::support::ISSUER).await, 403, "customers' pages send no form of staff's");
    assert_eq!(submit("http://console.bank.example").await, 303);
}
