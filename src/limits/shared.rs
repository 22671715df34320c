//! Counts in Redis, one for all nodes: one script, one step, two keys of one slot.
//!
//! | Key | Value | Ends |
//! |---|---|---|
//! | `rescind:<token prefix>:l:{<bucket>}:<keyed hash of rule and key>` | arrival time, `<ms> <ns>` | with the allowance's minute |
//! | `rescind:<token prefix>:l:{<bucket>}:from` | since when this bucket is counted here, and a minute more | |
//!
//! **Commands**: `EVALSHA`, `EVAL` where the script is not known yet, and in it `GETRANGE` and `SET`. Nobody's address or
//! name is in a key: the hash is under a key made from the pepper, the same on all nodes.
//!
//! **Time** is the node's own, sent along: the answers are then exactly those of a process that counts by itself, and a Redis
//! whose clock is wrong can't lift a limit. (So the counts end after a span, not at a time: that is judged by Redis alone.)
//! Nodes are within a second of the database's clock, or not ready; two that differ by a second together give at most a
//! sixtieth of an allowance more.
//!
//! **Forgetting** must not give a second allowance. A Redis that was started anew, flushed, or taken over by one that knew
//! nothing lacks the second key: then everything in that bucket counts as nearly used up from now on. A node that had no
//! connection, and so counted by itself, says so with its next calls, to the same effect (see `turn`).

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use redis::Cmd;
use sha1::{Digest, Sha1};

use super::gcra::{Allowance, Wait};
use super::rules::Rule;
use super::turn::{AT_ONCE, Absence, MINUTE, Turn};
use crate::cache::link::{Errand, KeptLink, Trouble};
use crate::clock::Clock;
use crate::model::redis_address::RedisAddress;
use crate::secret::keys::Pepper;

/// The one step.
const SCRIPT: &str = include_str!("take.lua");
/// Buckets that the keys are spread over: as many slots of a cluster.
const BUCKETS: u8 = 64;

/// What counts are shared with.
#[derive(Debug)]
pub struct Sharing {
    /// Where Redis is.
    pub address: RedisAddress,
    /// Names the counts.
    pub pepper: Pepper,
    /// Tells one installation's keys from another's: the prefix of its tokens.
    pub prefix: String,
    /// What time it is.
    pub clock: Clock,
    /// How long any call may take.
    pub deadline: Duration,
}

/// The shared counts.
pub(super) struct Shared {
    pub(super) link: KeptLink,
    pepper: Pepper,
    prefix: String,
    script_name: String,
    turn: Mutex<Turn>,
    away: AtomicU64,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("turn", &self.turn).finish_non_exhaustive()
    }
}

/// Redis has failed, and this process must count by itself: the floor of its keys, Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost(pub(super) i64);

impl Shared {
    pub(super) fn new(sharing: Sharing) -> Self {
        let Sharing { address, pepper, prefix, clock, deadline } = sharing;
        let script_name = HEXLOWER.encode(&Sha1::digest(SCRIPT));
        // A count of nobody's, that ends at once: whoever may do this may do all that is needed.
        let keys = [format!("rescind:{prefix}:l:{{probe}}:count"), format!("rescind:{prefix}:l:{{probe}}:from")];
        let probe = command("EVAL", SCRIPT, &keys, &[1, 1, 1_000_000, 0, 0, MINUTE, AT_ONCE]);
        let found = "Redis answers: limits are counted together";
        let lost = "Redis is lost: each node counts its share of the limits";
        let link = KeptLink::new(address, Errand { probe, found, lost }, (clock, deadline));
        Self { link, pepper, prefix, script_name, turn: Mutex::default(), away: AtomicU64::new(0) }
    }

    /// Takes one of `key`'s allowance under `rule`. `now`: Unix milliseconds.
    pub(super) async fn take(
        &self,
        (rule, key): (Rule, &str),
        allowance: Allowance,
        now: i64,
    ) -> Result<Result<(), Wait>, Lost> {
        let absence = self.turn().absence(now);
        match self.ask(&self.keys(rule, key), allowance, absence, now).await {
            Ok(over) => {
                self.turn().found(absence);
                let over = u64::try_from(over).unwrap_or(0);
                Ok(if over == 0 { Ok(()) } else { Err(Wait(Duration::from_nanos(over))) })
            }
            Err(trouble) => {
                self.away.fetch_add(1, Ordering::Relaxed);
                // Also whoever meets a connection that broke: it may be back, and without counts, before anybody asks again.
                let is_gone = matches!(trouble, Trouble::Away) || trouble.is_the_end();
                Err(Lost(self.turn().miss(is_gone, now)))
            }
        }
    }

    /// How often this process counted by itself, because Redis was away.
    pub(super) fn away(&self) -> u64 {
        self.away.load(Ordering::Relaxed)
    }

    async fn ask(&self, keys: &[String; 2], allowance: Allowance, absence: Absence, now: i64) -> Result<i64, Trouble> {
        let Allowance { interval, whole } = allowance;
        let numbers = [now, interval, whole, absence.lost, absence.back, MINUTE, AT_ONCE];
        match self.link.ask(&command("EVALSHA", &self.script_name, keys, &numbers)).await {
            Err(trouble) if trouble.is_unknown_script() => {
                self.link.ask(&command("EVAL", SCRIPT, keys, &numbers)).await
            }
            answer => answer,
        }
    }

    /// The count, and since when its bucket is counted.
    fn keys(&self, rule: Rule, key: &str) -> [String; 2] {
        let hash = self.pepper.keyed_hash("limit", &format!("{} {key}", rule.name()));
        let ([first], name) = (hash[..1].try_into().unwrap_or([0]), HEXLOWER.encode(&hash[1..17]));
        let slot = format!("rescind:{}:l:{{{:02x}}}", self.prefix, first % BUCKETS);
        [format!("{slot}:{name}"), format!("{slot}:from")]
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn command(name: &str, script: &str, keys: &[String; 2], numbers: &[i64; 7]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(keys.len()).arg(keys).arg(numbers);
    command
}
