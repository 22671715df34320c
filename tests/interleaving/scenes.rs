//! One revocation, and what meets it.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc as Plain;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use loom::sync::{Arc, Mutex, MutexGuard};
use loom::thread;
use uuid::Uuid;

use crate::clock::{Clock, SinceBoot};
use crate::model::epoch::Epochs;
use crate::model::feed::{AsOf, Entry, Item, Mark, Tail};
use crate::model::ids::ClientId;
use crate::model::scope::Scope;
use crate::model::session::{Rotation, Session, SubjectKind};
use crate::view::known::Known;
use crate::view::memory::{Sight, View};

/// What is done in another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Nothing.
    AsBuilt,
    /// A check asks the view before the lease.
    ViewFirst,
    /// A node acknowledges before its view has the entry.
    AckBeforeApply,
    /// The lease counts from after the read of the tail.
    LeaseFromNow,
    /// A copy is marked after the truth was read.
    AsOfAfterRead,
}

/// Who else is there, besides a revocation with the check after it and a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// Time; the node has a copy already.
    Time,
    /// A check that reads the truth to make a copy.
    Refill,
}

/// How often something was seen, over all orders.
#[derive(Debug, Default)]
pub struct Counts {
    orders: AtomicUsize,
    by_ack: AtomicUsize,
    by_time: AtomicUsize,
    before: AtomicUsize,
    after: AtomicUsize,
}

/// The same, when all is over.
#[derive(Debug)]
pub struct Scene {
    /// Orders that were tried.
    pub orders: usize,
    /// Confirmed because the node had acknowledged.
    pub confirmed_by_ack: usize,
    /// Confirmed because the lease had passed.
    pub confirmed_by_time: usize,
    /// Checks that said `active` without a confirmation before them.
    pub active_before: usize,
    /// Those that did after one.
    pub active_after: usize,
}

const SESSION: Uuid = Uuid::from_u128(1);
const TICK: Duration = Duration::from_secs(1);
/// The lease, in ticks.
const LEASE: u32 = 1;

impl Scene {
    /// Tries every order, until one is wrong.
    pub fn play(other: Other, variant: Variant) -> Self {
        let counts = Plain::new(Counts::default());
        let (session, begin) = (Plain::new(session()), Clock::default().since_boot());
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = None;
        let told = counts.clone();
        let all = || builder.check(move || play(&World::begin(variant, begin, &session, &told), other));
        let is_over = catch_unwind(AssertUnwindSafe(all)).is_ok();
        assert_eq!(is_over, counts.after.load(Ordering::SeqCst) == 0, "ended by something else");
        let get = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        Self {
            orders: get(&counts.orders),
            confirmed_by_ack: get(&counts.by_ack),
            confirmed_by_time: get(&counts.by_time),
            active_before: get(&counts.before),
            active_after: get(&counts.after),
        }
    }
}

/// The database and time, which everybody sees alike.
#[derive(Clone, Copy, Default)]
struct Outside {
    /// Ticks since the beginning.
    now: u32,
    /// The feed's counter: 1 when the session is ended.
    counter: i64,
    /// What the node's row says.
    row: i64,
}

/// One node, a database of one number, and time.
struct World {
    variant: Variant,
    begin: SinceBoot,
    session: Plain<Session>,
    counts: Plain<Counts>,
    known: Known,
    outside: Mutex<Outside>,
    /// The node's copy of the session.
    copy: Mutex<Option<AsOf>>,
}

impl World {
    /// A node that has just been renewed.
    fn begin(variant: Variant, begin: SinceBoot, session: &Plain<Session>, counts: &Plain<Counts>) -> Arc<Self> {
        let known = Known::new(View::new(10));
        let is_ours = known.change().apply(&tail(0));
        assert!(is_ours);
        known.vouch(begin, TICK * LEASE);
        let (session, counts) = (session.clone(), counts.clone());
        let (outside, copy) = (Mutex::new(Outside::default()), Mutex::new(None));
        Arc::new(Self { variant, begin, session, counts, known, outside, copy })
    }

    fn outside(&self) -> MutexGuard<'_, Outside> {
        self.outside.lock().unwrap()
    }

    fn tick(&self) {
        self.outside().now += 1;
    }

    fn time(&self) -> SinceBoot {
        self.begin.plus(TICK * self.outside().now)
    }

    /// `task::renew` and `Node::catch_up`.
    fn renew(&self) {
        let from = self.time();
        let upto = self.outside().counter;
        if self.variant == Variant::AckBeforeApply {
            self.outside().row = upto;
        }
        let is_ours = self.known.change().apply(&tail(upto));
        assert!(is_ours);
        self.outside().row = upto;
        let from = if self.variant == Variant::LeaseFromNow { self.time() } else { from };
        self.known.vouch(from, TICK * LEASE);
    }

    /// `found::read`.
    fn refill(&self) {
        let before = self.known.view().as_of();
        let is_alive = self.outside().counter == 0;
        let as_of = if self.variant == Variant::AsOfAfterRead { self.known.view().as_of() } else { before };
        if is_alive {
            *self.copy.lock().unwrap() = as_of;
        }
    }

    /// The session is ended; who did it looks at the row once, and then a check begins.
    fn revoke_and_check(&self) {
        let mut outside = self.outside();
        outside.counter = 1;
        let since = outside.now;
        drop(outside);
        let Outside { now, row, .. } = *self.outside();
        let (has_heard, has_waited) = (row == 1, now - since >= LEASE);
        let is_confirmed = has_heard || has_waited;
        let is_active = self.check() == Some(Sight::Clear(None));
        for (count, is_so) in [
            (&self.counts.by_ack, has_heard),
            (&self.counts.by_time, has_waited),
            (&self.counts.before, is_active && !is_confirmed),
            (&self.counts.after, is_active && is_confirmed),
        ] {
            count.fetch_add(usize::from(is_so), Ordering::SeqCst);
        }
        if is_active && is_confirmed {
            // Enough was seen.
            resume_unwind(Box::new("caught"));
        }
    }

    /// `Found::standing` with a copy in hand.
    fn check(&self) -> Option<Sight> {
        let copy = (*self.copy.lock().unwrap())?;
        let judge = |view: &View| view.judge(copy, &self.session, 1);
        if self.variant == Variant::ViewFirst {
            let sight = judge(&self.known.view());
            return self.known.is_fresh(self.time()).then_some(sight);
        }
        self.known.ask(self.time(), judge)
    }
}

fn play(world: &Arc<World>, other: Other) {
    world.counts.orders.fetch_add(1, Ordering::SeqCst);
    let spawn = |play: fn(&World)| {
        let world = world.clone();
        thread::spawn(move || play(&world))
    };
    if other == Other::Time {
        world.refill();
    }
    let others = match other {
        Other::Time => [spawn(World::renew), spawn(World::tick)],
        Other::Refill => [spawn(World::renew), spawn(World::refill)],
    };
    world.revoke_and_check();
    for thread in others {
        thread.join().unwrap();
    }
}

/// A tail of what was told up to a number.
fn tail(counter: i64) -> Tail {
    let mark = Mark { number: counter, timeline: "1".to_owned() };
    let ended = Entry { number: 1, item: Item::Ended { session: SESSION } };
    let entries = [ended].into_iter().filter(|entry| entry.number <= mark.number).collect();
    Tail { mark, trimmed: 0, after: 0, incarnation: String::new(), entries }
}

fn session() -> Session {
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    Session {
        session_id: SESSION,
        client_id: ClientId::parse("app").unwrap(),
        subject_id: "john".to_owned(),
        subject_kind: SubjectKind::Customer,
        device_id: None,
        consent_id: None,
        scope: Scope::parse("openid").unwrap(),
        resources: vec![],
        shapes: vec![],
        generation: 1,
        rotation: Rotation { at: now, address: None, shape: 0, access_expires_at: now },
        auth_at: None,
        created_at: now,
        expires_at: now + TimeDelta::days(1),
        ended_at: None,
        epochs: Epochs { global: 1, client: None, subject: None, device: None, consent: None },
    }
}
