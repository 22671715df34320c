//! Bodies and framing that no well-behaved client sends: too long, cut off, stalled, ambiguous.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::TestServer;
use crate::support::call::{FORM, JSON};
use crate::support::raw::{read, send, send_and_end, send_and_watch, status};

/// The head of a request to the introspection endpoint, open for more headers.
fn introspect(server: &TestServer) -> String {
    let auth = server.basic("accounts-api");
    format!(
        "POST /oauth/introspect HTTP/1.1\r\nHost: localhost\r\nAuthorization: {auth}\r\nContent-Type: {}\r\n",
        FORM.1
    )
}

/// How many answers came on one connection.
fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

fn assert_json_error(answer: &str, code: u16) {
    assert_eq!(status(answer), code, "{answer}");
    assert!(answer.contains("\r\ncontent-type: application/json\r\n"), "{answer}");
    assert!(answer.contains("{\"error\":\"invalid_request\",\"error_description\":\""), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_04_a_body_over_the_limit_is_refused_before_it_is_sent() {
    let server = TestServer::start().await;
    let fits = format!("token=x&pad={}", "a".repeat(32 * 1024 - "token=x&pad=".len()));
    let auth = server.basic("accounts-api");
    let seen = server.call("POST", "/oauth/introspect", &[("Authorization", &auth), FORM], &fits).await;
    assert_eq!(seen.status.as_u16(), 200, "the limit itself is allowed");

    let over = format!("{}Content-Length: {}\r\n\r\ntoken=only-the-beginning", introspect(&server), 32 * 1024 + 1);
    let (answer, closed) = send_and_watch(&server, over.as_bytes()).await;
    assert_json_error(&answer, 413);
    assert!(closed, "the rest is not read");

    let login = format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nOrigin: {}\r\nContent-Type: {}\r\nContent-Length: 40000\r\n\r\n\
         username=only-the-beginning",
        crate::support::ISSUER,
        FORM.1
    );
    assert_eq!(status(&send(&server, login.as_bytes()).await), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_04_json_has_a_limit_of_its_own() {
    let server = TestServer::start().await;
    let bearer = format!("Bearer {}", server.machine_token("fraud-desk").await);
    let body = |length: usize| {
        let rest = length - "{\"reason\":\"stolen\",\"more\":\"\"}".len();
        format!("{{\"reason\":\"stolen\",\"more\":\"{}\"}}", "a".repeat(rest))
    };
    let path = "/api/v1/customers/CUST_2/lockdown";
    let headers = [("Authorization", bearer.as_str()), JSON];
    let over = server.call("POST", path, &headers, &body(64 * 1024 + 1)).await;
    assert_eq!((over.status.as_u16(), over.header("content-type")), (413, "application/problem+json"));
    assert_eq!(server.db_count("SELECT COUNT(*) FROM incidents").await, 0);
    assert_eq!(server.call("POST", path, &headers, &body(64 * 1024)).await.status.as_u16(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_04_a_chunked_form_is_told_to_say_its_length() {
    let server = TestServer::start().await;
    for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke"] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n\r\n\
             7\r\ntoken=x\r\n0\r\n\r\n",
            FORM.1
        );
        let (answer, _) = send_and_watch(&server, request.as_bytes()).await;
        assert_json_error(&answer, 411);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_04_a_body_cut_off_is_never_taken_for_complete() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    let form = format!("token={}&client_id=naybitono-mobile", pair.access);
    let revoke = format!(
        "POST /oauth/revoke HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{form}",
        FORM.1,
        form.len() + 10
    );
    let answer = send_and_end(server.port, revoke.as_bytes()).await;
    assert!([0, 400].contains(&status(&answer)), "refused, or closed without an answer: {answer}");
    assert!(server.is_active(&pair.access).await, "the cut revocation did nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_04_a_stalled_body_is_given_up_after_ten_seconds() {
    let server = TestServer::start().await;
    let head = format!("{}Content-Length: 50\r\n\r\ntoken=only-the-beginning", introspect(&server));
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.expect("connected");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let answer = read(&mut stream, Duration::from_secs(15)).await;
    assert_json_error(&answer, 408);
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_15_two_lengths_and_folded_headers_are_refused_and_closed() {
    let server = TestServer::start().await;
    let head = introspect(&server);
    for (what, rest) in [
        ("unequal lengths", "Content-Length: 7\r\nContent-Length: 8\r\n\r\ntoken=xy"),
        ("unequal lengths in one line", "Content-Length: 7, 8\r\n\r\ntoken=xy"),
        ("a folded header", "Content-Length: 7\r\nX-Folded: a\r\n b\r\n\r\ntoken=x"),
        ("a signed length", "Content-Length: +7\r\n\r\ntoken=x"),
        ("a negative length", "Content-Length: -7\r\n\r\ntoken=x"),
        ("a length in words", "Content-Length: seven\r\n\r\ntoken=x"),
    ] {
        let (answer, closed) = send_and_watch(&server, format!("{head}{rest}").as_bytes()).await;
        assert_eq!((status(&answer), answers(&answer)), (400, 1), "{what}: {answer}");
        assert!(closed, "{what}: the connection stays open");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_15_no_second_request_is_read_out_of_a_body() {
    let server = TestServer::start().await;
    let second = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (first, second) in [
        (format!("Content-Length: {}\r\nTransfer-Encoding: chunked", 5 + second.len()), second),
        (format!("Transfer-Encoding: chunked\r\nContent-Length: {}", 5 + second.len()), second),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked".to_owned(), second),
    ] {
        for head in [introspect(&server), "GET /health/ready HTTP/1.1\r\nHost: localhost\r\n".to_owned()] {
            let request = format!("{head}{first}\r\n\r\n0\r\n\r\n{second}");
            let (answer, closed) = send_and_watch(&server, request.as_bytes()).await;
            assert_eq!(answers(&answer), 1, "{request}\n{answer}");
            assert!(!answer.contains("\"live\""), "{request}\n{answer}");
            assert!(closed, "{request}\n{answer}");
        }
    }
    let body_is_a_request = format!("{}Content-Length: {}\r\n\r\n{second}", introspect(&server), second.len());
    let (answer, _) = send_and_watch(&server, body_is_a_request.as_bytes()).await;
    assert_eq!((answers(&answer), status(&answer)), (1, 400), "{answer}");
    for bad in ["Transfer-Encoding: gzip", "Transfer-Encoding: chunked, gzip"] {
        let (answer, closed) =
            send_and_watch(&server, format!("{}{bad}\r\n\r\n{second}", introspect(&server)).as_bytes()).await;
        assert_eq!(answers(&answer), 1, "{answer}");
        assert!(closed && [400, 411, 501].contains(&status(&answer)), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_09_connect_and_made_up_methods_reach_nothing() {
    let server = TestServer::start().await;
    for line in ["CONNECT localhost:443", "CONNECT /oauth/token", "BREW /oauth/token", "_ /login", "TRACE /login"] {
        let request = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Echo: canary\r\n\r\n");
        let answer = send(&server, request.as_bytes()).await;
        assert!([400, 405].contains(&status(&answer)), "{line}: {answer}");
        assert!(!answer.contains("canary"), "{line}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_07_broken_bytes_in_headers_and_paths_are_never_a_fault() {
    let server = TestServer::start().await;
    let head = "GET /login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    for (what, line, expected) in [
        ("a raw NUL", b"X: a\0b".as_slice(), 400),
        ("a raw escape", b"X: a\x1bb", 400),
        ("a lone CR", b"X: a\rb", 400),
        ("latin-1 text", b"User-Agent: caf\xe9", 200),
        ("a latin-1 cookie", b"Cookie: __Host-rescind_login=\xff", 200),
        ("an escaped cookie", b"Cookie: __Host-rescind_session=%00%ff; __Host-rescind_login=%E0%80", 200),
        ("a cookie without a name", b"Cookie: =x; ;;; =", 200),
    ] {
        let request = [head.as_bytes(), line, b"\r\n\r\n"].concat();
        let answer = send(&server, &request).await;
        assert_eq!(status(&answer), expected, "{what}: {answer}");
    }
    for path in ["/oauth/%", "/%00", "/login/%ff", "/oauth//token", "/%2e%2e/login", "/oauth/../login"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let found = status(&send(&server, request.as_bytes()).await);
        assert!((400..500).contains(&found), "{path}: {found}");
    }
}
