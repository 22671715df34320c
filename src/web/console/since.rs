//! "What did they do since 3:15?": a time of day in the bank's zone, as the instant it was last.

use chrono::{Days, NaiveTime, TimeZone};
use chrono_tz::Tz;

use crate::clock::Timestamp;

/// Reads `15:15`: the last time it was so late in the zone. `None` for anything else.
#[must_use]
pub fn parse(text: &str, zone: Tz, now: Timestamp) -> Option<Timestamp> {
    let time = NaiveTime::parse_from_str(text, "%H:%M").ok()?;
    let today = now.with_timezone(&zone).date_naive();
    let days = [Some(today), today.checked_sub_days(Days::new(1)), today.checked_sub_days(Days::new(2))];
    // A day on which the clocks go forward may not have that time: then the day before does.
    let instants =
        days.into_iter().flatten().filter_map(|day| zone.from_local_datetime(&day.and_time(time)).earliest());
    instants.map(|at| at.to_utc()).find(|at| *at <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, zone: Tz, now: &str) -> Option<String> {
        parse(text, zone, now.parse().unwrap()).map(|at| at.to_rfc3339())
    }

    #[test]
    fn a_time_of_day_is_the_last_one_in_the_zone() {
        let nairobi = Tz::Africa__Nairobi;
        for (text, now, instant) in [
            ("15:15", "2026-11-20T12:20:00Z", "2026-11-20T12:15:00+00:00"),
            ("15:20", "2026-11-20T12:20:00Z", "2026-11-20T12:20:00+00:00"),
            ("15:21", "2026-11-20T12:20:00Z", "2026-11-19T12:21:00+00:00"),
            ("23:50", "2026-11-19T21:10:00Z", "2026-11-19T20:50:00+00:00"),
            ("00:05", "2026-11-19T21:10:00Z", "2026-11-19T21:05:00+00:00"),
        ] {
            assert_eq!(read(text, nairobi, now).as_deref(), Some(instant), "{text} at {now}");
        }
    }

    #[test]
    fn clocks_that_change_are_followed() {
        let berlin = Tz::Europe__Berlin;
        let spring = read("02:30", berlin, "2026-03-29T10:00:00Z");
        assert_eq!(spring.as_deref(), Some("2026-03-28T01:30:00+00:00"), "there was no such time that day");
        let autumn = read("02:30", berlin, "2026-10-25T10:00:00Z");
        assert_eq!(autumn.as_deref(), Some("2026-10-25T00:30:00+00:00"), "of two, the earlier shows more");
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in ["", "3:15 PM", "24:00", "15", "15:60", "now", "15:15:15"] {
            assert_eq!(read(text, Tz::UTC, "2026-11-20T12:20:00Z"), None, "{text}");
        }
    }
}
