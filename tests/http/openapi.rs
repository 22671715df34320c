//! The description of the API for machines, held against what is mounted and what is really answered.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use rescind::model::client::ClientType;
use rescind::model::scope::MACHINE_SCOPES;
use serde_json::{Map, Value, json};

use crate::support::browser::Seen;
use crate::support::{JOHN, TestServer, new_client, raw};

const NOWHERE: &str = "01920f6e-0000-7000-8000-000000000000";
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

async fn document(server: &TestServer) -> Value {
    let seen = server.api("GET", "/api/v1/openapi.json", "", None).await;
    assert_eq!((seen.status, seen.header("content-type")), (StatusCode::OK, "application/json"));
    seen.json()
}

/// Every operation as (method, path, operation).
fn operations(document: &Value) -> Vec<(String, String, &Map<String, Value>)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("a path item") {
            assert!(METHODS.contains(&method.as_str()), "{path} {method}");
            all.push((method.clone(), path.clone(), operation.as_object().expect("an operation")));
        }
    }
    all
}

/// Follows a `$ref` within the document.
fn resolved<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(to) => {
            let path = to.strip_prefix('#').expect("a reference within the document");
            resolved(document, document.pointer(path).unwrap_or_else(|| panic!("{to} leads nowhere")))
        }
        None => value,
    }
}

/// Fails unless a value is exactly what a schema says: type, constant, members, no member more or less.
fn conforms(document: &Value, schema: &Value, value: &Value, at: &str) {
    let schema = resolved(document, schema);
    let known = "type const enum description properties required additionalProperties items format pattern minimum \
                 maximum minLength maxLength";
    for word in schema.as_object().expect("a schema").keys() {
        assert!(known.split_whitespace().any(|name| name == word), "{at}: this test does not know {word}");
    }
    if let Some(wanted) = schema.get("const") {
        assert_eq!(value, wanted, "{at}");
    }
    if let Some(wanted) = schema["enum"].as_array() {
        assert!(wanted.contains(value), "{at}: {value} is none of {wanted:?}");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    assert!(types.is_empty() || types.contains(&type_of(value)), "{at}: {value} is no {types:?}");
    if let (Some("uuid"), Some(text)) = (schema["format"].as_str(), value.as_str()) {
        assert!(uuid::Uuid::parse_str(text).is_ok(), "{at}: {text}");
    }
    if let (Some("date-time"), Some(text)) = (schema["format"].as_str(), value.as_str()) {
        assert!(chrono::DateTime::parse_from_rfc3339(text).is_ok(), "{at}: {text}");
    }
    if let (Some(members), Some(of)) = (value.as_object(), schema["properties"].as_object()) {
        let (found, documented): (BTreeSet<&String>, BTreeSet<&String>) =
            (members.keys().collect(), of.keys().collect());
        assert_eq!(found, documented, "{at}: exactly the documented members");
        for (name, member) in members {
            conforms(document, &of[name], member, &format!("{at}.{name}"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        conforms(document, &schema["items"], item, &format!("{at}[]"));
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Fails unless an answer is documented: status, media type, body, and the headers that must come with it.
fn is_documented(document: &Value, method: &str, path: &str, seen: &Seen) {
    let at = format!("{method} {path} {}", seen.status.as_u16());
    let operation = &document["paths"][path][method];
    let answer = &operation["responses"][seen.status.as_str()];
    assert!(!answer.is_null(), "{at} is not documented: {}", seen.body);
    let answer = resolved(document, answer);
    let kind = seen.header("content-type");
    let schema = &answer["content"][kind]["schema"];
    assert!(!schema.is_null(), "{at}: {kind:?} is not documented");
    conforms(document, schema, &seen.json(), &at);
    for name in answer["headers"].as_object().map(|all| all.keys()).into_iter().flatten() {
        let optional = seen.status == StatusCode::FORBIDDEN;
        assert!(optional || !seen.header(name).is_empty(), "{at}: {name} is missing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_mounted_is_described_and_nothing_else() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    let described: BTreeSet<(String, String)> =
        operations(&document).into_iter().map(|(method, path, _)| (method.to_uppercase(), path)).collect();
    let mounted: BTreeSet<(String, String)> = rescind::web::mount(server.app.clone())
        .routes()
        .filter(|route| route.uri.path().starts_with("/api/"))
        .map(|route| (route.method.to_string(), route.uri.path().replace('<', "{").replace('>', "}")))
        .collect();
    assert_eq!(mounted, described);

    for (_, path, operation) in operations(&document) {
        let wanted: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let given = operation.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
        let in_path = given.iter().map(|one| resolved(&document, one)).filter(|one| one["in"] == "path");
        assert_eq!(in_path.map(|one| one["name"].as_str().unwrap()).collect::<BTreeSet<_>>(), wanted, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_whole() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["info"]["title"].is_string() && document["info"]["version"].is_string());
    every_reference_leads_somewhere(&document, &document);
    let scopes =
        &document["components"]["securitySchemes"]["clientCredentials"]["flows"]["clientCredentials"]["scopes"];
    let (mut ids, mut used) = (BTreeSet::new(), BTreeSet::new());
    for (method, path, operation) in operations(&document) {
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path}: a second operation");
        let open = path == "/api/v1/openapi.json";
        let security = operation["security"].as_array().unwrap();
        assert_eq!(security.is_empty(), open, "{path}");
        used.extend(security.iter().map(|one| one["clientCredentials"][0].as_str().unwrap().to_owned()));
        let statuses: BTreeSet<&str> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut wanted = if open { vec!["200", "500"] } else { vec!["200", "400", "401", "403", "429", "500", "503"] };
        wanted.extend(path.contains('{').then_some("404"));
        wanted.extend((method == "post").then_some(["408", "411", "413", "415"]).into_iter().flatten());
        wanted.extend(path.ends_with("/unlock").then_some("409"));
        let has_key = method == "delete" || path.ends_with("/lockdown") || path.ends_with("/unlock");
        wanted.extend(has_key.then_some("422"));
        assert_eq!(statuses, wanted.into_iter().collect(), "{method} {path}");
    }
    let known: BTreeSet<String> = scopes.as_object().unwrap().keys().cloned().collect();
    assert_eq!(known, used, "every scope is used and every used one is known");
    assert!(known.iter().all(|scope| MACHINE_SCOPES.contains(&scope.as_str())));
}

fn every_reference_leads_somewhere(document: &Value, value: &Value) {
    resolved(document, value);
    match value {
        Value::Object(members) => members.values().for_each(|member| every_reference_leads_somewhere(document, member)),
        Value::Array(items) => items.iter().for_each(|item| every_reference_leads_somewhere(document, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_answers_carry_exactly_the_documented_members() {
    let server = TestServer::start().await;
    let document = document(&server).await;
    let pair = server.pair("naybitono-mobile").await;
    let token = server.introspect("accounts-api", &pair.access).await.json();
    let (ops, fraud) = (server.machine_token("ops-desk").await, server.machine_token("fraud-desk").await);
    let branch = server.machine_token("branch-desk").await;
    let id = |name: &str| token[name].as_str().unwrap().to_owned();
    let lock = json!({ "reason": "stolen", "note": "at the market" });
    let unlock = json!({ "reason": "checked", "approved_by": "the-supervisor" });
    let customer = format!("/api/v1/customers/{JOHN}");
    let key = [("Idempotency-Key", "k")];
    for (method, path, sent, bearer, body, status) in [
        ("get", "/api/v1/customers/{id}", customer.clone(), &ops, None, 200),
        ("get", "/api/v1/customers/{id}/sessions", format!("{customer}/sessions?limit=1"), &ops, None, 200),
        ("get", "/api/v1/customers/{id}/devices", format!("{customer}/devices"), &ops, None, 200),
        ("get", "/api/v1/customers/{id}/sessions", format!("{customer}/sessions?limit=0"), &ops, None, 400),
        ("delete", "/api/v1/sessions/{id}", format!("/api/v1/sessions/{}", id("sid")), &ops, None, 200),
        ("delete", "/api/v1/devices/{id}", format!("/api/v1/devices/{}", id("device_id")), &ops, None, 422),
        ("delete", "/api/v1/devices/{id}", format!("/api/v1/devices/{NOWHERE}"), &fraud, None, 403),
        ("delete", "/api/v1/sessions/{id}", format!("/api/v1/sessions/{NOWHERE}"), &pair.access, None, 401),
        ("post", "/api/v1/customers/{id}/lockdown", format!("{customer}/lockdown"), &fraud, Some(lock.clone()), 200),
        (
            "post",
            "/api/v1/customers/{id}/lockdown",
            "/api/v1/customers/x/lockdown".to_owned(),
            &fraud,
            Some(json!(1)),
            400,
        ),
        ("get", "/api/v1/customers/{id}", customer.clone(), &ops, None, 200),
        ("get", "/api/v1/customers/{id}/devices", format!("{customer}/devices"), &ops, None, 200),
        ("post", "/api/v1/customers/{id}/unlock", format!("{customer}/unlock"), &branch, Some(unlock.clone()), 200),
        ("post", "/api/v1/customers/{id}/unlock", format!("{customer}/unlock"), &branch, Some(unlock.clone()), 200),
        ("get", "/api/v1/customers/{id}", "/api/v1/customers/x".to_owned(), &ops, None, 404),
        ("get", "/api/v1/audit", "/api/v1/audit?limit=200".to_owned(), &ops, None, 200),
        ("get", "/api/v1/audit", "/api/v1/audit?cursor=x".to_owned(), &ops, None, 400),
    ] {
        let seen = server.api_with(&method.to_uppercase(), &sent, bearer, body, &key).await;
        assert_eq!(seen.status.as_u16(), status, "{sent}: {}", seen.body);
        is_documented(&document, method, path, &seen);
    }
    server.db_refuse_audit().await;
    for (method, path, sent, bearer, body) in [
        ("post", "/api/v1/customers/{id}/lockdown", format!("{customer}/lockdown"), &fraud, Some(lock)),
        ("delete", "/api/v1/devices/{id}", format!("/api/v1/devices/{}", id("device_id")), &ops, None),
        ("get", "/api/v1/customers/{id}", customer.clone(), &ops, None),
        ("get", "/api/v1/audit", "/api/v1/audit".to_owned(), &ops, None),
    ] {
        let seen = server.api(&method.to_uppercase(), &sent, bearer, body).await;
        assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE, "{sent}");
        is_documented(&document, method, path, &seen);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_before_the_route_are_documented_too() {
    let mut server = TestServer::start_with(&[("limit_scale", "1")]).await;
    server.db_client(new_client("flood-desk", ClientType::Confidential, "sessions:read")).await;
    let document = document(&server).await;
    let fraud = server.machine_token("fraud-desk").await;
    let (path, sent) = ("/api/v1/customers/{id}/lockdown", format!("/api/v1/customers/{JOHN}/lockdown"));
    let long = json!({ "reason": "x".repeat(70_000) });
    let text = [("Content-Type", "text/plain")];
    for (seen, status) in [
        (server.api("POST", &sent, &fraud, Some(long)).await, 413),
        (server.api_with("POST", &sent, &fraud, None, &text).await, 415),
        (server.api("POST", &sent, "", None).await, 401),
    ] {
        assert_eq!(seen.status.as_u16(), status, "{}", seen.body);
        is_documented(&document, "post", path, &seen);
    }
    let chunked = format!(
        "POST {sent} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {fraud}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
    );
    assert_eq!(raw::status(&raw::send(&server, chunked.as_bytes()).await), 411);

    let flood = server.machine_token("flood-desk").await;
    let mut last = None;
    for _ in 0..1_500 {
        let seen = server.api("GET", "/api/v1/customers/x", &flood, None).await;
        if seen.status == StatusCode::TOO_MANY_REQUESTS {
            last = Some(seen);
            break;
        }
    }
    is_documented(&document, "get", "/api/v1/customers/{id}", &last.expect("a limit"));
    let locked = server.api("POST", &sent, &fraud, Some(json!({ "reason": "x" }))).await;
    assert_eq!(locked.status, StatusCode::OK, "a flood of reads holds up no lockdown");
}
