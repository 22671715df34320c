//! What devices were used for, minute by minute: which resource server was shown their tokens, how often, from where.

use std::sync::LazyLock;

use uuid::Uuid;

use super::engine::{FromRow, Param, Row};
use super::many::Many;
use super::{Conn, StoreError};
use crate::clock::Timestamp;
use crate::model::device::DeviceUses;
use crate::model::ids::CustomerId;

static ADD: LazyLock<Many> = LazyLock::new(|| {
    let sql = "INSERT INTO device_activity (customer_id, at_minute, device_id, checker_id, address, count) ROWS
               ON CONFLICT (customer_id, at_minute, device_id, checker_id, address)
               DO UPDATE SET count = device_activity.count + excluded.count";
    Many::new(sql, 6)
});

/// Adds to what is counted. In one order on every node, and none of a kind twice.
pub async fn add(conn: &mut Conn, uses: &[DeviceUses]) -> Result<(), StoreError> {
    let all = uses.iter().flat_map(|one| {
        [&one.customer_id as &dyn Param, &one.at_minute, &one.device_id, &one.checker_id, &one.address, &one.count]
    });
    ADD.run(conn, &all.collect::<Vec<_>>()).await
}

/// What a device was used for over a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The device.
    pub device_id: Uuid,
    /// The name of the resource server, if it is still registered.
    pub checker: Option<String>,
    /// The address it told.
    pub address: Option<String>,
    /// The first minute.
    pub first_at: Timestamp,
    /// The last minute.
    pub last_at: Timestamp,
    /// How often.
    pub count: i64,
}

impl FromRow for Summary {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            device_id: row.parse("device_id")?,
            checker: row.get("checker")?,
            address: Some(row.get::<String>("address")?).filter(|address| !address.is_empty()),
            first_at: row.get("first_at")?,
            last_at: row.get("last_at")?,
            count: row.get("total")?,
        })
    }
}

/// The read in [`list`]. Of a customer with more minutes than ten thousand, the newest.
pub const LIST_SQL: &str =
    "SELECT found.device_id, clients.name AS checker, found.address, MIN(found.at_minute) AS first_at,
         MAX(found.at_minute) AS last_at, CAST(SUM(found.count) AS BIGINT) AS total
     FROM (SELECT device_id, checker_id, address, at_minute, count FROM device_activity
           WHERE customer_id = $1 AND at_minute >= $2 ORDER BY at_minute DESC LIMIT 10000) found
     LEFT JOIN clients ON clients.client_id = found.checker_id
     GROUP BY found.device_id, found.checker_id, clients.name, found.address
     ORDER BY last_at DESC, total DESC, found.device_id LIMIT $3";

/// What a customer's devices were used for since the minute of a time, last used first.
pub async fn list(
    conn: &mut Conn,
    customer: &CustomerId,
    since: Timestamp,
    limit: i64,
) -> Result<Vec<Summary>, StoreError> {
    conn.fetch_all(LIST_SQL, &[&customer.as_str(), &since, &limit]).await
}

/// The text of [`delete_old`].
pub const DELETE_OLD_SQL: &str =
    "DELETE FROM device_activity WHERE (customer_id, at_minute, device_id, checker_id, address) IN
     (SELECT customer_id, at_minute, device_id, checker_id, address FROM device_activity
      WHERE at_minute < $1 ORDER BY at_minute LIMIT $2)";

/// Drops up to `limit` counts before a time.
pub async fn delete_old(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    conn.execute(DELETE_OLD_SQL, &[&before, &limit]).await
}
