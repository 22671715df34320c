//! Answers that may come only while something is broken, answers that nobody should get, and what locks keep out.

use std::collections::HashMap;

use super::super::history::{Call, History, NEVER, Nanos, Outcome, SECOND, Said, Verb, Window, at};
use super::kills::{latest, may_lift};
use super::{LIMITED, Rule, Violation, seconds};

/// How long after a fault was healed, and the lease ran out that may have been missed meanwhile, a node may still be unsure:
/// a statement that hangs is given up after 3 s, and only then the next renewal is tried; and two seconds because this runs
/// beside three nodes, two databases and their faults on two cores, where a task that is due may wait that long.
pub const MARGIN: Nanos = 5 * SECOND;

/// The spans in which something was broken, or the machine slow by itself, each with what follows of it; sorted, and none meets another.
pub struct Broken(Vec<(Nanos, Nanos)>);

impl Broken {
    /// Of a run.
    pub fn of(history: &History, windows: &[Window]) -> Self {
        let after = history.lease.saturating_add(MARGIN);
        let broken = windows.iter().map(|window| (window.begin, window.end));
        let all = broken.chain(history.slow.iter().copied());
        let mut spans: Vec<_> = all.map(|(begin, end)| (begin, end.saturating_add(after))).collect();
        spans.sort_unstable();
        let mut merged: Vec<(Nanos, Nanos)> = Vec::new();
        for (begin, end) in spans {
            match merged.last_mut() {
                Some(last) if begin <= last.1 => last.1 = last.1.max(end),
                _ => merged.push((begin, end)),
            }
        }
        Self(merged)
    }

    /// Whether a call was under way in one of them.
    pub fn touches(&self, begin: Nanos, end: Nanos) -> bool {
        // The first span that had not ended when the call began.
        let first = self.0.partition_point(|span| span.1 < begin);
        self.0.get(first).is_some_and(|span| span.0 <= end)
    }
}

/// How much of a time nothing was broken, and the machine was not slow: when R4 holds.
pub fn whole(history: &History, windows: &[Window]) -> Nanos {
    let end = history.checks.iter().map(|check| check.end).max().unwrap_or(0);
    let Broken(spans) = Broken::of(history, windows);
    let broken: Nanos = spans.iter().map(|(begin, until)| (*until).min(end).saturating_sub((*begin).min(end))).sum();
    end - broken
}

/// R4.
pub fn unsure(history: &History, windows: &[Window]) -> Vec<Violation> {
    let broken = Broken::of(history, windows);
    let checks = history
        .checks
        .iter()
        .filter(|check| matches!(check.said, Said::Unsure | Said::Lost) && !broken.touches(check.begin, check.end))
        .map(|check| {
            let text = format!("{:?}", check.said);
            super::violation(Rule::UnsureWithoutCause, history, check, text)
        });
    let is_over = |call: &&Call| call.end != NEVER;
    let calls = history
        .calls
        .iter()
        .filter(is_over)
        .filter(|call| matches!(call.outcome, Outcome::Unconfirmed | Outcome::Lost))
        .filter(|call| call.note.as_deref() != Some(LIMITED))
        .filter(|call| !broken.touches(call.begin, call.end))
        .map(|call| tell(Rule::UnsureWithoutCause, history, call, &format!("{:?}", call.outcome)));
    checks.chain(calls).collect()
}

fn tell(rule: Rule, history: &History, call: &Call, text: &str) -> Violation {
    let (begin, end) = (seconds(call.begin), seconds(call.end));
    let note = call.note.as_deref().unwrap_or_default();
    let text = format!("{:?} at node {}, asked {begin} - {end}: {text} {note}", call.verb, call.node);
    Violation { rule, at: call.end, session: session_of(history, call.verb), token: None, text }
}

/// The session a call names, or the first of the customer it names.
fn session_of(history: &History, verb: Verb) -> Option<u32> {
    let first_of = |customer: u32| history.sessions.iter().position(|session| session.customer == customer);
    match verb {
        Verb::Refresh { session, .. } | Verb::RevokeGrant { session } | Verb::EndSession { session } => Some(session),
        Verb::RevokeToken { token } => history.tokens.get(at(token)).map(|token| token.session),
        Verb::SignIn { customer }
        | Verb::Exchange { customer }
        | Verb::Lock { customer }
        | Verb::Unlock { customer } => first_of(customer).and_then(|session| u32::try_from(session).ok()),
        Verb::Page | Verb::Enter { .. } | Verb::EndDevice { .. } => None,
    }
}

/// Answers that nobody should get, whatever is broken.
pub fn odd(history: &History) -> Vec<Violation> {
    let checks = history.checks.iter().filter_map(|check| match check.said {
        Said::Odd(status) => Some(super::violation(Rule::Odd, history, check, format!("answered {status}"))),
        Said::Active | Said::Inactive | Said::Unsure | Said::Lost => None,
    });
    let calls = history.calls.iter().filter_map(|call| match call.outcome {
        Outcome::Odd(status) => Some(tell(Rule::Odd, history, call, &format!("answered {status}"))),
        Outcome::Confirmed | Outcome::Unconfirmed | Outcome::Refused | Outcome::Lost => None,
    });
    checks.chain(calls).collect()
}

/// What happened to one customer's lock, and at their door.
#[derive(Default)]
struct Door<'a> {
    locks: Vec<&'a Call>,
    unlocks: Vec<&'a Call>,
    tries: Vec<&'a Call>,
}

impl Door<'_> {
    /// Since when the customer was surely locked, all the time up to a moment, if they were.
    fn locked_for_certain(&self, until: Nanos, but: &Call) -> Option<Nanos> {
        let confirmed = self.locks.iter().filter(|lock| lock.outcome == Outcome::Confirmed && lock.end <= but.begin);
        let others = self.unlocks.iter().filter(|unlock| !std::ptr::eq(**unlock, but) && unlock.begin < until);
        let others: Vec<_> = others.collect();
        confirmed.filter(|lock| !others.iter().any(|unlock| may_lift(unlock, lock))).map(|lock| lock.end).min()
    }

    /// Since when the customer was surely not locked any more, if every lock that may have been carried out before this call
    /// was lifted for certain before it.
    fn open_for_certain(&self, call: &Call) -> Option<Nanos> {
        let lifted = |lock: &Call| {
            let after = self.unlocks.iter().filter(|unlock| unlock.outcome == Outcome::Confirmed);
            after
                .filter(|unlock| unlock.begin >= latest(lock) && unlock.end <= call.begin)
                .map(|unlock| unlock.end)
                .min()
        };
        let before: Vec<_> = self.locks.iter().filter(|lock| lock.begin < call.end).collect();
        let all: Option<Vec<Nanos>> = before.iter().map(|lock| lifted(lock)).collect();
        all?.into_iter().max()
    }

    /// Nothing that may have locked the customer before a moment was sent.
    fn never_locked(&self, until: Nanos) -> bool {
        self.locks.iter().all(|lock| lock.begin >= until)
    }
}

/// Nobody gets in who is surely locked; nobody is refused who was never locked, or is surely unlocked again; and a lock that
/// was confirmed is there to be lifted.
pub fn locks(history: &History) -> Vec<Violation> {
    let mut doors: HashMap<u32, Door<'_>> = HashMap::new();
    for call in &history.calls {
        match call.verb {
            Verb::Lock { customer } => doors.entry(customer).or_default().locks.push(call),
            Verb::Unlock { customer } => doors.entry(customer).or_default().unlocks.push(call),
            Verb::SignIn { customer } | Verb::Exchange { customer } => {
                doors.entry(customer).or_default().tries.push(call);
            }
            Verb::Page
            | Verb::Enter { .. }
            | Verb::Refresh { .. }
            | Verb::RevokeToken { .. }
            | Verb::RevokeGrant { .. }
            | Verb::EndSession { .. }
            | Verb::EndDevice { .. } => {}
        }
    }
    doors.values().flat_map(|door| at_door(history, door)).collect()
}

fn at_door(history: &History, door: &Door<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for call in &door.tries {
        if call.outcome == Outcome::Confirmed
            && let Some(since) = door.locked_for_certain(call.end, call)
        {
            let text = format!("got in, locked for certain since {}", seconds(since));
            found.push(tell(Rule::ActiveAfterConfirmed, history, call, &text));
        }
        if call.outcome == Outcome::Refused && door.never_locked(call.end) {
            found.push(tell(Rule::FalseRefusal, history, call, "was refused, and never locked"));
        }
        // A code from before the lock is dead after it, too.
        let is_new = matches!(call.verb, Verb::SignIn { .. });
        if call.outcome == Outcome::Refused
            && is_new
            && let Some(since) = door.open_for_certain(call)
        {
            let text = format!("was refused, unlocked for certain since {}", seconds(since));
            found.push(tell(Rule::FalseRefusal, history, call, &text));
        }
    }
    for call in door.unlocks.iter().filter(|call| call.outcome == Outcome::Refused) {
        if let Some(since) = door.locked_for_certain(latest(call), call) {
            let text = format!("was told `not locked`, locked for certain since {}", seconds(since));
            found.push(tell(Rule::Forgotten, history, call, &text));
        }
    }
    found
}
