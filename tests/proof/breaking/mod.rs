//! What is broken on purpose: one fault after another, drawn by a seed, each in a window of its own on the run's clock. After
//! each of them everything is healed and every node must be ready again within the time that is promised.

mod links;
mod nodes;
mod postgres;
mod redis;
mod together;

#[cfg(feature = "seeded-bugs")]
pub use self::postgres::promoted_after as promote_after;
#[cfg(feature = "seeded-bugs")]
pub use self::redis::forged as forge_copies;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use crate::dice::Dice;
use crate::history::{Clock, NEVER, Window};
use crate::rig::Rig;
use crate::rig::nodes::NODES;
use crate::rig::redis::Topology;

/// A fault: what it is called, how often it is drawn, and what it does.
pub struct Fault {
    /// Its name, as `--only` takes it.
    pub name: &'static str,
    /// How many times as often as the rarest.
    pub weight: usize,
    act: fn(&mut Breaking<'_>),
}

const fn fault(name: &'static str, weight: usize, act: fn(&mut Breaking<'_>)) -> Fault {
    Fault { name, weight, act }
}

/// All faults.
pub const ALL: [Fault; 32] = [
    fault("node-killed", 16, nodes::killed),
    fault("node-stopped", 2, nodes::stopped),
    fault("node-frozen", 4, nodes::frozen),
    fault("node-paused", 2, nodes::paused),
    fault("postgres-killed", 6, postgres::killed),
    fault("postgres-frozen", 2, postgres::frozen),
    fault("postgres-promoted", 4, postgres::promoted),
    fault("postgres-promoted-lagging", 2, postgres::promoted_lagging),
    fault("standby-lost", 2, postgres::standby_lost),
    fault("standby-killed", 2, postgres::standby_killed),
    fault("locks-held", 2, postgres::locks_held),
    fault("disk-full", 2, postgres::disk_full),
    fault("connections-ended", 2, postgres::connections_ended),
    fault("cut-at-commit", 3, links::cut_at_commit),
    fault("node-postgres-cut", 2, links::postgres_cut),
    fault("node-postgres-silent", 3, links::postgres_silent),
    fault("node-postgres-one-way", 3, links::postgres_one_way),
    fault("node-postgres-slow", 2, links::postgres_slow),
    fault("node-redis-cut", 1, links::redis_cut),
    fault("node-redis-silent", 1, links::redis_silent),
    fault("node-redis-slow", 1, links::redis_slow),
    fault("replication-slow", 1, links::replication_slow),
    fault("redis-killed", 6, redis::killed),
    fault("redis-frozen", 2, redis::frozen),
    fault("redis-flushed", 2, redis::flushed),
    fault("redis-lost-writes", 3, redis::lost_writes),
    fault("redis-old-dump", 2, redis::old_dump),
    fault("redis-forged", 2, redis::forged),
    fault("redis-stale-replica", 2, redis::stale_replica),
    fault("redis-full", 1, redis::full),
    fault("cut-off-while-promoted", 3, together::cut_off_while_promoted),
    fault("frozen-while-promoted", 2, together::frozen_while_promoted),
];

/// The longest that most faults last, so that there are many.
const USUAL: Duration = Duration::from_secs(6);

/// Windows, shared with whoever judges.
pub type Windows = Arc<Mutex<Vec<Window>>>;

/// Whoever breaks things. Waits, and runs on a thread of its own.
pub struct Breaking<'a> {
    /// What is broken.
    pub rig: &'a mut Rig,
    /// By what is drawn.
    pub dice: Dice,
    /// The run's clock.
    pub clock: Clock,
    /// What was broken when.
    pub windows: Windows,
    /// The longest that anything is left broken.
    pub longest: Duration,
    /// What was not as promised.
    pub complaints: Vec<String>,
}

impl Breaking<'_> {
    /// One fault, drawn, or the one of this name; its name.
    pub fn once(&mut self, only: Option<&str>) -> &'static str {
        let fits = |fault: &&Fault| only.is_none_or(|name| fault.name == name);
        let all: Vec<&Fault> = ALL.iter().filter(fits).flat_map(|fault| vec![fault; fault.weight]).collect();
        assert!(!all.is_empty(), "no fault is called {only:?}");
        let fault = all[self.dice.below(all.len())];
        (fault.act)(self);
        fault.name
    }

    /// A window: from just before something is broken until everything is healed and ready.
    pub fn during(&mut self, kind: &str, target: impl ToString, act: impl FnOnce(&mut Self)) {
        let (kind, target) = (kind.to_owned(), target.to_string());
        let window = Window { kind: kind.clone(), target, begin: self.clock.now(), end: NEVER };
        let number = {
            let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
            windows.push(window);
            windows.len() - 1
        };
        act(self);
        if let Err(complaint) = self.rig.until_ready() {
            self.complaints.push(format!("after {kind}: {complaint}"));
        }
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)[number].end = self.clock.now();
    }

    /// Lets it last: mostly short, sometimes as long as may be.
    pub fn last(&mut self, least_ms: u64) {
        sleep(self.span(least_ms));
    }

    fn span(&mut self, least_ms: u64) -> Duration {
        let longest = if self.dice.once_in(10) { self.longest } else { self.longest.min(USUAL) };
        let most = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX).max(least_ms);
        // As often between 100 and 200 ms as between 2 and 4 s.
        let doublings = (most / least_ms.max(1)).max(1).ilog2();
        let scale = 1_u64 << self.dice.between(0, u64::from(doublings));
        Duration::from_millis(
            self.dice.between(least_ms * scale, (least_ms * scale * 2).min(most.max(least_ms * scale))),
        )
    }

    fn node(&mut self) -> usize {
        self.dice.below(NODES)
    }

    fn has_sentinels(&self) -> bool {
        self.rig.copies.topology == Topology::Sentinels
    }
}
