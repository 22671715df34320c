//! Writing down what was gathered in memory: when sessions, devices, browser sessions and staff were last seen, what devices
//! were used for, and what was counted. What can't be written is gathered again, for the next turn.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::activity::Seen;
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::device::DeviceUses;
use crate::store::seen::SeenDevice;
use crate::store::{StoreError, device_activity, seen, staff_sessions, tallies};

/// Rows written in one transaction: few, because an embedded store has one writer, and revocations wait for it.
const AT_ONCE: usize = 100;

/// Writes everything gathered so far. One kind of thing that fails does not keep the others from being written, unless the
/// database is away: then all of it waits for the next turn.
pub async fn flush_seen(app: &App) -> Result<(), StoreError> {
    let _turn = app.activity.flushing.lock().await;
    // In one order on every node, sessions before devices, so that two nodes hardly ever wait for each other.
    let ((mut living, uses), mut pages) = (app.activity.take(), app.activity.take_pages());
    living.sort_unstable_by_key(|(session_id, _)| *session_id);
    pages.sort_unstable_by_key(|(session_id, _)| *session_id);
    let mut done = flush_times(app, Kind::Sessions, &living, Ok(())).await;
    done = flush_times(app, Kind::Pages, &pages, done).await;
    done = flush_uses(app, uses, done).await;
    if is_away(&done) {
        return done;
    }
    let all = [done, flush_devices(app, &living, &pages).await, flush_tallies(app).await, flush_staff(app).await];
    all.into_iter().collect()
}

/// Whether trying on would only wait.
fn is_away(done: &Result<(), StoreError>) -> bool {
    matches!(done, Err(StoreError::Unavailable(_)))
}

/// What was seen.
#[derive(Clone, Copy)]
enum Kind {
    /// Sessions of apps.
    Sessions,
    /// Browser sessions, on our own pages.
    Pages,
}

async fn flush_times(
    app: &App,
    kind: Kind,
    all: &[(Uuid, Seen)],
    mut done: Result<(), StoreError>,
) -> Result<(), StoreError> {
    for batch in all.chunks(AT_ONCE) {
        let times: Vec<_> = batch.iter().map(|(id, seen)| (*id, seen.at)).collect();
        let written = if is_away(&done) { done.clone() } else { write_times(app, kind, &times).await };
        if written.is_err() {
            for (id, seen) in batch {
                match kind {
                    Kind::Sessions => app.activity.note(*id, *seen),
                    Kind::Pages => app.activity.note_page(*id, *seen),
                }
            }
            done = written;
        }
    }
    done
}

async fn write_times(app: &App, kind: Kind, times: &[(Uuid, Timestamp)]) -> Result<(), StoreError> {
    let mut tx = app.db.begin_lightly().await?;
    match kind {
        Kind::Sessions => seen::sessions(&mut tx, times).await?,
        Kind::Pages => seen::browser_sessions(&mut tx, times).await?,
    }
    tx.commit().await
}

/// Devices that could not be written come again with their next request.
async fn flush_devices(app: &App, living: &[(Uuid, Seen)], pages: &[(Uuid, Seen)]) -> Result<(), StoreError> {
    let mut latest: BTreeMap<Uuid, Seen> = BTreeMap::new();
    for (_, seen) in living.iter().chain(pages) {
        let Some(device_id) = seen.device_id else { continue };
        latest.entry(device_id).and_modify(|known| known.keep(*seen)).or_insert(*seen);
    }
    let told = |(id, seen): (Uuid, Seen)| {
        let address = seen.address.map(|address| address.to_string());
        SeenDevice { device_id: id.to_string(), at: seen.at, address }
    };
    let devices: Vec<SeenDevice> = latest.into_iter().map(told).collect();
    for batch in devices.chunks(AT_ONCE) {
        let mut tx = app.db.begin_lightly().await?;
        seen::devices(&mut tx, batch).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// A device's sessions are counted together. A count whose commit has no known outcome is counted again: rather once too often.
async fn flush_uses(app: &App, uses: Vec<DeviceUses>, mut done: Result<(), StoreError>) -> Result<(), StoreError> {
    let mut all: BTreeMap<DeviceUses, i64> = BTreeMap::new();
    for mut one in uses {
        let count = std::mem::take(&mut one.count);
        *all.entry(one).or_default() += count;
    }
    let all: Vec<DeviceUses> = all.into_iter().map(|(one, count)| DeviceUses { count, ..one }).collect();
    for batch in all.chunks(AT_ONCE) {
        let written = if is_away(&done) { done.clone() } else { write_uses(app, batch).await };
        if written.is_err() {
            app.activity.put_back(batch);
            done = written;
        }
    }
    done
}

async fn write_uses(app: &App, batch: &[DeviceUses]) -> Result<(), StoreError> {
    let mut tx = app.db.begin_lightly().await?;
    device_activity::add(&mut tx, batch).await?;
    tx.commit().await
}

async fn flush_tallies(app: &App) -> Result<(), StoreError> {
    let tallies = app.activity.take_tallies();
    let written = async {
        let mut tx = app.db.begin().await?;
        for ((tally, minute), count) in &tallies {
            tallies::add(&mut tx, *tally, *minute, *count).await?;
        }
        tx.commit().await
    };
    if tallies.is_empty() {
        return Ok(());
    }
    let done = written.await;
    if done.is_err() {
        for ((tally, minute), count) in &tallies {
            app.activity.count_many(*tally, *minute, *count);
        }
    }
    done
}

async fn flush_staff(app: &App) -> Result<(), StoreError> {
    let console = app.activity.take_console();
    let written = async {
        let mut tx = app.db.begin().await?;
        for (id, at) in &console {
            staff_sessions::touch(&mut tx, *id, *at).await?;
        }
        tx.commit().await
    };
    if console.is_empty() {
        return Ok(());
    }
    let done = written.await;
    if done.is_err() {
        for (id, at) in &console {
            app.activity.note_console(*id, *at);
        }
    }
    done
}
