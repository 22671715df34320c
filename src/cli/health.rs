//! `rescind health`: for container health checks, without another program.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Failure;
use super::output::Output;
use crate::config::Settings;

/// Which server.
#[derive(Debug, Args)]
pub struct Options {
    /// host:port; the configured one if not given
    #[arg(long)]
    address: Option<String>,
}

/// Asks `/health/ready`; fails unless it is ready.
pub async fn run(out: Output, options: Options) -> Result<(), Failure> {
    let address = if let Some(address) = options.address {
        address
    } else {
        let port: u16 = Settings::load()?.rocket.extract_inner("port").map_err(Failure::new)?;
        format!("127.0.0.1:{port}")
    };
    let status = timeout(Duration::from_secs(5), ask(&address)).await.map_err(|_| Failure::new("no answer in 5 s"))?;
    let status = status.map_err(|error| Failure::new(format!("{address}: {error}")))?;
    if status.contains(" 200 ") {
        out.say(&json!({ "status": "ready" }), "ready")
    } else {
        Err(Failure::new(format!("{address}: not ready ({})", status.trim())))
    }
}

async fn ask(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4_096).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}
