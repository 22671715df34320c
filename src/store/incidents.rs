//! Incidents: one open lockdown per customer, one row for every other revocation made by people or machines.

use super::engine::{FromRow, Row};
use super::sessions::Count;
use super::{Conn, StoreError};
use crate::clock::Timestamp;
use crate::model::ids::{CustomerId, IncidentId};
use crate::model::incident::{Durability, Incident, Proof};

/// What an incident is read from. Named one by one: a later release may add columns while this one serves.
macro_rules! columns {
    () => {
        "incident_id, target_kind, target_id, customer_id, opened_by, reason, note, sessions_ended, devices, epoch, \
         opened_at, confirmed_at, confirmed_in_ms, nodes, durable, closed_at, closed_by, close_reason"
    };
}

impl FromRow for Incident {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            incident_id: row.parse("incident_id")?,
            target_kind: row.get("target_kind")?,
            target_id: row.get("target_id")?,
            customer_id: row.parse_optional("customer_id")?,
            opened_by: row.get("opened_by")?,
            reason: row.get("reason")?,
            note: row.get("note")?,
            sessions_ended: row.get("sessions_ended")?,
            devices: row.get("devices")?,
            epoch: row.get("epoch")?,
            opened_at: row.get("opened_at")?,
            proof: proof(row)?,
            closed_at: row.get("closed_at")?,
            closed_by: row.get("closed_by")?,
            close_reason: row.get("close_reason")?,
        })
    }
}

fn proof(row: &Row) -> Result<Option<Proof>, StoreError> {
    let Some(at) = row.get::<Option<Timestamp>>("confirmed_at")? else { return Ok(None) };
    Ok(Some(Proof {
        at,
        in_ms: row.get("confirmed_in_ms")?,
        nodes: row.get("nodes")?,
        durable: row.named("durable", Durability::from_name)?,
    }))
}

/// Opens an incident.
pub async fn insert(conn: &mut Conn, incident: &Incident) -> Result<(), StoreError> {
    let sql = "INSERT INTO incidents (incident_id, target_kind, target_id, customer_id, opened_by, reason, note,
                                      sessions_ended, devices, epoch, opened_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    conn.execute(
        sql,
        &[
            &incident.incident_id.as_str(),
            &incident.target_kind,
            &incident.target_id,
            &incident.customer_id.as_ref().map(CustomerId::as_str),
            &incident.opened_by,
            &incident.reason,
            &incident.note,
            &incident.sessions_ended,
            &incident.devices,
            &incident.epoch,
            &incident.opened_at,
        ],
    )
    .await
    .map(|_| ())
}

/// An incident by its number.
pub async fn find(conn: &mut Conn, id: &IncidentId) -> Result<Option<Incident>, StoreError> {
    let sql = concat!("SELECT ", columns!(), " FROM incidents WHERE incident_id = $1");
    conn.fetch_optional(sql, &[&id.as_str()]).await
}

/// The open lockdown of a customer.
pub async fn find_open(conn: &mut Conn, customer: &CustomerId) -> Result<Option<Incident>, StoreError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM incidents WHERE target_id = $1 AND target_kind = 'customer' AND closed_at IS NULL"
    );
    conn.fetch_optional(sql, &[&customer.as_str()]).await
}

/// The last incident about a target.
pub async fn find_last(conn: &mut Conn, kind: &str, id: &str) -> Result<Option<Incident>, StoreError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM incidents WHERE target_kind = $1 AND target_id = $2 ORDER BY opened_at DESC, incident_id LIMIT 1"
    );
    conn.fetch_optional(sql, &[&kind, &id]).await
}

/// Incidents whose sessions have not been marked ended yet, oldest first.
pub async fn list_unswept(conn: &mut Conn, limit: i64) -> Result<Vec<Incident>, StoreError> {
    let sql = concat!("SELECT ", columns!(), " FROM incidents WHERE swept_at IS NULL ORDER BY opened_at LIMIT $1");
    conn.fetch_all(sql, &[&limit]).await
}

/// Notes that an incident's sessions have been marked ended.
pub async fn mark_swept(conn: &mut Conn, id: &IncidentId, now: Timestamp) -> Result<(), StoreError> {
    let sql = "UPDATE incidents SET swept_at = $2 WHERE incident_id = $1";
    conn.execute(sql, &[&id.as_str(), &now]).await.map(|_| ())
}

/// Keeps what an incident ended, where it was counted afterwards.
pub async fn set_counts(conn: &mut Conn, id: &IncidentId, count: &Count) -> Result<(), StoreError> {
    let sql = "UPDATE incidents SET sessions_ended = $2, devices = $3 WHERE incident_id = $1";
    conn.execute(sql, &[&id.as_str(), &count.sessions, &count.devices]).await.map(|_| ())
}

/// Keeps the first proof of an incident: what was read out then. Nothing rests on it.
pub async fn set_proof(conn: &mut Conn, id: &IncidentId, proof: &Proof) -> Result<(), StoreError> {
    let sql = "UPDATE incidents SET confirmed_at = $2, confirmed_in_ms = $3, nodes = $4, durable = $5
               WHERE incident_id = $1 AND confirmed_at IS NULL";
    let durable = proof.durable.as_str();
    conn.execute(sql, &[&id.as_str(), &proof.at, &proof.in_ms, &proof.nodes, &durable]).await.map(|_| ())
}

/// The read in [`list_of_customer`].
pub const LIST_OF_CUSTOMER_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM incidents WHERE customer_id = $1 ORDER BY opened_at DESC, incident_id LIMIT $2"
);

/// Incidents that touched a customer's account, newest first.
pub async fn list_of_customer(conn: &mut Conn, id: &CustomerId, limit: i64) -> Result<Vec<Incident>, StoreError> {
    conn.fetch_all(LIST_OF_CUSTOMER_SQL, &[&id.as_str(), &limit]).await
}

/// How an incident is closed.
#[derive(Clone, Debug)]
pub struct Closing<'a> {
    /// By whom, as `kind:name`.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Free words.
    pub note: Option<&'a str>,
    /// The member of staff who approved, where a machine asked.
    pub approved_by: Option<&'a str>,
    /// When.
    pub at: Timestamp,
}

/// Closes an open incident; false if it was closed already.
pub async fn close(conn: &mut Conn, id: &IncidentId, closing: &Closing<'_>) -> Result<bool, StoreError> {
    let sql =
        "UPDATE incidents SET closed_at = $2, closed_by = $3, close_reason = $4, close_note = $5, approved_by = $6
               WHERE incident_id = $1 AND closed_at IS NULL";
    let done = conn
        .execute(sql, &[&id.as_str(), &closing.at, &closing.by, &closing.reason, &closing.note, &closing.approved_by])
        .await?;
    Ok(done == 1)
}

/// The read in [`list`].
pub const LIST_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM incidents WHERE opened_at < $1 OR (opened_at = $1 AND incident_id < $2)
      ORDER BY opened_at DESC, incident_id DESC LIMIT $3"
);

/// All incidents, newest first, before (`opened_at`, id) of the page above.
pub async fn list(conn: &mut Conn, before: (Timestamp, &str), limit: i64) -> Result<Vec<Incident>, StoreError> {
    conn.fetch_all(LIST_SQL, &[&before.0, &before.1, &limit]).await
}

/// The read in [`count_since`]. Ordered, so that a planner that expects many rows still begins at the index.
pub const COUNT_SINCE_SQL: &str = "SELECT COUNT(*) FROM
     (SELECT 1 AS one FROM incidents WHERE target_kind = $1 AND opened_at >= $2
          ORDER BY opened_at DESC LIMIT $3) found";

/// How many incidents about a kind of target were opened since a time, counted up to `most`.
pub async fn count_since(conn: &mut Conn, kind: &str, since: Timestamp, most: i64) -> Result<i64, StoreError> {
    Ok(conn.value(COUNT_SINCE_SQL, &[&kind, &since, &most]).await?.unwrap_or_default())
}
