//! The protocol by which a revocation becomes confirmed, walked through every history it can have.
//!
//! What is modelled: a primary and its synchronous standby, each with the truth, the feed and its counter; a watched node
//! with registration, tail, view, row, lease and a copy of a session; the lockdown of that session, and another that takes
//! a number before or after it; a reaper; trimming; any number of restarts, registrations and failovers. Time passes in
//! ticks that may come between any two steps, and a node may stand still for as many as it likes. All other nodes are free:
//! their rows may be there, have heard, or be gone at any moment, which leaves nothing to the watched one but its own row.
//!
//! What must never be: the lockdown was confirmed, and the watched node would still answer `active`.
//!
//! What is not modelled: that lease and view are asked without anything coming between (tests/interleaving), clocks that
//! run at different speeds (a lease is a tenth shorter than it says), levels, the life of the data (`rescind restored`),
//! embedded databases, checks that read the truth.
//!
//! Each step is written after the function of `src` it names. Whoever changes one changes the other.

mod protocol;
mod state;
mod variant;
mod walk;

use protocol::World;
use variant::Variant;

/// The watched node's lease as long as the longest, twice the shortest: waits are no longer than they must be.
const WORLD: World =
    World { variant: Variant::AsBuilt, lease: 2, shortest: 1, longest: 2, others: 1, deposed_answers: false };

/// Kinds of steps that lead somewhere new. Two more lead where "the node begins anew" has led before: that its row is gone,
/// and that it finds another history. A deposed primary's tail is one more.
const KINDS: usize = 23;

/// Walks through everything, and sees enough of it for that to mean something.
fn holds(world: &World, at_least: usize) {
    let walked = world.walk();
    println!("as built, leases {} of {}: {}", world.lease, world.longest, walked.figures());
    assert!(walked.violation.is_none(), "{}", walked.history());
    assert!(walked.states >= at_least, "the walk lost its way: {}", walked.figures());
    let kinds = KINDS + usize::from(world.deposed_answers);
    assert_eq!(walked.kinds.len(), kinds, "a step is never taken, or leads nowhere: {:?}", walked.kinds);
    assert!(walked.active * 100 > walked.states && walked.confirmed * 100 > walked.states, "{}", walked.figures());
}

/// What is wrong on purpose is found.
fn caught(variant: Variant) {
    caught_in(&World { variant, ..WORLD });
}

fn caught_in(world: &World) {
    let walked = world.walk();
    println!("{:?}: {}\n{}", world.variant, walked.figures(), walked.history());
    assert!(walked.violation.is_some(), "{:?} was not caught in {}", world.variant, walked.figures());
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a minute without optimisation; tests/run protocol has it")]
fn sto_06_int_09_no_history_ends_in_an_active_answer_after_the_confirmation() {
    holds(&WORLD, 4_000_000);
}

#[test]
fn sto_06_nor_does_one_of_a_node_with_a_shorter_lease_than_others() {
    holds(&World { lease: 1, ..WORLD }, 1_900_000);
}

#[test]
#[cfg_attr(debug_assertions, ignore = "minutes without optimisation; tests/run protocol has it")]
fn sto_06_nor_while_a_deposed_primary_still_shows_its_feed() {
    holds(&World { lease: 1, longest: 1, deposed_answers: true, ..WORLD }, 16_000_000);
}

#[test]
fn a_renewal_that_puts_its_row_back_is_caught() {
    caught(Variant::RenewalAsUpsert);
}

#[test]
fn an_acknowledgement_before_the_view_has_it_is_caught() {
    caught(Variant::AckBeforeApply);
}

#[test]
fn hearing_oneself_before_the_view_has_it_is_caught() {
    caught(Variant::HeardBeforeApply);
}

#[test]
fn a_lease_counted_from_the_update_is_caught() {
    caught(Variant::LeaseFromUpdate);
}

#[test]
fn the_id_of_a_reapers_victim_used_again_is_caught() {
    caught(Variant::SameId);
}

#[test]
fn feed_numbers_that_outlive_a_failover_are_caught() {
    caught(Variant::NumberReused);
}

#[test]
fn a_gap_left_by_trimming_is_caught() {
    caught(Variant::TrimmedGap);
}

#[test]
fn a_wait_for_the_shortest_lease_is_caught() {
    caught(Variant::ShortestLease);
}

#[test]
fn a_row_taken_away_early_is_caught() {
    caught(Variant::EarlyReaping);
}

#[test]
fn a_mark_taken_after_the_read_is_caught() {
    caught(Variant::AsOfAfterRead);
}

#[test]
fn a_read_of_the_feed_before_the_registration_is_caught() {
    caught(Variant::ReadBeforeRegistration);
}

#[test]
fn a_short_wait_after_a_failover_is_caught() {
    caught(Variant::ShortWaitAfterFailover);
}

#[test]
fn a_view_that_forgets_quietly_is_caught() {
    caught(Variant::ForgetsQuietly);
}

#[test]
fn a_first_tail_of_a_deposed_primary_is_caught() {
    let variant = Variant::FirstTailOfAnotherHistory;
    caught_in(&World { variant, lease: 1, longest: 1, deposed_answers: true, ..WORLD });
}

/// A node that has heard of the failover may copy nothing of another history than its view's.
#[test]
fn a_copy_read_from_a_deposed_primary_is_caught() {
    let variant = Variant::CopyOfAnotherHistory;
    caught_in(&World { variant, lease: 1, longest: 1, deposed_answers: true, ..WORLD });
}
