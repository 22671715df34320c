//! Serving nodes that answer checks from memory: who they are, how long each may answer after a renewal, and up to where
//! in the feed each has applied. Whoever confirms a revocation waits for these rows.

use uuid::Uuid;

use super::engine::{FromRow, Row};
use super::{Conn, StoreError};
use crate::clock::Timestamp;

/// What the rows of this release mean.
pub const PROTOCOL: i64 = 1;

/// A node's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRow {
    /// Drawn anew for every registration: a late statement of an earlier one finds nothing.
    pub node_id: Uuid,
    /// How long the node may answer after a renewal, at most.
    pub lease_ms: i64,
    /// Drawn anew by every renewal.
    pub value: Uuid,
    /// The node's view holds everything up to here.
    pub applied: i64,
    /// The history of the database it was registered in.
    pub timeline: String,
    /// What the row means.
    pub protocol: i64,
}

impl FromRow for NodeRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            node_id: row.get("node_id")?,
            lease_ms: row.get("lease_ms")?,
            value: row.get("value")?,
            applied: row.get("applied")?,
            timeline: row.get("timeline")?,
            protocol: row.get("protocol")?,
        })
    }
}

/// Registers a node that has applied nothing yet. To be committed before its first read of the feed.
pub async fn register(conn: &mut Conn, node: &NodeRow, now: Timestamp) -> Result<(), StoreError> {
    // Before the first node ever there was no lease to run out.
    let state = "UPDATE feed_state SET longest_ms = CASE WHEN longest_ms < $1 THEN $1 ELSE longest_ms END,
                     timeline = CASE WHEN timeline = '' THEN $2 ELSE timeline END WHERE one = 1";
    conn.execute(state, &[&node.lease_ms, &node.timeline]).await?;
    let sql = "INSERT INTO nodes (node_id, lease_ms, value, applied, timeline, protocol, renewed_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    conn.execute(
        sql,
        &[&node.node_id, &node.lease_ms, &node.value, &node.applied, &node.timeline, &node.protocol, &now],
    )
    .await
    .map(|_| ())
}

/// Renews a node: it has applied so much, and its value is new. False: its row is gone, or the database has another
/// history now, and the node must register anew.
pub async fn renew(conn: &mut Conn, node: &NodeRow, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE nodes SET value = $2, applied = CASE WHEN applied < $3 THEN $3 ELSE applied END, renewed_at = $4
               WHERE node_id = $1 AND timeline = $5 AND (SELECT timeline FROM timelines) = $5";
    Ok(conn.execute(sql, &[&node.node_id, &node.value, &node.applied, &now, &node.timeline]).await? == 1)
}

/// Says that a node has applied so much, and between nodes wakes whoever waits to hear it. Renews nothing.
pub async fn acknowledge(conn: &mut Conn, node: &NodeRow) -> Result<(), StoreError> {
    const PLAIN: &str = "UPDATE nodes SET applied = $2 WHERE node_id = $1 AND applied < $2
         AND timeline = $3 AND (SELECT timeline FROM timelines) = $3";
    const TOLD: &str = "WITH told AS
         (UPDATE nodes SET applied = $2 WHERE node_id = $1 AND applied < $2
          AND timeline = $3 AND (SELECT timeline FROM timelines) = $3 RETURNING node_id)
         SELECT CAST(pg_notify('rescind_acknowledged', '') AS TEXT) FROM told";
    let sql = if conn.is_between_nodes() { TOLD } else { PLAIN };
    conn.execute(sql, &[&node.node_id, &node.applied, &node.timeline]).await.map(|_| ())
}

/// Deletes a node's row as it was seen; false if it was renewed since.
pub async fn delete(conn: &mut Conn, node: Uuid, value: Uuid) -> Result<bool, StoreError> {
    Ok(conn.execute("DELETE FROM nodes WHERE node_id = $1 AND value = $2", &[&node, &value]).await? == 1)
}

/// Takes a node's own row away, whatever it says by now: it has no lease any more.
pub async fn leave(conn: &mut Conn, node: Uuid) -> Result<(), StoreError> {
    conn.execute("DELETE FROM nodes WHERE node_id = $1", &[&node]).await.map(|_| ())
}

/// All nodes, and how things stand with the database's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The history the database writes now.
    pub timeline: String,
    /// The last one that no lease of an earlier one is left of; empty if there was never a node.
    pub settled: String,
    /// The longest lease any node ever had.
    pub longest_ms: i64,
    /// What time it is there, in milliseconds since 1970.
    pub clock_ms: i64,
    /// The nodes.
    pub nodes: Vec<NodeRow>,
}

impl Registered {
    /// Whether leases given in an earlier history of the database may still run.
    #[must_use]
    pub fn is_settling(&self) -> bool {
        !self.settled.is_empty() && self.settled != self.timeline
    }
}

/// One joined row of [`list`].
struct Line {
    timeline: String,
    settled: String,
    longest_ms: i64,
    clock_ms: i64,
    node: Option<NodeRow>,
}

impl FromRow for Line {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let id: Option<Uuid> = row.get("node_id")?;
        Ok(Self {
            timeline: row.get("now_timeline")?,
            settled: row.get("settled")?,
            longest_ms: row.get("longest_ms")?,
            clock_ms: row.get("clock_ms")?,
            node: id.map(|_| NodeRow::from_row(row)).transpose()?,
        })
    }
}

/// All nodes, in one statement.
pub async fn list(conn: &mut Conn) -> Result<Registered, StoreError> {
    let sql = "SELECT t.timeline AS now_timeline, t.clock_ms, s.timeline AS settled, s.longest_ms,
                      n.node_id, n.lease_ms, n.value, n.applied, n.timeline, n.protocol
               FROM feed_state s CROSS JOIN timelines t LEFT JOIN nodes n ON n.node_id = n.node_id WHERE s.one = 1";
    let lines: Vec<Line> = conn.fetch_all(sql, &[]).await?;
    let first = lines.first().ok_or(StoreError::Unreadable("settled"))?;
    let (timeline, settled) = (first.timeline.clone(), first.settled.clone());
    let (longest_ms, clock_ms) = (first.longest_ms, first.clock_ms);
    let nodes = lines.into_iter().filter_map(|line| line.node).collect();
    Ok(Registered { timeline, settled, longest_ms, clock_ms, nodes })
}

/// Notes that whoever had a lease in an earlier history has waited it out: after the longest lease was waited since this
/// one was first seen.
pub async fn settle(conn: &mut Conn, timeline: &str) -> Result<(), StoreError> {
    let sql = "UPDATE feed_state SET timeline = $1
               WHERE one = 1 AND timeline <> $1 AND (SELECT timeline FROM timelines) = $1";
    conn.execute(sql, &[&timeline]).await.map(|_| ())
}
