//! Of a build with the feature: which bug was chosen, and what some of them need.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use uuid::Uuid;

use super::Bug;
use crate::clock::{Clock, Stopwatch};

/// Whether this build can be told to make mistakes.
pub const IS_BUILT_IN: bool = true;

/// The place of the chosen bug in [`Bug::ALL`], from 1.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);
/// Whether it was said which, or that it is none.
static TOLD: AtomicBool = AtomicBool::new(false);
/// One check in so many stops the process; 0: none.
static PAUSE: AtomicU32 = AtomicU32::new(0);
/// Checks since the last that did.
static CHECKS: AtomicU32 = AtomicU32::new(0);
/// Turns of what is every other.
static TURNS: AtomicU32 = AtomicU32::new(0);
/// What was found good, and when.
static GOOD: Mutex<Option<HashMap<Uuid, Stopwatch>>> = Mutex::new(None);

/// How long an answer is good for [`Bug::NearCacheStale`].
const STALE: Duration = Duration::from_secs(2);
/// A signal to the process may be taken by another thread: this one must not run on until all are stopped.
const UNTIL_STOPPED: Duration = Duration::from_millis(50);

/// Whether a bug is to be made.
#[must_use]
pub fn has(bug: Bug) -> bool {
    CHOSEN.load(Ordering::Relaxed) == bug as usize + 1
}

/// Chooses, for this process: for [`begin`], and for tests.
pub fn choose(bug: Option<Bug>) {
    CHOSEN.store(bug.map_or(0, |bug| bug as usize + 1), Ordering::Relaxed);
}

/// Whether `RESCIND_SEEDED_BUG` is set, even if to nothing: without it such a build does not serve, wherever it was put.
#[must_use]
pub fn is_told() -> bool {
    TOLD.load(Ordering::Relaxed)
}

/// The chosen bug; empty if there is none.
#[must_use]
pub fn name_chosen() -> &'static str {
    Bug::ALL.into_iter().find(|bug| has(*bug)).map_or("", Bug::name)
}

/// Whether a setting (lower case, without `RESCIND_`) is one of ours. An error says in one line what it may be.
pub fn accepts(name: &str, value: &str) -> Result<bool, String> {
    match name {
        "seeded_bug" if !value.is_empty() && Bug::from_name(value).is_none() => {
            let names = Bug::ALL.map(Bug::name).join(", ");
            Err(format!("RESCIND_SEEDED_BUG must be empty or one of {names}"))
        }
        "seeded_pause" if !value.is_empty() && value.parse::<u32>().is_err() => {
            Err("RESCIND_SEEDED_PAUSE must be empty or a whole number: one check in so many".to_owned())
        }
        "seeded_bug" | "seeded_pause" => Ok(true),
        _ => Ok(false),
    }
}

/// Takes our settings from the environment, which [`accepts`] has looked at.
pub fn begin(pairs: &[(String, String)]) {
    let of = |name: &str| pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    choose(Bug::from_name(of("RESCIND_SEEDED_BUG")));
    TOLD.store(pairs.iter().any(|(key, _)| key == "RESCIND_SEEDED_BUG"), Ordering::Relaxed);
    PAUSE.store(of("RESCIND_SEEDED_PAUSE").parse().unwrap_or(0), Ordering::Relaxed);
}

/// Stops the process, one time in so many, until somebody sends SIGCONT.
pub fn pause() {
    let one_in = PAUSE.load(Ordering::Relaxed);
    if one_in == 0 || CHECKS.fetch_add(1, Ordering::Relaxed) % one_in != one_in - 1 {
        return;
    }
    if kill_process(getpid(), Signal::STOP).is_ok() {
        std::thread::sleep(UNTIL_STOPPED);
    }
}

/// Waits as on a slow link.
#[must_use]
pub fn linger(time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(tokio::time::sleep(time))
}

/// Every other time.
#[must_use]
pub fn is_every_other() -> bool {
    TURNS.fetch_add(1, Ordering::Relaxed) % 2 == 1
}

/// Whether a session was found good a moment ago.
#[must_use]
pub fn was_good(session: Uuid) -> bool {
    let good = GOOD.lock().unwrap_or_else(PoisonError::into_inner);
    good.as_ref().and_then(|good| good.get(&session)).is_some_and(|since| since.elapsed() < STALE)
}

/// Notes that a session was found good.
pub fn note_good(session: Uuid) {
    let mut good = GOOD.lock().unwrap_or_else(PoisonError::into_inner);
    let good = good.get_or_insert_default();
    if good.len() > 100_000 {
        good.retain(|_, since| since.elapsed() < STALE);
    }
    good.insert(session, Clock::default().start());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_taken_if_it_names_a_bug_or_none() {
        assert_eq!(accepts("seeded_bug", ""), Ok(true));
        assert!(Bug::ALL.iter().all(|bug| accepts("seeded_bug", bug.name()) == Ok(true)));
        let refused = accepts("seeded_bug", "typo").unwrap_err();
        assert!(Bug::ALL.iter().all(|bug| refused.contains(bug.name())) && !refused.contains('\n'), "{refused}");
        assert_eq!((accepts("seeded_pause", "100"), accepts("seeded_pause", "")), (Ok(true), Ok(true)));
        assert!(accepts("seeded_pause", "often").is_err());
        assert_eq!(accepts("issuer", "x"), Ok(false));
    }
}
