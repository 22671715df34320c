//! WHAT WAS TAKEN BACK: what this node knows of the feed (`memory`), for how long that is surely fresh (`lease`), both
//! together (`known`), the task that keeps them (`node`), and the wait for everybody else (`confirm`).
//!
//! A revocation gets a feed number with its commit. A node may answer a check from memory only while it holds a lease, and
//! it gets a lease only by applying the feed first and then renewing its row. So a lease that began before the commit ends
//! within its length of the commit, and one that began later contains it: whoever has waited for every row to say
//! "applied", or for the longest lease, knows that nobody answers from older knowledge. No wall clock takes part.

pub mod confirm;
mod known;
pub mod lease;
pub mod memory;
pub mod node;
mod others;
pub mod standing;
mod task;

/// What threads share. tests/interleaving compiles `known` and `lease` with another one.
mod shared {
    pub use std::sync::atomic::{AtomicU64, Ordering};
    pub use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
}
