//! Dropping rows that nobody needs any more, so that no table grows without bound: table by table, in small batches, by
//! one node at a time, and never more than half of the time. What recognises a replay stays as long as anything could be
//! replayed. docs/operating.md has the table of lifetimes for people.

use chrono::TimeDelta;

use crate::app::App;
use crate::clock::Timestamp;
use crate::store::{
    Conn, StoreError, browser_sessions, codes, device_activity, devices, feed, idempotency, logins, revoked_tokens,
    sessions, staff_sessions, tallies, throttles, turns,
};

/// Rows touched in one transaction.
const BATCH: i64 = 200;
/// Devices forgotten in one transaction: each is looked at by itself.
const DEVICES: i64 = 50;
/// How long one node keeps the job after its last batch.
const TURN: TimeDelta = TimeDelta::minutes(1);
/// The name of the job's row.
const JOB: &str = "clean_up";

/// Rows outlive what they are about by this, so that nothing rests on two clocks being alike.
const MARGIN: TimeDelta = TimeDelta::days(1);
/// Sign-ins to the console say which browsers somebody signed in with before.
const STAFF_BROWSERS: TimeDelta = TimeDelta::days(90);
/// Longest that a client may repeat a request under one idempotency key.
const REPEATS: TimeDelta = TimeDelta::days(7);
/// Counters of names that nobody has.
const STRANGERS: TimeDelta = TimeDelta::days(1);
/// What the console's first page shows goes back a day.
const FIGURES: TimeDelta = TimeDelta::hours(48);
/// What devices were used for: over a weekend.
const ACTIVITY: TimeDelta = TimeDelta::days(3);
/// A device unseen for so long is forgotten, and what was counted against it: as long as the cookie by which a browser is
/// known again.
const UNSEEN: TimeDelta = TimeDelta::days(400);

/// Numbers of the feed that a starting node loads. Older copies than what is gone are read anew, so any number is safe.
const FEED: i64 = 100_000;

/// What becomes of a table's rows in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They are dropped, all of them.
    Dropped,
    /// They stay, for this reason.
    Kept(&'static str),
}

/// Every table there is. A table without a line here fails a test.
pub const FATES: [(&str, Fate); 26] = [
    ("audit", Fate::Kept("the record of who did what; how long it is kept is decided by the bank")),
    ("browser_sessions", Fate::Dropped),
    ("client_secrets", Fate::Kept("at most two for each client")),
    ("clients", Fate::Kept("entered by operators")),
    ("codes", Fate::Dropped),
    ("consents", Fate::Kept("one for each customer and client")),
    ("contact_changes", Fate::Kept("the record of changes that operators made")),
    ("customers", Fate::Kept("entered by operators")),
    ("device_activity", Fate::Dropped),
    ("devices", Fate::Dropped),
    ("epochs", Fate::Kept("one for each thing above; a device's goes with it, unless it is the proof of an incident")),
    ("facts", Fate::Kept("a few names")),
    ("feed", Fate::Kept("the newest numbers; older ones are dropped")),
    ("feed_state", Fate::Kept("the one row that numbers come from")),
    ("idempotency_keys", Fate::Dropped),
    ("incidents", Fate::Kept("the record of what was taken back")),
    ("logins", Fate::Dropped),
    ("nodes", Fate::Kept("one for each serving process; the others take away that of one that is gone")),
    ("revoked_tokens", Fate::Dropped),
    ("sessions", Fate::Dropped),
    ("staff", Fate::Kept("entered by operators")),
    ("staff_sessions", Fate::Dropped),
    ("subjects", Fate::Kept("one for each customer, client and member of staff")),
    ("tallies", Fate::Dropped),
    ("throttles", Fate::Dropped),
    ("turns", Fate::Kept("one for each job")),
];

/// The steps, in order: what refers to a row goes before it.
const STEPS: [Step; 13] = [
    Step::Logins,
    Step::RevokedTokens,
    Step::Sessions,
    Step::Codes,
    Step::BrowserSessions,
    Step::Devices,
    Step::StaffSessions,
    Step::IdempotencyKeys,
    Step::ThrottlesOfStrangers,
    Step::Throttles,
    Step::Tallies,
    Step::DeviceActivity,
    Step::Feed,
];

#[derive(Clone, Copy, Debug)]
enum Step {
    Logins,
    RevokedTokens,
    Sessions,
    Codes,
    BrowserSessions,
    Devices,
    StaffSessions,
    IdempotencyKeys,
    ThrottlesOfStrangers,
    Throttles,
    Tallies,
    DeviceActivity,
    Feed,
}

impl Step {
    fn most(self) -> i64 {
        if matches!(self, Self::Devices) { DEVICES } else { BATCH }
    }

    /// Drops up to [`Step::most`] rows; how many.
    async fn drop_some(self, tx: &mut Conn, now: Timestamp) -> Result<u64, StoreError> {
        let most = self.most();
        match self {
            Self::Logins => logins::delete_expired(tx, now, most).await,
            Self::RevokedTokens => revoked_tokens::delete_expired(tx, now - MARGIN, most).await,
            Self::Sessions => sessions::delete_expired(tx, now - MARGIN, most).await,
            Self::Codes => codes::delete_expired(tx, now - MARGIN, most).await,
            Self::BrowserSessions => browser_sessions::delete_expired(tx, now - MARGIN, most).await,
            Self::Devices => devices::forget(tx, now - UNSEEN, most).await,
            Self::StaffSessions => staff_sessions::delete_expired(tx, now - STAFF_BROWSERS, most).await,
            Self::IdempotencyKeys => idempotency::delete_old(tx, now - REPEATS, most).await,
            Self::ThrottlesOfStrangers => throttles::delete_unknown(tx, now - STRANGERS, most).await,
            Self::Throttles => throttles::delete_idle(tx, now - UNSEEN, most).await,
            Self::Feed => feed::forget(tx, FEED, most).await,
            Self::DeviceActivity => device_activity::delete_old(tx, now - ACTIVITY, most).await,
            Self::Tallies => tallies::delete_old(tx, now - FIGURES, most).await,
        }
    }
}

/// Cleans up if it is this node's turn; whether it was.
pub async fn take_turn(app: &App) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let is_ours = turns::take(&mut tx, JOB, now, now + TURN).await?;
    tx.commit().await?;
    if is_ours {
        run(app).await?;
    }
    Ok(is_ours)
}

/// Drops everything that is due now; how many rows. A step that fails does not keep the others from theirs.
pub async fn run(app: &App) -> Result<u64, StoreError> {
    let (mut dropped, mut failed) = (0, None);
    for step in STEPS {
        match finish(app, step).await {
            Ok(rows) => dropped += rows,
            Err(error) => {
                tracing::warn!(%error, ?step, "old rows could not be dropped");
                failed = Some(error);
            }
        }
    }
    failed.map_or(Ok(dropped), Err)
}

/// One step, batch by batch. After each it rests as long as the batch took: the others' writes come first.
async fn finish(app: &App, step: Step) -> Result<u64, StoreError> {
    let mut dropped = 0;
    loop {
        let watch = app.clock.start();
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let rows = step.drop_some(&mut tx, now).await?;
        turns::keep(&mut tx, JOB, now + TURN).await?;
        tx.commit().await?;
        dropped += rows;
        if i64::try_from(rows).unwrap_or(i64::MAX) < step.most() {
            return Ok(dropped);
        }
        tokio::time::sleep(watch.elapsed()).await;
    }
}
