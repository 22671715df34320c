//! Waiting until nobody can answer from older knowledge: every node has applied the revocation, or the longest lease has
//! passed since its commit was acknowledged. After a change of the database's history rows may be lost and numbers taken
//! twice: then what was begun before is not proven, and what begins now waits for the longest lease there ever was.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::node::{Look as LookAtRows, Node, Role};
use super::task::millis;
use crate::clock::SinceBoot;
use crate::model::feed::Mark;
use crate::seeded::{Bug, has};
use crate::store::nodes::{self, PROTOCOL, Registered};
use crate::store::{StoreError, feed};

/// How long another process of an embedded database waits: a poll vouches for 50 ms, and twice that is sure.
const EMBEDDED: Duration = Duration::from_millis(100);
/// Longest pause between two looks at the rows.
const PAUSE: Duration = Duration::from_millis(25);
/// What a wait may take beyond the longest lease.
const GRACE: Duration = Duration::from_secs(2);

/// Why a stored revocation could not be proven.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// The rows can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database began another history: what was committed may be lost.
    #[error("the database was promoted or restored meanwhile")]
    OtherHistory,
}

/// One look at the rows.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// Proven, by so many nodes.
    Proven(i64),
    /// Not yet.
    Wait,
    /// Never.
    OtherHistory,
}

/// What a waiter knows.
#[derive(Debug)]
struct Waiting<'a> {
    mark: &'a Mark,
    /// Since the commit was acknowledged.
    waited: Duration,
    /// The longest lease seen in any row so far.
    longest: Duration,
    /// The row of this process, if its view has it: what the row says of that comes later.
    here: Option<Uuid>,
}

impl Waiting<'_> {
    /// Decides by one snapshot of the rows.
    fn look(&mut self, found: &Registered) -> Look {
        if found.timeline != self.mark.timeline {
            return Look::OtherHistory;
        }
        let leases = found.nodes.iter().map(|row| millis(row.lease_ms));
        let of_rows = if has(Bug::ShortestLease) { leases.min() } else { leases.max() }.unwrap_or_default();
        self.longest = self.longest.max(of_rows);
        let count = i64::try_from(found.nodes.len()).unwrap_or(i64::MAX);
        if found.is_settling() {
            // Began later than the change, so all leases of before end within this wait.
            self.longest = self.longest.max(millis(found.longest_ms));
            return if self.waited > self.longest { Look::Proven(count) } else { Look::Wait };
        }
        let has_heard = |row: &nodes::NodeRow| {
            let says_so = row.applied >= self.mark.number && row.timeline == self.mark.timeline;
            (says_so && row.protocol == PROTOCOL) || self.here == Some(row.node_id)
        };
        if found.nodes.iter().all(has_heard) || self.waited > self.longest { Look::Proven(count) } else { Look::Wait }
    }
}

impl Node {
    /// Waits until no check that starts afterwards, on any node, can overlook what was committed under a number; how many
    /// nodes there are. `None`: nothing was committed just now, and everything that was there before is proven anew.
    pub async fn confirm(&self, told: Option<Mark>) -> Result<i64, Unproven> {
        if self.db.is_embedded() {
            return self.confirm_embedded().await;
        }
        let mark = if let Some(mark) = told {
            mark
        } else {
            // What is there may have been committed without its standby, by a server that was restarted since.
            let mut tx = self.db.begin_first().await?;
            let mark = feed::latest_for_good(&mut tx).await?;
            tx.commit().await?;
            mark
        };
        self.heard.fetch_max(mark.number, Ordering::Relaxed);
        let from = self.clock.since_boot();
        let here = self.hear(&mark).await;
        self.poke.notify_one();
        if has(Bug::ConfirmWithoutWaiting) {
            self.catch_up().await?;
            return Ok(1);
        }
        let waiting = Waiting { mark: &mark, waited: Duration::ZERO, longest: Duration::ZERO, here };
        self.wait_for_rows(waiting, from).await
    }

    /// Reads the feed up to a number at once, without waiting for this node's task; this process's row, if its view has it
    /// now. One read at a time serves all who wait.
    async fn hear(&self, mark: &Mark) -> Option<Uuid> {
        let row = self.row()?;
        let read = async {
            let _turn = self.hearing.lock().await;
            if self.view().has(mark) { Ok(None) } else { self.catch_up().await }
        };
        // Who waits for rows must not wait for this first, however many wait and however slow the database is.
        if let Ok(Err(error)) = timeout(self.length / 10, read).await {
            tracing::debug!(%error, "the feed can't be read yet: this node's row will tell");
        }
        self.view().has(mark).then_some(row)
    }

    async fn confirm_embedded(&self) -> Result<i64, Unproven> {
        match self.role() {
            Role::Command if has(Bug::CommandDoesNotWait) => {}
            Role::Command => sleep(EMBEDDED).await,
            Role::Plain => {}
            Role::Fast => {
                self.catch_up().await?;
            }
        }
        Ok(1)
    }

    /// The rows, by a look that was begun after an instant: one look at a time serves all who wait.
    async fn look_at_rows(&self, after: SinceBoot) -> LookAtRows {
        let mut last = self.rows.lock().await;
        if let Some(look) = last.as_ref().filter(|look| look.0 > after) {
            return look.clone();
        }
        let began = self.clock.since_boot();
        let read = async { nodes::list(&mut self.db.read_first().await?).await.map(Arc::new) };
        let look = (began, read.await);
        *last = Some(look.clone());
        look
    }

    async fn wait_for_rows(&self, mut waiting: Waiting<'_>, from: SinceBoot) -> Result<i64, Unproven> {
        let (mut after, mut pause) = (from, Duration::from_millis(1));
        loop {
            // Before the look: what is told during it must not be missed.
            let mut told = pin!(self.acknowledged.notified());
            told.as_mut().enable();
            let (began, seen) = self.look_at_rows(after).await;
            after = began;
            waiting.waited = began.since(from);
            match seen.map(|found| waiting.look(&found)) {
                Ok(Look::Proven(count)) => return Ok(count.max(1)),
                Ok(Look::Wait) => {}
                Ok(Look::OtherHistory) => return Err(Unproven::OtherHistory),
                Err(error) if self.clock.since_boot().since(from) > waiting.longest.max(self.length) + GRACE => {
                    return Err(error.into());
                }
                Err(error) => tracing::debug!(%error, "the nodes' rows can't be read yet"),
            }
            tokio::select! {
                () = told => {}
                () = sleep(pause) => pause = (pause * 2).min(PAUSE),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::store::nodes::NodeRow;

    fn row(applied: i64, lease_ms: i64) -> NodeRow {
        let (node_id, value) = (Uuid::from_u128(1), Uuid::from_u128(2));
        NodeRow { node_id, lease_ms, value, applied, timeline: "1".to_owned(), protocol: PROTOCOL }
    }

    fn registered(nodes: Vec<NodeRow>) -> Registered {
        Registered { timeline: "1".to_owned(), settled: "1".to_owned(), longest_ms: 9_000, clock_ms: 0, nodes }
    }

    /// The look of somebody who waits for number 5 since so many milliseconds.
    fn look(waited: u64, found: &Registered) -> Look {
        let mark = Mark { number: 5, timeline: "1".to_owned() };
        let waited = Duration::from_millis(waited);
        Waiting { mark: &mark, waited, longest: Duration::ZERO, here: None }.look(found)
    }

    #[test]
    fn sto_06_every_row_must_have_applied_it_or_the_longest_lease_must_have_passed() {
        assert_eq!(look(0, &registered(vec![])), Look::Proven(0), "nobody answers from memory");
        assert_eq!(look(0, &registered(vec![row(5, 1_000), row(6, 1_000)])), Look::Proven(2));
        let one_lags = registered(vec![row(4, 1_000), row(5, 3_000)]);
        assert_eq!(look(1_001, &one_lags), Look::Wait, "not the shortest lease, nor the laggard's: the longest");
        assert_eq!((look(3_000, &one_lags), look(3_001, &one_lags)), (Look::Wait, Look::Proven(2)));
        assert_eq!(look(0, &registered(vec![row(-1, 1_000)])), Look::Wait, "registered and not loaded yet");
    }

    #[test]
    fn sto_06_a_row_of_another_release_or_history_has_never_heard() {
        let other = |protocol, timeline: &str| NodeRow { protocol, timeline: timeline.to_owned(), ..row(9, 1_000) };
        for odd in [other(PROTOCOL + 1, "1"), other(PROTOCOL, "0")] {
            let found = registered(vec![odd]);
            assert_eq!((look(1_000, &found), look(1_001, &found)), (Look::Wait, Look::Proven(1)));
        }
    }

    #[test]
    fn sto_06_while_a_new_history_settles_every_wait_is_as_long_as_any_lease_ever() {
        let settling = Registered { settled: "0".to_owned(), ..registered(vec![row(5, 1_000)]) };
        assert_eq!((look(9_000, &settling), look(9_001, &settling)), (Look::Wait, Look::Proven(1)));
        let moved_on = Registered { timeline: "2".to_owned(), ..registered(vec![row(5, 1_000)]) };
        assert_eq!(look(60_000, &moved_on), Look::OtherHistory, "what was committed in the last history may be lost");
        let never = Registered { settled: String::new(), ..registered(vec![]) };
        assert_eq!(look(0, &never), Look::Proven(0), "there was never a node");
    }
}
