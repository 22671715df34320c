//! The task of a serving node. Failures are told once a round and tried again; the lease ends by itself.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::node::{EMBEDDED, Node, Role};
use super::others::Others;
use crate::clock::SinceBoot;
use crate::seeded::{self, Bug, has};
use crate::store::hints::{Heard, Listener, POLL};
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
        && let Err(error) = leave(&node, row.node_id).await
    {
        tracing::warn!(%error, "this node's row stays until another node takes it away");
    }
}

async fn work(node: &Node, row: &mut Option<NodeRow>) {
    let mut between = Between::default();
    loop {
        let done = match (node.role(), node.db.is_embedded()) {
            (Role::Fast, true) => poll(node).await,
            (Role::Fast, false) => between.round(node, row).await,
            (Role::Plain | Role::Command, _) => watch(node).await,
        };
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
    // What was committed before the listener knew a version is no move to it.
    let mut is_new = true;
    loop {
        let from = node.clock.since_boot();
        let moved = listener.moved().await?;
        if moved || is_new || node.view().applied().is_none() {
            node.catch_up().await?;
            is_new = false;
        }
        let (life, is_loaded) = (node.life(), node.view().applied().is_some());
        if is_loaded {
            node.grant(life, from, EMBEDDED);
        }
        let _ = timeout(POLL, node.poke.notified()).await;
    }
}

/// A node that reads the truth has no lease. It watches the rows of the others: the last of them may have died, and nobody
/// should wait for it for ever.
async fn watch(node: &Node) -> Result<(), StoreError> {
    let mut others = Others::default();
    loop {
        others.look(node).await?;
        sleep(node.length / 3).await;
    }
}

/// A node among others, from registration to registration.
#[derive(Default)]
struct Between {
    listener: Option<Listener>,
    renewed: Option<SinceBoot>,
    others: Others,
    /// The registration before this one.
    former: Option<Uuid>,
}

impl Between {
    /// Registers, renews, or waits for a hint and acknowledges. After a failure the registration still stands.
    async fn round(&mut self, node: &Node, kept: &mut Option<NodeRow>) -> Result<(), StoreError> {
        if kept.is_none() {
            node.drop_all();
            self.renewed = None;
            let read = if has(Bug::RegistrationAfterFirstRead) { Some(read_first(node).await?) } else { None };
            *kept = Some(register(node, self.former).await?);
            self.former = None;
            if let Some(from) = read {
                node.grant(node.life(), from, node.length / 10 * 9);
                self.renewed = Some(from);
                seeded::linger(node.length / 3).await;
            }
        }
        let Some(row) = kept else { return Ok(()) };
        if node.row() != Some(row.node_id) {
            // Somebody who waits has found another history, or another life of the data.
            self.former = kept.take().map(|row| row.node_id);
            return Ok(());
        }
        let (now, pause) = (node.clock.since_boot(), node.length / 3);
        let due = self.renewed.map_or(Duration::ZERO, |at| pause.saturating_sub(now.since(at)));
        let found = if due.is_zero() {
            let found = renew(node, row).await?;
            self.renewed = Some(now);
            // Housekeeping: it may take less than would endanger the next renewal.
            if let Round::Fine = found
                && let Ok(Err(error)) = timeout(pause / 2, self.others.look(node)).await
            {
                tracing::debug!(%error, "the other nodes' rows can't be read");
            }
            found
        } else {
            self.hint(node, due).await?;
            acknowledge(node, row).await?
        };
        if let Round::Lost = found {
            self.former = kept.take().map(|row| row.node_id);
        }
        Ok(())
    }

    async fn hint(&mut self, node: &Node, due: Duration) -> Result<(), StoreError> {
        let Some(listener) = &mut self.listener else {
            self.listener = Some(Listener::open(&node.db).await?);
            // What was told before anybody listened is read at once.
            return Ok(());
        };
        let until = node.clock.since_boot().plus(due);
        loop {
            let left = until.since(node.clock.since_boot());
            let heard = tokio::select! {
                heard = listener.wait(left) => heard?,
                () = node.poke.notified() => return Ok(()),
            };
            match heard {
                Heard::Acknowledged => node.acknowledged.notify_waiters(),
                Heard::Grown | Heard::Nothing => return Ok(()),
            }
        }
    }
}

/// Under a new id. The row of before goes: whoever registers anew knows that its lease is over.
async fn register(node: &Node, former: Option<Uuid>) -> Result<NodeRow, StoreError> {
    let now = node.clock.now();
    let mut tx = node.db.begin_pulse().await?;
    if let Some(former) = former {
        nodes::leave(&mut tx, former).await?;
    }
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
    let found = nodes::list(&mut tx).await?;
    tx.commit().await?;
    // Known before the first answer, not only from the first look on.
    node.note_registered(found.nodes.len());
    node.note_row(Some(row.node_id));
    Ok(row)
}

/// The first read before the registration, as [`Bug::RegistrationAfterFirstRead`] has it.
async fn read_first(node: &Node) -> Result<SinceBoot, StoreError> {
    let from = node.clock.since_boot();
    node.catch_up().await?;
    seeded::linger(node.length / 6).await;
    Ok(from)
}

/// Tail, then view, then row, then lease: in this order.
async fn renew(node: &Node, row: &mut NodeRow) -> Result<Round, StoreError> {
    let is_late = has(Bug::RenewalAsUpsert) && seeded::is_every_other();
    let late = |part| seeded::linger(if is_late { node.length / part } else { Duration::ZERO });
    late(2).await;
    let from = node.clock.since_boot();
    let Some(applied) = node.catch_up().await? else { return Ok(Round::Lost) };
    let (life, now) = (node.life(), node.clock.now());
    // The view's history, and not only the row's: a pool may still hold a connection to a primary that was deposed, and a
    // first tail read there would be vouched for here.
    let timeline = node.view().timeline().to_owned();
    let next = NodeRow { applied, timeline, value: (node.draw)(now), ..row.clone() };
    late(2).await;
    let mut tx = node.db.begin_pulse().await?;
    let mut is_known = nodes::renew(&mut tx, &next, now).await?;
    if has(Bug::RenewalAsUpsert) && !is_known {
        nodes::register(&mut tx, &next, now).await?;
        is_known = true;
    }
    tx.commit().await?;
    if !is_known || node.row() != Some(row.node_id) {
        return Ok(Round::Lost);
    }
    *row = next;
    node.grant(life, from, node.length / 10 * 9);
    late(4).await;
    Ok(Round::Fine)
}

async fn acknowledge(node: &Node, row: &mut NodeRow) -> Result<Round, StoreError> {
    if has(Bug::AcknowledgedBeforeApplied) {
        let heard = feed::latest(&mut node.db.read_first().await?).await?.number;
        if heard > row.applied {
            say_applied(node, row, heard).await?;
            seeded::linger(node.length / 10).await;
        }
    }
    let Some(applied) = node.catch_up().await? else { return Ok(Round::Lost) };
    say_applied(node, row, applied).await?;
    Ok(Round::Fine)
}

async fn say_applied(node: &Node, row: &mut NodeRow, applied: i64) -> Result<(), StoreError> {
    if applied > row.applied {
        let next = NodeRow { applied, ..row.clone() };
        let mut conn = node.db.write_lightly().await?;
        nodes::acknowledge(&mut conn, &next).await?;
        conn.commit().await?;
        *row = next;
    }
    Ok(())
}

/// A clean stop: the row goes, so that nobody waits for it.
async fn leave(node: &Node, id: Uuid) -> Result<(), StoreError> {
    let mut tx = node.db.begin_pulse().await?;
    nodes::leave(&mut tx, id).await?;
    tx.commit().await
}

pub(super) fn millis(count: i64) -> Duration {
    Duration::from_millis(u64::try_from(count).unwrap_or(0))
}
