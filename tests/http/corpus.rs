//! Requests as no client should send them, at every direct endpoint: each gets one answer, the right one, and the next caller
//! is served as ever.

use crate::support::TestServer;
use crate::support::raw::{send, status};

/// Read as any other request: what is odd about it changes nothing, or is for the proxy in front to refuse.
const SERVED: u16 = 0;

const DIRECT: [&str; 3] = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"];
/// Told back by nobody.
const CANARY: &str = "k4n4ry";

/// A request, written by hand. What is empty is left out.
#[derive(Clone, Copy)]
struct Raw {
    method: &'static str,
    /// After the path.
    target: &'static str,
    version: &'static str,
    host: &'static str,
    kind: &'static str,
    more: &'static str,
    body: &'static str,
    /// Instead of the body's own length.
    length: &'static str,
}

const GOOD: Raw = Raw {
    method: "POST",
    target: "",
    version: "HTTP/1.1",
    host: "Host: localhost\r\n",
    kind: "Content-Type: application/x-www-form-urlencoded\r\n",
    more: "",
    body: "token=x&grant_type=refresh_token&refresh_token=x",
    length: "",
};

impl Raw {
    fn bytes(self, path: &str, auth: &str) -> String {
        let length = if self.length.is_empty() { self.body.len().to_string() } else { self.length.to_owned() };
        let length = if length == "none" { String::new() } else { format!("Content-Length: {length}\r\n") };
        format!(
            "{} {path}{} {}\r\n{}Authorization: {auth}\r\nX-Canary: {CANARY}\r\nConnection: close\r\n{}{}{length}\r\n{}",
            self.method, self.target, self.version, self.host, self.kind, self.more, self.body
        )
    }
}

#[rustfmt::skip]
const CORPUS: &[(&str, u16, Raw)] = &[
    ("a method in lower case", 400, Raw { method: "post", ..GOOD }),
    ("another method", 405, Raw { method: "PUT", ..GOOD }),
    ("PATCH", 405, Raw { method: "PATCH", ..GOOD }),
    ("DELETE", 405, Raw { method: "DELETE", ..GOOD }),
    ("GET with a body", 405, Raw { method: "GET", ..GOOD }),
    ("HEAD", 405, Raw { method: "HEAD", body: "", ..GOOD }),
    ("no method", 400, Raw { method: "", ..GOOD }),
    ("a method with a colon", 400, Raw { method: "PO:ST", ..GOOD }),
    ("HTTP/1.0", SERVED, Raw { version: "HTTP/1.0", ..GOOD }),
    ("HTTP/0.9", 400, Raw { version: "", ..GOOD }),
    ("HTTP/2.0 in text", 400, Raw { version: "HTTP/2.0", ..GOOD }),
    ("HTTP/1.2", 400, Raw { version: "HTTP/1.2", ..GOOD }),
    ("no HTTP", 400, Raw { version: "SPDY/3", ..GOOD }),
    ("a version in lower case", 400, Raw { version: "http/1.1", ..GOOD }),
    ("no host", SERVED, Raw { host: "", ..GOOD }),
    ("an unknown host", SERVED, Raw { host: "Host: evil.example\r\n", ..GOOD }),
    ("a host with a user", SERVED, Raw { host: "Host: a@localhost\r\n", ..GOOD }),
    ("a space before the colon", 400, Raw { more: "X-Odd : 1\r\n", ..GOOD }),
    ("a header without a colon", 400, Raw { more: "Odd\r\n", ..GOOD }),
    ("a header without a name", 400, Raw { more: ": x\r\n", ..GOOD }),
    ("a header name with a space", 400, Raw { more: "X Odd: 1\r\n", ..GOOD }),
    ("a header name in brackets", 400, Raw { more: "X(Odd): 1\r\n", ..GOOD }),
    ("a bare LF", SERVED, Raw { more: "X-Odd: 1\nX-Other: 2\r\n", ..GOOD }),
    ("an empty header", SERVED, Raw { more: "X-Odd:\r\n", ..GOOD }),
    ("two authorizations", 400, Raw { more: "Authorization: Basic eDp5\r\n", ..GOOD }),
    ("an override by header", SERVED, Raw { more: "X-HTTP-Method-Override: DELETE\r\n", ..GOOD }),
    ("an override by form", SERVED, Raw { body: "_method=DELETE&token=x&grant_type=refresh_token&refresh_token=x", ..GOOD }),
    ("an expectation", SERVED, Raw { more: "Expect: 100-continue\r\n", ..GOOD }),
    ("an expectation that can't be met", SERVED, Raw { more: "Expect: tea\r\n", ..GOOD }),
    ("an upgrade", SERVED, Raw { more: "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", ..GOOD }),
    ("a coding", 415, Raw { more: "Content-Encoding: gzip\r\n", ..GOOD }),
    ("a range", SERVED, Raw { more: "Range: bytes=0-1\r\n", ..GOOD }),
    ("no type", 415, Raw { kind: "", ..GOOD }),
    ("JSON", 415, Raw { kind: "Content-Type: application/json\r\n", body: "{\"token\":\"x\"}", ..GOOD }),
    ("parts", 415, Raw { kind: "Content-Type: multipart/form-data; boundary=a\r\n", body: "--a\r\n\r\n--a--", ..GOOD }),
    ("another charset", 415, Raw { kind: "Content-Type: application/x-www-form-urlencoded; charset=utf-7\r\n", ..GOOD }),
    ("the charset", SERVED, Raw { kind: "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n", ..GOOD }),
    ("a type that is none", 415, Raw { kind: "Content-Type: ;;;\r\n", ..GOOD }),
    ("two types", 415, Raw { more: "Content-Type: application/json\r\n", ..GOOD }),
    ("no length", 400, Raw { length: "none", ..GOOD }),
    ("a shorter length", SERVED, Raw { length: "48", body: "token=x&grant_type=refresh_token&refresh_token=xGET / HTTP/1.1\r\n\r\n", ..GOOD }),
    ("a length with a space", 400, Raw { length: "4 8", ..GOOD }),
    ("a length in hex", 400, Raw { length: "0x30", ..GOOD }),
    ("a length beyond all", 400, Raw { length: "99999999999999999999", ..GOOD }),
    ("twice the same length", SERVED, Raw { more: "Content-Length: 48\r\n", ..GOOD }),
    ("a chunk that is none", 411, Raw { more: "Transfer-Encoding: chunked\r\n", length: "none", body: "zz\r\ntoken=x\r\n0\r\n\r\n", ..GOOD }),
    ("a parameter twice", 400, Raw { body: "token=x&token=y&grant_type=x&grant_type=y", ..GOOD }),
    ("a parameter in the query", 400, Raw { target: "?token=x", ..GOOD }),
    ("a secret in the query", 400, Raw { target: "?client_secret=x", ..GOOD }),
    ("a NUL", 400, Raw { body: "token=%00&grant_type=%00", ..GOOD }),
    ("half an escape", 400, Raw { body: "token=%4&grant_type=%4", ..GOOD }),
    ("no UTF-8", 400, Raw { body: "token=%ff&grant_type=%ff", ..GOOD }),
    ("half a pair", 400, Raw { body: "token=%ed%a0%80&grant_type=%ed%a0%80", ..GOOD }),
    ("nothing", 400, Raw { body: "", ..GOOD }),
    ("only signs", 400, Raw { body: "&&==&=&", ..GOOD }),
    ("a fragment", SERVED, Raw { target: "#x", ..GOOD }),
    ("a path further", 404, Raw { target: "/more", ..GOOD }),
    ("a path of dots", 404, Raw { target: "/..%2f", ..GOOD }),
    ("a slash more", SERVED, Raw { target: "/", ..GOOD }),
    ("a semicolon", 404, Raw { target: ";x=1", ..GOOD }),
    ("a space in the path", 400, Raw { target: " x", ..GOOD }),
    ("a NUL in the path", 400, Raw { target: "\0", ..GOOD }),
];

/// The status of an answer, whatever was said before it.
fn of_the_end(answer: &str) -> u16 {
    status(answer.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(answer))
}

/// Whether a request was read as any other: what it asked for was looked at.
fn is_served(path: &str, answer: &str) -> bool {
    match path {
        "/oauth/token" => of_the_end(answer) == 400 && answer.contains("\"unauthorized_client\""),
        "/oauth/introspect" => of_the_end(answer) == 200 && answer.ends_with("{\"active\":false}"),
        _ => of_the_end(answer) == 200,
    }
}

async fn try_all(settings: &[(&'static str, &str)]) {
    let server = TestServer::start_with(settings).await;
    let auth = server.basic("accounts-api");
    for path in DIRECT {
        for (what, expected, raw) in CORPUS {
            let answer = send(&server, raw.bytes(path, &auth).as_bytes()).await;
            let is_right = match *expected {
                SERVED => is_served(path, &answer),
                expected => of_the_end(&answer) == expected && !is_served(path, &answer),
            };
            assert!(is_right, "{path}, {what}: {expected} was expected: {answer}");
            let ends = answer.matches("HTTP/1.").count() - answer.matches(" 100 Continue").count();
            assert_eq!(ends, 1, "{path}, {what}: one answer: {answer}");
            let lower = answer.to_ascii_lowercase();
            assert!(!answer.contains(CANARY) && !lower.contains("<html"), "{path}, {what}: {answer}");
        }
        let answer = send(&server, GOOD.bytes(path, &auth).as_bytes()).await;
        assert!(is_served(path, &answer), "afterwards, {path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_02_13_15_every_malformed_request_gets_one_right_answer() {
    try_all(&[("checks", "plain")]).await;
    // Where what is plain goes past the guards, too: the same, asked for the first time and again.
    try_all(&[("checks", "fast"), ("lease", "30")]).await;
}
