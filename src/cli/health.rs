//! `rescind health`: for container health checks, without another program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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
    let address = if let Some(address) = options.address { address } else { configured()? };
    let status = timeout(Duration::from_secs(5), ask(&address)).await.map_err(|_| Failure::new("no answer in 5 s"))?;
    let status = status.map_err(|error| Failure::new(format!("{address}: {error}")))?;
    if status.contains(" 200 ") {
        out.say(&json!({ "status": "ready" }), "ready")
    } else {
        Err(Failure::new(format!("{address}: not ready ({})", status.trim())))
    }
}

/// The configured server, on loopback if it listens everywhere.
fn configured() -> Result<String, Failure> {
    let rocket = Settings::load()?.rocket;
    if rocket.find_value("tls").is_ok_and(|tls| tls.as_dict().is_some()) {
        return Err(Failure::new("ROCKET_TLS is set: ask https://<issuer>/health/ready with a client that speaks TLS"));
    }
    let address: IpAddr = rocket.extract_inner("address").map_err(Failure::new)?;
    let port: u16 = rocket.extract_inner("port").map_err(Failure::new)?;
    let loopback = if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
    Ok(SocketAddr::new(if address.is_unspecified() { loopback } else { address }, port).to_string())
}

async fn ask(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4_096).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}
