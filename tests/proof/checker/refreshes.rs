//! Refreshes: one winner, the grace, reuse.

use crate::history::Outcome::{Confirmed, Lost, Unconfirmed};
use crate::history::Said::{Active, Inactive};
use crate::history::Verb;
use crate::rules::Rule;
use crate::story::{GRACE, Story};

fn one() -> (Story, u32, u32) {
    let mut story = Story::new();
    let (session, token) = story.session(0, 0..10);
    (story, session, token)
}

#[test]
fn two_at_once_get_the_same_pair() {
    let (mut story, session, _) = one();
    story.refreshed(session, 1, 100..200).refreshed(session, 1, 110..220);
    story.is_fine();

    let (mut story, session, _) = one();
    let (_, other) = story.refreshed(session, 1, 100..200).pair(session, 2);
    let later = story.token(crate::history::Kind::Access, session, 2, 700_000);
    story.gave(session, 1, (later, other), 110..220);
    story.is_caught(Rule::Branch);
}

#[test]
fn a_pair_is_of_the_next_generation_and_of_the_same_session() {
    let (mut story, session, _) = one();
    let third = story.pair(session, 3);
    story.refreshed(session, 1, 100..200).gave(session, 1, third, 210..220);
    story.is_caught(Rule::Branch);

    let (mut story, session, _) = one();
    let (other, _) = story.session(1, 0..10);
    let foreign = story.pair(other, 2);
    story.gave(session, 1, foreign, 100..200);
    story.is_caught(Rule::Branch);
}

#[test]
fn within_the_grace_a_refusal_is_wrong_and_after_it_a_pair_is() {
    let (mut story, session, _) = one();
    story.refreshed(session, 1, 100..200);
    let mut early = story.clone();
    early.refused(session, 1, 300..GRACE - 1_000);
    early.is_caught(Rule::FalseRefusal);

    // Near the edge nobody knows, for clocks differ a little.
    for end in [GRACE - 800, GRACE + 1_100] {
        let mut refused = story.clone();
        refused.refused(session, 1, 300..end);
        refused.is_fine();
        let mut given = story.clone();
        given.refreshed(session, 1, end..end + 5);
        given.is_fine();
    }
    story.refreshed(session, 1, 200 + GRACE + 1_000..5_000);
    story.is_caught(Rule::Branch);
}

#[test]
fn once_the_successor_was_used_the_old_one_is_theft() {
    let (mut story, session, _) = one();
    story.refreshed(session, 1, 100..200).refreshed(session, 2, 300..400);
    let mut under_way = story.clone();
    under_way.refreshed(session, 1, 350..390);
    under_way.is_fine();
    let mut refused = story.clone();
    refused.refused(session, 1, 350..390);
    refused.is_fine();
    story.refreshed(session, 1, 400..410);
    story.is_caught(Rule::Branch);
}

#[test]
fn reuse_kills_what_the_session_gave() {
    let (mut story, session, first) = one();
    story.refreshed(session, 1, 100..200).refreshed(session, 2, 300..400).refused(session, 1, 500..600);
    let (third, _) = story.pair(session, 3);
    for token in [first, third] {
        let mut alive = story.clone();
        alive.check(token, 1, Active, 600..610);
        alive.is_caught(Rule::ActiveAfterConfirmed);
        let mut dead = story.clone();
        dead.check(token, 1, Active, 590..610).check(token, 1, Inactive, 620..630);
        dead.is_fine();
        let mut early = story.clone();
        early.check(token, 1, Inactive, 490..500);
        early.is_caught(Rule::FalseInactive);
    }
    story.refreshed(session, 3, 700..800);
    story.is_caught(Rule::Branch);
}

#[test]
fn reuse_that_was_not_confirmed_or_not_alone_proves_nothing() {
    let (mut story, session, first) = one();
    story.broken(0..20_000).refreshed(session, 1, 100..200).refreshed(session, 2, 300..400);
    let mut unconfirmed = story.clone();
    unconfirmed.call(Verb::Refresh { session, generation: 1 }, Unconfirmed, 500..600).check(first, 1, Active, 700..710);
    unconfirmed.is_fine();
    // Somebody else ends the session at the same time: then the refusal comes at once, and the proof is theirs.
    let mut other = story.clone();
    other.refused(session, 1, 500..510).call(Verb::EndSession { session }, Confirmed, 450..900);
    other.check(first, 1, Active, 700..710);
    other.is_fine();
    let mut twice = story.clone();
    twice.refused(session, 1, 500..510).refused(session, 1, 490..900).check(first, 1, Active, 700..710);
    twice.is_fine();
}

#[test]
fn a_retry_of_a_lost_answer_too_late_may_look_like_theft() {
    let (mut story, session, first) = one();
    story.broken(0..20_000).call(Verb::Refresh { session, generation: 1 }, Lost, 100..200);
    let mut late = story.clone();
    late.refused(session, 1, 4_000..4_100).check(first, 0, Inactive, 4_200..4_210);
    late.is_fine();
    // Soon enough, it is none: nothing excuses the refusal.
    story.refused(session, 1, 1_000..1_100);
    // But the first may still be carried out.
    story.is_fine();
    let mut answered = Story::new();
    let (session, first) = answered.session(0, 0..10);
    answered.refreshed(session, 1, 100..200).refreshed(session, 1, 1_000..1_100).check(
        first,
        0,
        Inactive,
        1_200..1_210,
    );
    answered.is_caught(Rule::FalseInactive);
}

#[test]
fn the_current_token_of_a_living_session_is_not_refused() {
    let (mut story, session, _) = one();
    story.refused(session, 1, 100..200);
    story.is_caught(Rule::FalseRefusal);
    let (mut story, session, _) = one();
    story.call(Verb::Lock { customer: 0 }, Confirmed, 150..250).refused(session, 1, 100..200);
    story.is_fine();
}

#[test]
fn a_session_that_is_dead_for_certain_gives_nothing() {
    let (mut story, session, _) = one();
    story.call(Verb::Lock { customer: 0 }, Confirmed, 100..200);
    let mut before = story.clone();
    before.refreshed(session, 1, 199..250);
    before.is_fine();
    story.refreshed(session, 1, 200..250);
    story.is_caught(Rule::Branch);
}
