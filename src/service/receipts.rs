//! The receipt of an incident, for whoever opens it, whenever: what was read out then, and whether it holds now. Whether
//! it holds is read from the truth each time; figures alone prove nothing.

use super::Fault;
use super::audit::{Told, record_alone};
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::audit::Action;
use crate::model::customer::Customer;
use crate::model::device::Device;
use crate::model::epoch::Level;
use crate::model::ids::IncidentId;
use crate::model::incident::{Durability, Incident};
use crate::store::epochs::{Ancestors, current, level};
use crate::store::{Conn, StoreError, customers, devices, incidents, sessions};

/// Whether what an incident took back is still taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No check that starts now calls a covered token active.
    Holds,
    /// The lockdown was lifted since: what was ended stays ended, new sign-ins are possible.
    Lifted,
    /// The lockdown was lifted since, and another one stands: nobody can sign in.
    LockedAnew,
    /// The truth does not say so.
    NotProven,
}

/// An incident, proven anew.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// The incident.
    pub incident: Incident,
    /// Whose account it touched.
    pub customer: Option<Customer>,
    /// The device it was about.
    pub device: Option<Device>,
    /// Whether it holds.
    pub standing: Standing,
    /// Where the database keeps what it acknowledges now.
    pub durable: Durability,
    /// When this was read.
    pub checked_at: Timestamp,
}

/// Reads an incident and proves it anew; `None` if there is none. Recorded.
pub async fn show(app: &App, actor: &Actor, id: &IncidentId) -> Result<Option<Sheet>, Fault> {
    let durable = app.db.durability().await?;
    let mut conn = app.db.read().await?;
    let Some(incident) = incidents::find(&mut conn, id).await? else { return Ok(None) };
    let customer = match &incident.customer_id {
        Some(id) => customers::find(&mut conn, id.as_str()).await?,
        None => None,
    };
    let device = match (incident.target_kind.as_str(), incident.target_id.parse()) {
        ("device", Ok(id)) => devices::find(&mut conn, id).await?,
        (_, _) => None,
    };
    let standing = standing(&mut conn, &incident).await?;
    drop(conn);
    let told = Told::done(Action::IncidentRead, "incident", id);
    let owner = incident.customer_id.as_ref().map(ToString::to_string);
    record_alone(app, actor, told.of_any(owner.as_deref()).because("receipt")).await?;
    Ok(Some(Sheet { incident, customer, device, standing, durable, checked_at: app.clock.now() }))
}

async fn standing(conn: &mut Conn, incident: &Incident) -> Result<Standing, StoreError> {
    let id = incident.target_id.as_str();
    let raised = |epoch: Option<i64>| epoch.is_some_and(|epoch| epoch >= incident.epoch);
    let of = Ancestors::default();
    let holds = match incident.target_kind.as_str() {
        "customer" if incident.closed_at.is_some() => {
            let is_locked = level(conn, id).await? == Some(Level::Full);
            return Ok(if is_locked { Standing::LockedAnew } else { Standing::Lifted });
        }
        "customer" => {
            let locked = level(conn, id).await? == Some(Level::Full);
            locked && raised(current(conn, Ancestors { subject: Some(id), ..of }).await?.subject)
        }
        "device" => raised(current(conn, Ancestors { device: id.parse().ok(), ..of }).await?.device),
        "client" => raised(current(conn, Ancestors { client: Some(id), ..of }).await?.client),
        "everyone" => raised(Some(current(conn, of).await?.global)),
        "session" => match id.parse() {
            // One that is not there any more ran out long ago.
            Ok(id) => sessions::find(conn, id).await?.is_none_or(|session| session.ended_at.is_some()),
            Err(_) => false,
        },
        _ => false,
    };
    Ok(if holds { Standing::Holds } else { Standing::NotProven })
}
