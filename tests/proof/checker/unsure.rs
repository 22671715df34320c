//! R4, and answers that nobody should get.

use crate::history::{MS, Outcome, SECOND, Said, Verb};
use crate::rules::Rule;
use crate::rules::calls::{MARGIN, whole};
use crate::story::{LEASE, Story};

#[test]
fn r4_unsure_or_silent_while_nothing_is_broken_is_caught() {
    for said in [Said::Unsure, Said::Lost] {
        let mut story = Story::new();
        let (_, token) = story.session(0, 0..10);
        story.check(token, 0, said, 100..200);
        story.is_caught(Rule::UnsureWithoutCause);
        story.broken(150..160);
        story.is_fine();
    }
    for outcome in [Outcome::Unconfirmed, Outcome::Lost] {
        let mut story = Story::new();
        story.call(Verb::Lock { customer: 0 }, outcome, 100..200);
        story.is_caught(Rule::UnsureWithoutCause);
        story.broken(0..100);
        story.is_fine();
    }
}

#[test]
fn r4_a_window_ends_a_lease_and_a_margin_after_the_fault() {
    let after = LEASE + MARGIN / MS;
    for (begin, is_fine) in [(1_000 + after, true), (1_001 + after, false)] {
        let mut story = Story::new();
        let (_, token) = story.session(0, 0..10);
        story.broken(500..1_000).check(token, 0, Said::Unsure, begin..begin + 10);
        if is_fine { story.is_fine() } else { story.is_caught(Rule::UnsureWithoutCause) }
    }
    let mut before = Story::new();
    let (_, token) = before.session(0, 0..10);
    before.broken(500..1_000).check(token, 0, Said::Unsure, 100..499);
    before.is_caught(Rule::UnsureWithoutCause);
}

#[test]
fn r4_windows_that_meet_are_one_and_others_are_not() {
    let mut story = Story::new();
    let (_, token) = story.session(0, 0..10);
    story.broken(40_000..41_000).broken(0..100).broken(50..5_000).check(token, 0, Said::Unsure, 4_000..4_010);
    story.is_fine();
    let mut around = story.clone();
    around.broken(0..39_000).broken(100..200).check(token, 0, Said::Unsure, 30_000..30_010);
    around.is_fine();
    story.check(token, 0, Said::Unsure, 30_000..30_010);
    story.is_caught(Rule::UnsureWithoutCause);
}

#[test]
fn r4_a_machine_that_is_slow_by_itself_is_a_cause_and_is_counted() {
    let mut story = Story::new();
    let (_, token) = story.session(0, 0..10);
    story.check(token, 0, Said::Unsure, 20_000..20_010).check(token, 0, Said::Active, 39_000..40_000);
    assert_eq!(whole(&story.history, &story.windows), 40 * SECOND);
    story.is_caught(Rule::UnsureWithoutCause);
    story.history.slow.push((19_000 * MS, 19_500 * MS));
    story.is_fine();
    story.broken(19_200..30_000);
    let broken = 11 * SECOND + LEASE * MS + MARGIN;
    assert_eq!(whole(&story.history, &story.windows), 40 * SECOND - broken);
}

#[test]
fn r4_what_is_under_way_is_no_silence() {
    let mut story = Story::new();
    story.call(Verb::Lock { customer: 0 }, Outcome::Lost, 100..200);
    story.history.calls[0].end = crate::history::NEVER;
    story.is_fine();
}

#[test]
fn answers_that_nobody_should_get_are_caught_whatever_is_broken() {
    let mut story = Story::new();
    let (_, token) = story.session(0, 0..10);
    story.broken(0..1_000).check(token, 0, Said::Odd(500), 100..200);
    story.is_caught(Rule::Odd);
    let mut story = Story::new();
    let (session, _) = story.session(0, 0..10);
    story.broken(0..1_000).call(Verb::EndSession { session }, Outcome::Odd(404), 100..200);
    story.is_caught(Rule::Odd);
}
