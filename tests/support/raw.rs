//! Bytes on a socket, for requests that no HTTP client would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::TestServer;

/// Sends bytes and reads until the server closes or is silent for a second. Give `Connection: close` for a quick end.
pub async fn send(server: &TestServer, bytes: &[u8]) -> String {
    send_to(server.port, bytes).await
}

/// The same to any port of this machine.
pub async fn send_to(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    stream.write_all(bytes).await.expect("sent");
    read(&mut stream, Duration::from_secs(1)).await
}

/// Reads until the server closes or is silent for so long.
pub async fn read(stream: &mut TcpStream, silence: Duration) -> String {
    let mut all = Vec::new();
    let mut part = [0_u8; 4096];
    while let Ok(Ok(n)) = timeout(silence, stream.read(&mut part)).await {
        if n == 0 {
            break;
        }
        all.extend_from_slice(&part[..n]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// Sends bytes, then says that no more will come, and reads what is answered.
pub async fn send_and_end(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("connected");
    stream.write_all(bytes).await.expect("sent");
    stream.shutdown().await.expect("ended");
    read(&mut stream, Duration::from_secs(5)).await
}

/// Sends bytes, reads the answer, and tells whether the server closed the connection (within a second of silence).
pub async fn send_and_watch(server: &TestServer, bytes: &[u8]) -> (String, bool) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.expect("connected");
    stream.write_all(bytes).await.expect("sent");
    let answer = read(&mut stream, Duration::from_secs(1)).await;
    let closed = matches!(timeout(Duration::from_millis(100), stream.read(&mut [0_u8; 1])).await, Ok(Ok(0) | Err(_)));
    (answer, closed)
}

/// The status of a raw answer; 0 if there was none.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}
