//! What becomes of a presented refresh token that is genuine, alive and the client's own (RFC 9700 §4.14.2), by its
//! generation. The code exchange makes generation 1; every rotation makes the next.

use chrono::TimeDelta;

use crate::clock::Timestamp;

/// What was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The generation sealed in the token.
    pub generation: u64,
    /// Whether scope and resource are those of the last rotation.
    pub same_request: bool,
    /// Whether a confidential client proved its secret.
    pub proved: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The current token: make the next generation.
    Rotate,
    /// A lost reply or double submit: hand out the same successor pair again; nothing is made, the window stays.
    Repeat,
    /// An older token came back: the session dies.
    Reuse,
    /// A generation this store never committed (a store that went back): the session dies and operators are alarmed.
    Ahead,
}

/// Decides by generation. `current`: the session's generation, from 1. `rotated_at`: when it was made. `grace`: how long
/// after that the token one back gets the same pair again; zero means never. Clients that proved a secret get it until the
/// successor is used.
#[must_use]
pub fn decide(
    presented: &Presented,
    current: i64,
    rotated_at: Timestamp,
    grace: TimeDelta,
    now: Timestamp,
) -> Decision {
    let known = i64::try_from(presented.generation).ok().filter(|generation| (1..=current).contains(generation));
    let Some(generation) = known else { return Decision::Ahead };
    // Another node's clock may be a little behind the one that rotated: that is an age of zero, not a longer grace.
    let age = (now - rotated_at).max(TimeDelta::zero());
    let may_repeat = presented.same_request && (presented.proved || age < grace);

    match current - generation {
        0 => Decision::Rotate,
        1 if may_repeat => Decision::Repeat,
        1.. | i64::MIN..=-1 => Decision::Reuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    const GRACE: TimeDelta = TimeDelta::seconds(10);

    fn start() -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn decided(generation: u64, current: i64, same_request: bool, proved: bool, age_ms: i64) -> Decision {
        let presented = Presented { generation, same_request, proved };
        decide(&presented, current, start(), GRACE, start() + TimeDelta::milliseconds(age_ms))
    }

    #[test]
    fn ref_05_the_current_generation_rotates_whatever_else_is_true() {
        for (same, proved) in [(true, true), (true, false), (false, true), (false, false)] {
            for age in [0, 10_000, 1_000_000_000] {
                assert_eq!(decided(1, 1, same, proved, age), Decision::Rotate);
                assert_eq!(decided(5, 5, same, proved, age), Decision::Rotate);
            }
        }
    }

    #[test]
    fn ref_06_one_back_repeats_within_the_grace_or_for_a_proven_client() {
        for (same, proved, age, decision) in [
            (true, false, 0, Decision::Repeat),
            (true, false, 9_999, Decision::Repeat),
            (true, false, 10_000, Decision::Reuse),
            (true, false, 10_001, Decision::Reuse),
            (true, true, 10_000, Decision::Repeat),
            (true, true, 86_400_000, Decision::Repeat),
            (false, false, 0, Decision::Reuse),
            (false, true, 0, Decision::Reuse),
            (true, false, -900, Decision::Repeat),
        ] {
            assert_eq!(decided(4, 5, same, proved, age), decision, "{same} {proved} {age}");
            assert_eq!(decided(1, 2, same, proved, age), decision, "{same} {proved} {age}");
        }
    }

    #[test]
    fn ref_06_a_grace_of_zero_never_repeats_for_public_clients() {
        let presented = Presented { generation: 1, same_request: true, proved: false };
        for age in [-1, 0, 1] {
            let now = start() + TimeDelta::milliseconds(age);
            assert_eq!(decide(&presented, 2, start(), TimeDelta::zero(), now), Decision::Reuse, "{age}");
        }
    }

    #[test]
    fn ref_07_two_or_more_back_is_reuse_even_for_a_proven_client_at_once() {
        for generation in [1, 2, 3] {
            assert_eq!(decided(generation, 5, true, true, 0), Decision::Reuse, "{generation}");
        }
    }

    #[test]
    fn a_generation_never_committed_is_ahead() {
        for (generation, current) in
            [(0, 1), (0, 5), (6, 5), (u64::MAX, 5), (i64::MAX as u64 + 1, i64::MAX), (1, 0), (1, -1)]
        {
            assert_eq!(decided(generation, current, true, true, 0), Decision::Ahead, "{generation} of {current}");
        }
    }
}
