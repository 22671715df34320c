//! The figures of the console's first page, read from what was counted as it happened or once a minute: a page counts
//! nothing itself but today's lockdowns, and those no further than it shows.

use chrono::{NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

use super::Fault;
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::tally::{Tally, minute};
use crate::store::tallies::{self, Minute};
use crate::store::{Conn, StoreError, incidents, sessions};

/// How many minutes are shown.
pub const MINUTES: i64 = 60;

/// Living sessions are counted no further.
pub const MOST_SESSIONS: i64 = 1_000_000;

/// Today's lockdowns are counted no further.
pub const MOST_LOCKDOWNS: i64 = 1_000;

/// What the page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Living sessions and when they were counted, if they were.
    pub living: Option<Minute>,
    /// Living sessions, minute by minute.
    pub living_series: Vec<i64>,
    /// Answers with tokens, minute by minute.
    pub issued: Vec<i64>,
    /// Refused answers, minute by minute.
    pub refused: Vec<i64>,
    /// Lockdowns of customers since midnight where the bank is.
    pub lockdowns_today: i64,
}

/// Reads them.
pub async fn read(app: &App) -> Result<Figures, Fault> {
    let now = app.clock.now();
    let since = minute(now) - TimeDelta::minutes(MINUTES - 1);
    let mut conn = app.db.read().await?;
    let living = tallies::list(&mut conn, Tally::SessionsLiving, since).await?;
    let issued = tallies::list(&mut conn, Tally::TokensIssued, since).await?;
    let refused = tallies::list(&mut conn, Tally::TokensRefused, since).await?;
    let today = start_of_day(app.settings.time_zone, now);
    Ok(Figures {
        living: living.last().copied(),
        living_series: carried_on(&living, since),
        issued: by_minute(&issued, since),
        refused: by_minute(&refused, since),
        lockdowns_today: incidents::count_since(&mut conn, "customer", today, MOST_LOCKDOWNS).await?,
    })
}

/// Counts living sessions, unless a node did so in this minute already.
pub async fn count_living(app: &App) -> Result<(), StoreError> {
    let now = app.clock.now();
    let this = minute(now);
    let mut conn = app.db.read().await?;
    if !tallies::list(&mut conn, Tally::SessionsLiving, this).await?.is_empty() {
        return Ok(());
    }
    let count = count(&mut conn, now).await?;
    drop(conn);
    let mut tx = app.db.begin().await?;
    tallies::keep(&mut tx, Tally::SessionsLiving, this, count).await?;
    tx.commit().await
}

async fn count(conn: &mut Conn, now: Timestamp) -> Result<i64, StoreError> {
    sessions::count_living(conn, now, MOST_SESSIONS).await
}

/// One number for each minute since a time, 0 where nothing was counted.
fn by_minute(minutes: &[Minute], since: Timestamp) -> Vec<i64> {
    let at = |n: i64| since + TimeDelta::minutes(n);
    (0..MINUTES).map(|n| minutes.iter().find(|m| m.at == at(n)).map_or(0, |m| m.count)).collect()
}

/// One number for each minute since the first count: a minute without one has that of the minute before.
fn carried_on(minutes: &[Minute], since: Timestamp) -> Vec<i64> {
    let Some(first) = minutes.first() else { return Vec::new() };
    let mut last = first.count;
    let mut series = Vec::new();
    for at in (0..MINUTES).map(|n| since + TimeDelta::minutes(n)).filter(|at| *at >= first.at) {
        last = minutes.iter().find(|m| m.at == at).map_or(last, |m| m.count);
        series.push(last);
    }
    series
}

/// Midnight in a zone; where the clocks skip it, the first instant after.
fn start_of_day(zone: Tz, now: Timestamp) -> Timestamp {
    let midnight = now.with_timezone(&zone).date_naive().and_time(NaiveTime::MIN);
    let mut hours = (0..=3).map(|hour| midnight + TimeDelta::hours(hour));
    let first = hours.find_map(|local| zone.from_local_datetime(&local).earliest());
    first.map_or(now, |local| local.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn at(n: i64, count: i64) -> Minute {
        Minute { at: time("2026-11-20T12:00:00Z") + TimeDelta::minutes(n), count }
    }

    #[test]
    fn the_day_begins_at_midnight_where_the_bank_is() {
        for (zone, now, start) in [
            ("Africa/Nairobi", "2026-11-20T12:20:00Z", "2026-11-19T21:00:00Z"),
            ("Africa/Nairobi", "2026-11-20T20:59:59Z", "2026-11-19T21:00:00Z"),
            ("Africa/Nairobi", "2026-11-20T21:00:00Z", "2026-11-20T21:00:00Z"),
            ("UTC", "2026-11-20T00:00:00Z", "2026-11-20T00:00:00Z"),
            // Midnight is skipped, and comes twice.
            ("Africa/Cairo", "2026-04-24T12:00:00Z", "2026-04-23T22:00:00Z"),
            ("America/Havana", "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z"),
        ] {
            assert_eq!(start_of_day(zone.parse().unwrap(), time(now)), time(start), "{zone} {now}");
        }
    }

    #[test]
    fn minutes_without_a_count_are_nothing_or_as_before() {
        let since = time("2026-11-20T12:00:00Z");
        let counted = [at(2, 5), at(4, 7), at(59, 1)];
        let sums = by_minute(&counted, since);
        assert_eq!((sums.len(), &sums[..6], sums[59]), (60, [0, 0, 5, 0, 7, 0].as_slice(), 1));
        let gauge = carried_on(&counted, since);
        assert_eq!((gauge.len(), &gauge[..4], gauge[57]), (58, [5, 5, 7, 7].as_slice(), 1));
        assert!(carried_on(&[], since).is_empty());
    }
}
