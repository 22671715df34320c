//! The audit trail. Rows are only ever added, in the transaction of what they tell about.

use uuid::Uuid;

use super::engine::{FromRow, Row as SqlRow};
use super::{Conn, StoreError};
use crate::model::audit::{Action, Entry, Row, Wanted};

/// What a row is read from. Named one by one: a later release may add columns while this one serves.
macro_rules! columns {
    () => {
        "audit_id, at, actor_kind, actor_id, action, outcome, target_kind, target_id, customer_id, \
         reason, address, agent, request_id"
    };
}

impl FromRow for Row {
    fn from_row(row: &SqlRow) -> Result<Self, StoreError> {
        Ok(Self {
            audit_id: row.get("audit_id")?,
            at: row.get("at")?,
            actor_kind: row.get("actor_kind")?,
            actor_id: row.get("actor_id")?,
            action: row.get("action")?,
            outcome: row.get("outcome")?,
            target_kind: row.get("target_kind")?,
            target_id: row.get("target_id")?,
            customer_id: row.get("customer_id")?,
            reason: row.get("reason")?,
            address: row.get("address")?,
            agent: row.get("agent")?,
            request_id: row.get("request_id")?,
        })
    }
}

/// Adds a row.
pub async fn insert(conn: &mut Conn, entry: &Entry) -> Result<(), StoreError> {
    let sql = "INSERT INTO audit (audit_id, at, actor_kind, actor_id, action, outcome, target_kind, target_id,
                                  customer_id, reason, address, agent, request_id)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let actor = &entry.actor;
    conn.execute(
        sql,
        &[
            &entry.audit_id,
            &entry.at,
            &actor.who.kind(),
            &actor.who.name(),
            &entry.action.as_str(),
            &entry.outcome.as_str(),
            &entry.target.0,
            &entry.target.1,
            &entry.customer_id,
            &entry.reason,
            &actor.address.map(|a| a.to_string()),
            &actor.agent,
            &actor.request_id,
        ],
    )
    .await
    .map(|_| ())
}

/// The read of one customer's rows in [`list`].
pub const LIST_OF_CUSTOMER_SQL: &str =
    concat!("SELECT ", columns!(), " FROM audit WHERE customer_id = $1 AND audit_id > $2 ORDER BY audit_id LIMIT $3");

/// The program that last did something to a target of a customer's, empty if it gave no name; `None` if there is no such
/// row.
pub async fn last_agent(
    conn: &mut Conn,
    customer: &str,
    action: Action,
    target: &str,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT COALESCE(agent, '') FROM audit WHERE customer_id = $1 AND action = $2 AND target_id = $3
               ORDER BY audit_id DESC LIMIT 1";
    conn.value(sql, &[&customer, &action.as_str(), &target]).await
}

/// The read in [`list_events`]. The conditions on actions are those of its index, word for word.
pub const LIST_EVENTS_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM audit WHERE customer_id = $1 AND audit_id > $2 AND audit_id < $3 AND customer_id IS NOT NULL
      AND action <> 'customer_read' AND action <> 'incident_read'
      AND (outcome <> 'done' OR (action <> 'refresh' AND action <> 'refresh_retry' AND action <> 'code_issue'))
      ORDER BY audit_id DESC LIMIT $4"
);

/// What a customer did and what was done to them, newest first, between two ids, without the routine of their apps.
pub async fn list_events(
    conn: &mut Conn,
    customer: &str,
    (after, before): (Uuid, Uuid),
    limit: i64,
) -> Result<Vec<Row>, StoreError> {
    conn.fetch_all(LIST_EVENTS_SQL, &[&customer, &after, &before, &limit]).await
}

/// The read in [`list_alarms`].
pub const LIST_ALARMS_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM audit WHERE customer_id = $1 AND audit_id > $2 AND customer_id IS NOT NULL
      AND action <> 'customer_read' AND action <> 'incident_read'
      AND (outcome <> 'done' OR (action <> 'refresh' AND action <> 'refresh_retry' AND action <> 'code_issue'))
      AND outcome = 'alarm' ORDER BY audit_id DESC LIMIT $3"
);

/// Alarms about a customer after an id, newest first.
pub async fn list_alarms(conn: &mut Conn, customer: &str, after: Uuid, limit: i64) -> Result<Vec<Row>, StoreError> {
    conn.fetch_all(LIST_ALARMS_SQL, &[&customer, &after, &limit]).await
}

/// The read in [`list_looks`].
pub const LIST_LOOKS_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM audit WHERE customer_id = $1 AND action = 'customer_read' ORDER BY audit_id DESC LIMIT $2"
);

/// Who looked at a customer, newest first.
pub async fn list_looks(conn: &mut Conn, customer: &str, limit: i64) -> Result<Vec<Row>, StoreError> {
    conn.fetch_all(LIST_LOOKS_SQL, &[&customer, &limit]).await
}

/// Rows after an id, oldest first; of one customer, if asked.
pub async fn list(conn: &mut Conn, customer: Option<&str>, after: Uuid, limit: i64) -> Result<Vec<Row>, StoreError> {
    if let Some(customer) = customer {
        conn.fetch_all(LIST_OF_CUSTOMER_SQL, &[&customer, &after, &limit]).await
    } else {
        let sql = concat!("SELECT ", columns!(), " FROM audit WHERE audit_id > $1 ORDER BY audit_id LIMIT $2");
        conn.fetch_all(sql, &[&after, &limit]).await
    }
}

/// The reads in [`list_newest`].
pub const NEWEST_SQL: &str =
    concat!("SELECT ", columns!(), " FROM audit WHERE audit_id < $1 ORDER BY audit_id DESC LIMIT $2");
/// The same of one customer.
pub const NEWEST_OF_CUSTOMER_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM audit WHERE customer_id = $1 AND audit_id < $2 ORDER BY audit_id DESC LIMIT $3"
);
/// The same of one action: a range of its index, written so that no planner walks everybody's rows in the order of time.
pub const NEWEST_OF_ACTION_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM audit WHERE action >= $1 AND (action, audit_id) < ($1, $2)
      ORDER BY action DESC, audit_id DESC LIMIT $3"
);
/// The same of one action on one customer. `COALESCE` keeps the engines from walking everybody's rows of the action.
pub const NEWEST_OF_BOTH_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM audit WHERE customer_id = $1 AND COALESCE(action, '') = $2 AND audit_id < $3 ORDER BY audit_id DESC LIMIT $4"
);

/// Rows before an id, newest first.
pub async fn list_newest(
    conn: &mut Conn,
    wanted: Wanted<'_>,
    before: Uuid,
    limit: i64,
) -> Result<Vec<Row>, StoreError> {
    match (wanted.customer, wanted.action) {
        (None, None) => conn.fetch_all(NEWEST_SQL, &[&before, &limit]).await,
        (Some(customer), None) => conn.fetch_all(NEWEST_OF_CUSTOMER_SQL, &[&customer, &before, &limit]).await,
        (None, Some(action)) => conn.fetch_all(NEWEST_OF_ACTION_SQL, &[&action, &before, &limit]).await,
        (Some(customer), Some(action)) => {
            conn.fetch_all(NEWEST_OF_BOTH_SQL, &[&customer, &action, &before, &limit]).await
        }
    }
}
