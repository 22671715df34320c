//! The task of a node that answers from memory. Failures are told once a round and tried again; the lease ends by itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::node::{EMBEDDED, Node};
use crate::clock::SinceBoot;
use crate::store::hints::{Listener, POLL};
use crate::store::nodes::{self, NodeRow, PROTOCOL};
use crate::store::{StoreError, feed};

/// Pause after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// What a round found.
enum Round {
    /// Still a node.
    Fine,
    /// Not registered any more, or the database is another: begin anew.
    Lost,
}

/// Runs until it is told to stop; then takes the node's row away.
pub(super) async fn run(node: Arc<Node>, stop: Arc<Notify>) {
    let mut row = None;
    tokio::select! {
        () = stop.notified() => {}
        () = work(&node, &mut row) => {}
    }
    node.end_lease();
    if let Some(row) = row.filter(|_| !node.db.is_embedded())
        && let Err(error) = leave(&node, &row).await
    {
        tracing::warn!(%error, "this node's row stays until another node takes it away");
    }
}

async fn work(node: &Node, row: &mut Option<NodeRow>) {
    let mut between = Between::default();
    loop {
        let done = if node.db.is_embedded() { poll(node).await } else { between.round(node, row).await };
        if let Err(error) = done {
            tracing::warn!(%error, "what was taken back can't be read: checks stop when the lease ends");
            between.listener = None;
            sleep(PAUSE).await;
        }
    }
}

/// An embedded database: looks at the file's version, and reads the tail if it moved.
async fn poll(node: &Node) -> Result<(), StoreError> {
    let mut listener = Listener::open(&node.db).await?;
    let mut is_known = false;
    loop {
        let from = node.clock.since_boot();
        let moved = listener.moved().await?;
        if moved || !is_known {
            is_known = node.catch_up().await?.is_some();
        }
        if is_known {
            node.grant(from, EMBEDDED);
        }
        let _ = timeout(POLL, node.poke.notified()).await;
    }
}

/// A node among others, from registration to registration.
#[derive(Default)]
struct Between {
    listener: Option<Listener>,
    renewed: Option<SinceBoot>,
    others: Others,
}

impl Between {
    /// Registers, renews, or waits for a hint and acknowledges. After a failure the registration still stands.
    async fn round(&mut self, node: &Node, kept: &mut Option<NodeRow>) -> Result<(), StoreError> {
        if kept.is_none() {
            node.drop_all();
            self.renewed = None;
            *kept = Some(register(node).await?);
        }
        let Some(row) = kept else { return Ok(()) };
        let (now, pause) = (node.clock.since_boot(), node.length / 3);
        let due = self.renewed.map_or(Duration::ZERO, |at| pause.saturating_sub(now.since(at)));
        let found = if due.is_zero() {
            let found = renew(node, row).await?;
            self.renewed = Some(now);
            if let Round::Fine = found {
                self.others.look(node).await?;
            }
            found
        } else {
            self.hint(node, due).await?;
            acknowledge(node, row).await?
        };
        if let Round::Lost = found {
            *kept = None;
        }
        Ok(())
    }

    async fn hint(&mut self, node: &Node, due: Duration) -> Result<(), StoreError> {
        if self.listener.is_none() {
            self.listener = Some(Listener::open(&node.db).await?);
        }
        let Some(listener) = &mut self.listener else { return Ok(()) };
        tokio::select! {
            heard = listener.wait(due) => heard.map(|_| ()),
            () = node.poke.notified() => Ok(()),
        }
    }
}

async fn register(node: &Node) -> Result<NodeRow, StoreError> {
    let now = node.clock.now();
    let mut tx = node.db.begin_first().await?;
    let timeline = feed::latest(&mut tx).await?.timeline;
    let row = NodeRow {
        node_id: (node.draw)(now),
        lease_ms: i64::try_from(node.length.as_millis()).unwrap_or(i64::MAX),
        value: (node.draw)(now),
        applied: -1,
        timeline,
        protocol: PROTOCOL,
    };
    nodes::register(&mut tx, &row, now).await?;
    tx.commit().await?;
    Ok(row)
}

/// Tail, then view, then row, then lease: in this order.
async fn renew(node: &Node, row: &mut NodeRow) -> Result<Round, StoreError> {
    let from = node.clock.since_boot();
    let Some(applied) = node.catch_up().await? else { return Ok(Round::Lost) };
    let now = node.clock.now();
    // The view's history, and not only the row's: a pool may still hold a connection to a primary that was deposed, and a
    // first tail read there would be vouched for here.
    let timeline = node.view().timeline().to_owned();
    let next = NodeRow { applied, timeline, value: (node.draw)(now), ..row.clone() };
    let mut tx = node.db.begin_first().await?;
    let is_known = nodes::renew(&mut tx, &next, now).await?;
    tx.commit().await?;
    if !is_known {
        return Ok(Round::Lost);
    }
    *row = next;
    node.grant(from, node.length / 10 * 9);
    Ok(Round::Fine)
}

async fn acknowledge(node: &Node, row: &mut NodeRow) -> Result<Round, StoreError> {
    let Some(applied) = node.catch_up().await? else { return Ok(Round::Lost) };
    if applied > row.applied {
        row.applied = applied;
        let mut tx = node.db.begin_first().await?;
        tx.lightly().await?;
        nodes::acknowledge(&mut tx, row).await?;
        tx.commit().await?;
    }
    Ok(Round::Fine)
}

/// A clean stop: the row goes, so that nobody waits for it.
async fn leave(node: &Node, row: &NodeRow) -> Result<(), StoreError> {
    let mut tx = node.db.begin_first().await?;
    nodes::delete(&mut tx, row.node_id, row.value).await?;
    tx.commit().await
}

/// What was seen of other nodes' rows, and of a new history of the database.
#[derive(Default)]
struct Others {
    seen: HashMap<Uuid, (Uuid, SinceBoot)>,
    settling: Option<(String, SinceBoot)>,
}

impl Others {
    /// Takes away rows that were not renewed for their own lease, and notes when a change of history is over.
    async fn look(&mut self, node: &Node) -> Result<(), StoreError> {
        let found = nodes::list(&mut node.db.read_first().await?).await?;
        let now = node.clock.since_boot();
        let before = std::mem::take(&mut self.seen);
        for row in &found.nodes {
            let first = before.get(&row.node_id).filter(|(value, _)| *value == row.value).map_or(now, |seen| seen.1);
            self.seen.insert(row.node_id, (row.value, first));
            if now.since(first) > millis(row.lease_ms) {
                let mut tx = node.db.begin_first().await?;
                if nodes::delete(&mut tx, row.node_id, row.value).await? {
                    tracing::warn!(node_id = %row.node_id, "a node has not renewed for its whole lease: its row is gone");
                }
                tx.commit().await?;
            }
        }
        if !found.is_settling() {
            self.settling = None;
            return Ok(());
        }
        let since = match self.settling.take() {
            Some((timeline, since)) if timeline == found.timeline => since,
            Some(_) | None => now,
        };
        self.settling = Some((found.timeline.clone(), since));
        if now.since(since) > millis(found.longest_ms) {
            let mut tx = node.db.begin_first().await?;
            nodes::settle(&mut tx, &found.timeline).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

pub(super) fn millis(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}
