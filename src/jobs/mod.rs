//! WHAT RECURS: flushing what was seen, marking as ended what is dead already, dropping what nobody needs. Every job is
//! batched, safe to repeat and safe to lose; no promise rests on one.

pub mod clean_up;
mod flush;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::app::App;
use crate::model::actor::{Actor, Who};
use crate::model::audit::Action;
use crate::model::incident::Incident;
use crate::service::audit::{Told, record};
use crate::service::figures;
use crate::store::{StoreError, browser_sessions, incidents, sessions};

pub use self::flush::flush_seen;

/// Rows touched in one transaction.
const BATCH: i64 = 500;
/// Incidents looked at in one turn.
const MOST_SWEPT: i64 = 20;

/// How often what was seen is written.
const SEEN: Duration = Duration::from_secs(10);

/// Longest that a stop waits for it.
const LAST: Duration = Duration::from_secs(5);

/// Runs all jobs until the task is dropped. Failures are logged and tried again at the next turn.
pub async fn run(app: Arc<App>) {
    tokio::join!(run_short(&app), run_flushes(&app), run_counting(&app), run_clean_up(&app));
}

/// Each on a task of its own, which ends what it began also when the jobs are stopped: it holds what was gathered.
async fn run_flushes(app: &Arc<App>) {
    let mut turn = every(SEEN);
    loop {
        turn.tick().await;
        let app = app.clone();
        let flushed = tokio::spawn(async move { flush_seen(&app).await });
        if let Ok(Err(error)) = flushed.await {
            tracing::warn!(%error, "not all that was seen could be stored; the next turn tries again");
        }
    }
}

/// Counting may take as long as a statement may: nothing else waits for it.
async fn run_counting(app: &App) {
    let mut turn = every(Duration::from_mins(1));
    loop {
        turn.tick().await;
        if let Err(error) = figures::count_living(app).await {
            tracing::warn!(%error, "living sessions were not counted and will be at the next turn");
        }
    }
}

/// However much there is to drop: nothing else waits for it.
async fn run_clean_up(app: &App) {
    let mut turn = every(Duration::from_mins(1));
    loop {
        turn.tick().await;
        if let Err(error) = clean_up::take_turn(app).await {
            tracing::warn!(%error, "not every old row was dropped; the next turn tries again");
        }
    }
}

async fn run_short(app: &App) {
    let mut sweep = every(Duration::from_secs(1));
    let mut count = every(Duration::from_mins(1));
    loop {
        let (name, done) = tokio::select! {
            _ = sweep.tick() => ("sweep", sweep_incidents(app).await),
            _ = count.tick() => ("count_tokens", count_tokens(app).await),
        };
        if let Err(error) = done {
            tracing::warn!(%error, job = name, "a job failed and will be tried again");
        }
    }
}

/// Once more at a clean stop, so that nothing seen is lost; given up when it takes long, because nobody waits for times.
pub async fn finish(app: &App) {
    let flushed = timeout(LAST, async {
        flush_seen(app).await?;
        count_tokens(app).await
    });
    match flushed.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "what was seen last could not be stored"),
        Err(_) => tracing::warn!("what was seen last took too long to be stored"),
    }
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Marks as ended, batch by batch, what an incident's raised epoch killed at once.
pub async fn sweep_incidents(app: &App) -> Result<(), StoreError> {
    let unswept = incidents::list_unswept(&mut app.db.read().await?, MOST_SWEPT).await?;
    let mut pending = unswept.len();
    app.metrics.set_sweeps_pending(pending);
    for incident in unswept {
        while sweep_batch(app, &incident).await? {
            tokio::task::yield_now().await;
        }
        let mut tx = app.db.begin().await?;
        incidents::mark_swept(&mut tx, &incident.incident_id, app.clock.now()).await?;
        tx.commit().await?;
        pending -= 1;
        app.metrics.set_sweeps_pending(pending);
    }
    Ok(())
}

/// One batch; true while there may be more.
async fn sweep_batch(app: &App, incident: &Incident) -> Result<bool, StoreError> {
    let (id, below, now) = (incident.target_id.as_str(), incident.epoch, app.clock.now());
    let mut tx = app.db.begin().await?;
    let swept = match incident.target_kind.as_str() {
        "customer" => {
            browser_sessions::sweep_customer(&mut tx, id, below, now).await?;
            sessions::sweep_subject(&mut tx, id, below, now, BATCH).await?
        }
        "device" => {
            browser_sessions::sweep_device(&mut tx, id, below, now).await?;
            sessions::sweep_device(&mut tx, id, below, now, BATCH).await?
        }
        "client" => sessions::sweep_client(&mut tx, id, below, now, BATCH).await?,
        // Everybody's rows run out by themselves; marking them all would help nobody.
        _ => 0,
    };
    tx.commit().await?;
    Ok(i64::try_from(swept).unwrap_or(0) == BATCH)
}

async fn count_tokens(app: &App) -> Result<(), StoreError> {
    let counts = app.activity.take_tokens();
    if counts.is_empty() {
        return Ok(());
    }
    let actor = Actor { who: Who::System, address: None, agent: None, request_id: "jobs".to_owned() };
    let mut tx = app.db.begin().await?;
    for (client_id, count) in counts {
        let told = Told::done(Action::TokenIssue, "client", client_id).because(format!("{count} tokens"));
        record(app, &mut tx, &actor, told).await?;
    }
    tx.commit().await
}
