//! Walks through every state that can be reached, breadth first, so that the first wrong one has a shortest history.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::protocol::{Steps, World};
use crate::state::{Lockdown, State};

/// What a walk found.
#[derive(Debug, Default)]
pub struct Walked {
    /// States that were reached.
    pub states: usize,
    /// Those in which the lockdown was confirmed.
    pub confirmed: usize,
    /// Those in which a check would be answered `active`.
    pub active: usize,
    /// Every kind of step that led somewhere new.
    pub kinds: BTreeSet<&'static str>,
    /// The steps to a state that must not be.
    pub violation: Option<Vec<String>>,
}

impl Walked {
    /// How much was seen.
    pub fn figures(&self) -> String {
        let Self { states, confirmed, active, .. } = self;
        format!("{states} states, {confirmed} of them confirmed, {active} in which a check says active")
    }

    /// The steps to the state that must not be, one a line.
    pub fn history(&self) -> String {
        self.violation.as_ref().map(|steps| format!("    {}", steps.join("\n    "))).unwrap_or_default()
    }
}

/// States that were reached, and from where.
type Reached = HashMap<u64, u64, BuildHasherDefault<Mix>>;

impl World {
    /// Walks until every state was seen or one is wrong.
    pub fn walk(&self) -> Walked {
        let first = State::first(self.longest);
        let mut reached = Reached::default();
        let mut queue = VecDeque::from([first]);
        reached.insert(first.packed(), first.packed());
        let mut walked = Walked::default();
        let mut steps = Steps::default();
        while let Some(state) = queue.pop_front() {
            walked.states += 1;
            walked.confirmed += usize::from(state.lockdown == Lockdown::Confirmed);
            walked.active += usize::from(state.node.says_active());
            if state.is_wrong() {
                walked.violation = Some(self.history(&reached, state.packed()));
                break;
            }
            if Self::is_settled_for_good(&state) {
                continue;
            }
            let from = state.packed();
            self.steps(&state, &mut steps);
            for (what, after) in steps.drain() {
                reached.entry(after.packed()).or_insert_with(|| {
                    queue.push_back(after);
                    walked.kinds.insert(what);
                    from
                });
            }
        }
        walked
    }

    /// The steps that lead to a state: the states before it, and then the way from the first to it once more.
    fn history(&self, reached: &Reached, end: u64) -> Vec<String> {
        let mut states = vec![end];
        while let Some(before) = reached.get(&states[states.len() - 1]).filter(|before| !states.contains(before)) {
            states.push(*before);
        }
        let mut at = State::first(self.longest);
        let mut told = Vec::new();
        let mut steps = Steps::default();
        for next in states.iter().rev().skip(1) {
            self.steps(&at, &mut steps);
            if let Some((what, after)) = steps.drain().find(|(_, after)| after.packed() == *next) {
                told.push(what.to_owned());
                at = after;
            }
        }
        told.push(format!("{at:?}"));
        told
    }
}

/// Spreads packed states: what the standard library does against chosen keys is not needed here.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = (mixed ^ mixed >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(32);
    }
}
