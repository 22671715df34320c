//! RAT-01, RAT-03: the documented limits over HTTP, at the limit and one beyond, with `limit_scale` at its default.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use rescind::limits::{Rule, address_key};
use serde_json::json;
use tokio::time::Instant;

use crate::support::browser::{Browser, Seen};
use crate::support::flow::{VERIFIER, authorize_path};
use crate::support::{ISSUER, JOHN, PASSWORD, TestServer};

/// Where a caller says it comes from; the test's own address is a trusted proxy.
const HERE: &str = "198.51.100.7";
const ELSEWHERE: &str = "198.51.100.8";

/// The same, for staff: the console is not shown outside the bank's own network.
fn desk(from: &str) -> &'static str {
    if from == HERE { "10.9.8.7" } else { "10.9.8.6" }
}

/// A request to be limited.
#[derive(Clone, Copy, Debug)]
enum Call {
    Login,
    Console,
    Authorize,
    Token(&'static str),
    Unproven(&'static str),
    Garbage(&'static str),
    Read(&'static str),
    Revoke(&'static str),
    Lock(&'static str),
    LookUp(&'static str),
    Ask(&'static str),
}

/// A server as shipped, behind a proxy.
async fn server() -> TestServer {
    TestServer::start_with(&[("limit_scale", "1"), ("trusted_proxies", "127.0.0.1")]).await
}

/// Callers that share their connections.
struct Callers<'a> {
    server: &'a TestServer,
    fresh: Browser,
}

impl<'a> Callers<'a> {
    fn of(server: &'a TestServer) -> Self {
        Self { server, fresh: Browser::new(server) }
    }

    /// A client posts a form; one with a secret proves itself.
    async fn post(&self, path: &str, client: &str, from: &str, form: &[(&str, &str)]) -> Seen {
        let secret = self.server.secret(client);
        let basic = format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")));
        let headers = [("X-Forwarded-For", from), ("Authorization", basic.as_str())];
        let used = if secret.is_empty() { &headers[..1] } else { &headers };
        self.fresh.clone().send(Method::POST, path, used, Some(form)).await
    }

    /// A member of staff opens a page about John.
    async fn open(&self, username: &str, page: &str) -> Seen {
        let mut browser = self.fresh.clone().with(&[("X-Forwarded-For", desk(HERE))]);
        assert_eq!(browser.staff_sign_in(username, PASSWORD).await.status, StatusCode::SEE_OTHER);
        browser.get(&format!("/console/customers/{JOHN}{page}")).await
    }

    async fn make(&self, call: Call, from: &str) -> Seen {
        let (server, mut browser, forwarded) = (self.server, self.fresh.clone(), [("X-Forwarded-For", from)]);
        match call {
            Call::Login => {
                let page = browser.get("/login").await;
                let csrf = page.csrf();
                // Another name each time: the account's own counter is not what is tested here.
                let name = format!("nobody-{}", page.header("x-request-id"));
                let form = [("csrf_token", csrf.as_str()), ("username", name.as_str()), ("password", "wrong")];
                browser.send(Method::POST, "/login", &[("Origin", ISSUER), forwarded[0]], Some(&form)).await
            }
            Call::Console => {
                browser.send(Method::GET, "/console/login", &[("X-Forwarded-For", desk(from))], None).await
            }
            Call::Authorize => {
                browser.send(Method::GET, &authorize_path("naybitono-mobile", &[]), &forwarded, None).await
            }
            Call::Token(client) => {
                self.post("/oauth/token", client, from, &[("client_id", client), ("grant_type", "x")]).await
            }
            Call::Unproven(client) => {
                let form = [("client_id", client), ("client_secret", "wrong"), ("token", "x")];
                self.post("/oauth/revoke", "", from, &form).await
            }
            Call::Garbage(client) => self.post("/oauth/introspect", client, from, &[("token", "garbage")]).await,
            Call::Revoke(client) => {
                self.post("/oauth/revoke", client, from, &[("client_id", client), ("token", "x")]).await
            }
            Call::Read(client) => {
                let bearer = server.machine_token(client).await;
                server.api_with("GET", "/api/v1/audit?limit=1", &bearer, None, &forwarded).await
            }
            Call::LookUp(username) => self.open(username, "").await,
            Call::Ask(username) => self.open(username, "/lockdown").await,
            Call::Lock(client) => {
                let bearer = server.machine_token(client).await;
                let body = Some(json!({ "reason": "phone stolen" }));
                let path = format!("/api/v1/customers/{JOHN}/lockdown");
                server.api_with("POST", &path, &bearer, body, &forwarded).await
            }
        }
    }
}

impl Call {
    /// What a 429 looks like to this caller.
    fn is_too_many(self, seen: &Seen) {
        assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS, "{self:?}: {}", seen.body);
        let wait: u64 = seen.header("retry-after").parse().expect("seconds");
        assert!((1..=60).contains(&wait), "{self:?}: {wait}");
        match self {
            Self::Login | Self::Console | Self::Authorize | Self::LookUp(_) | Self::Ask(_) => {
                assert!(seen.body.contains("Please wait"), "{}", seen.body);
            }
            Self::Read(_) | Self::Lock(_) => {
                assert_eq!(seen.header("content-type"), "application/problem+json", "{self:?}");
                assert_eq!(seen.json()["status"], json!(429));
            }
            Self::Token(_) | Self::Unproven(_) | Self::Garbage(_) | Self::Revoke(_) => {
                assert_eq!(seen.header("content-type"), "application/json", "{self:?}");
                assert_eq!(seen.error(), "temporarily_unavailable");
            }
        }
    }
}

/// Uses up an allowance but for the last so many.
async fn db_use_up(server: &TestServer, rule: Rule, key: &str, left: u32) {
    let now = server.app.clock.now();
    if left > 0 {
        for _ in left..rule.per_minute() {
            server.app.limits.take(rule, key, now).await.expect("within the limit");
        }
        return;
    }
    // And what comes back within the next half minute, so that a slow machine sees the same.
    let later = now + TimeDelta::seconds(30);
    while server.app.limits.take(rule, key, later).await.is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_01_every_rule_lets_the_last_one_through_and_stops_the_next() {
    let server = server().await;
    let cases = [
        (Rule::SignInPerAddress, Call::Login, HERE, None),
        (Rule::StaffSignInPerAddress, Call::Console, desk(HERE), None),
        (Rule::AuthorizePerAddress, Call::Authorize, HERE, None),
        (Rule::TokenPerAddress, Call::Token("naybitono-mobile"), HERE, None),
        (Rule::TokenPerClient, Call::Token("naybitono-web"), "naybitono-web", Some(Call::Token("batch-job"))),
        (Rule::FailedClientAuthPerAddress, Call::Unproven("naybitono-web"), HERE, None),
        (
            Rule::FailedClientAuthPerClient,
            Call::Unproven("post-client"),
            "post-client",
            Some(Call::Unproven("ops-desk")),
        ),
        (Rule::GarbageTokensPerCaller, Call::Garbage("accounts-api"), "accounts-api", Some(Call::Garbage("other-api"))),
        (Rule::MachineReadPerClient, Call::Read("ops-desk"), "ops-desk", None),
        (Rule::RevokePerClient, Call::Revoke("naybitono-web"), "naybitono-web", Some(Call::Revoke("batch-job"))),
        (Rule::RevokePerClient, Call::Lock("fraud-desk"), "fraud-desk", None),
        (Rule::LookUpPerStaff, Call::LookUp("the-agent"), "the-agent", Some(Call::LookUp("the-supervisor"))),
        (Rule::AskPerStaff, Call::Ask("the-agent"), "the-agent", Some(Call::Ask("the-supervisor"))),
    ];
    // Two rules stop nobody: they say when operators are told (INT-13).
    let quiet = [Rule::GarbageAlarmPerCaller, Rule::ToldPerKey];
    // Of somebody who is signed in, which would run out meanwhile: `console_customers` tests it.
    let elsewhere = [Rule::LookUpPerStaff];
    for rule in Rule::ALL.into_iter().filter(|rule| !quiet.contains(rule) && !elsewhere.contains(rule)) {
        assert!(cases.iter().any(|case| case.0 == rule), "{rule:?} is not tested");
    }
    let callers = Callers::of(&server);
    for (rule, call, key, other) in cases {
        server.wait(61);
        db_use_up(&server, rule, key, 1).await;
        let last = callers.make(call, HERE).await;
        assert_ne!(last.status, StatusCode::TOO_MANY_REQUESTS, "{rule:?} at its limit: {}", last.body);
        server.wait(61);
        db_use_up(&server, rule, key, 0).await;
        call.is_too_many(&callers.make(call, HERE).await);
        let beside = match other {
            Some(other) => callers.make(other, HERE).await,
            None if key == HERE || key == desk(HERE) => callers.make(call, ELSEWHERE).await,
            None => continue,
        };
        assert_ne!(beside.status, StatusCode::TOO_MANY_REQUESTS, "{rule:?} limits others too: {}", beside.body);
        server.wait(61);
        let again = callers.make(call, HERE).await;
        assert_ne!(again.status, StatusCode::TOO_MANY_REQUESTS, "{rule:?} never ends: {}", again.body);
    }
}

/// How many calls get through before the first 429, and how long that took.
async fn let_through(server: &TestServer, call: Call, from: impl Fn(u32) -> String) -> (u32, Duration) {
    let (callers, started) = (Callers::of(server), Instant::now());
    for count in 0..100_000 {
        let seen = callers.make(call, &from(count)).await;
        if seen.status == StatusCode::TOO_MANY_REQUESTS {
            call.is_too_many(&seen);
            return (count, started.elapsed());
        }
    }
    panic!("{call:?} is never stopped");
}

fn is_limited(rule: Rule, (count, took): (u32, Duration)) {
    let back = u64::from(rule.per_minute()) * took.as_secs().saturating_add(1) / 60 + 1;
    let most = u64::from(rule.per_minute()) + back;
    assert!(u64::from(count) >= u64::from(rule.per_minute()), "{rule:?} stopped after {count}");
    assert!(u64::from(count) <= most, "{rule:?} let {count} through in {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_01_no_more_than_the_table_says_get_through_one_by_one() {
    let server = server().await;
    for (rule, call) in [
        (Rule::SignInPerAddress, Call::Login),
        (Rule::AuthorizePerAddress, Call::Authorize),
        (Rule::FailedClientAuthPerAddress, Call::Unproven("naybitono-web")),
    ] {
        is_limited(rule, let_through(&server, call, |_| HERE.to_owned()).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_01_http_14_an_ipv6_network_is_one_address_and_forged_addresses_are_none() {
    let server = server().await;
    let same = |count: u32| format!("2001:db8:1:2:{count:x}::{count:x}");
    is_limited(Rule::AuthorizePerAddress, let_through(&server, Call::Authorize, same).await);
    let next = Callers::of(&server).make(Call::Authorize, "2001:db8:1:3::1").await;
    assert_eq!(next.status, StatusCode::SEE_OTHER, "the next network");
    assert_eq!(address_key("2001:db8:1:2::9".parse().expect("address")), "2001:db8:1:2::/64");

    let open = TestServer::start_with(&[("limit_scale", "1")]).await;
    let forged = |count: u32| format!("203.0.113.{}", count % 250);
    is_limited(Rule::AuthorizePerAddress, let_through(&open, Call::Authorize, forged).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_03_checks_and_lockdowns_of_good_callers_are_not_starved_by_floods() {
    let server = server().await;
    let pair = server.pair("naybitono-mobile").await;
    let bearer = server.machine_token("fraud-desk").await;
    // The flood comes from where the good callers are.
    for rule in [
        Rule::SignInPerAddress,
        Rule::AuthorizePerAddress,
        Rule::TokenPerAddress,
        Rule::FailedClientAuthPerAddress,
        Rule::FailedClientAuthPerClient,
        Rule::MachineReadPerClient,
    ] {
        for key in ["127.0.0.1", HERE, "accounts-api", "fraud-desk", "naybitono-mobile"] {
            db_use_up(&server, rule, key, 0).await;
        }
    }
    db_use_up(&server, Rule::GarbageTokensPerCaller, "accounts-api", 0).await;
    let callers = Callers::of(&server);
    for call in [Call::Token("naybitono-mobile"), Call::Garbage("accounts-api")] {
        call.is_too_many(&callers.make(call, HERE).await);
    }
    assert!(server.is_active(&pair.access).await, "genuine tokens are always judged");
    let path = format!("/api/v1/customers/{JOHN}/lockdown");
    let locked = server.api("POST", &path, &bearer, Some(json!({ "reason": "phone stolen" }))).await;
    assert_eq!(locked.status, StatusCode::OK, "{}", locked.body);
    assert!(!server.is_active(&pair.access).await);
    let revoke = [("client_id", "naybitono-mobile"), ("token", pair.refresh.as_str())];
    assert_eq!(server.post("/oauth/revoke", None, &revoke).await.status, StatusCode::OK);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("code_verifier", VERIFIER)];
    assert_eq!(server.token("naybitono-mobile", &refresh).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_01_a_limit_that_was_hit_is_written_down_once_a_minute() {
    let server = server().await;
    let rows = async || server.audit("rate_limit").await;
    let call = Call::Login;
    let callers = Callers::of(&server);
    let key = address_key(HERE.parse().unwrap());
    while server.app.limits.take(Rule::SignInPerAddress, &key, server.app.clock.now()).await.is_ok() {}
    for _ in 0..3 {
        assert_eq!(callers.make(call, HERE).await.status, StatusCode::TOO_MANY_REQUESTS);
    }
    let told = rows().await;
    assert_eq!(told.len(), 1, "a flood of requests is no flood of rows: {told:?}");
    assert_eq!((&told[0]["outcome"], &told[0]["target_kind"]), (&json!("refused"), &json!("limit")));
    assert_eq!((&told[0]["target_id"], &told[0]["reason"]), (&json!("sign_in_per_address"), &json!(HERE)));
}
