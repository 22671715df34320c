//! Guesses at one password, counted before it is looked at, so that parallel guesses count as many. What counts as one
//! password (an account, a known browser, a name nobody has) is the caller's to say.

use chrono::TimeDelta;

use super::Fault;
use crate::app::App;
use crate::limits::Wait;
use crate::policy::throttle::{Delay, delay_after};
use crate::store::throttles;

/// Counts one try; `Some` if it may not go on. `subject`: the customer or member of staff, if there is one.
pub(super) async fn count(app: &App, key: &[u8; 32], subject: Option<&str>) -> Result<Option<Wait>, Fault> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let counter = throttles::count(&mut tx, key, subject, now).await?;
    if let Some(until) = counter.blocked_until.filter(|until| *until > now) {
        return Ok(Some(Wait((until - now).to_std().unwrap_or_default())));
    }
    match delay_after(counter.failures) {
        Delay::None => {}
        Delay::Wait(delay) => throttles::block(&mut tx, key, now + delay).await?,
        Delay::Disabled => throttles::block(&mut tx, key, now + TimeDelta::days(36_500)).await?,
    }
    tx.commit().await?;
    Ok(None)
}

/// The password was right, so the try was no wrong one, whatever else stood in the way.
pub(super) async fn forgive(app: &App, key: &[u8; 32]) -> Result<(), Fault> {
    let mut tx = app.db.begin().await?;
    throttles::reset(&mut tx, key).await?;
    Ok(tx.commit().await?)
}
