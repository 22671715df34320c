//! Taking back: one transaction raises an epoch or ends a session, opens the incident and writes the audit row; then the
//! proof; then the receipt. The cost does not depend on how many tokens die. Safe to repeat: a second request gives the
//! same incident, proven anew. What can't be proven is said.

use std::time::Duration;

use super::audit::{Told, record};
use crate::app::App;
use crate::clock::Stopwatch;
use crate::metrics::label::TakenBack;
use crate::model::actor::Actor;
use crate::model::audit::Action;
use crate::model::epoch::EpochKind;
use crate::model::feed::Mark;
use crate::model::ids::{ClientId, CustomerId, IncidentId};
use crate::model::incident::{Durability, Incident, Proof, Reason, Receipt, Target};
use crate::secret::{client_secret, random};
use crate::seeded::{self, Bug, has};
use crate::store::idempotency::Used;
use crate::store::sessions::Count;
use crate::store::{Conn, StoreError, Urgency, clients, customers, devices, epochs, idempotency, incidents, sessions};
use crate::view::confirm::Unproven;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// What was undone is tried again, so long after the request came.
pub(super) const AGAIN: Duration = Duration::from_secs(3);
/// Pause before that.
pub(super) const PAUSE: Duration = Duration::from_millis(50);
/// Longest wait for figures after the proof.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is to be taken back, and why.
#[derive(Clone, Debug)]
pub struct Order {
    /// What.
    pub target: Target,
    /// Why.
    pub reason: Reason,
    /// Free words.
    pub note: Option<String>,
    /// The caller's idempotency key, if one was sent.
    pub key: Option<String>,
    /// Whether a client is also switched off.
    pub disables: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Proven, or not.
    Receipt(Receipt),
    /// There is no such target.
    NotFound,
    /// The idempotency key was used for something else.
    KeyReused,
}

/// What the transaction found.
enum Step {
    Stored(Box<Incident>),
    NotFound,
    KeyReused,
}

/// Takes back, and proves it.
pub async fn take_back(app: &App, actor: &Actor, order: &Order) -> Taken {
    let (watch, kind) = (app.clock.start(), TakenBack::of(order.target.kind()));
    let new = Incident {
        incident_id: incident_number(app, actor, order),
        target_kind: order.target.kind().to_owned(),
        target_id: order.target.id(),
        customer_id: None,
        opened_by: actor.who.tag(),
        reason: order.reason.as_str().to_owned(),
        note: order.note.clone(),
        sessions_ended: 0,
        devices: 0,
        epoch: 0,
        opened_at: app.clock.now(),
        proof: None,
        closed_at: None,
        closed_by: None,
        close_reason: None,
    };
    let incident = new.incident_id.clone();
    let mut stored = store(app, actor, order, new.clone()).await;
    while was_undone(&stored) && watch.elapsed() < AGAIN {
        sleep(PAUSE).await;
        stored = store(app, actor, order, new.clone()).await;
    }
    if matches!(stored, Err(StoreError::Taken)) {
        // Another request with this key was quicker by a moment: now its incident is found.
        stored = store(app, actor, order, new).await;
    }
    match stored {
        Ok((Step::Stored(stored), told)) => {
            let receipt = prove(app, &stored, told, watch).await;
            app.metrics.took_back(kind, receipt.is_confirmed().then(|| watch.elapsed()));
            // Not beside the proof: a database that counts ten thousand sessions would answer it later.
            let counted = if receipt.is_confirmed() { counted(app, order, &stored).await } else { None };
            let receipt = counted.map_or(receipt.clone(), |count| receipt.with_counts(count.sessions, count.devices));
            keep_figures(app, &stored, &receipt, counted).await;
            Taken::Receipt(receipt)
        }
        Ok((Step::NotFound, _)) => Taken::NotFound,
        Ok((Step::KeyReused, _)) => Taken::KeyReused,
        Err(error) => {
            tracing::error!(%error, %incident, "a revocation could not be stored");
            app.metrics.took_back(kind, None);
            Taken::Receipt(Receipt::Unconfirmed { incident, committed: false })
        }
    }
}

/// Nothing was kept: a lock was held, or somebody else's trouble undid this too. It may be done again.
pub(super) fn was_undone<T>(done: &Result<T, StoreError>) -> bool {
    matches!(done, Err(StoreError::Unavailable(_)))
}

/// After the commit was acknowledged: no node answers from older knowledge any more.
pub(super) async fn prove(app: &App, incident: &Incident, told: Option<Mark>, watch: Stopwatch) -> Receipt {
    match everywhere(app, told).await {
        Ok((nodes, durable)) => Receipt::Confirmed {
            incident: incident.incident_id.clone(),
            durable,
            sessions_ended: incident.sessions_ended,
            devices: incident.devices,
            nodes,
            confirmed_in_ms: watch.elapsed_ms(),
        },
        Err(error) => {
            tracing::error!(%error, incident = %incident.incident_id, "a stored revocation could not be proven");
            Receipt::Unconfirmed { incident: incident.incident_id.clone(), committed: true }
        }
    }
}

/// Where it is safe is read meanwhile, and once more if that did not work.
async fn everywhere(app: &App, told: Option<Mark>) -> Result<(i64, Durability), Unproven> {
    let (nodes, durable) = tokio::join!(app.checks.node.confirm(told), app.db.durability());
    let nodes = nodes?;
    match durable {
        Ok(durable) => Ok((nodes, durable)),
        Err(_) => Ok((nodes, app.db.durability().await?)),
    }
}

/// However many sessions there are, also those a thief made on purpose: they are counted after the proof. The caller on the
/// line waits only so long: a count that takes longer is left out, and nothing rests on it.
async fn counted(app: &App, order: &Order, incident: &Incident) -> Option<Count> {
    if incident.sessions_ended > 0 {
        return None;
    }
    let reason = match timeout(PATIENCE, count_many(app, order, incident)).await {
        Ok(Ok(count)) => return Some(count),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it takes too long".to_owned(),
    };
    tracing::warn!(%reason, incident = %incident.incident_id, "what a revocation ended could not be counted");
    None
}

/// Keeps the figures that are read out now, for whoever opens the receipt later. The caller on the line waits only so long
/// for that; nothing rests on them.
pub(super) async fn keep_figures(app: &App, incident: &Incident, receipt: &Receipt, counted: Option<Count>) {
    let Receipt::Confirmed { durable, nodes, confirmed_in_ms, .. } = receipt else { return };
    let proof = Proof { at: app.clock.now(), in_ms: *confirmed_in_ms, nodes: *nodes, durable: *durable };
    let (is_new, counted) = (incident.proof.is_none(), counted.filter(|count| count.sessions > 0));
    if !is_new && counted.is_none() {
        return;
    }
    let kept = async {
        let mut conn = app.db.write_lightly().await?;
        if is_new {
            incidents::set_proof(&mut conn, &incident.incident_id, &proof).await?;
        }
        if let Some(count) = counted {
            incidents::set_counts(&mut conn, &incident.incident_id, &count).await?;
        }
        conn.commit().await
    };
    let reason = match timeout(PATIENCE, kept).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it takes too long".to_owned(),
    };
    tracing::warn!(%reason, incident = %incident.incident_id, "the figures of a receipt could not be kept");
}

async fn count_many(app: &App, order: &Order, incident: &Incident) -> Result<Count, StoreError> {
    let (epoch, at) = (incident.epoch, incident.opened_at);
    let mut conn = app.db.read_ahead().await?;
    match &order.target {
        Target::Client(id) => sessions::count_client(&mut conn, id.as_str(), epoch, at).await,
        Target::Everyone => sessions::count_everyone(&mut conn, epoch, at).await,
        Target::Customer(id) => sessions::count_subject(&mut conn, id.as_str(), epoch, at).await,
        Target::Device(id) => {
            let of_device = sessions::count_device(&mut conn, *id, epoch, at).await?;
            Ok(Count { devices: incident.devices, ..of_device })
        }
        Target::Session(_) => Ok(Count { sessions: incident.sessions_ended, devices: incident.devices }),
    }
}

async fn store(app: &App, actor: &Actor, order: &Order, new: Incident) -> Result<(Step, Option<Mark>), StoreError> {
    let mut part = app.db.begin_part(Urgency::Lockdown).await?;
    let made = store_in(app, part.tx(), actor, order, new).await;
    if has(Bug::ConfirmBeforeCommit) && made.is_ok() {
        tokio::spawn(async move {
            seeded::linger(PAUSE * 20).await;
            part.end(Ok(())).await
        });
        return made.map(|step| (step, None));
    }
    part.end(made).await
}

/// A part of a transaction: what it finds is true when that is committed.
async fn store_in(app: &App, tx: &mut Conn, actor: &Actor, order: &Order, new: Incident) -> Result<Step, StoreError> {
    let caller = actor.who.tag();
    let digest = digest(order.target.kind(), &order.target.id(), order.reason.as_str(), order.note.as_deref());
    if let Some((meant, incident)) = earlier(tx, &caller, order, &new.incident_id).await? {
        let same = meant == digest && still_stands(tx, order, &incident).await?;
        return Ok(if same { Step::Stored(Box::new(incident)) } else { Step::KeyReused });
    }
    let owner = owner(tx, &order.target).await?;
    let new = Incident { customer_id: owner.as_deref().and_then(|id| id.parse().ok()), ..new };
    let Some(incident) = apply(tx, order, new).await? else { return Ok(Step::NotFound) };
    if order.disables {
        disable(app, tx, actor, &order.target).await?;
    }
    let told = Told::done(action(&order.target), order.target.kind(), order.target.id());
    let told = told.because(format!("{}: {}", incident.incident_id, order.reason.as_str()));
    record(app, tx, actor, told.of_any(owner.as_deref())).await?;
    if let Some(key) = &order.key {
        let used = Used { digest, incident_id: incident.incident_id.clone() };
        if !idempotency::insert(tx, (&caller, key), &used, app.clock.now()).await? {
            return Err(StoreError::Taken);
        }
    }
    Ok(Step::Stored(Box::new(incident)))
}

/// What the order's key was used for, and the incident it gave. Keys are forgotten after a while (see `jobs::clean_up`), but
/// the incident that bears this key's number is not: it says what was asked.
async fn earlier(
    tx: &mut Conn,
    caller: &str,
    order: &Order,
    number: &IncidentId,
) -> Result<Option<(Vec<u8>, Incident)>, StoreError> {
    let Some(key) = &order.key else { return Ok(None) };
    if let Some(used) = idempotency::find(tx, caller, key).await? {
        return Ok(incidents::find(tx, &used.incident_id).await?.map(|incident| (used.digest, incident)));
    }
    let bearing = incidents::find(tx, number).await?;
    Ok(bearing.map(|it| (digest(&it.target_kind, &it.target_id, &it.reason, it.note.as_deref()), it)))
}

/// Whether what a repeated key stands for is still so. A lockdown that was lifted, or a device that signed in again, is not
/// confirmed a second time: whoever means the new state needs a new key.
async fn still_stands(tx: &mut Conn, order: &Order, incident: &Incident) -> Result<bool, StoreError> {
    Ok(match &order.target {
        Target::Device(id) => devices::find(tx, *id).await?.is_some_and(|device| device.revoked_at.is_some()),
        Target::Customer(_) | Target::Client(_) | Target::Everyone | Target::Session(_) => incident.closed_at.is_none(),
    })
}

/// Raises, ends, opens the incident; `None` if there is no such target. An open or earlier incident is kept.
async fn apply(tx: &mut Conn, order: &Order, new: Incident) -> Result<Option<Incident>, StoreError> {
    match &order.target {
        Target::Customer(id) => customer(tx, id, new).await,
        Target::Client(id) => client(tx, id, new).await,
        Target::Everyone => everyone(tx, new).await,
        Target::Device(id) => device(tx, *id, new).await,
        Target::Session(id) => session(tx, *id, new).await,
    }
}

async fn customer(tx: &mut Conn, id: &CustomerId, new: Incident) -> Result<Option<Incident>, StoreError> {
    if customers::find(tx, id.as_str()).await?.is_none() {
        return Ok(None);
    }
    if let Some(epoch) = epochs::lock(tx, id.as_str()).await? {
        return open(tx, new, epoch, Count::default()).await.map(Some);
    }
    match incidents::find_open(tx, id).await? {
        Some(incident) => Ok(Some(incident)),
        None => open(tx, new, 0, Count::default()).await.map(Some),
    }
}

async fn client(tx: &mut Conn, id: &ClientId, new: Incident) -> Result<Option<Incident>, StoreError> {
    if clients::find(tx, id.as_str()).await?.is_none() {
        return Ok(None);
    }
    let Some(epoch) = epochs::raise(tx, EpochKind::Client, id.as_str()).await? else { return Ok(None) };
    open(tx, new, epoch, Count::default()).await.map(Some)
}

async fn everyone(tx: &mut Conn, new: Incident) -> Result<Option<Incident>, StoreError> {
    let Some(epoch) = epochs::raise(tx, EpochKind::Global, epochs::EVERYBODY).await? else { return Ok(None) };
    open(tx, new, epoch, Count::default()).await.map(Some)
}

async fn device(tx: &mut Conn, id: Uuid, new: Incident) -> Result<Option<Incident>, StoreError> {
    // The raise also holds off a second revocation of the device, which then finds this one's mark.
    // Raised also when it is revoked already: a sign-in may be under way that began after the first time.
    let Some(epoch) = epochs::raise(tx, EpochKind::Device, &id.to_string()).await? else { return Ok(None) };
    let Some(found) = devices::find(tx, id).await? else { return Ok(None) };
    if found.revoked_at.is_some() {
        return again(tx, new).await.map(Some);
    }
    devices::revoke(tx, id, new.opened_at).await?;
    open(tx, new, epoch, Count { devices: 1, ..Count::default() }).await.map(Some)
}

async fn session(tx: &mut Conn, id: Uuid, new: Incident) -> Result<Option<Incident>, StoreError> {
    let Some(found) = sessions::find(tx, id).await? else { return Ok(None) };
    if !sessions::end(tx, id, "revoked", new.opened_at).await? {
        return again(tx, new).await.map(Some);
    }
    let count = Count { sessions: 1, devices: i64::from(found.device_id.is_some()) };
    open(tx, new, 0, count).await.map(Some)
}

/// The target is dead already: the incident that did it, or a new one that ended nothing.
async fn again(tx: &mut Conn, new: Incident) -> Result<Incident, StoreError> {
    match incidents::find_last(tx, &new.target_kind, &new.target_id).await? {
        Some(incident) => Ok(incident),
        None => open(tx, new, 0, Count::default()).await,
    }
}

async fn open(tx: &mut Conn, new: Incident, epoch: i64, count: Count) -> Result<Incident, StoreError> {
    let incident = Incident { epoch, sessions_ended: count.sessions, devices: count.devices, ..new };
    incidents::insert(tx, &incident).await?;
    Ok(incident)
}

/// Switches a client off in the transaction that ends what it holds: never one without the other.
async fn disable(app: &App, tx: &mut Conn, actor: &Actor, target: &Target) -> Result<(), StoreError> {
    let Target::Client(id) = target else { return Ok(()) };
    clients::set_disabled(tx, id, Some(app.clock.now())).await?;
    record(app, tx, actor, Told::done(Action::ClientWrite, "client", id).because("disabled")).await
}

/// Whose account a target touches.
async fn owner(tx: &mut Conn, target: &Target) -> Result<Option<String>, StoreError> {
    Ok(match target {
        Target::Customer(id) => Some(id.to_string()),
        Target::Client(_) | Target::Everyone => None,
        Target::Device(id) => devices::find(tx, *id).await?.map(|device| device.customer_id.to_string()),
        Target::Session(id) => {
            sessions::find(tx, *id).await?.and_then(|session| session.customer_id().map(str::to_owned))
        }
    })
}

fn action(target: &Target) -> Action {
    match target {
        Target::Customer(_) => Action::Lockdown,
        Target::Client(_) | Target::Everyone => Action::MassRevoke,
        Target::Device(_) => Action::DeviceRevoke,
        Target::Session(_) => Action::SessionRevoke,
    }
}

fn digest(kind: &str, id: &str, reason: &str, note: Option<&str>) -> Vec<u8> {
    client_secret::digest(&[kind, id, reason, note.unwrap_or_default()].join("\0")).to_vec()
}

/// `INC_` and ten letters without look-alikes: read out to callers. Under an idempotency key always the same, so that a
/// number read out before the answer to COMMIT was lost is the number of the repeated request.
fn incident_number(app: &App, actor: &Actor, order: &Order) -> IncidentId {
    let letters = match &order.key {
        Some(key) => {
            let hash = app.secrets.pepper.keyed_hash("incident", &format!("{}\0{key}", actor.who.tag()));
            random::letters_of(&hash[..10])
        }
        None => random::letters(10),
    };
    number_of(&letters)
}

/// A number nobody had yet.
pub(super) fn new_number() -> IncidentId {
    number_of(&random::letters(10))
}

fn number_of(letters: &str) -> IncidentId {
    IncidentId::parse(&format!("INC_{letters}")).unwrap_or_else(|_| unreachable!("letters are id characters"))
}
