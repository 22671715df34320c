//! Refreshes (RFC 9700 §4.14.2): one winner; the same pair again within the grace, as long as nobody used it; an older
//! token ends the session. A rotation was made some time after the first call that asked for it was sent, and before the
//! first that was answered ended: what lies in between is not judged.

use std::collections::HashMap;

use super::super::history::{Call, History, Kind, NEVER, Nanos, Outcome, SECOND, Verb, at};
use super::kills::{Kill, Kills, latest};
use super::{Rule, Violation, seconds};

/// By how much the nodes' wall clocks, cut to milliseconds, may differ from one another and from ours: a node that is off
/// by more than this says it is not ready.
const SKEW: Nanos = SECOND;

/// What is known about the use of one generation of one session.
#[derive(Clone, Copy, Debug)]
struct Use {
    /// The first call that asked for it was sent.
    sent: Nanos,
    /// The second was.
    again: Nanos,
    /// The first that was answered with a pair had ended.
    done: Nanos,
}

/// Uses of all generations, and which calls may have been replays.
pub struct Replays {
    uses: HashMap<(u32, u64), Use>,
    grace: Nanos,
}

/// What a call may have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fate {
    /// It may have been taken for a replay.
    may_be: bool,
    /// It was one.
    must_be: bool,
}

impl Replays {
    /// Reads them off a history.
    pub fn of(history: &History) -> Self {
        let mut uses: HashMap<(u32, u64), Use> = HashMap::new();
        for (call, of) in refreshes(history) {
            let known = uses.entry(of).or_insert(Use { sent: NEVER, again: NEVER, done: NEVER });
            // Calls stand in the order in which they began.
            if known.sent == NEVER {
                known.sent = call.begin;
            } else if known.again == NEVER {
                known.again = call.begin;
            }
            if call.outcome == Outcome::Confirmed {
                known.done = known.done.min(call.end);
            }
        }
        Self { uses, grace: history.grace }
    }

    fn fate(&self, call: &Call, (session, generation): (u32, u64)) -> Fate {
        let Some(own) = self.uses.get(&(session, generation)) else { return Fate { may_be: false, must_be: false } };
        let next = self.uses.get(&(session, generation + 1));
        let until = latest(call);
        let is_second = own.again < until;
        let late = until.saturating_add(SKEW) >= own.sent.saturating_add(self.grace);
        let may_be = next.is_some_and(|next| next.sent < until) || is_second && late;
        let must_be = next.is_some_and(|next| next.done <= call.begin)
            || own.done.saturating_add(self.grace).saturating_add(SKEW) <= call.begin;
        Fate { may_be, must_be }
    }

    /// What replays did to sessions. A refusal proves the end only if nothing else can have ended the session by then: what
    /// is dead already is refused at once, whether or not the proof of its end is there.
    pub fn kill(&self, history: &History, sessions: &mut [Kill]) {
        let mut by_session: HashMap<u32, Vec<(&Call, bool)>> = HashMap::new();
        for (call, of) in refreshes(history) {
            let fate = self.fate(call, of);
            if fate.may_be || fate.must_be {
                by_session.entry(of.0).or_default().push((call, fate.must_be));
            }
        }
        for (session, replays) in by_session {
            let by_others = sessions[at(session)].sent;
            let alone = |call: &Call| {
                let others = replays.iter().filter(|(other, _)| !std::ptr::eq(*other, call));
                by_others >= call.end && others.clone().all(|(other, _)| other.begin >= call.end)
            };
            let proven = replays.iter().filter(|(call, must)| *must && call.outcome == Outcome::Refused && alone(call));
            let kill = &mut sessions[at(session)];
            kill.confirmed = proven.map(|(call, _)| call.end).fold(kill.confirmed, Nanos::min);
            kill.sent = replays.iter().map(|(call, _)| call.begin).fold(kill.sent, Nanos::min);
        }
    }
}

fn refreshes(history: &History) -> impl Iterator<Item = (&Call, (u32, u64))> {
    history.calls.iter().filter_map(|call| match call.verb {
        Verb::Refresh { session, generation } => Some((call, (session, generation))),
        Verb::Page
        | Verb::SignIn { .. }
        | Verb::Exchange { .. }
        | Verb::Enter { .. }
        | Verb::RevokeToken { .. }
        | Verb::RevokeGrant { .. }
        | Verb::EndSession { .. }
        | Verb::EndDevice { .. }
        | Verb::Lock { .. }
        | Verb::Unlock { .. } => None,
    })
}

/// All violations.
pub fn check(history: &History, kills: &Kills) -> Vec<Violation> {
    let mut pairs: HashMap<(u32, u64), (u32, u32)> = HashMap::new();
    let mut found = Vec::new();
    let of_kind = history.tokens.iter().filter(|token| token.kind == Kind::Refresh);
    let expires: HashMap<_, _> =
        of_kind.map(|token| ((token.session, token.generation), history.expiry(token))).collect();
    for (call, of) in refreshes(history) {
        let breach = match call.outcome {
            Outcome::Confirmed => wrong_pair(history, kills, call, of).or_else(|| {
                let pair = call.gave?;
                let first = *pairs.entry(of).or_insert(pair);
                (first != pair).then(|| format!("gave {pair:?}, where another call got {first:?}"))
            }),
            Outcome::Refused => {
                let until = expires.get(&of).copied().unwrap_or(NEVER).saturating_sub(SECOND);
                let is_good = call.end < until.min(kills.session(of.0).sent) && !kills.replays.fate(call, of).may_be;
                found.extend(is_good.then(|| tell(Rule::FalseRefusal, call, of, "was refused")));
                None
            }
            Outcome::Unconfirmed | Outcome::Lost | Outcome::Odd(_) => None,
        };
        found.extend(breach.map(|text| tell(Rule::Branch, call, of, &text)));
    }
    found
}

fn tell(rule: Rule, call: &Call, (session, generation): (u32, u64), text: &str) -> Violation {
    let when = (seconds(call.begin), seconds(call.end));
    let text = format!("generation {generation} at node {}, asked {} - {}, {text}", call.node, when.0, when.1);
    Violation { rule, at: call.end, session: Some(session), token: None, text }
}

/// Why a pair may not have been given.
fn wrong_pair(history: &History, kills: &Kills, call: &Call, (session, generation): (u32, u64)) -> Option<String> {
    let Some((access, refresh)) = call.gave else { return Some("gave tokens of no known session".to_owned()) };
    let is_next = |number: u32, kind: Kind| {
        let token = &history.tokens[at(number)];
        (token.kind, token.session, token.generation) == (kind, session, generation + 1)
    };
    if !is_next(access, Kind::Access) || !is_next(refresh, Kind::Refresh) {
        return Some(format!("gave {:?}, which is not the next generation", (access, refresh)));
    }
    let dead = kills.session(session).confirmed;
    if call.begin >= dead {
        return Some(format!("gave a pair of a session that is dead for certain since {}", seconds(dead)));
    }
    kills.replays.fate(call, (session, generation)).must_be.then(|| "gave a pair for an old token".to_owned())
}
