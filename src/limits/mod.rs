//! HOW OFTEN: one rate-limit algorithm (GCRA) over one table of rules; counted in Redis for all nodes together, or in this
//! process. N nodes never give N times an allowance: whatever a process counts by itself, it counts against its share.

mod address;
mod gcra;
mod here;
mod rules;
mod shared;
mod turn;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use self::address::address_key;
pub use self::gcra::Wait;
pub use self::rules::Rule;
pub use self::shared::Sharing;

use self::gcra::Allowance;
use self::here::Here;
use self::shared::{Lost, Shared};
use crate::clock::Timestamp;

/// The counts that this process goes by.
#[derive(Debug)]
pub struct Limits {
    scale: u32,
    nodes: Arc<AtomicUsize>,
    here: Here,
    shared: Option<Shared>,
}

impl Limits {
    /// Empty counts of this process. `scale` multiplies every allowance of the table; 0 counts as 1. `nodes`: how many nodes
    /// there are, as far as is known; each has an equal share of what they can't count together.
    #[must_use]
    pub fn new(scale: u32, nodes: Arc<AtomicUsize>) -> Self {
        Self { scale: scale.max(1), nodes, here: Here::new(), shared: None }
    }

    /// The same, with the counts that belong there in Redis. Nobody is connected to it yet.
    #[must_use]
    pub fn shared_in(self, sharing: Sharing) -> Self {
        Self { shared: Some(Shared::new(sharing)), ..self }
    }

    /// Begins to keep a connection to Redis up, if there is one.
    pub fn connect(&self) {
        if let Some(shared) = &self.shared {
            shared.link.warn_of_clear_text();
            shared.link.connect();
        }
    }

    /// Waits until it is known whether Redis answers, for some seconds at most.
    pub async fn tried(&self) {
        if let Some(shared) = &self.shared {
            shared.link.tried().await;
        }
    }

    /// Takes one of `key`'s allowance under `rule`. Refused without taking when nothing is left: a caller that keeps asking
    /// does not lock itself out. Waits for Redis at most as long as any call may take.
    pub async fn take(&self, rule: Rule, key: &str, now: Timestamp) -> Result<(), Wait> {
        let now = now.timestamp_millis();
        match &self.shared {
            // On its own: what does not ask Redis does not carry what asking takes.
            Some(shared) if rule.is_shared() => Box::pin(self.take_shared(shared, (rule, key), now)).await,
            Some(_) | None => self.take_here((rule, key), 0, now),
        }
    }

    async fn take_shared(&self, shared: &Shared, what: (Rule, &str), now: i64) -> Result<(), Wait> {
        match shared.take(what, Allowance::of(what.0, self.scale, 1), now).await {
            Ok(Err(wait)) => {
                // Remembered, in case the next answer is late.
                self.here.use_up(what, self.share(what.0), nanos(now));
                Err(wait)
            }
            Ok(Ok(())) => Ok(()),
            Err(Lost(floor)) => self.take_here(what, floor, now),
        }
    }

    /// `floor` and `now` in Unix milliseconds.
    fn take_here(&self, what: (Rule, &str), floor: i64, now: i64) -> Result<(), Wait> {
        self.here.take(what, self.share(what.0), nanos(floor), nanos(now))
    }

    /// What this process may give by itself.
    fn share(&self, rule: Rule) -> Allowance {
        Allowance::of(rule, self.scale, self.nodes())
    }

    /// How many nodes there are, as far as is known.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.load(Ordering::Relaxed).max(1)
    }

    /// How often this process had to count by itself what is counted in Redis, since the start.
    #[must_use]
    pub fn away(&self) -> u64 {
        self.shared.as_ref().map_or(0, Shared::away)
    }
}

fn nanos(ms: i64) -> i64 {
    ms.saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests;
