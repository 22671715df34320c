//! One transaction for many revocations at once, so that a rush of them costs few commits and few feed numbers. Each does
//! its part on its own task, behind a savepoint, and hands the transaction to the next that waits; whoever finds nobody
//! waiting commits for all. A part that fails is undone and leaves the others alone. What a part read may have been written
//! by an earlier part: nothing is true before the commit.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::deadline::handed_in_time;
use super::{Conn, Db, StoreError};
use crate::clock::{Clock, Stopwatch};
use crate::model::feed::Mark;

/// Most parts of one transaction.
const MOST: usize = 64;
/// How long a transaction takes on parts. The first waits so much longer than alone, at most, and then for one commit.
const LONGEST: Duration = Duration::from_millis(50);

/// What became of the transaction; its feed number, if anything was told.
type Outcome = Result<Option<Mark>, StoreError>;

/// Where those who take back wait for each other.
#[derive(Debug, Default)]
pub(super) struct Desk(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    is_taken: bool,
    /// By urgency.
    waiting: [VecDeque<oneshot::Sender<Baton>>; 2],
}

impl Queue {
    fn next(&mut self) -> Option<oneshot::Sender<Baton>> {
        self.waiting.iter_mut().find_map(VecDeque::pop_front)
    }
}

/// Who comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody waits for it who was robbed: lockdowns, and what staff and operators take back.
    Lockdown = 0,
    /// A program signs off: tokens that their clients take back.
    Token = 1,
}

/// The right to do one's part, and the transaction, if one is open. Dropped, the next in line begins another.
#[derive(Debug)]
struct Baton {
    desk: Arc<Desk>,
    round: Option<Round>,
    is_spent: bool,
}

/// A transaction on its way.
#[derive(Debug)]
struct Round {
    conn: Conn,
    done: Done,
    since: Stopwatch,
}

/// Those who did their part. Dropped before the commit, they are told that it was in vain; after its beginning, that nobody
/// knows.
#[derive(Debug, Default)]
struct Done {
    waiting: Vec<oneshot::Sender<Outcome>>,
    is_committing: bool,
}

impl Done {
    fn tell(mut self, outcome: &Outcome) {
        for one in self.waiting.drain(..) {
            let _ = one.send(outcome.clone());
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        let lost = "the transaction that was shared was lost".to_owned();
        let outcome = if self.is_committing { StoreError::CommitUnknown(lost) } else { StoreError::Unavailable(lost) };
        for one in self.waiting.drain(..) {
            let _ = one.send(Err(outcome.clone()));
        }
    }
}

impl Desk {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn enter(self: &Arc<Self>, urgency: Urgency) -> Result<Baton, StoreError> {
        let handed = {
            let mut queue = self.queue();
            if !queue.is_taken {
                queue.is_taken = true;
                return Ok(Baton { desk: self.clone(), round: None, is_spent: false });
            }
            let (hand, handed) = oneshot::channel();
            queue.waiting[urgency as usize].push_back(hand);
            handed
        };
        handed_in_time(handed).await
    }

    fn next(&self) -> Option<oneshot::Sender<Baton>> {
        self.queue().next()
    }

    /// The next in line, or nobody holds the desk.
    fn next_or_free(&self) -> Option<oneshot::Sender<Baton>> {
        let mut queue = self.queue();
        let next = queue.next();
        queue.is_taken = next.is_some();
        next
    }
}

impl Drop for Baton {
    fn drop(&mut self) {
        if self.is_spent {
            return;
        }
        while let Some(next) = self.desk.next_or_free() {
            match next.send(Self { desk: self.desk.clone(), round: None, is_spent: false }) {
                Ok(()) => return,
                // They gave up waiting.
                Err(mut back) => back.is_spent = true,
            }
        }
    }
}

impl Baton {
    /// To the next that waits, or to the commit.
    fn go_on(mut self, round: Round) {
        let takes_more = round.done.waiting.len() < MOST && round.since.elapsed() < LONGEST;
        self.round = Some(round);
        while let Some(next) = takes_more.then(|| self.desk.next()).flatten() {
            match next.send(self) {
                Ok(()) => return,
                Err(back) => self = back,
            }
        }
        // On a task of its own: whoever asked may go away meanwhile.
        tokio::spawn(self.commit());
    }

    async fn commit(mut self) {
        let round = self.round.take().filter(|round| !round.done.waiting.is_empty());
        if let Some(Round { conn, mut done, .. }) = round {
            done.is_committing = true;
            let outcome = conn.commit_told().await;
            done.tell(&outcome);
        }
    }
}

/// One's part of a transaction that others may share. Dropped before its end, the whole transaction is rolled back.
#[derive(Debug)]
pub struct Part {
    baton: Baton,
    round: Round,
    told_before: usize,
}

impl Db {
    /// A part of a transaction that others may share, the more urgent first, in no queue behind sign-ins and tokens (RAT-03).
    pub async fn begin_part(&self, urgency: Urgency) -> Result<Part, StoreError> {
        let mut baton = self.desk.enter(urgency).await?;
        let round = match baton.round.take() {
            Some(mut round) => {
                round.conn.execute("SAVEPOINT part", &[]).await?;
                round
            }
            None => {
                Round { conn: self.begin_first_part().await?, done: Done::default(), since: Clock::default().start() }
            }
        };
        let told_before = round.conn.told_so_far();
        Ok(Part { baton, round, told_before })
    }
}

impl Part {
    /// The transaction.
    pub fn tx(&mut self) -> &mut Conn {
        &mut self.round.conn
    }

    /// Ends the part. What was made of it is kept and true when this answers, with the feed number of the commit; an error
    /// undoes the part, and no other.
    pub async fn end<T>(mut self, made: Result<T, StoreError>) -> Result<(T, Option<Mark>), StoreError> {
        let whole = self.round.conn.nothing_failed();
        match made.and_then(|made| whole.map(|()| made)) {
            Ok(made) => {
                let (done, outcome) = oneshot::channel();
                self.round.done.waiting.push(done);
                self.baton.go_on(self.round);
                let lost = |_| StoreError::CommitUnknown("nobody told what became of it".to_owned());
                outcome.await.map_err(lost)?.map(|mark| (made, mark))
            }
            Err(error) => {
                // If even that fails, the transaction is lost, and everybody is told.
                if self.round.conn.undo_part(self.told_before).await.is_ok() {
                    self.baton.go_on(self.round);
                }
                Err(error)
            }
        }
    }
}
