//! A server that was told to stop finishes what it has begun: the last answer is out when nothing is under way any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

/// Between two looks at what is under way. Nothing seen twice: also what was just being read was seen, and what was answered
/// last is written.
const PAUSE: Duration = Duration::from_millis(50);

/// Whether the server stops, and what it has begun. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Draining(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_told: AtomicBool,
    told: Notify,
    begun: Begun,
}

/// Something under way, until it is dropped.
#[derive(Clone, Debug, Default)]
pub struct Begun(Arc<()>);

impl Draining {
    /// Notes a request; it is under way until this is dropped.
    #[must_use]
    pub fn begin(&self) -> Begun {
        self.0.begun.clone()
    }

    /// The server was told to stop.
    pub fn tell(&self) {
        self.0.is_told.store(true, Ordering::SeqCst);
        self.0.told.notify_one();
    }

    /// Whether the server was told to stop.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.0.is_told.load(Ordering::SeqCst)
    }

    /// Waits until the server was told to stop and has finished what it had begun.
    pub async fn finished(&self) {
        self.0.told.notified().await;
        let mut idle = 0;
        while idle < 2 {
            sleep(PAUSE).await;
            // One is our own.
            idle = if Arc::strong_count(&self.0.begun.0) == 1 { idle + 1 } else { 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test]
    async fn a_stop_waits_for_what_was_begun_and_for_nothing_else() {
        let draining = Draining::default();
        let (other, begun, over) = (draining.clone(), draining.begin(), draining.begin());
        let finished = async {
            draining.finished().await;
            Instant::now()
        };
        let work = async {
            drop(over);
            other.tell();
            assert!(other.is_told());
            sleep(PAUSE * 4).await;
            let answered = Instant::now();
            drop(begun);
            answered
        };
        let (finished, answered) = timeout(PAUSE * 400, async { tokio::join!(finished, work) }).await.unwrap();
        assert!(finished > answered);
    }
}
