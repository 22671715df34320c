//! What customers allowed clients to do. One row per customer and client; withdrawing raises its epoch.

use uuid::Uuid;

use super::clients::json;
use super::engine::{FromRow, Row};
use super::{Conn, StoreError, epochs};
use crate::clock::Timestamp;
use crate::model::epoch::EpochKind;
use crate::model::ids::{ClientId, CustomerId};
use crate::model::scope::Scope;

/// A consent in force, with its epoch read in the same statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Which.
    pub consent_id: Uuid,
    /// What may be asked for without a page.
    pub scope: Scope,
    /// What they were asked for and left out.
    pub declined: Scope,
    /// Where it may be used.
    pub resources: Vec<String>,
    /// Its epoch now.
    pub epoch: i64,
    /// When it was withdrawn, if it was.
    pub withdrawn_at: Option<Timestamp>,
}

impl FromRow for Consent {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            consent_id: row.parse("consent_id")?,
            scope: row.parse("scope")?,
            declined: row.parse("declined")?,
            resources: row.json("resources")?,
            epoch: row.get("epoch")?,
            withdrawn_at: row.get("withdrawn_at")?,
        })
    }
}

/// The consent of a customer to a client, in force or withdrawn.
pub async fn find(conn: &mut Conn, customer: &CustomerId, client: &ClientId) -> Result<Option<Consent>, StoreError> {
    let sql = "SELECT c.consent_id, c.scope, c.declined, c.resources, c.withdrawn_at, e.epoch
               FROM consents c JOIN epochs e ON e.kind = 'consent' AND e.id = c.consent_id
               WHERE c.customer_id = $1 AND c.client_id = $2";
    conn.fetch_optional(sql, &[&customer.as_str(), &client.as_str()]).await
}

/// Who consents to what.
#[derive(Clone, Debug)]
pub struct Given<'a> {
    /// Who.
    pub customer: &'a CustomerId,
    /// To whom.
    pub client: &'a ClientId,
    /// To what.
    pub scope: &'a Scope,
    /// What they were asked for and left out.
    pub declined: &'a Scope,
    /// Where.
    pub resources: &'a [String],
    /// When.
    pub at: Timestamp,
}

/// Enters a first consent; [`StoreError::Taken`] if another request was quicker.
pub async fn insert(conn: &mut Conn, consent_id: Uuid, given: &Given<'_>) -> Result<(), StoreError> {
    epochs::insert(conn, EpochKind::Consent, &consent_id.to_string()).await?;
    let sql = "INSERT INTO consents (consent_id, customer_id, client_id, scope, declined, resources, given_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    conn.execute(
        sql,
        &[
            &consent_id.to_string(),
            &given.customer.as_str(),
            &given.client.as_str(),
            &given.scope.to_string(),
            &given.declined.to_string(),
            &json(given.resources),
            &given.at,
        ],
    )
    .await
    .map(|_| ())
}

/// Gives a consent anew: the last one counts. Its epoch stays: what an earlier withdrawal killed stays dead.
pub async fn renew(conn: &mut Conn, consent_id: Uuid, given: &Given<'_>) -> Result<(), StoreError> {
    let sql = "UPDATE consents SET scope = $2, declined = $3, resources = $4, given_at = $5, withdrawn_at = NULL
               WHERE consent_id = $1";
    let (scope, declined) = (given.scope.to_string(), given.declined.to_string());
    conn.execute(sql, &[&consent_id.to_string(), &scope, &declined, &json(given.resources), &given.at])
        .await
        .map(|_| ())
}

/// Withdraws a consent and raises its epoch; false if there was none in force.
pub async fn withdraw(conn: &mut Conn, consent_id: Uuid, now: Timestamp) -> Result<bool, StoreError> {
    epochs::raise(conn, EpochKind::Consent, &consent_id.to_string()).await?;
    let sql = "UPDATE consents SET withdrawn_at = $2 WHERE consent_id = $1 AND withdrawn_at IS NULL";
    Ok(conn.execute(sql, &[&consent_id.to_string(), &now]).await? == 1)
}
