//! Guesses at one password, counted before it is looked at, so that parallel guesses count as many. What counts as one
//! password (an account, a known browser, a name nobody has) is the caller's to say.

use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::timeout;

use super::Fault;
use crate::app::App;
use crate::limits::Wait;
use crate::policy::throttle::{Delay, delay_after};
use crate::store::throttles;

/// How long somebody whose sign-in has failed already waits for it to be excused.
const PATIENCE: Duration = Duration::from_millis(500);

/// A try that was counted, and goes on.
#[derive(Debug)]
pub(super) struct Try {
    /// Whose counter it is.
    pub key: [u8; 32],
    failures: i64,
}

/// Counts one try; how long to wait if it may not go on. `subject`: the customer or member of staff, if there is one.
pub(super) async fn count(app: &App, key: [u8; 32], subject: Option<&str>) -> Result<Result<Try, Wait>, Fault> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let counter = throttles::count(&mut tx, &key, subject, now).await?;
    if let Some(until) = counter.blocked_until.filter(|until| *until > now) {
        return Ok(Err(Wait((until - now).to_std().unwrap_or_default())));
    }
    match delay_after(counter.failures) {
        Delay::None => {}
        Delay::Wait(delay) => throttles::block(&mut tx, &key, now + delay).await?,
        Delay::Disabled => throttles::block(&mut tx, &key, now + TimeDelta::days(36_500)).await?,
    }
    tx.commit().await?;
    Ok(Ok(Try { key, failures: counter.failures }))
}

impl Try {
    /// The password was right, so the try was no wrong one, whatever else stood in the way.
    pub(super) async fn forgive(&self, app: &App) -> Result<(), Fault> {
        let mut tx = app.db.begin().await?;
        throttles::reset(&mut tx, &self.key).await?;
        Ok(tx.commit().await?)
    }

    /// Nobody should wait for our own fault. What is not answered soon stays counted: that errs on the safe side, and a database
    /// that is away keeps nobody waiting twice.
    pub(super) async fn excuse<T>(&self, app: &App, is_right: bool, done: Result<T, Fault>) -> Result<T, Fault> {
        if done.is_ok() {
            return done;
        }
        let excused = async { if is_right { self.forgive(app).await } else { self.uncount(app).await } };
        if !matches!(timeout(PATIENCE, excused).await, Ok(Ok(()))) {
            tracing::debug!("a sign-in that failed by our own fault stays counted");
        }
        done
    }

    /// The password was not looked at.
    async fn uncount(&self, app: &App) -> Result<(), Fault> {
        let mut tx = app.db.begin().await?;
        throttles::uncount(&mut tx, &self.key, self.failures).await?;
        Ok(tx.commit().await?)
    }
}
