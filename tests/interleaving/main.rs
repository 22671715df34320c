//! The real `view::lease` and `view::known`, compiled with loom in the place of the standard library's threads, and the real
//! `view::memory`: every order in which a check, a renewal, a refill and the clock can meet.
//! After a revocation was confirmed no check that begins says `active`.
//!
//! The steps of each thread are those of `src`, in its order; that the orders matter is shown by changing them one by one.
//! What happens between processes is walked in tests/protocol.
#![allow(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

mod scenes;
mod view;

use rescind::{clock, model};
use scenes::{Other, Scene, Variant};

fn main() {
    for other in [Other::Time, Other::Refill] {
        let seen = Scene::play(other, Variant::AsBuilt);
        println!("as built, {other:?}: {seen:?}");
        assert!(seen.orders > 1_000, "too few to mean anything");
        assert!(seen.confirmed_by_ack > 0 && seen.active_before > 0);
        assert_eq!(seen.confirmed_by_time > 0, other == Other::Time);
        assert_eq!(seen.active_after, 0);
    }
    for (other, variant) in [
        (Other::Time, Variant::ViewFirst),
        (Other::Time, Variant::AckBeforeApply),
        (Other::Time, Variant::LeaseFromNow),
        (Other::Refill, Variant::AsOfAfterRead),
    ] {
        let seen = Scene::play(other, variant);
        println!("{variant:?}: {seen:?}");
        assert!(seen.active_after > 0, "{variant:?} was not caught");
    }
}
