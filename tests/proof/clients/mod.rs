//! Sixty-four clients at work: nine of ten things they do are checks, of new tokens and of ones that were just killed, at all
//! nodes; the rest are sign-ins, refreshes (twice at once, again, too late), revocations, lockdowns and unlocks. They judge
//! nothing. What they met is in the history, for `rules`.
//!
//! For whoever runs them:
//! - [`Site::enter`] enters the bank into an empty, migrated database, given an app on it (`Folder::db_app`) and the nodes'
//!   ports; a node that is started again has its new port stored there;
//! - [`start`]`(site, plan, clock).await` lets them begin and gives [`Working`];
//! - [`Working::so_far`] is the history up to now, calls under way included, to be checked in between;
//! - [`Working::end`]`().await` stops them, asks once more about everything they remember, at every node, and gives the
//!   history: everything must have been healed by then, or a window must still be open;
//! - then `rules::check(&history, &windows)` and `ledger::check(&app, &history)`.
#![allow(dead_code, reason = "each of the binaries that share it uses a part")]

mod minted;
mod pages;
mod pool;
mod pulse;
pub mod site;
mod turns;
mod verbs;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::pool::{Asked, Pool};
pub use self::site::{NODES, Site};
use super::dice::Dice;
use super::history::{Clock, History, Nanos, at};
use super::recorder::Recorder;
use crate::support::db_customer;
use crate::support::direct::together;

/// How they work.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What their choices are made of.
    pub seed: u64,
    /// How many of them.
    pub clients: u16,
    /// How many customers they share.
    pub customers: u32,
    /// What all of them together do in a second, about.
    pub per_second: u32,
    /// The nodes' lease.
    pub lease: Duration,
    /// The nodes' grace for refreshes.
    pub grace: Duration,
    /// Passwords are slow on purpose: one sign-in by the pages among so many things done. 0: none.
    pub pages: usize,
}

impl Default for Plan {
    fn default() -> Self {
        let (lease, grace) = (Duration::from_secs(2), Duration::from_secs(3));
        Self { seed: 1, clients: 64, customers: 160, per_second: 300, lease, grace, pages: 150 }
    }
}

/// All that they share.
struct Work {
    site: Site,
    plan: Plan,
    recorder: Recorder,
    pool: Mutex<Pool>,
    stop: AtomicBool,
}

impl Work {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    /// At every node, a few at once.
    async fn check_everywhere(&self, tokens: &[Asked]) {
        for some in tokens.chunks(AT_ONCE) {
            let all = some.iter().flat_map(|asked| (0..NODES).map(move |node| self.check(node, asked, false)));
            together(all).await;
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Clients under way.
pub struct Working {
    work: Arc<Work>,
    tasks: Vec<JoinHandle<()>>,
}

/// The id of a customer by number.
fn customer_name(number: u32) -> String {
    format!("CUST_9{number:05}")
}

fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

/// Lets all of them begin.
pub async fn start(site: Site, plan: Plan, clock: Clock) -> Working {
    let recorder = Recorder::new(clock, nanos(plan.lease), nanos(plan.grace));
    let mut customers = Vec::new();
    for number in 0..plan.customers {
        let name = customer_name(number);
        db_customer(&site.app, &name, "Somebody", None, None).await;
        customers.push(recorder.customer(&name));
    }
    let pool = Mutex::new(Pool::of(customers));
    let work = Arc::new(Work { site, plan, recorder, pool, stop: AtomicBool::new(false) });
    let mut tasks: Vec<_> = (0..plan.clients).map(|number| tokio::spawn(client(work.clone(), number))).collect();
    tasks.push(tokio::spawn(pulse::beat(work.clone())));
    Working { work, tasks }
}

/// Tokens that one client asks every node about at once.
const AT_ONCE: usize = 4;
/// How many times as long as something took a client rests afterwards: so that, however slow the machine is just now, few of
/// them ask at once. It is to be busy, not choked.
const REST: u32 = 8;
/// But never longer than this.
const LONGEST_REST: Duration = Duration::from_secs(2);

/// One of them: does one thing after the other, whatever becomes of it.
async fn client(work: Arc<Work>, number: u16) {
    let mut me = Me { number, dice: Dice::of_part(work.plan.seed, u64::from(number)), work };
    let between = 2_000 * u64::from(me.work.plan.clients) / u64::from(me.work.plan.per_second.max(1));
    let mut rest = Duration::ZERO;
    while me.work.goes_on() {
        let pause = Duration::from_millis(me.dice.between(0, between));
        tokio::time::sleep(pause.max(rest)).await;
        if me.dice.below(10) > 0 {
            let began = Instant::now();
            me.check_something().await;
            rest = (began.elapsed() * REST).min(LONGEST_REST);
        } else {
            me.do_something().await;
        }
    }
}

/// A client.
struct Me {
    number: u16,
    dice: Dice,
    work: Arc<Work>,
}

impl Me {
    fn node(&mut self) -> usize {
        self.dice.below(NODES)
    }

    async fn check_something(&mut self) {
        let picked = self.work.pool().pick(&mut self.dice);
        let Some(asked) = picked else { return };
        let (node, hinted) = (self.node(), self.dice.once_in(10));
        self.work.check(node, &asked, hinted).await;
    }

    /// At every node, at once.
    async fn check_everywhere(&mut self, tokens: &[Asked]) {
        self.work.check_everywhere(tokens).await;
    }
}

impl Working {
    /// What happened so far, with what is under way.
    pub fn so_far(&self) -> History {
        self.work.recorder.so_far()
    }

    /// How many checks, and other calls, were made so far.
    pub fn counts(&self) -> (usize, usize) {
        self.work.recorder.counts()
    }

    /// Lets them end, and asks once more about everything that is remembered, at every node. A client that was surprised
    /// ends the run.
    pub async fn end(self) -> History {
        self.work.stop.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.expect("a client was surprised");
        }
        let tokens = self.work.pool().remembered();
        self.work.check_everywhere(&tokens).await;
        self.work.recorder.so_far()
    }
}
