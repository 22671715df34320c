//! What is known to have been taken back, and for how long that is surely fresh: asked and dropped in one order only.
//!
//! - Asked: the lease first, then the view. A view only gains; so what a lease vouches for is in whatever view is seen after
//!   it. The other way round a renewal could come between, and its lease would vouch for a view from before it.
//! - Dropped: the lease first, then the view.
//!
//! Of threads it knows only `super::shared`: tests/interleaving puts other ones in its place, and tries every order.

use std::time::Duration;

use super::lease::Lease;
use super::memory::View;
use super::shared::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::clock::SinceBoot;

/// View and lease of this process.
#[derive(Debug)]
pub struct Known {
    lease: Lease,
    view: RwLock<View>,
}

impl Known {
    /// Nothing is known, and nothing vouched for.
    #[must_use]
    pub fn new(view: View) -> Self {
        Self { lease: Lease::default(), view: RwLock::new(view) }
    }

    /// Whether what is known is surely fresh.
    #[must_use]
    pub fn is_fresh(&self, now: SinceBoot) -> bool {
        self.lease.is_fresh(now)
    }

    /// Asks what was taken back; `None` without a lease.
    pub fn ask<T>(&self, now: SinceBoot, question: impl FnOnce(&View) -> T) -> Option<T> {
        self.is_fresh(now).then(|| question(&self.view()))
    }

    /// What was taken back. Not to be held across an await.
    pub fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The view, to be changed.
    pub fn change(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Vouches for the view, as of an instant before the read of the feed that it has applied, for so long.
    pub fn vouch(&self, from: SinceBoot, length: Duration) {
        self.lease.grant(from, length);
    }

    /// Vouches for nothing any more.
    pub fn end_lease(&self) {
        self.lease.end();
    }

    /// Forgets a life that was found wrong; false if somebody has forgotten it meanwhile.
    pub fn drop_life(&self, life: u64) -> bool {
        self.lease.end();
        let mut view = self.change();
        let is_that = view.standing().life == life;
        if is_that {
            // Again: whoever vouches for a life holds the view meanwhile, so nobody does after this.
            self.lease.end();
            view.drop_all();
        }
        is_that
    }

    /// How much is left of the lease.
    #[must_use]
    pub fn lease_left(&self, now: SinceBoot) -> Duration {
        self.lease.left(now)
    }

    /// Forgets everything. Nobody answers from a view that is being dropped.
    pub fn drop_all(&self) {
        self.lease.end();
        self.change().drop_all();
    }
}
