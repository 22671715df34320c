//! Lifting a lockdown. Takes more than locking: an authorised role, and what was dead stays dead.

use super::Fault;
use super::audit::{Told, record};
use crate::app::App;
use crate::model::actor::{Actor, Who};
use crate::model::audit::Action;
use crate::model::epoch::Level;
use crate::model::ids::{CustomerId, IncidentId, StaffId};
use crate::model::incident::Reason;
use crate::policy::roles::{Deed, may};
use crate::secret::client_secret;
use crate::store::idempotency::Used;
use crate::store::incidents::Closing;
use crate::store::{Conn, StoreError, customers, epochs, idempotency, incidents, staff};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose lockdown.
    pub customer: CustomerId,
    /// Which one, if one was looked at: a later one is not lifted for it.
    pub incident: Option<IncidentId>,
    /// Why.
    pub reason: Reason,
    /// Free words.
    pub note: Option<String>,
    /// The member of staff who approved; a machine must name one.
    pub approved_by: Option<StaffId>,
    /// Idempotency key.
    pub key: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlocked {
    /// Lifted; the incident is closed.
    Done(IncidentId),
    /// There is no such customer.
    NotFound,
    /// They are not locked.
    NotLocked,
    /// The lockdown that was looked at is lifted, and they are locked anew.
    Another,
    /// The idempotency key was used for something else.
    KeyReused,
    /// The approver is unknown, disabled, or may not unlock.
    NotApproved,
}

/// Lifts a lockdown. From a shell it is break-glass: done at once, and an alarm.
pub async fn unlock(app: &App, actor: &Actor, request: &Request) -> Result<Unlocked, Fault> {
    let mut tx = app.db.begin().await?;
    if customers::find(&mut tx, request.customer.as_str()).await?.is_none() {
        return Ok(Unlocked::NotFound);
    }
    if !is_approved(&mut tx, request, &actor.who).await? {
        return Ok(Unlocked::NotApproved);
    }
    let tag = actor.who.tag();
    if let Some(used) = used_key(&mut tx, &tag, request).await? {
        // A lockdown that came since is not lifted by an old key, nor said to be.
        let locked = epochs::level(&mut tx, request.customer.as_str()).await? == Some(Level::Full);
        let same = used.digest == digest(request) && !locked;
        return Ok(if same { Unlocked::Done(used.incident_id) } else { Unlocked::KeyReused });
    }
    if !epochs::unlock(&mut tx, request.customer.as_str()).await? {
        return Ok(Unlocked::NotLocked);
    }
    let Some(incident) = incidents::find_open(&mut tx, &request.customer).await? else {
        return Ok(Unlocked::NotLocked);
    };
    if request.incident.as_ref().is_some_and(|seen| *seen != incident.incident_id) {
        return Ok(Unlocked::Another);
    }
    let closing = Closing {
        by: &tag,
        reason: request.reason.as_str(),
        note: request.note.as_deref(),
        approved_by: request.approved_by.as_ref().map(StaffId::as_str),
        at: app.clock.now(),
    };
    incidents::close(&mut tx, &incident.incident_id, &closing).await?;
    record(app, &mut tx, actor, told(actor, request, &incident.incident_id)).await?;
    if let Some(key) = &request.key {
        let used = Used { digest: digest(request), incident_id: incident.incident_id.clone() };
        idempotency::insert(&mut tx, (&tag, key), &used, closing.at).await?;
    }
    tx.commit().await?;
    Ok(Unlocked::Done(incident.incident_id))
}

async fn used_key(tx: &mut Conn, caller: &str, request: &Request) -> Result<Option<Used>, StoreError> {
    match &request.key {
        Some(key) => idempotency::find(tx, caller, key).await,
        None => Ok(None),
    }
}

/// What a key stands for: everything that was asked.
fn digest(request: &Request) -> Vec<u8> {
    let approved_by = request.approved_by.as_ref().map_or("", StaffId::as_str);
    let note = request.note.as_deref().unwrap_or_default();
    let parts = ["unlock", request.customer.as_str(), request.reason.as_str(), note, approved_by];
    client_secret::digest(&parts.join("\0")).to_vec()
}

async fn is_approved(tx: &mut Conn, request: &Request, who: &Who) -> Result<bool, StoreError> {
    let Some(approver) = &request.approved_by else { return Ok(matches!(who, Who::Shell(_))) };
    let found = staff::find(tx, approver.as_str()).await?;
    Ok(found.is_some_and(|staff| staff.disabled_at.is_none() && may(staff.role, Deed::Unlock)))
}

fn told(actor: &Actor, request: &Request, incident: &IncidentId) -> Told {
    let id = request.customer.as_str();
    let told = match actor.who {
        Who::Shell(_) => Told::alarm(Action::Unlock, "customer", id),
        Who::Anonymous | Who::Customer(_) | Who::Client(_) | Who::Staff(_) | Who::System => {
            Told::done(Action::Unlock, "customer", id)
        }
    };
    let approved = request.approved_by.as_ref().map(|by| format!(", approved by {by}")).unwrap_or_default();
    told.of(id).because(format!("{incident}: {}{approved}", request.reason.as_str()))
}
