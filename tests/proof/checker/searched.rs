//! The linear rules against the full search, on histories that a right system could have had, and on the same ones with a
//! change: both find the same ones wrong.

use proptest::prelude::*;

use crate::dice::Dice;
use crate::history::{History, MS, Outcome, Said, Verb};
use crate::linear::{Compared, differences};
use crate::rules;
use crate::story::{LEASE, Story};

/// A system that keeps its promises: three nodes hear of a kill one by one, all of them before it is confirmed and within a
/// lease of the first. One session of one customer, 50 to 200 checks.
fn lived(dice: &mut Dice) -> Story {
    let mut story = Story::new();
    let (session, token) = story.session(0, 0..10);
    let until = 3_000;
    let mut dead_since = [u64::MAX; 3];
    let mut ways = [
        Verb::Lock { customer: 0 },
        Verb::EndSession { session },
        Verb::RevokeToken { token },
        Verb::RevokeGrant { session },
    ];
    for _ in 0..dice.below(4) {
        let way = ways[dice.below(4)];
        ways.rotate_left(1);
        let begin = dice.between(20, until);
        let end = begin + dice.between(1, LEASE);
        let is_confirmed = !dice.once_in(3);
        let is_done = is_confirmed || dice.once_in(2);
        for heard in dead_since.iter_mut().filter(|_| is_done) {
            *heard = dice.between(begin, end).min(*heard);
        }
        story.call(way, if is_confirmed { Outcome::Confirmed } else { Outcome::Unconfirmed }, begin..end);
    }
    story.broken(0..10_000);
    // Whoever heard last heard within a lease of the first.
    let first = dead_since.iter().min().copied().unwrap_or(u64::MAX);
    for heard in &mut dead_since {
        *heard = (*heard).min(first.saturating_add(LEASE));
    }
    for _ in 0..dice.between(50, 200) {
        let node = dice.below(3);
        let begin = dice.between(11, until + 2 * LEASE);
        let end = begin + dice.between(1, 150);
        let looked = dice.between(begin, end);
        let said = if looked < dead_since[node] { Said::Active } else { Said::Inactive };
        let said = if dice.once_in(20) { Said::Unsure } else { said };
        story.check(token, u8::try_from(node).unwrap(), said, begin..end);
    }
    story
}

/// The same with one answer turned round, or moved in time, or with a kill gone or moved, or with nodes that never heard of any.
fn changed(mut story: Story, dice: &mut Dice) -> Story {
    let history = &mut story.history;
    let calls = history.calls.len();
    let deaf = u8::try_from(dice.below(3)).unwrap();
    match dice.below(7) {
        0 if calls > 0 => {
            history.calls.remove(dice.below(calls));
        }
        1 if calls > 0 => {
            let call = &mut history.calls[dice.below(calls)];
            let later = dice.between(0, 500) * MS;
            (call.begin, call.end) = (call.begin + later, call.end + later);
        }
        2 => {
            let number = dice.below(history.checks.len());
            let check = &mut history.checks[number];
            let later = dice.between(0, 1_000) * MS;
            (check.begin, check.end) = (check.begin + later, check.end + later);
        }
        3 => deafen(history, |node| node == deaf),
        4 => deafen(history, |_| true),
        _ => {
            let number = dice.below(history.checks.len());
            let check = &mut history.checks[number];
            check.said = if check.said == Said::Active { Said::Inactive } else { Said::Active };
        }
    }
    history.calls.sort_by_key(|call| call.begin);
    story
}

fn deafen(history: &mut History, is_deaf: impl Fn(u8) -> bool) {
    let checks = history.checks.iter_mut();
    checks
        .filter(|check| is_deaf(check.node) && check.said == Said::Inactive)
        .for_each(|check| check.said = Said::Active);
}

fn compared(story: &Story) -> Compared {
    let violations = rules::check(&story.history, &story.windows);
    differences(&story.history, &violations, usize::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_right_system_did_has_an_order_and_breaks_no_rule(seed: u64) {
        let compared = compared(&lived(&mut Dice::of(seed)));
        prop_assert_eq!(compared, Compared { tokens: 1, wrong: 0, differences: Vec::new() });
    }

    #[test]
    fn of_what_was_changed_both_say_the_same(seed: u64) {
        let mut dice = Dice::of(seed);
        let mut story = lived(&mut dice);
        for _ in 0..=dice.below(3) {
            story = changed(story, &mut dice);
        }
        let compared = compared(&story);
        prop_assert_eq!(compared.tokens, 1);
        prop_assert_eq!(compared.differences, Vec::<String>::new());
    }
}

#[test]
fn a_change_is_seen_often_enough_for_the_comparison_to_mean_something() {
    let wrong = (0..300).filter(|seed| {
        let mut dice = Dice::of(*seed);
        let story = lived(&mut dice);
        compared(&changed(story, &mut dice)).wrong == 1
    });
    let wrong = wrong.count();
    assert!((60..=290).contains(&wrong), "{wrong} of 300 were found wrong");
}
