//! Small histories through a full linearizability search (Wing & Gong 1993, with the memory of Lowe 2017), to see that
//! `rules` says the same of them. What is searched is one token at one node at a time, which is enough, for linearizability
//! is local (Herlihy & Wing 1990): a register that is alive until something kills it, and then dead.
//!
//! - A check is a read of the register. Unsure and lost answers say nothing and are left out.
//! - A kill writes "dead" at every node, at each at a moment of its own: between being sent and being confirmed, or, if it
//!   was never confirmed, any time or not at all.
//! - A node that has not heard of a kill stops answering when its lease ends. So an inactive answer anywhere is a read of
//!   "dead" everywhere one lease later.
//!
//! Nothing here uses `rules`; [`differences`] compares the two.

use std::collections::{BTreeMap, HashSet};

use super::history::{Call, Check, History, Kind, NEVER, Nanos, Outcome, Said, Verb, at};
use super::rules::{Rule, Violation};

/// Histories with more operations are left to `rules` alone.
pub const MOST: usize = 200;

/// What happens to a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// Reads it.
    Reads { alive: bool },
    /// Writes "dead".
    Kills,
}

/// With the span in which it takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Operation {
    does: Does,
    begin: Nanos,
    /// [`NEVER`]: it may also have no effect at all.
    end: Nanos,
}

/// Whether the operations have an order that a single register could have had: one after the other, none before another
/// that had ended when it began.
fn is_linearizable(operations: &[Operation]) -> bool {
    let mut seen: HashSet<(Vec<bool>, bool)> = HashSet::new();
    let mut open = vec![(vec![false; operations.len()], true)];
    while let Some((mut done, alive)) = open.pop() {
        run_reads(operations, &mut done, alive);
        if operations.iter().zip(&done).all(|(operation, done)| *done || operation.end == NEVER) {
            return true;
        }
        if !seen.insert((done.clone(), alive)) {
            continue;
        }
        let bound = first_end(operations, &done);
        for (number, operation) in operations.iter().enumerate() {
            if operation.does == Does::Kills && !done[number] && may_be_next(operation, bound) {
                let mut then = done.clone();
                then[number] = true;
                open.push((then, false));
            }
        }
    }
    false
}

/// A read that may come next and fits changes nothing for those after it: it is never wrong to let it be next.
fn run_reads(operations: &[Operation], done: &mut [bool], alive: bool) {
    loop {
        let mut bound = first_end(operations, done);
        let before = done.iter().filter(|done| **done).count();
        for (number, operation) in operations.iter().enumerate() {
            if operation.does == (Does::Reads { alive }) && !done[number] && may_be_next(operation, bound) {
                done[number] = true;
                bound = if operation.end == bound { first_end(operations, done) } else { bound };
            }
        }
        if done.iter().filter(|done| **done).count() == before {
            return;
        }
    }
}

/// The earliest end of what is not done.
fn first_end(operations: &[Operation], done: &[bool]) -> Nanos {
    let left = operations.iter().zip(done).filter(|(_, done)| !**done);
    left.map(|(operation, _)| operation.end).min().unwrap_or(NEVER)
}

/// Nothing that is left had ended when it began. (An operation that takes no time did not end before itself.)
fn may_be_next(operation: &Operation, first_end: Nanos) -> bool {
    operation.begin < first_end || operation.end == first_end
}

/// What kills a session's tokens; `None` where it can't be said whether a call covers it: its proof was under way then.
fn kills_of(history: &History, session: u32) -> Option<Vec<&Call>> {
    let own = &history.sessions[at(session)];
    let mut kills = Vec::new();
    for call in &history.calls {
        let is_of_group = match call.verb {
            Verb::Lock { customer } => customer == own.customer,
            Verb::EndDevice { device } => own.device == Some(device),
            _ => false,
        };
        let is_own = match call.verb {
            Verb::EndSession { session: of } | Verb::RevokeGrant { session: of } => of == session,
            _ => false,
        };
        let is_over = call.end <= own.proof.0 && call.outcome == Outcome::Confirmed;
        if is_of_group && !is_over && own.proof.1 > call.begin {
            return None;
        }
        if is_own || is_of_group && !is_over {
            kills.push(call);
        }
    }
    Some(kills)
}

/// The operations on one token at each node that was asked about it.
fn registers(history: &History, token: u32, checks: &[&Check]) -> Option<BTreeMap<u8, Vec<Operation>>> {
    let of_token = |call: &&Call| call.verb == Verb::RevokeToken { token };
    let kills: Vec<Operation> = kills_of(history, history.tokens[at(token)].session)?
        .into_iter()
        .chain(history.calls.iter().filter(of_token))
        .map(|call| {
            let is_certain = call.outcome == Outcome::Confirmed;
            Operation { does: Does::Kills, begin: call.begin, end: if is_certain { call.end } else { NEVER } }
        })
        .collect();
    let nodes: HashSet<u8> = checks.iter().map(|check| check.node).collect();
    let of_node = |node: u8| {
        let reads = checks.iter().filter_map(|check| {
            let alive = check.said == Said::Active;
            let later = check.end.saturating_add(history.lease);
            if check.node == node {
                Some(Operation { does: Does::Reads { alive }, begin: check.begin, end: check.end })
            } else {
                (!alive).then_some(Operation { does: Does::Reads { alive }, begin: later, end: later })
            }
        });
        kills.iter().copied().chain(reads).collect()
    };
    Some(nodes.into_iter().map(|node| (node, of_node(node))).collect())
}

/// What was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Tokens whose history was searched.
    pub tokens: usize,
    /// Of those, how many both found wrong.
    pub wrong: usize,
    /// Where the two disagree, in words.
    pub differences: Vec<String>,
}

/// Compares the rules' verdict with the search's, token by token, for those that nothing but kills can have ended (an access
/// token that no refresh killed and that did not expire) and that were asked about often enough to say something and seldom
/// enough to be searched. At most `most` tokens.
pub fn differences(history: &History, violations: &[Violation], most: usize) -> Compared {
    let mut by_token: BTreeMap<u32, Vec<&Check>> = BTreeMap::new();
    for check in history.checks.iter().filter(|check| matches!(check.said, Said::Active | Said::Inactive)) {
        by_token.entry(check.token).or_default().push(check);
    }
    let refreshed: HashSet<u32> = history
        .calls
        .iter()
        .filter_map(|call| match call.verb {
            Verb::Refresh { session, .. } => Some(session),
            _ => None,
        })
        .collect();
    let mut compared = Compared::default();
    for (number, checks) in by_token {
        let token = &history.tokens[at(number)];
        let ends = checks.iter().map(|check| check.end).max().unwrap_or(0);
        let is_plain =
            token.kind == Kind::Access && history.expiry(token).saturating_sub(super::history::SECOND) > ends;
        if !is_plain || refreshed.contains(&token.session) || !(2..=MOST).contains(&checks.len()) {
            continue;
        }
        if compared.tokens == most {
            break;
        }
        let Some(registers) = registers(history, number, &checks) else { continue };
        compared.tokens += 1;
        let is_fine = registers.values().all(|register| is_linearizable(register));
        let is_about = |violation: &&Violation| {
            let rules = [Rule::ActiveAfterConfirmed, Rule::ActiveAfterInactive, Rule::FalseInactive];
            rules.contains(&violation.rule) && violation.token == Some(number)
        };
        let broken = violations.iter().find(is_about);
        compared.wrong += usize::from(!is_fine && broken.is_some());
        if is_fine == broken.is_some() {
            let search = if is_fine { "finds an order" } else { "finds no order" };
            compared.differences.push(format!("token {number}: the search {search}, the rules say {broken:?}"));
        }
    }
    compared
}
