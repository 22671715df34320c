//! The steps of the protocol, each as `src/view` and `src/store` take it. A step may come at any moment: nothing orders two
//! of them but what the step itself asks for. Time is a step, too; every age is counted in them, up to where it stops to
//! matter.

use std::vec::Drain;

use crate::state::{Done, Held, Lockdown, Node, Renewal, Server, State};
use crate::variant::Variant;

/// What does not change during a walk.
pub struct World {
    /// What is wrong.
    pub variant: Variant,
    /// The watched node's lease, in ticks.
    pub lease: u8,
    /// The shortest lease of any node.
    pub shortest: u8,
    /// The longest lease of any node.
    pub longest: u8,
    /// Lockdowns of other sessions, which take numbers before or after the watched one.
    pub others: u8,
    /// Whether a primary goes on answering reads after its standby was promoted.
    pub deposed_answers: bool,
}

/// The steps out of one state: what happens, and what is then.
#[derive(Default)]
pub struct Steps(Vec<(&'static str, State)>);

impl Steps {
    fn add(&mut self, what: &'static str, state: &State, change: impl FnOnce(&mut State)) {
        let mut after = *state;
        change(&mut after);
        self.0.push((what, after));
    }

    /// Takes them out.
    pub fn drain(&mut self) -> Drain<'_, (&'static str, State)> {
        self.0.drain(..)
    }
}

impl World {
    /// Dead wherever a copy could be read, and no copy left: there will never be one again.
    pub fn is_settled_for_good(state: &State) -> bool {
        let servers = [Some(state.primary), Some(state.standby), state.deposed];
        servers.into_iter().flatten().all(|server| server.watched != 0) && state.node.held == Held::None
    }

    /// All steps out of a state.
    pub fn steps(&self, state: &State, to: &mut Steps) {
        self.tick(state, to);
        self.server(state, to);
        self.lockdown(state, to);
        self.reaper(state, to);
        self.registration(state, to);
        self.renewal(state, to);
        self.view(state, to);
        self.copy(state, to);
    }

    fn is(&self, variant: Variant) -> bool {
        self.variant == variant
    }

    /// An age one tick later. What is as old as `most` will not change any more.
    fn tick(&self, state: &State, to: &mut Steps) {
        let older = |age: u8, most: u8| (age + 1).min(most);
        to.add("time passes", state, |s| {
            s.since_change = older(s.since_change, self.longest);
            if let Lockdown::Waiting(age) = &mut s.lockdown {
                *age = older(*age, self.longest);
            }
            s.reaper = s.reaper.map(|age| older(age, self.lease));
            s.node.lease = s.node.lease.map(|age| age + 1).filter(|age| *age < self.lease);
            if let Renewal::Read { age, .. } | Renewal::Sent(age) | Renewal::Ran(_, age) = &mut s.node.renewal {
                *age = older(*age, self.lease);
            }
        });
    }

    /// Other revocations, replication, trimming, failover.
    fn server(&self, state: &State, to: &mut Steps) {
        let primary = state.primary;
        if primary.counter - u8::from(primary.watched != 0) < self.others {
            to.add("another lockdown commits", state, |s| s.primary.counter += 1);
        }
        if state.standby != primary {
            to.add("the standby has everything", state, |s| s.standby = s.primary);
        }
        for until in primary.trimmed + 1..=primary.counter {
            to.add("the feed is trimmed", state, |s| s.primary.trimmed = until);
        }
        to.add("the standby is promoted", state, |s| self.promote(s));
        if state.row.is_some() {
            to.add("the standby is promoted, without the node's row", state, |s| {
                (s.row, s.reaper) = (None, None);
                self.promote(s);
            });
        }
    }

    /// A new history of the database. Who waits in the old one says `unconfirmed` (`Look::OtherHistory`).
    fn promote(&self, s: &mut State) {
        s.deposed = self.deposed_answers.then_some(s.primary);
        s.primary = s.standby;
        let is_kept = s.primary.watched != 0;
        let is_noticed = !self.is(Variant::NumberReused);
        s.lockdown = match s.lockdown {
            Lockdown::Committed | Lockdown::Waiting(_) | Lockdown::Unproven if !is_kept => Lockdown::NotYet,
            Lockdown::Committed => Lockdown::Unproven,
            Lockdown::Waiting(_) if is_noticed => Lockdown::Unproven,
            other @ (Lockdown::NotYet | Lockdown::Waiting(_) | Lockdown::Confirmed | Lockdown::Unproven) => other,
        };
        if is_noticed {
            s.since_change = if self.is(Variant::ShortWaitAfterFailover) { self.longest } else { 0 };
            s.node.registered = s.node.registered.after_failover();
            s.node.loaded = s.node.loaded.after_failover();
            if let Renewal::Read { history, .. } = &mut s.node.renewal {
                *history = Done::Before;
            }
        }
    }

    fn lockdown(&self, state: &State, to: &mut Steps) {
        match state.lockdown {
            Lockdown::NotYet => to.add("the lockdown commits", state, |s| {
                s.primary.counter += 1;
                s.primary.watched = s.primary.counter;
                s.lockdown = Lockdown::Committed;
            }),
            Lockdown::Committed if state.standby.watched == 0 => {}
            Lockdown::Committed => to.add("its commit is acknowledged", state, |s| s.lockdown = Lockdown::Waiting(0)),
            Lockdown::Unproven => {
                to.add("the lockdown is asked for again", state, |s| s.lockdown = Lockdown::Waiting(0));
            }
            Lockdown::Waiting(age) if self.is_proven(state, age) => {
                to.add("the lockdown is confirmed", state, |s| s.lockdown = Lockdown::Confirmed);
            }
            Lockdown::Waiting(_) | Lockdown::Confirmed => {}
        }
    }

    /// `Waiting::look`. Rows of other nodes may be there and in the way, or not be there: only the latter counts, but for
    /// who waits for the shortest lease among them. Who waits may be the node itself: then its view counts as its row does.
    fn is_proven(&self, state: &State, age: u8) -> bool {
        if state.since_change < self.longest {
            return age >= self.longest;
        }
        let has_heard = |applied| applied >= state.primary.watched && state.node.registered == Done::Now;
        let wait = if self.is(Variant::ShortestLease) { self.shortest } else { self.lease };
        state.row.is_none_or(has_heard) || self.hears(state) || age >= wait
    }

    /// `Node::hear`.
    fn hears(&self, state: &State) -> bool {
        let (node, watched) = (&state.node, state.primary.watched);
        let has_read = |renewal| matches!(renewal, Renewal::Read { upto, .. } if upto >= watched);
        let is_early = self.is(Variant::HeardBeforeApply) && has_read(node.renewal);
        let has_applied = node.loaded == Done::Now && node.applied >= watched;
        node.registered == Done::Now && (has_applied || is_early)
    }

    /// `Others::look`, by any other node: the row's value, and once more after its lease.
    fn reaper(&self, state: &State, to: &mut Steps) {
        match state.reaper {
            None if state.row.is_some() => to.add("another node sees the row", state, |s| s.reaper = Some(0)),
            Some(age) if age >= self.lease || self.is(Variant::EarlyReaping) => {
                to.add("the row was not renewed and is taken away", state, |s| (s.row, s.reaper) = (None, None));
            }
            None | Some(_) => {}
        }
    }

    /// A new row under a new id. A node begins anew when its process does, when its row is gone, or whenever it likes.
    fn registration(&self, state: &State, to: &mut Steps) {
        if state.node != Node::NEW {
            to.add("the node begins anew", state, begin_anew);
        }
        if state.node.registered == Done::Not {
            to.add("the node registers", state, |s| {
                s.node.registered = Done::Now;
                // Of what was read before, only the variant knows anything.
                s.row = Some(s.node.applied);
                s.reaper = None;
            });
        }
        if self.is(Variant::SameId) && state.node.registered != Done::Not && state.row.is_none() {
            to.add("another process registers under the node's id", state, |s| s.row = Some(0));
        }
    }

    /// `renew` and `acknowledge`: tail, then view, then row, then lease.
    fn renewal(&self, state: &State, to: &mut Steps) {
        let node = &state.node;
        let may_read = node.registered != Done::Not || self.is(Variant::ReadBeforeRegistration);
        if node.renewal != Renewal::Idle {
            to.add("the node gives its renewal up", state, |s| s.node.renewal = Renewal::Idle);
        }
        match node.renewal {
            Renewal::Idle if may_read => read_tails(state, to),
            Renewal::Idle => {}
            Renewal::Read { upto, .. } => {
                to.add("the node applies the tail", state, |s| self.apply(&mut s.node));
                if self.is(Variant::AckBeforeApply) {
                    to.add("the node acknowledges before it applies", state, |s| acknowledge(s, upto));
                }
            }
            Renewal::Sent(_) if node.registered == Done::Not => {}
            Renewal::Sent(age) => to.add("the UPDATE runs", state, |s| self.update(s, age)),
            Renewal::Ran(true, age) => to.add("the node hears that it was renewed", state, |s| {
                s.node.renewal = Renewal::Idle;
                let oldest = s.node.lease.map_or(age, |lease| lease.min(age));
                s.node.lease = Some(oldest).filter(|age| *age < self.lease);
            }),
            Renewal::Ran(false, _) => to.add("the node hears that its row is gone", state, begin_anew),
        }
        if node.loaded != Done::Not && state.row.is_some_and(|applied| applied < node.applied) {
            to.add("the node acknowledges", state, |s| acknowledge(s, s.node.applied));
        }
    }

    /// `View::apply`.
    fn apply(&self, node: &mut Node) {
        let Renewal::Read { upto, trimmed, seen, age, history } = node.renewal else { return };
        let has_a_gap = node.applied < trimmed && !self.is(Variant::TrimmedGap);
        if node.loaded == Done::Not || has_a_gap {
            node.low = node.low.max(trimmed);
        }
        node.view = node.view.max(seen);
        node.applied = node.applied.max(upto);
        if node.loaded == Done::Not {
            node.loaded = history;
        }
        node.renewal = Renewal::Sent(age);
    }

    /// `store::nodes::renew`: nothing but an UPDATE of this registration's row in this history.
    fn update(&self, s: &mut State, age: u8) {
        let is_there = s.row.is_some() || self.is(Variant::RenewalAsUpsert);
        // Both the row and the view must be of the history that is written now.
        let is_of_another = s.node.loaded == Done::Before && !self.is(Variant::FirstTailOfAnotherHistory);
        let is_found = is_there && s.node.registered == Done::Now && !is_of_another;
        if is_found {
            s.row = Some(s.row.unwrap_or(0).max(s.node.applied));
            // A new value: whoever watched it begins again.
            s.reaper = None;
        }
        s.node.renewal = Renewal::Ran(is_found, if self.is(Variant::LeaseFromUpdate) { 0 } else { age });
    }

    /// `View::forget_half`, at any number.
    fn view(&self, state: &State, to: &mut Steps) {
        for cut in state.node.low + 1..=state.node.applied {
            to.add("the view forgets", state, |s| {
                if !self.is(Variant::ForgetsQuietly) {
                    s.node.low = cut;
                }
                if s.node.view <= cut {
                    s.node.view = 0;
                }
            });
        }
    }

    /// `found::read`. That `as_of` is noted before the read is sent makes it only smaller than here. A deposed primary tells
    /// a node that has not heard of the failover yet.
    fn copy(&self, state: &State, to: &mut Steps) {
        let node = &state.node;
        let is_told = node.loaded == Done::Before || self.is(Variant::CopyOfAnotherHistory);
        let servers = [Some(state.primary), state.deposed.filter(|_| is_told)];
        match node.held {
            Held::None | Held::Copy(_) if node.loaded != Done::Not => {
                if servers.into_iter().flatten().any(|server| server.watched == 0) {
                    to.add("the node reads the session", state, |s| s.node.held = Held::Coming(s.node.applied));
                }
            }
            Held::None | Held::Copy(_) => {}
            Held::Coming(as_of) => to.add("the copy arrives", state, |s| {
                let is_late = self.is(Variant::AsOfAfterRead);
                s.node.held = Held::Copy(if is_late { s.node.applied } else { as_of });
            }),
        }
    }
}

/// The tail of the primary; where it still answers, also of the one before.
fn read_tails(state: &State, to: &mut Steps) {
    read_tail(state, state.primary, Done::Now, to);
    if let Some(deposed) = state.deposed {
        read_tail(state, deposed, Done::Before, to);
    }
}

/// One statement, one snapshot: `store::feed::tail`. What is of another history than the view is not applied.
fn read_tail(state: &State, server: Server, history: Done, to: &mut Steps) {
    let node = &state.node;
    let is_loaded = node.loaded != Done::Not;
    if is_loaded && (history != node.loaded || server.counter < node.applied) {
        to.add("the node finds another history and begins anew", state, begin_anew);
        return;
    }
    let is_told = server.watched > server.trimmed && (server.watched > node.applied || !is_loaded);
    let seen = if is_told { server.watched } else { 0 };
    let read = Renewal::Read { upto: server.counter, trimmed: server.trimmed, seen, age: 0, history };
    let is_deposed = history == Done::Before;
    let what = if is_deposed { "the node reads the deposed primary's tail" } else { "the node reads the tail" };
    to.add(what, state, |s| s.node.renewal = read);
}

/// Drops lease, view and copy. The row of the ended registration stays until it is reaped; that only delays who waits.
fn begin_anew(s: &mut State) {
    s.node = Node::NEW;
    (s.row, s.reaper) = (None, None);
}

fn acknowledge(s: &mut State, upto: u8) {
    if s.node.registered == Done::Now {
        s.row = s.row.map(|applied| applied.max(upto));
    }
}
