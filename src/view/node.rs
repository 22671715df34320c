//! This process as a serving node: registered, applying the feed, holding a lease.
//!
//! Between nodes (PostgreSQL):
//! 1. register under a new id, committed before the first read of the feed;
//! 2. load what the feed keeps;
//! 3. every third of the lease: read the tail, apply it, and only then renew the row; the lease counts from before the read;
//! 4. on a hint: read, apply, acknowledge;
//! 5. no row, another history of the database or another life of the data: drop everything and begin at 1.
//!
//! An embedded database has one serving process: it looks at the file's version instead.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use super::known::Known;
use super::memory::View;
use crate::clock::{Clock, SinceBoot, Timestamp};
use crate::model::feed::{Mark, Tail};
use crate::seeded::{Bug, has};
use crate::store::nodes::Registered;
use crate::store::{Conn, Db, StoreError, feed};

/// Most entries a view holds.
const MOST: usize = 200_000;
/// How long a poll of an embedded database vouches for what is known.
pub const EMBEDDED: Duration = Duration::from_millis(50);

/// Numbers of a first tail.
const FIRST: i64 = 5_000;
/// How far the database's clock may be from ours.
const CLOCKS_MS: i64 = 1_000;

/// What this process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A command in a shell: answers no checks.
    Command = 0,
    /// Serves, and reads the truth on every check.
    Plain = 1,
    /// Serves, and answers from memory while its lease runs.
    Fast = 2,
}

/// What a node is made of.
#[derive(Clone, Debug)]
pub struct Making {
    /// The truth.
    pub db: Db,
    /// What time it is.
    pub clock: Clock,
    /// How long it may answer after a renewal, at most.
    pub lease: Duration,
    /// Draws random ids.
    pub draw: fn(Timestamp) -> Uuid,
}

/// This process as a node.
#[derive(Debug)]
pub struct Node {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) length: Duration,
    pub(super) draw: fn(Timestamp) -> Uuid,
    role: AtomicU8,
    pub(super) known: Known,
    /// The highest feed number heard of to be committed; only watchers rest on it.
    pub(super) heard: AtomicI64,
    /// Up to where the view has applied; tells who waits.
    pub(super) applied: watch::Sender<i64>,
    /// Asks the task to look at once.
    pub(super) poke: Notify,
    /// Wakes who waits for the rows: a node has acknowledged.
    pub(super) acknowledged: Notify,
    /// The row of this process, while it is registered.
    row: Mutex<Option<Uuid>>,
    /// Held by who reads the feed for all that wait for it.
    pub(super) hearing: tokio::sync::Mutex<()>,
    /// The last point of the feed that was ever seen, whatever was dropped since.
    furthest: Mutex<Option<Furthest>>,
    /// The rows as they were last seen by somebody who waits, and when that look was begun.
    pub(super) rows: tokio::sync::Mutex<Option<Look>>,
    has_other_time: AtomicBool,
    registered: Arc<AtomicUsize>,
}

/// A look at the rows: when it was begun, and what it showed.
pub(super) type Look = (SinceBoot, Result<Arc<Registered>, StoreError>);

/// A point of the feed, in one history and one life of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Furthest {
    mark: Mark,
    incarnation: String,
}

impl Furthest {
    fn of(tail: &Tail) -> Self {
        Self { mark: tail.mark.clone(), incarnation: tail.incarnation.clone() }
    }

    /// Whether a read that was sent later shows less: the same history and life, and a number that was taken is free again.
    fn is_beyond(&self, later: &Self) -> bool {
        self.incarnation == later.incarnation
            && self.mark.timeline == later.mark.timeline
            && self.mark.number > later.mark.number
    }
}

impl Node {
    /// A node that does not serve yet.
    #[must_use]
    pub fn new(making: Making) -> Self {
        let Making { db, clock, lease, draw } = making;
        let (role, known) = (AtomicU8::new(Role::Command as u8), Known::new(View::new(MOST)));
        Self {
            db,
            clock,
            length: lease,
            draw,
            role,
            known,
            heard: AtomicI64::new(0),
            applied: watch::Sender::new(-1),
            poke: Notify::new(),
            acknowledged: Notify::new(),
            row: Mutex::default(),
            hearing: tokio::sync::Mutex::default(),
            furthest: Mutex::default(),
            rows: tokio::sync::Mutex::default(),
            has_other_time: AtomicBool::new(false),
            registered: Arc::new(AtomicUsize::new(1)),
        }
    }

    /// What this process does.
    #[must_use]
    pub fn role(&self) -> Role {
        match self.role.load(Ordering::SeqCst) {
            1 => Role::Plain,
            2 => Role::Fast,
            _ => Role::Command,
        }
    }

    /// Begins to serve. The task of the node runs until it is stopped.
    #[must_use]
    pub fn serve(self: &Arc<Self>, role: Role) -> Serving {
        self.role.store(role as u8, Ordering::SeqCst);
        let stop = Arc::new(Notify::new());
        let has_task = role == Role::Fast || !self.db.is_embedded();
        let task = has_task.then(|| tokio::spawn(super::task::run(self.clone(), stop.clone())));
        Serving { stop, task }
    }

    /// Asks the task to look at the feed at once.
    pub fn poke(&self) {
        self.poke.notify_one();
    }

    /// Whether what is known is surely fresh right now.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.known.is_fresh(self.time_of_lease())
    }

    /// The same, but an embedded database, which is always at hand, is waited for: a busy machine may have kept the poll
    /// from its turn.
    pub async fn is_fresh_soon(&self) -> bool {
        let is_fresh = self.is_fresh();
        if is_fresh || !self.db.is_embedded() {
            return is_fresh;
        }
        // On its own: a check that need not wait does not carry what waiting takes.
        Box::pin(self.is_fresh_after_a_poll()).await
    }

    async fn is_fresh_after_a_poll(&self) -> bool {
        let mut applied = self.applied.subscribe();
        let polled = async { while !self.is_fresh() && applied.changed().await.is_ok() {} };
        timeout(Duration::from_secs(1), polled).await.is_ok() && self.is_fresh()
    }

    /// What was taken back. Not to be held across an await.
    pub fn view(&self) -> RwLockReadGuard<'_, View> {
        self.known.view()
    }

    /// Whether a reading was of the history that this node follows. If not, it came from a server that was the primary
    /// once, and no connection to that is used again.
    pub fn follows(&self, timeline: &str) -> bool {
        let (is_loaded, follows) = {
            let view = self.view();
            (view.applied().is_some(), view.follows(timeline))
        };
        if is_loaded && !follows {
            self.db.forget_connections();
        }
        follows
    }

    /// The life of what is known: another one from each time that everything was dropped.
    pub(super) fn life(&self) -> u64 {
        self.view().standing().life
    }

    /// The row under which this process is registered.
    pub(super) fn row(&self) -> Option<Uuid> {
        *self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note_row(&self, row: Option<Uuid>) {
        *self.row.lock().unwrap_or_else(PoisonError::into_inner) = row;
    }

    fn furthest(&self) -> MutexGuard<'_, Option<Furthest>> {
        self.furthest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many nodes there are, with this one: as the rows were last seen, also while the database is away. For whoever
    /// shares something out among them; no verdict rests on it.
    #[must_use]
    pub fn registered(&self) -> Arc<AtomicUsize> {
        self.registered.clone()
    }

    /// Notes how many rows there are. A node that reads the truth has none itself.
    pub(super) fn note_registered(&self, rows: usize) {
        let unregistered = usize::from(self.role() != Role::Fast);
        self.registered.store((rows + unregistered).max(1), Ordering::Relaxed);
    }

    /// Whether the database's clock and ours agree to a second: what expires would do so at other times on other nodes.
    #[must_use]
    pub fn has_same_time(&self) -> bool {
        !self.has_other_time.load(Ordering::SeqCst)
    }

    /// What time it was there, in milliseconds since 1970, between some time of ours and now.
    pub(super) fn compare_clocks(&self, before: Timestamp, there_ms: i64) {
        let (before, after) = (before.timestamp_millis(), self.clock.now().timestamp_millis());
        let is_other = there_ms < before - CLOCKS_MS || there_ms > after + CLOCKS_MS;
        if is_other != self.has_other_time.swap(is_other, Ordering::SeqCst) {
            tracing::warn!(agree = !is_other, there_ms, here_ms = after, "this machine's clock and the database's");
        }
    }

    /// Asks what was taken back; `None` without a lease.
    pub fn ask<T>(&self, question: impl FnOnce(&View) -> T) -> Option<T> {
        self.known.ask(self.time_of_lease(), question)
    }

    /// What the end of the lease is compared with: now.
    fn time_of_lease(&self) -> SinceBoot {
        if has(Bug::LeaseNeverEnds) { SinceBoot::default() } else { self.clock.since_boot() }
    }

    /// Reads the feed's tail and applies it; up to where. `None`: the tail is of another history or life of the data, or
    /// everything was dropped meanwhile. [`StoreError::Older`]: an older state of the data was put back underneath us, and
    /// what was taken back since is not known any more (SEC-05).
    pub async fn catch_up(&self) -> Result<Option<i64>, StoreError> {
        // Both before the read is sent.
        let (before, furthest) = (self.view().standing(), self.furthest().clone());
        let mut conn = self.db.read_first().await?;
        let after = if self.view().applied().is_some() { before.number } else { first_after(&mut conn).await? };
        let mut tail = feed::tail(&mut conn, after).await?;
        if has(Bug::SnapshotSkipped) {
            (tail.after, tail.trimmed) = (0, 0);
        }
        drop(conn);
        let seen = Furthest::of(&tail);
        if furthest.is_some_and(|furthest| furthest.is_beyond(&seen)) {
            // Registered all the same: whoever registers anew as long as this lasts would keep all confirmations waiting.
            self.known.drop_life(before.life);
            self.applied.send_replace(-1);
            return Err(StoreError::Older);
        }
        *self.furthest() = Some(seen);
        self.heard.fetch_max(tail.mark.number, Ordering::Relaxed);
        let mut view = self.known.change();
        if view.standing().life != before.life {
            return Ok(None);
        }
        let is_ours = view.apply(&tail);
        let applied = view.standing().number;
        drop(view);
        if !is_ours {
            self.drop_life(before.life);
            return Ok(None);
        }
        self.applied.send_replace(applied);
        Ok(Some(applied))
    }

    /// May answer for so long after an instant before the read it rests on, if the view still has the life that was read.
    pub(super) fn grant(&self, life: u64, from: SinceBoot, length: Duration) {
        {
            let view = self.view();
            if view.standing().life != life {
                return;
            }
            self.known.vouch(from, length);
        }
        // Also wakes who waits for a fresh lease.
        self.applied.send_modify(|_| {});
    }

    /// Lease and view.
    pub(super) fn drop_all(&self) {
        self.note_row(None);
        self.known.drop_all();
        self.heard.store(0, Ordering::Relaxed);
        self.applied.send_replace(-1);
    }

    /// The same for a life that was found wrong, if nobody has dropped it meanwhile. Whoever finds it, the task registers anew.
    fn drop_life(&self, life: u64) {
        if self.known.drop_life(life) {
            self.note_row(None);
        }
        self.applied.send_replace(-1);
        self.poke();
    }

    /// No more answers from memory.
    pub(super) fn end_lease(&self) {
        self.known.end_lease();
    }
}

/// Where a first tail begins: the last numbers are enough, whatever there is, for older copies are read anew.
async fn first_after(conn: &mut Conn) -> Result<i64, StoreError> {
    let first = if has(Bug::SnapshotSkipped) { 0 } else { FIRST };
    Ok((feed::latest(conn).await?.number - first).max(0))
}

/// A node that serves. Dropped, its task ends by itself; [`Serving::stop`] also takes its row away.
#[derive(Debug)]
pub struct Serving {
    stop: Arc<Notify>,
    task: Option<JoinHandle<()>>,
}

impl Serving {
    /// Stops after the last answer.
    pub async fn stop(mut self) {
        self.stop.notify_one();
        if let Some(task) = self.task.take() {
            let _ = timeout(Duration::from_secs(5), task).await;
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}
