//! When each token was killed: the earliest moment at which something that may kill it was sent, and the earliest at which
//! something that surely covers it was confirmed. In between nobody knows.

use std::collections::HashMap;

use super::super::history::{Call, History, Kind, NEVER, Nanos, Outcome, SECOND, Session, Verb, at};
use super::refresh::Replays;

/// How long after it was sent a call without a clear answer may still be carried out: no part is held for longer than 30 s
/// by any fault, no statement waits longer than 3 s, and the clients' own limits are shorter. Much more than their sum.
pub const LATE: Nanos = 120 * SECOND;

/// When something was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    /// Nothing that may kill it was sent before.
    pub sent: Nanos,
    /// It was surely dead from then on, everywhere.
    pub confirmed: Nanos,
}

impl Kill {
    /// It was never killed.
    pub const NEVER: Self = Self { sent: NEVER, confirmed: NEVER };

    fn add(&mut self, call: &Call) {
        self.sent = self.sent.min(call.begin);
        if call.outcome == Outcome::Confirmed {
            self.confirmed = self.confirmed.min(call.end);
        }
    }
}

/// Of all sessions and tokens.
pub struct Kills {
    sessions: Vec<Kill>,
    tokens: HashMap<u32, Kill>,
    rotated: HashMap<(u32, u64), Nanos>,
    /// Refreshes, as far as they may have been replays.
    pub replays: Replays,
}

impl Kills {
    /// Reads them off a history.
    pub fn of(history: &History) -> Self {
        let mut kills = Self {
            sessions: vec![Kill::NEVER; history.sessions.len()],
            tokens: HashMap::new(),
            rotated: HashMap::new(),
            replays: Replays::of(history),
        };
        let groups = Groups::of(history);
        for (kill, session) in kills.sessions.iter_mut().zip(&history.sessions) {
            groups.kill(session, kill);
        }
        for call in &history.calls {
            kills.add_own(call);
        }
        kills.replays.kill(history, &mut kills.sessions);
        kills
    }

    fn add_own(&mut self, call: &Call) {
        match call.verb {
            Verb::RevokeGrant { session } | Verb::EndSession { session } => self.sessions[at(session)].add(call),
            Verb::RevokeToken { token } => self.tokens.entry(token).or_insert(Kill::NEVER).add(call),
            Verb::Refresh { session, generation } => {
                let first = self.rotated.entry((session, generation)).or_insert(NEVER);
                *first = call.begin.min(*first);
            }
            Verb::Page
            | Verb::SignIn { .. }
            | Verb::Exchange { .. }
            | Verb::Enter { .. }
            | Verb::EndDevice { .. }
            | Verb::Lock { .. }
            | Verb::Unlock { .. } => {}
        }
    }

    /// Of a session.
    pub fn session(&self, session: u32) -> Kill {
        self.sessions[at(session)]
    }

    /// Of a token: its own, or its session's; a refresh token is also gone once it was used.
    pub fn token(&self, history: &History, number: u32) -> Kill {
        let token = &history.tokens[at(number)];
        let session = self.session(token.session);
        let own = self.tokens.get(&number).copied().unwrap_or(Kill::NEVER);
        let used = match token.kind {
            Kind::Access => NEVER,
            Kind::Refresh => self.rotated.get(&(token.session, token.generation)).copied().unwrap_or(NEVER),
        };
        Kill { sent: session.sent.min(own.sent).min(used), confirmed: session.confirmed.min(own.confirmed) }
    }
}

/// What kills more than one session: locks, and devices taken out.
#[derive(Default)]
struct Groups<'a> {
    locks: HashMap<u32, Vec<&'a Call>>,
    unlocks: HashMap<u32, Vec<&'a Call>>,
    devices: HashMap<u32, Vec<&'a Call>>,
}

/// The latest moment at which a call may have been carried out.
pub fn latest(call: &Call) -> Nanos {
    match call.outcome {
        Outcome::Confirmed | Outcome::Refused => call.end,
        Outcome::Unconfirmed | Outcome::Lost | Outcome::Odd(_) => call.begin.saturating_add(LATE),
    }
}

impl<'a> Groups<'a> {
    fn of(history: &'a History) -> Self {
        let mut groups = Self::default();
        for call in &history.calls {
            match call.verb {
                Verb::Lock { customer } => groups.locks.entry(customer).or_default().push(call),
                Verb::Unlock { customer } => groups.unlocks.entry(customer).or_default().push(call),
                Verb::EndDevice { device } => groups.devices.entry(device).or_default().push(call),
                Verb::Page
                | Verb::SignIn { .. }
                | Verb::Exchange { .. }
                | Verb::Enter { .. }
                | Verb::Refresh { .. }
                | Verb::RevokeToken { .. }
                | Verb::RevokeGrant { .. }
                | Verb::EndSession { .. } => {}
            }
        }
        groups
    }

    fn kill(&self, session: &Session, kill: &mut Kill) {
        let none = Vec::new();
        let locks = self.locks.get(&session.customer).unwrap_or(&none);
        let unlocks = self.unlocks.get(&session.customer).unwrap_or(&none);
        let is_covered = |lock: &Call| proof_is_before(session, lock) || !may_be_born_after(session, lock, unlocks);
        let devices = session.device.and_then(|device| self.devices.get(&device)).unwrap_or(&none);
        let of_locks = locks.iter().map(|call| (*call, is_covered(call)));
        let of_devices = devices.iter().map(|call| (*call, proof_is_before(session, call)));
        for (call, is_covered) in of_locks.chain(of_devices) {
            if latest(call) >= session.proof.0 {
                kill.sent = kill.sent.min(call.begin);
            }
            if is_covered && call.outcome == Outcome::Confirmed {
                kill.confirmed = kill.confirmed.min(call.end);
            }
        }
    }
}

/// Its epochs were read before the call was sent: the raise is above them.
fn proof_is_before(session: &Session, call: &Call) -> bool {
    session.proof.1 <= call.begin
}

/// Whether the proof may have been made after this lock, which takes an unlock in between: nobody who is locked gets in.
fn may_be_born_after(session: &Session, lock: &Call, unlocks: &[&Call]) -> bool {
    unlocks.iter().any(|unlock| unlock.begin < session.proof.1 && may_lift(unlock, lock))
}

/// Whether an unlock may have been carried out after a lock. One without an answer may be at any time.
pub fn may_lift(unlock: &Call, lock: &Call) -> bool {
    match unlock.outcome {
        Outcome::Refused => false,
        Outcome::Confirmed => unlock.end > lock.begin,
        Outcome::Unconfirmed | Outcome::Lost | Outcome::Odd(_) => true,
    }
}
