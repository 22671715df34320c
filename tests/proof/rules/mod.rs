//! What must be so in every history: the checker. Pure, and linear in the number of checks. What it is strict about is what
//! docs/security.md promises; where two readings are possible, it takes the one under which nothing is called wrong that
//! was right, and says so.
//!
//! - R1 no active answer to a check begun after the first *confirmed* kill that covers the token, whoever confirmed it;
//! - R2 never active again once inactive: at the same node at once, at every other one when the lease is over that it may
//!   have had then (a kill that nobody confirmed yet reaches nodes one by one, and only this is promised until it is);
//! - R3 active whenever a check began and ended before any kill was sent and a second before expiry;
//! - R4 503 or no answer only while something is broken, or the machine is slow by itself, and for a lease and a margin
//!   afterwards;
//! - R5 what was acknowledged is there at the end: `ledger`; and no answer says in between that it is not;
//! - refresh: one winner, the identical pair within the grace and no pair after it, reuse ends the session.
//!
//! Entries: [`check`]; and [`late`], for a process that stood still between its verdict and its answer.

pub mod calls;
pub mod kills;
pub mod refresh;

use std::fmt;

use self::kills::Kills;
use super::history::{Check, History, NEVER, Nanos, SECOND, Said, Window, at};

/// The note of a call that a limit refused. It says nothing of tokens, and may come in the minute after any fault of Redis.
pub const LIMITED: &str = "a limit";

/// What was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// R1.
    ActiveAfterConfirmed,
    /// R2.
    ActiveAfterInactive,
    /// R3.
    FalseInactive,
    /// R4.
    UnsureWithoutCause,
    /// R5.
    Forgotten,
    /// Refresh: two pairs of one, or a pair where none may be.
    Branch,
    /// Refresh: refused without a reason.
    FalseRefusal,
    /// An answer that nobody should get.
    Odd,
    /// An answer that was right before its process stood still, and left when it was woken.
    Late,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::ActiveAfterConfirmed,
        Self::ActiveAfterInactive,
        Self::FalseInactive,
        Self::UnsureWithoutCause,
        Self::Forgotten,
        Self::Branch,
        Self::FalseRefusal,
        Self::Odd,
        Self::Late,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::ActiveAfterConfirmed => "active after a confirmed kill",
            Self::ActiveAfterInactive => "active again after inactive",
            Self::FalseInactive => "a living token called inactive",
            Self::UnsureWithoutCause => "unsure or silent while nothing was broken",
            Self::Forgotten => "an acknowledged change is lost",
            Self::Branch => "a refresh gave what it may not",
            Self::FalseRefusal => "refused without a reason",
            Self::Odd => "an answer that nobody should get",
            Self::Late => "an answer from before its process stood still",
        }
    }
}

/// A rule was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// When what broke it ended.
    pub at: Nanos,
    /// The session it is about, if it is about one.
    pub session: Option<u32>,
    /// The token it is about, if it is about one.
    pub token: Option<u32>,
    /// What happened, in words.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, at, session, text, .. } = self;
        write!(f, "{} ({rule:?}) at {}: {text}", rule.words(), seconds(*at))?;
        session.map_or(Ok(()), |session| write!(f, " [session {session}]"))
    }
}

/// A moment, for people.
pub fn seconds(moment: Nanos) -> String {
    if moment == NEVER {
        "never".to_owned()
    } else {
        format!("{:.3} s", std::time::Duration::from_nanos(moment).as_secs_f64())
    }
}

/// All violations, by the time at which they were complete.
pub fn check(history: &History, windows: &[Window]) -> Vec<Violation> {
    let kills = Kills::of(history);
    let mut found = Vec::new();
    found.extend(after_confirmed(history, &kills));
    found.extend(after_inactive(history));
    found.extend(false_inactive(history, &kills));
    found.extend(calls::unsure(history, windows));
    found.extend(calls::odd(history));
    found.extend(calls::locks(history));
    found.extend(refresh::check(history, &kills));
    found.sort_by_key(|violation| violation.at);
    found
}

/// How many checks could have broken a rule at all: what a bound may rest on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Answers about tokens that were dead for certain (R1).
    pub dead: usize,
    /// Answers about tokens that were good for certain (R3).
    pub good: usize,
    /// Checks while nothing was broken (R4).
    pub whole: usize,
}

/// Counts them.
pub fn judged(history: &History, windows: &[Window]) -> Judged {
    let kills = Kills::of(history);
    let is_answered = |check: &&Check| matches!(check.said, Said::Active | Said::Inactive);
    let is_dead = |check: &&Check| check.begin >= kills.token(history, check.token).confirmed;
    let is_good = |check: &&Check| check.end <= good_until(history, &kills, check);
    let broken = calls::Broken::of(history, windows);
    let is_whole = |check: &&Check| !broken.touches(check.begin, check.end);
    Judged {
        dead: history.checks.iter().filter(is_answered).filter(is_dead).count(),
        good: history.checks.iter().filter(is_answered).filter(is_good).count(),
        whole: history.checks.iter().filter(is_whole).count(),
    }
}

/// Until when a check's token is good for certain.
fn good_until(history: &History, kills: &Kills, check: &Check) -> Nanos {
    let token = &history.tokens[at(check.token)];
    kills.token(history, check.token).sent.min(history.expiry(token).saturating_sub(SECOND))
}

fn violation(rule: Rule, history: &History, check: &Check, text: String) -> Violation {
    let session = history.tokens.get(at(check.token)).map(|token| token.session);
    let text = format!(
        "token {} at node {}, asked {} - {}, {text}",
        check.token,
        check.node,
        seconds(check.begin),
        seconds(check.end)
    );
    Violation { rule, at: check.end, session, token: Some(check.token), text }
}

/// R1.
fn after_confirmed(history: &History, kills: &Kills) -> Vec<Violation> {
    let of = |check: &&Check| check.said == Said::Active && check.begin >= kills.token(history, check.token).confirmed;
    let tell = |check: &Check| {
        let confirmed = kills.token(history, check.token).confirmed;
        violation(Rule::ActiveAfterConfirmed, history, check, format!("dead for certain since {}", seconds(confirmed)))
    };
    history.checks.iter().filter(of).map(tell).collect()
}

/// Nodes whose answers are told apart.
const NODES: usize = 8;

/// R2.
fn after_inactive(history: &History) -> Vec<Violation> {
    // When each node first said no, about each token.
    let mut first: Vec<[Nanos; NODES]> = vec![[NEVER; NODES]; history.tokens.len()];
    for check in history.checks.iter().filter(|check| check.said == Said::Inactive) {
        let slot = &mut first[at(check.token)][usize::from(check.node) % NODES];
        *slot = check.end.min(*slot);
    }
    let since = |check: &Check| {
        let by_node = &first[at(check.token)];
        let anywhere = by_node.iter().min().copied().unwrap_or(NEVER);
        by_node[usize::from(check.node) % NODES].min(anywhere.saturating_add(history.lease))
    };
    let of = |check: &&Check| check.said == Said::Active && check.begin >= since(check);
    let tell = |check: &Check| {
        let text = format!("to be inactive for good since {}", seconds(since(check)));
        violation(Rule::ActiveAfterInactive, history, check, text)
    };
    history.checks.iter().filter(of).map(tell).collect()
}

/// R3.
fn false_inactive(history: &History, kills: &Kills) -> Vec<Violation> {
    let good_until = |check: &Check| good_until(history, kills, check);
    let of = |check: &&Check| check.said == Said::Inactive && check.end <= good_until(check);
    let tell = |check: &Check| {
        let text = format!("good until {} at least", seconds(good_until(check)));
        violation(Rule::FalseInactive, history, check, text)
    };
    history.checks.iter().filter(of).map(tell).collect()
}

/// What a node whose process stood still for a time said of tokens that were surely dead before it was woken, to who had asked
/// before it stood still. No promise speaks of checks that began so early; but lease and view are looked at once more just
/// before an answer leaves, so a process that stands still *before that look* never says so. To be asked only where it is known
/// that it stood still there, and only about checks in its hand then: an answer past its last look may leave afterwards.
#[cfg_attr(not(feature = "seeded-bugs"), allow(dead_code, reason = "only such a build has that pause point"))]
pub fn late(history: &History, node: u8, stood: (Nanos, Nanos)) -> Vec<Violation> {
    let kills = Kills::of(history);
    let in_hand = |check: &&Check| check.node == node && check.begin <= stood.0 && check.end >= stood.1;
    let is_dead = |check: &&Check| kills.token(history, check.token).confirmed <= stood.1;
    let of = history.checks.iter().filter(|check| check.said == Said::Active).filter(in_hand).filter(is_dead);
    let text = format!("stood still {} - {}", seconds(stood.0), seconds(stood.1));
    of.map(|check| violation(Rule::Late, history, check, text.clone())).collect()
}
