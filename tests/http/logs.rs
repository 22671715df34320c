//! The log of the real program: one JSON object per line whatever is sent, and no token in it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::flow::authorize_path;
use crate::support::process::{Program, object};
use crate::support::{JOHN, TestServer, raw};

/// Sends bytes to the program and reads the answer.
async fn send(program: &Program, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", program.port)).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("sent");
    raw::read(&mut stream, Duration::from_secs(2)).await
}

/// Text that would forge or break a line, if a line were built from it.
fn hostile() -> Vec<String> {
    let forged = "\"}\n{\"level\":\"INFO\",\"message\":\"forged\"}";
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    vec![
        encoded(forged),
        encoded("a\r\nforged: line"),
        encoded("\u{1b}[2J\u{1b}[31mforged"),
        encoded("\u{202e}degrof\u{2066}"),
        "\"},{\"message\":\"forged\"".to_owned(),
        "\\\"\\u000aforged".to_owned(),
        "forged".repeat(1_000),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_05_nothing_that_is_sent_forges_or_breaks_a_log_line() {
    let program = Program::start("trace").await;
    for text in hostile() {
        let form = format!("grant_type=refresh_token&refresh_token=x&client_id={text}");
        let header: String = text.chars().filter(|c| !c.is_control()).collect();
        for request in [
            format!(
                "POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nUser-Agent: {header}\r\n\
                 X-Request-Id: {header}\r\nX-Forwarded-For: {header}\r\nAuthorization: {header}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                form.len()
            ),
            format!(
                "GET /oauth/authorize?client_id={text}&login_hint={text} HTTP/1.1\r\nHost: {header}\r\nConnection: close\r\n\r\n"
            ),
            format!(
                "GET /{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {header}\r\n\r\n",
                text.replace('"', "%22")
            ),
        ] {
            send(&program, &request).await;
        }
    }
    send(&program, "GET /the-end HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let lines = program.until("/the-end");
    let objects: Vec<Value> = lines.iter().map(|line| object(line)).collect();
    assert!(objects.len() >= hostile().len() * 2, "{lines:#?}");
    for (line, told) in lines.iter().zip(&objects) {
        assert!(line.len() < 1_000, "a line has a bounded length: {} bytes", line.len());
        assert!(!line.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{2069}').contains(&c)), "{line:?}");
        assert_ne!(told["message"], json!("forged"), "{line}");
        assert!(told["timestamp"].is_string() && told["level"].is_string() && told["message"].is_string(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_05_names_and_programs_are_kept_harmless_and_short() {
    let server = TestServer::start().await;
    let odd = "\u{1b}[31mred\r\nforged\u{202e}desrever\u{2066}x\u{2028}y\u{9b}z";
    let escaped: String = url::form_urlencoded::byte_serialize(odd.as_bytes()).collect();
    let path = authorize_path("naybitono-mobile", &[("device_model", &"m".repeat(5_000))]);
    let refused = server.call("GET", &format!("{path}&device_name={escaped}"), &[], "").await;
    assert_eq!(refused.status.as_u16(), 400, "control characters are refused");

    let turned = [("device_name", "\u{202e}desrever\u{2066}x\u{2028}y"), ("device_model", &"m".repeat(5_000))];
    server.code_for("naybitono-mobile", JOHN, &turned).await;
    let ops = server.machine_token("ops-desk").await;
    let devices = server.api("GET", &format!("/api/v1/customers/{JOHN}/devices"), &ops, None).await.json();
    let details = &devices["items"][0]["details"];
    assert_eq!(details["name"], json!("desreverxy"));
    assert_eq!(details["model"], json!("m".repeat(200)));

    let form = "client_id=nobody&grant_type=refresh_token";
    let agent = format!("\u{202e}{}\u{2069}\u{85}", "a".repeat(2_000));
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nUser-Agent: {agent}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    assert_eq!(raw::status(&raw::send(&server, request.as_bytes()).await), 401);
    let trail = server.api("GET", "/api/v1/audit?limit=200", &ops, None).await.json();
    let rows = trail["items"].as_array().expect("rows");
    let row = rows.iter().rfind(|row| row["action"] == json!("client_authentication")).expect("the refusal");
    assert_eq!(row["agent"], json!("a".repeat(200)));
}

#[tokio::test(flavor = "multi_thread")]
async fn bea_02_a_token_in_a_url_is_no_credential_and_is_never_logged() {
    let program = Program::start("trace").await;
    let token = format!("nyb_at_{}", "canary".repeat(13));
    for path in [
        format!("/api/v1/audit?access_token={token}"),
        format!("/api/v1/audit?token={token}"),
        format!("/oauth/token?access_token={token}"),
        format!("/login?code={token}"),
        format!("/{token}"),
        format!("/api/v1/sessions/{token}"),
    ] {
        let answer =
            send(&program, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
        assert!(!answer.contains("canary"), "{path}: {answer}");
        let expected = if path.contains("/audit") { 401 } else { raw::status(&answer) };
        assert_eq!(raw::status(&answer), expected, "{path}: {answer}");
    }
    let both = format!(
        "GET /api/v1/audit?access_token={token} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nCookie: access_token={token}\r\n\r\n"
    );
    assert_eq!(raw::status(&send(&program, &both).await), 400, "two ways at once");
    send(&program, "GET /the-end HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    let lines = program.until("/the-end");
    assert!(lines.iter().any(|line| line.contains("/api/v1/audit")), "the requests were logged");
    for line in lines {
        assert!(!line.contains("canary"), "{line}");
    }
}
