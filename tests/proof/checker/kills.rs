//! R1 to R3, and what locks keep out.

use crate::history::Outcome::{Confirmed, Lost, Refused, Unconfirmed};
use crate::history::Said::{Active, Inactive};
use crate::history::{Kind, MS, Verb};
use crate::rules::{self, Rule};
use crate::story::{EXPIRY, LEASE, Story};

/// A customer's one session, and its token.
fn one() -> (Story, u32, u32) {
    let mut story = Story::new();
    let (session, token) = story.session(0, 0..10);
    (story, session, token)
}

/// Every way to kill a session of customer 0 on its own device.
fn ways(session: u32, token: u32) -> [Verb; 5] {
    [
        Verb::Lock { customer: 0 },
        Verb::EndDevice { device: session },
        Verb::EndSession { session },
        Verb::RevokeGrant { session },
        Verb::RevokeToken { token },
    ]
}

#[test]
fn r1_active_after_a_confirmed_kill_is_caught_whatever_killed() {
    let (story, session, token) = one();
    for verb in ways(session, token) {
        let mut story = story.clone();
        story.call(verb, Confirmed, 100..200).check(token, 2, Active, 200..210);
        story.is_caught(Rule::ActiveAfterConfirmed);
    }
}

#[test]
fn r1_a_check_that_began_before_the_confirmation_may_say_anything() {
    let (story, session, token) = one();
    for verb in ways(session, token) {
        for said in [Active, Inactive] {
            let mut story = story.clone();
            story.call(verb, Confirmed, 100..200).check(token, 0, said, 199..400);
            story.is_fine();
        }
    }
}

#[test]
fn r1_what_was_not_confirmed_proves_nothing() {
    let (story, session, token) = one();
    for (verb, outcome) in ways(session, token).into_iter().flat_map(|verb| [(verb, Unconfirmed), (verb, Lost)]) {
        let mut story = story.clone();
        story.broken(0..10_000).call(verb, outcome, 100..200).check(token, 1, Active, 300..310);
        story.is_fine();
    }
}

#[test]
fn r1_it_is_the_first_confirmation_that_counts() {
    let (mut story, session, token) = one();
    story.broken(0..10_000).call(Verb::EndSession { session }, Unconfirmed, 100..200);
    story.call(Verb::EndSession { session }, Confirmed, 250..300).call(Verb::Lock { customer: 0 }, Confirmed, 400..500);
    story.check(token, 1, Active, 299..310);
    story.is_fine();
    story.check(token, 1, Active, 320..330);
    story.is_caught(Rule::ActiveAfterConfirmed);
}

#[test]
fn r1_a_lock_covers_a_proof_that_was_under_way_unless_somebody_unlocked() {
    let mut story = Story::new();
    let (_, token) = story.session(0, 50..150);
    story.call(Verb::Lock { customer: 0 }, Confirmed, 100..200).check(token, 0, Active, 300..310);
    story.is_caught(Rule::ActiveAfterConfirmed);

    // The unlock was sent when the proof was over: still nothing can have been born after the lock.
    let mut after = story.clone();
    after.call(Verb::Unlock { customer: 0 }, Confirmed, 250..260);
    after.is_caught(Rule::ActiveAfterConfirmed);

    // It was sent before: perhaps the password was looked at after it.
    let mut story = Story::new();
    let (_, token) = story.session(0, 50..450);
    story.call(Verb::Lock { customer: 0 }, Confirmed, 100..200).call(Verb::Unlock { customer: 0 }, Confirmed, 250..260);
    story.check(token, 0, Active, 500..510);
    story.is_fine();
}

#[test]
fn r1_a_device_that_signed_in_again_is_another_matter() {
    let mut story = Story::new();
    let (session, token) = story.session(0, 300..350);
    story.call(Verb::EndDevice { device: session }, Confirmed, 100..200).check(token, 0, Active, 400..410);
    story.is_fine();
    // Under way when it was taken out: either.
    let mut story = Story::new();
    let (session, token) = story.session(0, 150..350);
    story.call(Verb::EndDevice { device: session }, Confirmed, 100..200).check(token, 0, Active, 400..410);
    story.check(token, 0, Inactive, 420..430);
    story.is_fine();
}

#[test]
fn r1_one_token_taken_back_leaves_the_others() {
    let (mut story, session, token) = one();
    let (second, _) = story.refreshed(session, 1, 20..30).pair(session, 2);
    story.call(Verb::RevokeToken { token }, Confirmed, 100..200).check(second, 0, Active, 300..310);
    story.check(token, 0, Inactive, 300..310);
    story.is_fine();
    story.check(second, 0, Inactive, 400..410);
    story.is_caught(Rule::FalseInactive);
}

#[test]
fn r1_refresh_tokens_die_with_their_session() {
    let (mut story, session, _) = one();
    let (_, refresh) = story.pair(session, 1);
    story.call(Verb::EndSession { session }, Confirmed, 100..200).check(refresh, 0, Active, 300..310);
    story.is_caught(Rule::ActiveAfterConfirmed);
}

#[test]
fn r2_active_again_at_the_same_node_is_caught_at_once() {
    let (mut story, session, token) = one();
    story.broken(0..10_000).call(Verb::EndSession { session }, Lost, 100..200);
    story.check(token, 1, Inactive, 300..310).check(token, 1, Active, 310..320);
    story.is_caught(Rule::ActiveAfterInactive);
}

#[test]
fn r2_active_again_at_another_node_is_caught_when_its_lease_is_over() {
    let (mut story, session, token) = one();
    story.broken(0..10_000).call(Verb::EndSession { session }, Lost, 100..200);
    story.check(token, 1, Inactive, 300..310).check(token, 2, Active, 311..320);
    story.check(token, 2, Active, 309 + LEASE..320 + LEASE);
    story.is_fine();
    story.check(token, 2, Active, 310 + LEASE..320 + LEASE);
    story.is_caught(Rule::ActiveAfterInactive);
}

#[test]
fn r2_overlapping_answers_may_differ() {
    let (mut story, session, token) = one();
    story.broken(0..10_000).call(Verb::EndSession { session }, Lost, 100..200);
    story.check(token, 1, Inactive, 300..400).check(token, 1, Active, 399..410);
    story.is_fine();
}

#[test]
fn r3_inactive_before_anything_was_sent_is_caught() {
    let (story, session, token) = one();
    for verb in ways(session, token) {
        let mut story = story.clone();
        story.call(verb, Confirmed, 100..200).check(token, 0, Inactive, 20..99);
        story.is_caught(Rule::FalseInactive);
        let mut story = story.clone();
        story.history.checks.clear();
        story.check(token, 0, Inactive, 20..101);
        story.is_fine();
    }
}

#[test]
fn r3_a_kill_of_somebody_else_is_no_excuse() {
    let (mut story, _, token) = one();
    let (other, other_token) = story.session(1, 0..10);
    for verb in ways(other, other_token).into_iter().skip(1).chain([Verb::Lock { customer: 1 }]) {
        story.call(verb, Confirmed, 20..30);
    }
    story.check(token, 0, Inactive, 100..110);
    story.is_caught(Rule::FalseInactive);
}

#[test]
fn r3_a_second_before_expiry_is_early_enough() {
    let (story, _, token) = one();
    for (end, is_fine) in [(EXPIRY - 1_001, false), (EXPIRY - 999, true), (EXPIRY + 5, true)] {
        let mut story = story.clone();
        story.check(token, 0, Inactive, 20..end);
        if is_fine { story.is_fine() } else { story.is_caught(Rule::FalseInactive) }
    }
}

#[test]
fn r3_a_lock_that_was_over_before_the_proof_is_no_excuse_and_a_lost_one_is() {
    let mut story = Story::new();
    let (_, token) = story.session(0, 300..350);
    story.call(Verb::Lock { customer: 0 }, Confirmed, 100..200).call(Verb::Unlock { customer: 0 }, Confirmed, 210..250);
    let mut lost = story.clone();
    story.check(token, 0, Inactive, 400..410);
    story.is_caught(Rule::FalseInactive);
    lost.broken(0..10_000).call(Verb::Lock { customer: 0 }, Lost, 50..90).check(token, 0, Inactive, 400..410);
    lost.is_fine();
}

#[test]
fn r3_a_used_refresh_token_is_inactive_and_its_access_token_is_not() {
    let (mut story, session, access) = one();
    let (_, refresh) = story.pair(session, 1);
    story.refreshed(session, 1, 100..200).check(refresh, 0, Inactive, 300..310).check(access, 0, Active, 300..310);
    story.is_fine();
    let mut early = story.clone();
    early.check(refresh, 0, Inactive, 20..30);
    early.is_caught(Rule::FalseInactive);
    story.check(access, 0, Inactive, 400..410);
    story.is_caught(Rule::FalseInactive);
}

#[test]
fn r3_a_token_of_another_kind_has_an_expiry_of_its_own() {
    let (mut story, session, _) = one();
    let short = story.token(Kind::Access, session, 7, 5_000);
    story.check(short, 0, Inactive, 20..4_500);
    story.is_fine();
}

#[test]
fn nobody_gets_in_who_is_locked_for_certain() {
    for verb in [Verb::SignIn { customer: 0 }, Verb::Exchange { customer: 0 }] {
        let mut story = Story::new();
        story.call(Verb::Lock { customer: 0 }, Confirmed, 100..200).call(verb, Confirmed, 300..400);
        story.is_caught(Rule::ActiveAfterConfirmed);
        let mut lifted = story.clone();
        lifted.call(Verb::Unlock { customer: 0 }, Confirmed, 350..500);
        lifted.is_fine();
        let mut later = story.clone();
        later.call(Verb::Unlock { customer: 0 }, Confirmed, 400..500);
        later.is_caught(Rule::ActiveAfterConfirmed);
        let mut refused = story.clone();
        refused.call(Verb::Unlock { customer: 0 }, Refused, 250..260);
        assert_eq!(refused.verdicts(), [Rule::ActiveAfterConfirmed, Rule::Forgotten]);
        let mut before = Story::new();
        before.call(Verb::Lock { customer: 0 }, Confirmed, 100..200).call(verb, Confirmed, 199..400);
        before.is_fine();
    }
}

#[test]
fn who_was_never_locked_gets_in() {
    let mut story = Story::new();
    story.call(Verb::SignIn { customer: 0 }, Refused, 100..200).call(Verb::Lock { customer: 0 }, Confirmed, 200..300);
    story.is_caught(Rule::FalseRefusal);
    let mut story = Story::new();
    story.call(Verb::SignIn { customer: 0 }, Refused, 100..201).call(Verb::Lock { customer: 0 }, Confirmed, 200..300);
    story.is_fine();
}

#[test]
fn who_is_unlocked_for_certain_gets_in_again() {
    let sign_in = Verb::SignIn { customer: 0 };
    let mut story = Story::new();
    story.call(Verb::Lock { customer: 0 }, Confirmed, 100..200).call(Verb::Unlock { customer: 0 }, Confirmed, 300..400);
    let refused = |change: &dyn Fn(&mut Story)| {
        let mut told = story.clone();
        change(&mut told);
        told.verdicts()
    };
    assert_eq!(refused(&|told| _ = told.call(sign_in, Refused, 400..500)), [Rule::FalseRefusal]);
    assert_eq!(refused(&|told| _ = told.call(sign_in, Refused, 399..500)), []);
    // Locked again meanwhile; or an earlier lock was never answered, and may still come.
    let again = |told: &mut Story| {
        _ = told.call(sign_in, Refused, 450..500).call(Verb::Lock { customer: 0 }, Confirmed, 499..600);
    };
    assert_eq!(refused(&again), []);
    let late = |told: &mut Story| {
        _ = told.broken(0..900).call(sign_in, Refused, 450..500).call(Verb::Lock { customer: 0 }, Lost, 50..60);
    };
    assert_eq!(refused(&late), []);
    // What it got before the lock stays dead.
    assert_eq!(refused(&|told| _ = told.call(Verb::Exchange { customer: 0 }, Refused, 450..500)), []);
}

#[test]
fn an_answer_from_before_its_process_stood_still_is_late() {
    let (mut story, session, token) = one();
    story.call(Verb::EndSession { session }, Confirmed, 100..200).check(token, 1, Active, 50..400);
    story.is_fine();
    let late = |node: u8, from: u64, to: u64| rules::late(&story.history, node, (from * MS, to * MS)).len();
    assert_eq!(late(1, 60, 300), 1);
    // Another node; woken before the proof was there; asked afterwards; answered before it was woken.
    assert_eq!([late(0, 60, 300), late(1, 60, 199), late(1, 40, 300), late(1, 60, 401)], [0; 4]);
}

#[test]
fn r5_a_lock_that_was_confirmed_is_there_to_be_lifted() {
    let mut story = Story::new();
    story.call(Verb::Lock { customer: 0 }, Confirmed, 100..200).call(Verb::Unlock { customer: 0 }, Refused, 300..310);
    story.is_caught(Rule::Forgotten);
    // An earlier try without an answer did it.
    story.broken(0..1_000).call(Verb::Unlock { customer: 0 }, Lost, 250..260);
    story.is_fine();
}
