//! Copies that all nodes share, in Redis: so that a restarted node does not ask the database about everybody at once.
//! Redis takes no part in any promise. Whoever can write to it can only make us read the database more often.
//!
//! | Key | Value | Ends |
//! |---|---|---|
//! | `rescind:<token prefix>:s:<session id>` | version byte, sealed record of a session | with the session, or within the hour |
//! | `rescind:<token prefix>:probe` | never written, only asked for on a new connection | |
//!
//! **Commands**: `GETRANGE` (a `GET` that can't be answered with more than we are ready to read) and `SET ... PXAT`. No
//! script, no transaction, no subscription; nothing is deleted: what is stale is overruled, what is old expires.
//!
//! **What a copy of another node, or of an earlier life of this process, may be trusted for.** It says: some node that had
//! applied the feed up to `number` in this history and this life of the data then read the truth, and the session was
//! alive. Feed numbers are given in the order of commits, so that read saw every transaction up to `number`. This node's
//! view holds everything between its `low` and what it has applied. So with `low <= number <= applied` nothing lies between
//! the two that neither knows: what was taken back up to `number` is in the copy, what was taken back later is in the view,
//! and what is not yet in the view is not confirmed while this node has a lease. That is what is asked of a copy made here,
//! and who made it does not matter.
//! - `number < low`: what would overrule the copy may be forgotten. A miss.
//! - Another history or another life of the data: its numbers count something else. Both are sealed into the value: it does
//!   not open.
//! - `number > applied`: by the argument above it would be sound, the copy knows more than this node. It is a miss all the
//!   same: a number that this node has not seen can't be told from one of a future that was lost with a restored database,
//!   and ends with lower numbers would not overrule it. The price is a read when another node was some milliseconds ahead.
//! - The wrong session, a forged value, another key, version or size: does not open. A miss, never an answer.

mod bytes;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod outside;
mod record;
mod sealed;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::Cmd;
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use self::record::Read;
use super::link::{Errand, KeptLink, Trouble};
use super::near::Copied;
use crate::clock::{Clock, Timestamp};
use crate::model::feed::History;
use crate::model::redis_address::RedisAddress;
use crate::secret::copies::CopySealer;
use crate::store::sessions::Whole;

/// The longest life of a copy: that of an access token. Whoever asks later asks with a newer token, which an older copy
/// says nothing about.
const LONGEST: Duration = Duration::from_hours(1);
/// Copies on their way to Redis. Further ones are dropped: nobody waits for them.
const ON_THEIR_WAY: usize = 256;

/// What copies are shared with.
#[derive(Debug)]
pub struct Sharing {
    /// Where Redis is.
    pub address: RedisAddress,
    /// Seals and opens.
    pub sealer: CopySealer,
    /// Tells one installation's keys from another's: the prefix of its tokens.
    pub prefix: String,
    /// What time it is.
    pub clock: Clock,
    /// How long any call may take.
    pub deadline: Duration,
}

/// How often what happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// A copy was found that opened.
    pub found: u64,
    /// There was none.
    pub missing: u64,
    /// There was something else.
    pub unreadable: u64,
    /// Redis failed, or was late.
    pub failed: u64,
    /// It was not asked: there is no connection, or it had failed too often.
    pub spared: u64,
    /// Copies written.
    pub written: u64,
    /// Copies that were not: too many on their way, or Redis failed.
    pub dropped: u64,
}

/// The shared copies.
pub struct Copies {
    link: KeptLink,
    sealer: CopySealer,
    prefix: String,
    clock: Clock,
    on_their_way: Arc<Semaphore>,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    found: AtomicU64,
    missing: AtomicU64,
    unreadable: AtomicU64,
    failed: AtomicU64,
    spared: AtomicU64,
    written: AtomicU64,
    dropped: AtomicU64,
}

fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copies").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Copies {
    /// Copies that nobody is connected to yet.
    #[must_use]
    pub fn new(sharing: Sharing) -> Self {
        let Sharing { address, sealer, prefix, clock, deadline } = sharing;
        let mut probe = redis::cmd("GETRANGE");
        probe.arg(format!("rescind:{prefix}:probe")).arg(0).arg(0);
        let (found, lost) = ("Redis answers", "Redis is lost: checks read the database");
        Self {
            link: KeptLink::new(address, Errand { probe, found, lost }, (clock.clone(), deadline)),
            sealer,
            prefix,
            clock,
            on_their_way: Arc::new(Semaphore::new(ON_THEIR_WAY)),
            tally: Tally::default(),
        }
    }

    /// Begins to keep a connection up. Does not wait for one: Redis may be down.
    pub fn connect(&self) {
        self.link.connect();
    }

    /// Waits until it is known whether Redis answers, for some seconds at most.
    pub async fn tried(&self) {
        self.link.tried().await;
    }

    /// The copy of a session that somebody made in this history. Whether it may be used, the view says.
    pub async fn get(&self, session: Uuid, history: &History) -> Option<Read> {
        let mut command = redis::cmd("GETRANGE");
        command.arg(self.key(session)).arg(0).arg(sealed::MOST);
        let value: Vec<u8> = match self.link.ask(&command).await {
            Ok(value) => value,
            Err(trouble) => {
                one_more(self.tally.of(&trouble));
                return None;
            }
        };
        if value.is_empty() {
            one_more(&self.tally.missing);
            return None;
        }
        let read = sealed::open(&self.sealer, history, session, &value);
        one_more(if read.is_some() { &self.tally.found } else { &self.tally.unreadable });
        read
    }

    /// Sends a copy on its way, behind the caller's back. It was read in this history, and alive.
    pub fn put(self: &Arc<Self>, history: History, copy: Arc<Copied<Whole>>) {
        let Ok(place) = self.on_their_way.clone().try_acquire_owned() else {
            one_more(&self.tally.dropped);
            return;
        };
        let copies = self.clone();
        tokio::spawn(async move {
            let written = copies.set(&history, &copy).await;
            one_more(if written.is_ok() { &copies.tally.written } else { &copies.tally.dropped });
            drop(place);
        });
    }

    async fn set(&self, history: &History, copy: &Copied<Whole>) -> Result<(), Trouble> {
        let Some(value) = sealed::close(&self.sealer, history, copy) else { return Ok(()) };
        let session = &copy.value.record.session;
        let until = end(session.session_id, session.expires_at, self.clock.now());
        let mut command: Cmd = redis::cmd("SET");
        command.arg(self.key(session.session_id)).arg(value).arg("PXAT").arg(until.timestamp_millis());
        self.link.ask(&command).await
    }

    fn key(&self, session: Uuid) -> String {
        format!("rescind:{}:s:{session}", self.prefix)
    }

    /// How often what happened since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Tally { found, missing, unreadable, failed, spared, written, dropped } = &self.tally;
        Counts {
            found: of(found),
            missing: of(missing),
            unreadable: of(unreadable),
            failed: of(failed),
            spared: of(spared),
            written: of(written),
            dropped: of(dropped),
        }
    }
}

impl Tally {
    fn of(&self, trouble: &Trouble) -> &AtomicU64 {
        match trouble {
            Trouble::Away => &self.spared,
            trouble if trouble.is_answer() => &self.unreadable,
            Trouble::Late | Trouble::Redis(_) | Trouble::Ca(_) | Trouble::NoMaster => &self.failed,
        }
    }
}

/// When a copy made now ends: within the last quarter of the longest life, each session's at a point of its own, so that
/// not all copies end together. Never later than the session.
fn end(session: Uuid, expires_at: Timestamp, now: Timestamp) -> Timestamp {
    let [.., chance] = *session.as_bytes();
    (now + LONGEST - LONGEST / 4 * u32::from(chance) / 256).min(expires_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::random;

    #[test]
    fn sto_10_a_copy_ends_with_its_session_or_at_a_time_of_its_own_within_the_hour() {
        let now = Clock::default().now();
        let ends: std::collections::BTreeSet<Timestamp> =
            (0..100).map(|_| end(random::id(now), now + LONGEST * 24, now)).collect();
        assert!(ends.len() > 20, "all end together");
        assert!(ends.iter().all(|end| (now + LONGEST / 4 * 3..=now + LONGEST).contains(end)));
        assert_eq!(end(random::id(now), now + LONGEST / 60, now), now + LONGEST / 60);
    }
}
