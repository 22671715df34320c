//! Every mounted route, for every kind of caller: one table of statuses. A route without a row fails the test.
//!
//! The requests are the ones each route is made for, so that who asks is the only difference between the columns. Ids
//! name nothing (404 means: let in, and nothing was found), except for John, who is there.

use std::collections::BTreeMap;

use serde_json::json;

use crate::support::browser::Browser;
use crate::support::call::{FORM, JSON};
use crate::support::flow::{CHALLENGE, authorize_path};
use crate::support::{JOHN, TestServer};
use rescind::model::staff::Role;

/// Who asks: a stranger; a customer's browser; a public and a confidential client; a resource server; machines with
/// `customers:lock`, `customers:unlock`, and `sessions:read sessions:revoke audit:read`; a customer's access token; staff
/// signed in to the console, by role.
const WHO: [&str; 14] = [
    "nobody",
    "customer",
    "public",
    "confidential",
    "resource",
    "lock",
    "unlock",
    "ops",
    "customer-token",
    "agent",
    "supervisor",
    "branch",
    "admin",
    "auditor",
];

/// Route, then a status per caller in the order of [`WHO`]. `GET` rows hold for `HEAD` too.
const TABLE: &str = "
GET    /.well-known/oauth-authorization-server   200 200 200 200 200 200 200 200 200  200 200 200 200 200
GET    /oauth/authorize                          303 303 303 303 303 303 303 303 303  303 303 303 303 303
POST   /oauth/authorize                          303 303 303 303 303 303 303 303 303  303 303 303 303 303
POST   /oauth/token                              401 401 400 400 400 401 401 401 401  401 401 401 401 401
OPTIONS /oauth/token                             204 204 204 204 204 204 204 204 204  204 204 204 204 204
POST   /oauth/introspect                         401 401 401 200 200 401 401 401 401  401 401 401 401 401
POST   /oauth/revoke                             401 401 200 200 200 401 401 401 401  401 401 401 401 401
OPTIONS /oauth/revoke                            204 204 204 204 204 204 204 204 204  204 204 204 204 204
GET    /login                                    200 200 200 200 200 200 200 200 200  200 200 200 200 200
POST   /login                                    400 400 400 400 400 400 400 400 400  400 400 400 400 400
GET    /consent                                  400 400 400 400 400 400 400 400 400  400 400 400 400 400
POST   /consent                                  400 400 400 400 400 400 400 400 400  400 400 400 400 400
GET    /account                                  303 200 303 303 303 303 303 303 303  303 303 303 303 303
POST   /account/sign-out                         303 403 303 303 303 303 303 303 303  303 303 303 303 303
GET    /signed-out                               200 200 200 200 200 200 200 200 200  200 200 200 200 200
GET    /static/style.css                         200 200 200 200 200 200 200 200 200  200 200 200 200 200
GET    /static/console.js                        200 200 200 200 200 200 200 200 200  200 200 200 200 200
GET    /static/icon.svg                          200 200 200 200 200 200 200 200 200  200 200 200 200 200
GET    /static/forget.svg                        200 200 200 200 200 200 200 200 200  200 200 200 200 200
GET    /console                                  303 303 303 303 303 303 303 303 303  200 200 200 200 200
GET    /console/login                            200 200 200 200 200 200 200 200 200  200 200 200 200 200
POST   /console/login                            400 400 400 400 400 400 400 400 400  400 400 400 400 400
POST   /console/sign-out                         403 403 403 403 403 403 403 403 403  403 403 403 403 403
GET    /console/customers                        303 303 303 303 303 303 303 303 303  200 200 200 403 403
GET    /console/customers/<id>                   303 303 303 303 303 303 303 303 303  200 200 200 403 403
GET    /console/customers/<id>/lockdown          303 303 303 303 303 303 303 303 303  200 200 200 403 403
POST   /console/customers/<id>/lockdown          403 403 403 403 403 403 403 403 403  404 404 404 403 403
GET    /console/customers/<id>/unlock            303 303 303 303 303 303 303 303 303  403 200 200 403 403
POST   /console/customers/<id>/unlock            403 403 403 403 403 403 403 403 403  403 404 404 403 403
GET    /console/devices/<id>                     303 303 303 303 303 303 303 303 303  404 404 404 403 403
GET    /console/devices/<id>/revoke              303 303 303 303 303 303 303 303 303  404 404 404 403 403
POST   /console/devices/<id>/revoke              403 403 403 403 403 403 403 403 403  404 404 404 403 403
GET    /console/sessions/<id>/revoke             303 303 303 303 303 303 303 303 303  404 404 404 403 403
POST   /console/sessions/<id>/revoke             403 403 403 403 403 403 403 403 403  404 404 404 403 403
GET    /console/incidents/<id>                   303 303 303 303 303 303 303 303 303  404 404 404 403 404
GET    /console/incidents                        303 303 303 303 303 303 303 303 303  200 200 200 403 200
GET    /console/audit                            303 303 303 303 303 303 303 303 303  403 403 403 403 200
GET    /console/staff                            303 303 303 303 303 303 303 303 303  403 403 403 200 403
GET    /console/clients                          303 303 303 303 303 303 303 303 303  403 403 403 200 403
GET    /health/live                              200 200 200 200 200 200 200 200 200  200 200 200 200 200
GET    /health/ready                             200 200 200 200 200 200 200 200 200  200 200 200 200 200
GET    /metrics                                  200 200 200 200 200 200 200 200 200  200 200 200 200 200
GET    /api/v1/openapi.json                      200 200 200 200 200 200 200 200 200  200 200 200 200 200
GET    /api/v1/customers/<id>                    401 401 401 401 401 403 403 200 401  401 401 401 401 401
GET    /api/v1/customers/<id>/sessions           401 401 401 401 401 403 403 200 401  401 401 401 401 401
GET    /api/v1/customers/<id>/devices            401 401 401 401 401 403 403 200 401  401 401 401 401 401
POST   /api/v1/customers/<id>/lockdown           401 401 401 401 401 404 403 403 401  401 401 401 401 401
POST   /api/v1/customers/<id>/unlock             401 401 401 401 401 403 404 403 401  401 401 401 401 401
DELETE /api/v1/sessions/<id>                     401 401 401 401 401 403 403 404 401  401 401 401 401 401
DELETE /api/v1/devices/<id>                      401 401 401 401 401 403 403 404 401  401 401 401 401 401
GET    /api/v1/audit                             401 401 401 401 401 403 403 200 401  401 401 401 401 401
GET    /_turned_away/plain                       400 400 400 400 400 400 400 400 400  400 400 400 400 400
GET    /_turned_away/to_https                    308 308 308 308 308 308 308 308 308  308 308 308 308 308
GET    /_turned_away/host                        421 421 421 421 421 421 421 421 421  421 421 421 421 421
GET    /_turned_away/console                     404 404 404 404 404 404 404 404 404  404 404 404 404 404
";

/// The table's rows: method, path, statuses.
fn rows() -> Vec<(&'static str, &'static str, Vec<u16>)> {
    let row = |line: &'static str| {
        let mut words = line.split_whitespace();
        let (method, path) = (words.next().expect("a method"), words.next().expect("a path"));
        (method, path, words.map(|word| word.parse().expect("a status")).collect())
    };
    TABLE.lines().filter(|line| !line.is_empty()).map(row).collect()
}

/// What each caller proves itself with: header and value.
async fn personas(server: &TestServer) -> BTreeMap<&'static str, (&'static str, String)> {
    let mut all = visitors(server).await;
    for role in Role::ALL {
        let browser = server.staff(role).await;
        let cookies: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        all.insert(role.as_str(), ("Cookie", cookies.join("; ")));
    }
    all
}

/// Everybody but staff.
async fn visitors(server: &TestServer) -> BTreeMap<&'static str, (&'static str, String)> {
    let mut browser = Browser::new(server);
    browser.authorize(&authorize_path("naybitono-mobile", &[]), JOHN).await;
    let cookies: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let bearer = async |client: &str| format!("Bearer {}", server.machine_token(client).await);
    BTreeMap::from([
        ("nobody", ("X-Nobody", String::new())),
        ("customer", ("Cookie", cookies.join("; "))),
        ("public", ("X-Public", "naybitono-mobile".to_owned())),
        ("confidential", ("Authorization", server.basic("naybitono-web"))),
        ("resource", ("Authorization", server.basic("accounts-api"))),
        ("lock", ("Authorization", bearer("fraud-desk").await)),
        ("unlock", ("Authorization", bearer("branch-desk").await)),
        ("ops", ("Authorization", bearer("ops-desk").await)),
        ("customer-token", ("Authorization", format!("Bearer {}", server.pair("naybitono-mobile").await.access))),
    ])
}

/// The request a route is made for. `csrf`: of the member of staff who asks; signing out is tried with a wrong one, so that
/// they stay signed in.
fn request(method: &str, path: &str, who: &str, csrf: &str) -> (String, (&'static str, &'static str), String) {
    let reads = path.starts_with("/console/customers") || path.starts_with("/api/v1/customers");
    let reads = method == "GET" && reads;
    let id = if reads { JOHN } else { "0198c0de-0000-7000-8000-000000000000" };
    let query = match path {
        "/oauth/authorize" if method == "GET" => {
            authorize_path("naybitono-mobile", &[]).split_once('?').map(|(_, query)| format!("?{query}"))
        }
        _ => None,
    };
    let client = if who == "public" { "&client_id=naybitono-mobile" } else { "" };
    let body = match (method, path) {
        ("POST", "/oauth/token") => format!("grant_type=authorization_code&code={CHALLENGE}{client}"),
        ("POST", "/oauth/introspect" | "/oauth/revoke") => format!("token=unknown{client}"),
        ("POST", path) if path.starts_with("/api/") => {
            json!({ "reason": "stolen", "approved_by": "the-supervisor" }).to_string()
        }
        ("POST", path) if path.starts_with("/console/") && !csrf.is_empty() && path != "/console/sign-out" => {
            format!("csrf_token={csrf}&reason=stolen")
        }
        ("POST", _) => "csrf_token=wrong&username=x&password=y&decision=approve".to_owned(),
        (_, _) => String::new(),
    };
    let kind = if path.starts_with("/api/") { JSON } else { FORM };
    (format!("{}{}", path.replace("<id>", id), query.unwrap_or_default()), kind, body)
}

/// The anti-forgery token of a member of staff's pages; empty for everybody else.
async fn csrf_of(
    server: &TestServer,
    who: &'static str,
    known: &mut BTreeMap<&'static str, String>,
    cookies: &str,
) -> String {
    if Role::from_name(who).is_none() {
        return String::new();
    }
    if !known.contains_key(who) {
        known.insert(who, server.call("GET", "/console", &[("Cookie", cookies)], "").await.csrf());
    }
    known[who].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mounted_route_has_a_row_and_every_row_a_route() {
    let server = TestServer::start().await;
    let mut mounted: Vec<String> = server.routes.iter().map(|(method, path)| format!("{method} {path}")).collect();
    let mut listed: Vec<String> = rows().iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    for (what, list) in [("mounted", &mut mounted), ("listed", &mut listed)] {
        list.sort();
        assert!(list.windows(2).all(|pair| pair[0] != pair[1]), "{what} twice: {list:#?}");
    }
    let unlisted: Vec<&String> = mounted.iter().filter(|route| !listed.contains(route)).collect();
    assert!(unlisted.is_empty(), "routes without a row in TABLE: {unlisted:#?}");
    let unmounted: Vec<&String> = listed.iter().filter(|route| !mounted.contains(route)).collect();
    assert!(unmounted.is_empty(), "rows of TABLE without a route: {unmounted:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_every_caller_as_the_table_says() {
    let server = TestServer::start().await;
    let personas = personas(&server).await;
    let (mut wrong, mut tokens) = (Vec::new(), BTreeMap::new());
    for (method, path, expected) in rows() {
        assert_eq!(expected.len(), WHO.len(), "{method} {path}");
        for (who, expected) in WHO.iter().zip(expected) {
            let (name, value) = &personas[who];
            let (to, kind, body) = request(method, path, who, &csrf_of(&server, who, &mut tokens, value).await);
            let own = ("Origin", crate::support::ISSUER);
            let headers: Vec<(&str, &str)> =
                if body.is_empty() { vec![own, (name, value)] } else { vec![own, kind, (name, value)] };
            let got = server.call(method, &to, &headers, &body).await.status.as_u16();
            if got != expected {
                wrong.push(format!("{method} {path} for {who}: {got}, not {expected}"));
            }
            if method == "GET" {
                let head = server.call("HEAD", &to, &headers, "").await.status.as_u16();
                let quiet = path == "/oauth/authorize";
                assert_eq!(head, if quiet { 200 } else { got }, "HEAD {path} for {who}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(server.db_count("SELECT COUNT(*) FROM incidents").await, 0, "and nobody was locked");
}
