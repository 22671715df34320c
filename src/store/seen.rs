//! When sessions, browser sessions and devices were last seen: written for many at once.

use std::sync::LazyLock;

use uuid::Uuid;

use super::engine::Param;
use super::many::Many;
use super::{Conn, StoreError};
use crate::clock::Timestamp;

/// A sign of life of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenDevice {
    /// Which.
    pub device_id: String,
    /// When.
    pub at: Timestamp,
    /// Its address, where it is known.
    pub address: Option<String>,
}

static SESSIONS: LazyLock<Many> = LazyLock::new(|| {
    let sql = "UPDATE sessions SET last_seen_at = seen.column2 FROM (ROWS) seen
               WHERE session_id = seen.column1 AND last_seen_at < seen.column2";
    Many::new(sql, 2)
});

static BROWSER_SESSIONS: LazyLock<Many> = LazyLock::new(|| {
    let sql = "UPDATE browser_sessions SET last_seen_at = seen.column2 FROM (ROWS) seen
               WHERE browser_session_id = seen.column1 AND last_seen_at < seen.column2";
    Many::new(sql, 2)
});

static DEVICES: LazyLock<Many> = LazyLock::new(|| {
    let sql = "UPDATE devices SET last_seen_at = seen.column2, address = COALESCE(seen.column3, address)
               FROM (ROWS) seen WHERE device_id = seen.column1 AND last_seen_at < seen.column2";
    Many::new(sql, 3)
});

/// Moves the times of sessions' last requests forward, never back. No session twice.
pub async fn sessions(conn: &mut Conn, seen: &[(Uuid, Timestamp)]) -> Result<(), StoreError> {
    SESSIONS.run(conn, &pairs(seen)).await
}

/// Moves the times of browser sessions' last pages forward, never back. No browser session twice.
pub async fn browser_sessions(conn: &mut Conn, seen: &[(Uuid, Timestamp)]) -> Result<(), StoreError> {
    BROWSER_SESSIONS.run(conn, &pairs(seen)).await
}

/// Moves the times and addresses of devices' last requests forward, never back. No device twice.
pub async fn devices(conn: &mut Conn, seen: &[SeenDevice]) -> Result<(), StoreError> {
    let all = seen.iter().flat_map(|one| [&one.device_id as &dyn Param, &one.at, &one.address]);
    DEVICES.run(conn, &all.collect::<Vec<_>>()).await
}

fn pairs(seen: &[(Uuid, Timestamp)]) -> Vec<&dyn Param> {
    seen.iter().flat_map(|(id, at)| [id as &dyn Param, at]).collect()
}
