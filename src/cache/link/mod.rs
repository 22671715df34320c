//! The link to Redis: one connection, kept up by a task of its own. Nobody waits for it: without a connection, Redis is
//! not asked. It is also the circuit breaker: a connection that fails too often is given up, and the next is offered to
//! nobody before it has answered a probe in time. Pauses between tries grow, and differ from node to node.
//!
//! Each errand has a link of its own (copies here, counts in `limits`): neither waits behind the other, and a server that
//! refuses one of them may still do the other.

mod connection;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use redis::{Cmd, FromRedisValue};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

pub use self::connection::Trouble;
use self::connection::{Connection, connect};
use crate::clock::Clock;
use crate::model::redis_address::RedisAddress;
use crate::secret::random;

/// Failures one after the other that end a connection.
const IN_A_ROW: u32 = 5;
/// Failures among the last 64 calls that do.
const AMONG_64: u32 = 16;
/// First pause after a connection has failed, and the longest. Half of each is a matter of chance.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// A connection that lived so long has forgiven the failures before it.
const GOOD: Duration = Duration::from_secs(10);

/// What a link is for.
#[derive(Debug)]
pub struct Errand {
    /// Asked on every new connection: what the errand needs must be allowed.
    pub probe: Cmd,
    /// What the log says once there is a connection.
    pub found: &'static str,
    /// What it says when there is none any more.
    pub lost: &'static str,
}

/// A link with the task that keeps it up, which ends with it.
pub struct KeptLink {
    link: Arc<Link>,
    keeping: Mutex<JoinSet<()>>,
}

impl KeptLink {
    /// A link that nobody keeps up yet. `time`: the clock, and how long any call may take.
    #[must_use]
    pub fn new(address: RedisAddress, errand: Errand, time: (Clock, Duration)) -> Self {
        Self { link: Arc::new(Link::new(address, errand, time)), keeping: Mutex::default() }
    }

    /// Begins to keep a connection up. Does not wait for one: Redis may be down.
    pub fn connect(&self) {
        let mut keeping = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        if keeping.is_empty() {
            let link = self.link.clone();
            keeping.spawn(async move { link.keep().await });
        }
    }

    /// Waits until it is known whether Redis answers, for some seconds at most.
    pub async fn tried(&self) {
        let _ = timeout(Duration::from_secs(3), self.link.tried()).await;
    }

    /// Sends a command over the connection there is.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Trouble> {
        self.link.ask(command).await
    }

    /// Says so if passwords cross a network in the clear.
    pub fn warn_of_clear_text(&self) {
        self.link.warn_of_clear_text();
    }
}

/// The link.
struct Link {
    address: RedisAddress,
    errand: Errand,
    clock: Clock,
    deadline: Duration,
    live: RwLock<Option<Arc<Live>>>,
    /// How many tries to connect are over.
    tries: watch::Sender<u64>,
}

/// A connection in use.
struct Live {
    connection: Connection,
    /// The last 64 calls, the latest in the lowest bit: 1 failed.
    calls: AtomicU64,
    end: Notify,
    why: OnceLock<String>,
}

impl Link {
    fn new(address: RedisAddress, errand: Errand, time: (Clock, Duration)) -> Self {
        let (clock, deadline) = time;
        Self { address, errand, clock, deadline, live: RwLock::new(None), tries: watch::Sender::new(0) }
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Trouble> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Trouble::Away)?;
        let asked = live.connection.ask(command, self.deadline).await;
        live.note(asked.as_ref().err());
        asked
    }

    fn warn_of_clear_text(&self) {
        if !self.address.is_tls && !self.address.is_loopback() {
            let redis = self.address.shown();
            tracing::warn!(
                redis,
                "RESCIND_REDIS_URL: without TLS, anybody on the way reads the password: write rediss://"
            );
        }
    }

    /// Waits until the first try to connect is over, however it ended.
    async fn tried(&self) {
        let _ = self.tries.subscribe().wait_for(|tries| *tries > 0).await;
    }

    /// Keeps a connection up, as long as it is polled.
    async fn keep(&self) {
        let (mut pause, mut is_lost) = (PAUSE, false);
        loop {
            let tried = self.attempt().await;
            let up = self.clock.since_boot();
            let why = match tried {
                Ok(live) => {
                    tracing::info!(redis = self.address.shown(), "{}", self.errand.found);
                    is_lost = false;
                    self.use_until_it_ends(live).await
                }
                Err(trouble) => trouble.to_string(),
            };
            if self.clock.since_boot().since(up) > GOOD {
                pause = PAUSE;
            }
            if !is_lost {
                tracing::warn!(redis = self.address.shown(), why, "{}", self.errand.lost);
                is_lost = true;
            }
            sleep(by_chance(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&self) -> Result<Arc<Live>, Trouble> {
        let tried = async {
            let connection = connect(&self.address).await?;
            match connection.ask::<redis::Value>(&self.errand.probe, self.deadline).await {
                Err(trouble) if !trouble.is_answer() => Err(trouble),
                _ => Ok(connection),
            }
        };
        let tried = tried.await;
        let made = tried.map(|connection| {
            Arc::new(Live { connection, calls: AtomicU64::new(0), end: Notify::new(), why: OnceLock::new() })
        });
        if let Ok(live) = &made {
            *self.live.write().unwrap_or_else(PoisonError::into_inner) = Some(live.clone());
        }
        self.tries.send_modify(|tries| *tries += 1);
        made
    }

    /// Why it ended.
    async fn use_until_it_ends(&self, live: Arc<Live>) -> String {
        live.end.notified().await;
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = None;
        live.why.get().cloned().unwrap_or_default()
    }
}

impl Live {
    /// Notes how a call went, and ends the connection if that is enough.
    fn note(&self, trouble: Option<&Trouble>) {
        let failed = trouble.filter(|trouble| !trouble.is_answer());
        let shift = |calls: u64| Some((calls << 1) | u64::from(failed.is_some()));
        let before = self.calls.fetch_update(Ordering::SeqCst, Ordering::SeqCst, shift).unwrap_or_else(|calls| calls);
        let Some(trouble) = failed else { return };
        let is_gone = trouble.is_the_end() && !self.connection.is_cluster();
        if is_gone || is_enough((before << 1) | 1) {
            let _ = self.why.set(trouble.to_string());
            self.end.notify_one();
        }
    }
}

/// Whether the last calls speak against going on.
fn is_enough(calls: u64) -> bool {
    calls.trailing_ones() >= IN_A_ROW || calls.count_ones() >= AMONG_64
}

/// Between half a pause and a whole one.
fn by_chance(pause: Duration) -> Duration {
    let [chance] = random::bytes();
    pause / 2 + pause / 2 * u32::from(chance) / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sto_04_five_failures_in_a_row_or_a_quarter_of_the_last_calls_are_enough() {
        assert!(!is_enough(0) && !is_enough(0b1111) && is_enough(0b1_1111));
        assert!(!is_enough(0b0011_1110), "it has answered since");
        assert!(!is_enough(0x1111_1111_1111_1110), "15 of 64");
        assert!(is_enough(0x1111_1111_1111_1111), "16 of 64");
    }

    #[test]
    fn pauses_differ_and_keep_within_bounds() {
        let pauses: std::collections::BTreeSet<Duration> = (0..100).map(|_| by_chance(PAUSE)).collect();
        assert!(pauses.len() > 10);
        assert!(pauses.iter().all(|pause| (PAUSE / 2..=PAUSE).contains(pause)));
    }
}
