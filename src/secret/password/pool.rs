//! Bounds the hashing: so many run, so many wait, the rest is turned away at once instead of piling up.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::HashError;
use crate::clock::Clock;
use crate::metrics::counts::Counts;
use crate::metrics::histogram::Histogram;
use crate::metrics::label::Alone;

/// Seats are for everyone who runs or waits, lanes for those who run.
pub(super) struct Pool {
    seats: Arc<Semaphore>,
    lanes: Arc<Semaphore>,
    size: Size,
    clock: Clock,
    waits: Histogram,
    busy: Counts,
}

/// How many there are of each.
#[derive(Clone, Copy)]
struct Size {
    seats: usize,
    lanes: usize,
}

/// The queue right now, and what became of everybody so far.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Hashes under way.
    pub running: usize,
    /// Hashes that wait for their turn.
    pub waiting: usize,
    /// How long those that began had waited.
    pub waits: Histogram,
    /// How many were turned away.
    pub busy: Counts,
}

impl Pool {
    pub(super) fn new(at_once: usize, waiting: usize) -> Self {
        let lanes = at_once.clamp(1, Semaphore::MAX_PERMITS);
        let seats = lanes.saturating_add(waiting).min(Semaphore::MAX_PERMITS);
        let size = Size { seats, lanes };
        let (seats, lanes) = (Arc::new(Semaphore::new(seats)), Arc::new(Semaphore::new(lanes)));
        Self { seats, lanes, size, clock: Clock::default(), waits: Histogram::default(), busy: Counts::default() }
    }

    pub(super) fn queue(&self) -> Queue {
        let running = self.size.lanes.saturating_sub(self.lanes.available_permits());
        let inside = self.size.seats.saturating_sub(self.seats.available_permits());
        Queue { running, waiting: inside.saturating_sub(running), waits: self.waits.clone(), busy: self.busy.clone() }
    }

    /// Runs `work` on a blocking thread in its turn. The work holds seat and lane itself: a caller who goes away
    /// does not make room for another run while his own still goes on.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().map_err(|_| {
            self.busy.add(Alone);
            HashError::Busy
        })?;
        let watch = self.clock.start();
        let lane =
            Arc::clone(&self.lanes).acquire_owned().await.map_err(|_| HashError::Failed("the pool is closed"))?;
        self.waits.observe(watch.elapsed());
        let task = move || {
            let _held = (seat, lane);
            work()
        };

        spawn_blocking(task).await.map_err(|_| HashError::Failed("the task was stopped"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test]
    async fn one_runs_one_waits_and_the_third_is_turned_away() {
        let pool = Arc::new(Pool::new(1, 1));
        let (release, gate) = mpsc::channel::<()>();
        let running = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(move || gate.recv().is_ok()).await }
        });
        while pool.lanes.available_permits() > 0 {
            sleep(Duration::from_millis(1)).await;
        }
        let waiting = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(|| 2).await }
        });
        while pool.seats.available_permits() > 0 {
            sleep(Duration::from_millis(1)).await;
        }

        assert_eq!(pool.run(|| 3).await, Err(HashError::Busy));
        assert_eq!((pool.queue().running, pool.queue().waiting), (1, 1));
        assert!(!waiting.is_finished());
        release.send(()).unwrap();
        assert_eq!(running.await.unwrap(), Ok(true));
        assert_eq!(waiting.await.unwrap(), Ok(2));
        assert_eq!(pool.run(|| 4).await, Ok(4));
    }

    #[tokio::test]
    async fn a_caller_who_leaves_frees_nothing_before_the_work_ends() {
        let pool = Pool::new(1, 0);
        let (release, gate) = mpsc::channel::<()>();
        let left = timeout(Duration::from_millis(20), pool.run(move || gate.recv().is_ok())).await;

        assert!(left.is_err());
        assert_eq!(pool.run(|| 1).await, Err(HashError::Busy));
        release.send(()).unwrap();
        while pool.seats.available_permits() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(pool.run(|| 1).await, Ok(1));
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_and_gives_its_place_back() {
        let pool = Pool::new(0, 0);

        let broken = pool.run(|| -> u8 { panic!("on purpose") }).await;
        assert_eq!(broken, Err(HashError::Failed("the task was stopped")));
        assert_eq!(pool.run(|| 1).await, Ok(1));
    }
}
