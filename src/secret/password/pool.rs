//! Bounds the hashing: so many run, so many wait, the rest is turned away at once instead of piling up.

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use super::HashError;
use crate::clock::Clock;
use crate::metrics::counts::Counts;
use crate::metrics::histogram::Histogram;
use crate::metrics::label::Alone;

/// How much the threads that hash give way to others, as `nice` counts it: who signs in waits a moment longer, and nobody else.
const GIVES_WAY: i32 = 10;

/// Seats are for everyone who runs or waits, lanes for those who run.
pub(super) struct Pool {
    seats: Arc<Semaphore>,
    lanes: Arc<Semaphore>,
    threads: Threads,
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
        let threads = Threads::new(lanes);
        let (seats, lanes) = (Arc::new(Semaphore::new(seats)), Arc::new(Semaphore::new(lanes)));
        let (clock, waits, busy) = (Clock::default(), Histogram::default(), Counts::default());
        Self { seats, lanes, threads, size, clock, waits, busy }
    }

    pub(super) fn queue(&self) -> Queue {
        let running = self.size.lanes.saturating_sub(self.lanes.available_permits());
        let inside = self.size.seats.saturating_sub(self.seats.available_permits());
        Queue { running, waiting: inside.saturating_sub(running), waits: self.waits.clone(), busy: self.busy.clone() }
    }

    /// Runs `work` on a thread that gives way to others, in its turn. The work holds seat and lane itself: a caller who goes away
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

        self.threads.run(task).await
    }
}

/// Threads for hashing alone, made when there is work. They run where others leave room: a check is not to wait for a
/// sign-in.
struct Threads(Option<Runtime>);

impl Threads {
    fn new(most: usize) -> Self {
        let mut threads = Builder::new_current_thread();
        threads.max_blocking_threads(most).thread_name("hashing").on_thread_start(give_way);
        Self(threads.build().ok())
    }

    async fn run<T: Send + 'static>(&self, task: impl FnOnce() -> T + Send + 'static) -> Result<T, HashError> {
        let threads = self.0.as_ref().ok_or(HashError::Failed("there are no threads"))?;
        threads.spawn_blocking(task).await.map_err(|_| HashError::Failed("the task was stopped"))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(threads) = self.0.take() {
            threads.shutdown_background();
        }
    }
}

/// On Linux this is of the thread that calls it, elsewhere of the whole process.
fn give_way() {
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::nice(GIVES_WAY)
    {
        tracing::debug!(%error, "the threads that hash do not give way");
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

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn who_hashes_gives_way_to_others() {
        // Fields 2 and 19 of proc_pid_stat(5), counted behind the name.
        let niceness = || -> i32 {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
            stat.rsplit(')').next().unwrap().split_whitespace().nth(16).unwrap().parse().unwrap()
        };
        let before = niceness();
        assert_eq!(Pool::new(1, 0).run(niceness).await, Ok(GIVES_WAY + before));
        assert_eq!(niceness(), before, "and nobody else");
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_and_gives_its_place_back() {
        let pool = Pool::new(0, 0);

        let broken = pool.run(|| -> u8 { panic!("on purpose") }).await;
        assert_eq!(broken, Err(HashError::Failed("the task was stopped")));
        assert_eq!(pool.run(|| 1).await, Ok(1));
    }
}
