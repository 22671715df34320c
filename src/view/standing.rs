//! Where this node stands, for whoever watches it. No verdict rests on any of it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::node::{EMBEDDED, Node, Role};

/// This node at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether checks are answered from memory while the lease runs.
    pub is_fast: bool,
    /// How long a renewed lease runs.
    pub lease_length: Duration,
    /// How much is left of the lease; nothing without one.
    pub lease_left: Duration,
    /// Up to which feed number the view has applied; 0 before the first.
    pub applied: i64,
    /// The highest feed number this process knows to be committed.
    pub known: i64,
    /// How much the view holds.
    pub entries: usize,
}

impl Node {
    /// Where it stands right now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let (applied, entries) = {
            let view = self.view();
            (view.applied().unwrap_or(0), view.len())
        };
        Standing {
            is_fast: self.role() == Role::Fast,
            lease_length: if self.db.is_embedded() { EMBEDDED } else { self.length / 10 * 9 },
            lease_left: self.known.lease_left(self.clock.since_boot()),
            applied,
            known: self.heard.load(Ordering::Relaxed).max(applied),
            entries,
        }
    }
}
