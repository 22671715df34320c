//! What a member of staff sees of the customer who calls: who they are, their devices and what lives on them, what
//! happened lately. Every statement is bounded, however much there is. Reading is recorded, once for each page.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use chrono::TimeDelta;
use uuid::Uuid;

use super::Fault;
use super::allowance;
use super::audit::{Told, record_alone};
use super::sessions::{Cursor, SessionView, view};
use crate::app::App;
use crate::clock::Timestamp;
use crate::limits::{Rule, Wait};
use crate::model::actor::Actor;
use crate::model::audit::{Action, Row};
use crate::model::customer::{ContactChange, Customer};
use crate::model::device::Device;
use crate::model::epoch::Level;
use crate::model::ids::CustomerId;
use crate::model::incident::Incident;
use crate::model::login::BrowserSession;
use crate::model::tally::minute;
use crate::store::{
    Conn, StoreError, audit, browser_sessions, clients, customers, device_activity, devices, epochs, incidents,
    sessions,
};

/// Devices on one page.
const DEVICES: i64 = 20;
/// Sessions shown under each.
const SESSIONS_EACH: i64 = 5;
/// Sessions on the page of one device.
const SESSIONS: i64 = 50;
/// Where counting stops: beyond it the page says "more than".
pub const COUNTED: i64 = 1_000;
/// Events, looks and incidents shown.
const LINES: i64 = 20;
/// Alarms among which signs of theft are looked for.
const ALARMS: i64 = 100;
/// How far back uses are shown if no time is asked about.
const USES: TimeDelta = TimeDelta::days(1);
/// How long a sign of theft, or a new telephone number, is warned of.
const WARNED: TimeDelta = TimeDelta::days(7);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whose page.
    pub customer: CustomerId,
    /// Devices after this line.
    pub devices: Cursor,
    /// Events since then.
    pub since: Option<Timestamp>,
    /// Whether the asker may see which colleagues looked.
    pub with_looks: bool,
}

/// What came of it.
#[derive(Debug)]
pub enum Answer {
    /// The page.
    Caller(Box<Caller>),
    /// There is no such customer.
    NotFound,
    /// Too many look-ups in a short time.
    Wait(Wait),
}

/// The customer, and how things stand.
#[derive(Clone, Debug)]
pub struct Person {
    /// The customer.
    pub customer: Customer,
    /// Restriction now.
    pub level: Level,
    /// The open lockdown.
    pub lockdown: Option<Incident>,
}

/// A customer's page.
#[derive(Debug)]
pub struct Caller {
    /// Who.
    pub person: Person,
    /// A page of devices, last seen first.
    pub devices: Vec<OnDevice>,
    /// Where the next page of devices begins.
    pub next_devices: Option<Cursor>,
    /// All devices, counted up to [`COUNTED`] and one more.
    pub device_count: i64,
    /// Live sessions of apps, counted likewise.
    pub session_count: i64,
    /// What happened lately, newest first.
    pub events: Vec<Row>,
    /// What devices were used for since the time asked about, or within a day; last used first.
    pub uses: Vec<UsedDevice>,
    /// The last sign of theft within seven days that no lockdown came after.
    pub alarm: Option<Row>,
    /// Who looked, newest first; empty for those who may not know.
    pub looks: Vec<Row>,
    /// Changes of contact details, newest first.
    pub changes: Vec<ContactChange>,
    /// Incidents, newest first.
    pub incidents: Vec<Incident>,
}

/// What a device was used for.
#[derive(Clone, Debug)]
pub struct UsedDevice {
    /// The device, if it is not forgotten yet.
    pub device: Option<Device>,
    /// Where, how often and when.
    pub uses: device_activity::Summary,
}

/// A device and what lives on it.
#[derive(Clone, Debug)]
pub struct OnDevice {
    /// The device.
    pub device: Device,
    /// The name of the app that named the device, if one did.
    pub app: Option<String>,
    /// Live sessions, newest first.
    pub sessions: Vec<SessionView>,
    /// Where the next of them are.
    pub next: Option<Cursor>,
    /// People signed in on our pages there.
    pub browsers: Vec<BrowserSession>,
}

/// A customer's page. Limited for each member of staff.
pub async fn show(app: &App, actor: &Actor, question: &Question) -> Result<Answer, Fault> {
    if let Err(wait) = take(app, actor, Rule::LookUpPerStaff).await {
        return Ok(Answer::Wait(wait));
    }
    let mut conn = app.db.read().await?;
    let id = &question.customer;
    let Some(person) = person(&mut conn, id).await? else { return Ok(Answer::NotFound) };
    let caller = read(app, &mut conn, question, person).await?;
    drop(conn);
    let told = Told::done(Action::CustomerRead, "customer", id).of(id);
    record_alone(app, actor, told.because("customer page")).await?;
    Ok(Answer::Caller(Box::new(caller)))
}

/// Takes one of a member of staff's allowance of pages that name a customer: [`Rule::LookUpPerStaff`] or
/// [`Rule::AskPerStaff`].
pub async fn take(app: &App, actor: &Actor, rule: Rule) -> Result<(), Wait> {
    allowance::take(app, actor, rule, actor.who.name()).await
}

async fn read(app: &App, conn: &mut Conn, question: &Question, person: Person) -> Result<Caller, StoreError> {
    let (id, now) = (&question.customer, app.clock.now());
    let (on_devices, next_devices) = list_devices(app, conn, question).await?;
    let span = (question.since.map_or(Uuid::nil(), first_id), Uuid::max());
    let last_lockdown = incidents::find_last(conn, "customer", id.as_str()).await?.map(|one| one.opened_at);
    let warned_since = last_lockdown.unwrap_or(now - WARNED).max(now - WARNED);
    Ok(Caller {
        person,
        devices: on_devices,
        next_devices,
        device_count: devices::count(conn, id, COUNTED + 1).await?,
        session_count: sessions::count_live(conn, id.as_str(), now, COUNTED + 1).await?,
        events: audit::list_events(conn, id.as_str(), span, LINES).await?,
        uses: list_uses(conn, id, question.since.unwrap_or(now - USES)).await?,
        alarm: theft(audit::list_alarms(conn, id.as_str(), first_id(warned_since), ALARMS).await?),
        looks: if question.with_looks { audit::list_looks(conn, id.as_str(), LINES).await? } else { Vec::new() },
        changes: customers::list_changes(conn, id).await?,
        incidents: incidents::list_of_customer(conn, id, LINES).await?,
    })
}

/// The last sign that a customer's tokens are in somebody else's hands.
fn theft(alarms: Vec<Row>) -> Option<Row> {
    let signs = [Action::RefreshReuse, Action::CodeReplay, Action::GenerationAhead].map(Action::as_str);
    alarms.into_iter().find(|row| signs.contains(&row.action.as_str()))
}

/// What the devices were used for since a time. By whole minutes: what was done in the minute of the theft is shown.
async fn list_uses(conn: &mut Conn, id: &CustomerId, since: Timestamp) -> Result<Vec<UsedDevice>, StoreError> {
    let found = device_activity::list(conn, id, minute(since), LINES).await?;
    let mut known: HashMap<Uuid, Option<Device>> = HashMap::new();
    let mut all = Vec::with_capacity(found.len());
    for uses in found {
        let device = match known.entry(uses.device_id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(devices::find(conn, uses.device_id).await?),
        };
        all.push(UsedDevice { device: device.clone(), uses });
    }
    Ok(all)
}

/// A page of devices. One bounded, indexed read for each device: a single one for all would read every session there is.
async fn list_devices(
    app: &App,
    conn: &mut Conn,
    question: &Question,
) -> Result<(Vec<OnDevice>, Option<Cursor>), StoreError> {
    let (id, after) = (&question.customer, question.devices);
    let mut found = devices::list_page(conn, id, (after.at, after.id), DEVICES + 1).await?;
    let next = cut(&mut found, DEVICES, |device| Cursor { at: device.last_seen_at, id: device.device_id });
    let (now, idle) = (app.clock.now(), app.settings.lifetimes.sign_in_idle);
    let browsers = browser_sessions::list_live(conn, id, (now, now - idle), DEVICES * SESSIONS_EACH).await?;
    let mut lines = Vec::new();
    for device in found {
        let mut line = on_device(app, conn, device, Cursor::start(), SESSIONS_EACH).await?;
        line.browsers = browsers.iter().filter(|one| one.device_id == line.device.device_id).cloned().collect();
        lines.push(line);
    }
    Ok((lines, next))
}

async fn on_device(
    app: &App,
    conn: &mut Conn,
    device: Device,
    after: Cursor,
    limit: i64,
) -> Result<OnDevice, StoreError> {
    let before = (after.at, after.id);
    let now = app.clock.now();
    let mut found = sessions::list_live_on_device(conn, device.device_id, before, now, limit + 1).await?;
    let next = cut(&mut found, limit, |line| Cursor { at: line.session.created_at, id: line.session.session_id });
    let app_name = match (&device.client_id, found.first()) {
        (Some(id), Some(line)) if line.session.client_id == *id => Some(line.client_name.clone()),
        (Some(id), _) => clients::find(conn, id.as_str()).await?.map(|client| client.name),
        (None, line) => line.map(|line| line.client_name.clone()),
    };
    let sessions = found.into_iter().map(|line| view(app, line)).collect();
    Ok(OnDevice { device, app: app_name, sessions, next, browsers: Vec::new() })
}

/// Cuts a page that was read with one line too many; where the next begins, if there is one.
fn cut<T>(found: &mut Vec<T>, limit: i64, place: impl Fn(&T) -> Cursor) -> Option<Cursor> {
    let limit = usize::try_from(limit).unwrap_or_default();
    let more = found.len() > limit;
    found.truncate(limit);
    found.last().map(place).filter(|_| more)
}

/// The first id that could have been made at an instant: ids of the audit trail are in order of time (`UUIDv7`).
fn first_id(at: Timestamp) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or_default();
    Uuid::from_u128(millis << 80)
}

pub(super) async fn person(conn: &mut Conn, id: &CustomerId) -> Result<Option<Person>, StoreError> {
    let Some(customer) = customers::find(conn, id.as_str()).await? else { return Ok(None) };
    let level = epochs::level(conn, id.as_str()).await?.unwrap_or_default();
    // "Locked" is said where the level says it: an incident alone locks nobody.
    let lockdown = incidents::find_open(conn, id).await?.filter(|_| level == Level::Full);
    Ok(Some(Person { customer, level, lockdown }))
}

/// A device with a page of its live sessions; `None` if there is no such device.
pub async fn device(app: &App, actor: &Actor, id: Uuid, after: Cursor) -> Result<Option<(Person, OnDevice)>, Fault> {
    let mut conn = app.db.read().await?;
    let Some(device) = devices::find(&mut conn, id).await? else { return Ok(None) };
    let Some(person) = person(&mut conn, &device.customer_id).await? else { return Ok(None) };
    let line = on_device(app, &mut conn, device, after, SESSIONS).await?;
    drop(conn);
    looked(app, actor, &person, "device page").await?;
    Ok(Some((person, line)))
}

pub(super) async fn looked(app: &App, actor: &Actor, person: &Person, at: &'static str) -> Result<(), Fault> {
    let id = &person.customer.customer_id;
    record_alone(app, actor, Told::done(Action::CustomerRead, "customer", id).of(id).because(at)).await
}

/// Changes that a caller may be the cause or the victim of: within seven days, and not the first entry.
#[must_use]
pub fn recent<'a>(changes: &'a [ContactChange], customer: &Customer, now: Timestamp) -> Vec<&'a ContactChange> {
    let entered_until = customer.created_at + TimeDelta::minutes(1);
    let is_recent = |change: &&ContactChange| change.changed_at > now - WARNED;
    let is_change = |change: &&ContactChange| change.old_value.is_some() || change.changed_at > entered_until;
    changes.iter().filter(is_recent).filter(is_change).collect()
}
