//! The rows of nodes that were not renewed for their own lease go, and a change of the database's history is over some time.
//! Whoever serves watches for both, on its own clock.

use std::collections::HashMap;

use uuid::Uuid;

use super::node::Node;
use super::task::millis;
use crate::clock::SinceBoot;
use crate::store::StoreError;
use crate::store::nodes::{self, Registered};

/// What was seen of other nodes' rows, and of a new history of the database.
#[derive(Default)]
pub(super) struct Others {
    seen: HashMap<Uuid, (Uuid, SinceBoot)>,
    settling: Option<(String, SinceBoot)>,
}

impl Others {
    /// One look at all rows.
    pub(super) async fn look(&mut self, node: &Node) -> Result<(), StoreError> {
        let before = node.clock.now();
        let found = nodes::list(&mut node.db.read_first().await?).await?;
        node.compare_clocks(before, found.clock_ms);
        node.note_registered(found.nodes.len());
        self.take_away(node, &found).await?;
        self.settle(node, &found).await
    }

    /// Rows that kept their value for their whole lease, since they were first seen with it.
    async fn take_away(&mut self, node: &Node, found: &Registered) -> Result<(), StoreError> {
        let now = node.clock.since_boot();
        let before = std::mem::take(&mut self.seen);
        for row in &found.nodes {
            let first = before.get(&row.node_id).filter(|(value, _)| *value == row.value).map_or(now, |seen| seen.1);
            self.seen.insert(row.node_id, (row.value, first));
            if now.since(first) > millis(row.lease_ms) {
                let mut tx = node.db.begin_pulse().await?;
                if nodes::delete(&mut tx, row.node_id, row.value).await? {
                    tracing::warn!(node_id = %row.node_id, "a node has not renewed for its whole lease: its row is gone");
                }
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// The longest lease there ever was, since the new history was first seen.
    async fn settle(&mut self, node: &Node, found: &Registered) -> Result<(), StoreError> {
        let now = node.clock.since_boot();
        let first = match self.settling.take() {
            Some((timeline, first)) if timeline == found.timeline => first,
            Some(_) | None => now,
        };
        if !found.is_settling() {
            return Ok(());
        }
        self.settling = Some((found.timeline.clone(), first));
        if now.since(first) > millis(found.longest_ms) {
            let mut tx = node.db.begin_pulse().await?;
            nodes::settle(&mut tx, &found.timeline).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}
