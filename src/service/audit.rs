//! Writing the audit trail: a row in the transaction of what it tells about, so that without audit nothing changes.

use uuid::Uuid;

use super::Fault;
use crate::app::App;
use crate::model::actor::Actor;
use crate::model::audit::{Action, Entry, Outcome, Row, Wanted};
use crate::secret::random;
use crate::store::{self, Conn, StoreError};

/// What is told about: built up by its own methods.
#[derive(Clone, Debug)]
pub struct Told {
    action: Action,
    outcome: Outcome,
    target: (&'static str, String),
    customer: Option<String>,
    reason: Option<String>,
}

impl Told {
    /// Something that was done to a target (kind and id).
    #[must_use]
    pub fn done(action: Action, kind: &'static str, id: impl ToString) -> Self {
        Self { action, outcome: Outcome::Done, target: (kind, id.to_string()), customer: None, reason: None }
    }

    /// Something that was refused.
    #[must_use]
    pub fn refused(action: Action, kind: &'static str, id: impl ToString) -> Self {
        Self { outcome: Outcome::Refused, ..Self::done(action, kind, id) }
    }

    /// Something an operator should look at.
    #[must_use]
    pub fn alarm(action: Action, kind: &'static str, id: impl ToString) -> Self {
        Self { outcome: Outcome::Alarm, ..Self::done(action, kind, id) }
    }

    /// Whose account it touches.
    #[must_use]
    pub fn of(self, customer: impl ToString) -> Self {
        Self { customer: Some(customer.to_string()), ..self }
    }

    /// Whose account it touches, if it is a customer's.
    #[must_use]
    pub fn of_any(self, customer: Option<&str>) -> Self {
        Self { customer: customer.map(str::to_owned), ..self }
    }

    /// Why.
    #[must_use]
    pub fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }
}

/// Adds a row inside a transaction.
pub async fn record(app: &App, conn: &mut Conn, actor: &Actor, told: Told) -> Result<(), StoreError> {
    let now = app.clock.now();
    if told.outcome == Outcome::Alarm {
        let (kind, id) = (told.target.0, told.target.1.as_str());
        app.metrics.alarmed(told.action);
        tracing::warn!(
            action = told.action.as_str(),
            target_kind = kind,
            target_id = id,
            request_id = actor.request_id,
            "alarm"
        );
    }
    let entry = Entry {
        audit_id: random::id(now),
        at: now,
        actor: actor.clone(),
        action: told.action,
        outcome: told.outcome,
        target: told.target,
        customer_id: told.customer,
        reason: told.reason,
    };
    store::audit::insert(conn, &entry).await.inspect_err(|_| app.metrics.audit_failed())
}

/// Adds a row on its own: for what was refused, or read.
pub async fn record_alone(app: &App, actor: &Actor, told: Told) -> Result<(), Fault> {
    let mut tx = app.db.begin().await?;
    record(app, &mut tx, actor, told).await?;
    Ok(tx.commit().await?)
}

/// A page of the trail, oldest first, after an id; reading it is itself recorded.
pub async fn list(
    app: &App,
    actor: &Actor,
    customer: Option<&str>,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Row>, Fault> {
    let read = Told::done(Action::AuditRead, "audit", customer.unwrap_or("*"));
    record_alone(app, actor, read).await?;
    let mut conn = app.db.read().await?;
    Ok(store::audit::list(&mut conn, customer, after, limit).await?)
}

/// A page of the trail, newest first, before an id; reading it is itself recorded. A page's worth and one more, so that the
/// caller knows whether there is another.
pub async fn list_newest(
    app: &App,
    actor: &Actor,
    wanted: Wanted<'_>,
    before: Uuid,
    limit: i64,
) -> Result<Vec<Row>, Fault> {
    let told = Told::done(Action::AuditRead, "audit", wanted.customer.unwrap_or("*"));
    let told = match wanted.action {
        Some(action) => told.because(action),
        None => told,
    };
    record_alone(app, actor, told).await?;
    let mut conn = app.db.read().await?;
    Ok(store::audit::list_newest(&mut conn, wanted, before, limit).await?)
}
