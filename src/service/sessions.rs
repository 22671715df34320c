//! Reading what lives: a customer with their live sessions and devices, for machines and commands. Reads are recorded.

use serde::Serialize;
use uuid::Uuid;

use super::Fault;
use super::audit::{Told, record_alone};
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::audit::Action;
use crate::model::customer::Customer;
use crate::model::device::{Device, DeviceKind};
use crate::model::epoch::Level;
use crate::model::ids::CustomerId;
use crate::policy::device_name;
use crate::store::sessions::Listed;
use crate::store::{self, customers, devices, epochs};

/// A customer and how far they are restricted.
#[derive(Clone, Debug, Serialize)]
pub struct CustomerView {
    /// The customer.
    #[serde(flatten)]
    pub customer: Customer,
    /// Restriction now.
    pub level: Level,
    /// The open lockdown's incident.
    pub incident_id: Option<String>,
}

/// One live session.
#[derive(Clone, Debug, Serialize)]
pub struct SessionView {
    /// `sid`.
    pub session_id: Uuid,
    /// Its client.
    pub client_id: String,
    /// The client's name.
    pub client_name: String,
    /// The device it is on.
    pub device_id: Option<Uuid>,
    /// What that device is called.
    pub name: Option<String>,
    /// What it is.
    pub kind: Option<DeviceKind>,
    /// Where it was last, coarsely.
    pub place: Option<String>,
    /// Granted scope.
    pub scope: String,
    /// When it was granted.
    pub created_at: Timestamp,
    /// Last request we know of.
    pub last_seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// A device as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceView {
    /// The device.
    #[serde(flatten)]
    pub device: Device,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Where it was last, coarsely.
    pub place: Option<String>,
}

impl DeviceView {
    fn of(app: &App, device: Device) -> Self {
        let place = app.places.of(device.address.as_deref());
        Self { name: device_name::name(&device), kind: device_name::kind(&device), place, device }
    }
}

/// A place in a list: the time and id of the last line of the page above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Time of that line.
    pub at: Timestamp,
    /// Id of that line.
    pub id: Uuid,
}

impl Cursor {
    /// Before everything.
    #[must_use]
    pub fn start() -> Self {
        Self { at: Timestamp::from_timestamp(4_000_000_000, 0).unwrap_or_default(), id: Uuid::max() }
    }

    /// `milliseconds.uuid`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (ms, id) = text.split_once('.')?;
        // Within what both engines can compare with.
        let at = Timestamp::from_timestamp_millis(ms.parse().ok()?)?;
        let is_ours = (Timestamp::UNIX_EPOCH..=Self::start().at).contains(&at);
        Some(Self { at, id: Uuid::parse_str(id).ok()? }).filter(|_| is_ours)
    }

    /// The text that [`Cursor::parse`] reads.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}.{}", self.at.timestamp_millis(), self.id)
    }
}

/// A customer; `None` if there is none. Recorded.
pub async fn customer(app: &App, actor: &Actor, id: &CustomerId) -> Result<Option<CustomerView>, Fault> {
    let mut conn = app.db.read().await?;
    let Some(customer) = customers::find(&mut conn, id.as_str()).await? else { return Ok(None) };
    let level = epochs::level(&mut conn, id.as_str()).await?.unwrap_or_default();
    let incident = store::incidents::find_open(&mut conn, id).await?;
    drop(conn);
    record_alone(app, actor, Told::done(Action::CustomerRead, "customer", id).of(id)).await?;
    Ok(Some(CustomerView { customer, level, incident_id: incident.map(|i| i.incident_id.to_string()) }))
}

/// A page of a customer's live sessions, newest first, with the cursor of the next; `None` if there is no such customer.
pub async fn list(
    app: &App,
    actor: &Actor,
    id: &CustomerId,
    after: Cursor,
    limit: i64,
) -> Result<Option<(Vec<SessionView>, Option<Cursor>)>, Fault> {
    let mut conn = app.db.read().await?;
    if customers::find(&mut conn, id.as_str()).await?.is_none() {
        return Ok(None);
    }
    let now = app.clock.now();
    let mut found = store::sessions::list_live(&mut conn, id.as_str(), (after.at, after.id), now, limit + 1).await?;
    drop(conn);
    record_alone(app, actor, Told::done(Action::CustomerRead, "customer", id).of(id).because("sessions")).await?;
    let has_more = i64::try_from(found.len()).unwrap_or(0) > limit;
    found.truncate(usize::try_from(limit).unwrap_or(0));
    let last = found.last().map(|line| Cursor { at: line.session.created_at, id: line.session.session_id });
    Ok(Some((found.into_iter().map(|line| view(app, line)).collect(), last.filter(|_| has_more))))
}

/// A customer's devices, last seen first. Recorded.
pub async fn devices(app: &App, actor: &Actor, id: &CustomerId) -> Result<Option<Vec<DeviceView>>, Fault> {
    let mut conn = app.db.read().await?;
    if customers::find(&mut conn, id.as_str()).await?.is_none() {
        return Ok(None);
    }
    let found = devices::list(&mut conn, id, 1_000).await?;
    drop(conn);
    record_alone(app, actor, Told::done(Action::CustomerRead, "customer", id).of(id).because("devices")).await?;
    Ok(Some(found.into_iter().map(|device| DeviceView::of(app, device)).collect()))
}

pub(super) fn view(app: &App, line: Listed) -> SessionView {
    let session = line.session;
    let (told, address) = line.device.unzip();
    SessionView {
        session_id: session.session_id,
        client_id: session.client_id.to_string(),
        client_name: line.client_name,
        device_id: session.device_id,
        name: told.as_ref().map(device_name::name_of),
        kind: told.as_ref().map(device_name::kind_of),
        place: app.places.of(address.flatten().as_deref()),
        scope: session.scope.to_string(),
        created_at: session.created_at,
        last_seen_at: line.last_seen_at,
        expires_at: session.expires_at,
    }
}
