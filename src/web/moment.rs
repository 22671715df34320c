//! Times as people read them: in the configured zone, exact and seen from now. The page keeps the exact instant in
//! `<time datetime>`.

use chrono::{DateTime, Datelike, SecondsFormat, TimeDelta};
use chrono_tz::Tz;

use crate::app::App;
use crate::clock::Timestamp;

/// A date with its year, and the time of day.
const WHOLE: &str = "%-d %b %Y, %-I:%M %p";
/// Clocks of two machines differ a little: so far ahead is still now.
const SKEW: TimeDelta = TimeDelta::seconds(5);

/// How times are shown on one page: in the configured zone, seen from now.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    zone: Tz,
    now: Timestamp,
}

/// A time as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// RFC 3339 in UTC, for `<time datetime>`.
    pub iso: String,
    /// `3:20 PM` today, `20 Nov, 3:20 PM` this year, else `20 Nov 2025, 3:20 PM`.
    pub exact: String,
    /// `just now`, `2 min ago`, `3 h ago`, `5 days ago`, `in 2 min`.
    pub relative: String,
}

impl Moments {
    /// In the zone of the settings, seen from now.
    #[must_use]
    pub fn new(app: &App) -> Self {
        Self { zone: app.settings.time_zone, now: app.clock.now() }
    }

    /// One time.
    #[must_use]
    pub fn show(&self, at: Timestamp) -> Moment {
        Moment {
            iso: at.to_rfc3339_opts(SecondsFormat::Secs, true),
            exact: exact(at.with_timezone(&self.zone), self.now.with_timezone(&self.zone)),
            relative: relative(self.now - at),
        }
    }

    /// One time with its whole date, for what is printed and kept.
    #[must_use]
    pub fn dated(&self, at: Timestamp) -> Moment {
        let exact = at.with_timezone(&self.zone).format(WHOLE).to_string();
        Moment { exact, ..self.show(at) }
    }
}

fn exact(at: DateTime<Tz>, now: DateTime<Tz>) -> String {
    let format = if at.date_naive() == now.date_naive() {
        "%-I:%M %p"
    } else if at.year() == now.year() {
        "%-d %b, %-I:%M %p"
    } else {
        WHOLE
    };
    at.format(format).to_string()
}

fn relative(ago: TimeDelta) -> String {
    if ago < -SKEW { format!("in {}", span(-ago)) } else { past(ago) }
}

fn past(ago: TimeDelta) -> String {
    if ago < TimeDelta::minutes(1) { "just now".to_owned() } else { format!("{} ago", span(ago)) }
}

/// A span in its largest whole unit; less than a minute counts as one, because nobody waits by the second here.
fn span(span: TimeDelta) -> String {
    let counted = |n: i64, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
    match (span.num_minutes(), span.num_days()) {
        (minutes @ ..60, _) => format!("{} min", minutes.max(1)),
        (_, 0) => format!("{} h", span.num_hours()),
        (_, days @ 1..=59) => counted(days, "day"),
        (_, days @ 60..=364) => counted(days / 30, "month"),
        (_, days) => counted(days / 365, "year"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn shown(zone: Tz, now: &str, then: &str) -> (String, String) {
        let moment = Moments { zone, now: at(now) }.show(at(then));
        (moment.exact, moment.relative)
    }

    #[test]
    fn times_are_exact_in_the_zone_and_relative_to_now() {
        let (nairobi, now) = (Tz::Africa__Nairobi, "2026-11-20T12:22:00Z");
        for (then, exact, relative) in [
            ("2026-11-20T12:20:00Z", "3:20 PM", "2 min ago"),
            ("2026-11-20T12:21:30Z", "3:21 PM", "just now"),
            ("2026-11-20T12:22:04Z", "3:22 PM", "just now"),
            ("2026-11-20T11:22:01Z", "2:22 PM", "59 min ago"),
            ("2026-11-20T11:22:00Z", "2:22 PM", "1 h ago"),
            ("2026-11-19T21:00:00Z", "12:00 AM", "15 h ago"),
            ("2026-11-19T20:59:00Z", "19 Nov, 11:59 PM", "15 h ago"),
            ("2026-11-19T12:22:00Z", "19 Nov, 3:22 PM", "1 day ago"),
            ("2026-11-15T09:05:00Z", "15 Nov, 12:05 PM", "5 days ago"),
            ("2026-08-01T00:00:00Z", "1 Aug, 3:00 AM", "3 months ago"),
            ("2025-11-20T12:20:00Z", "20 Nov 2025, 3:20 PM", "1 year ago"),
            ("2025-11-21T12:23:00Z", "21 Nov 2025, 3:23 PM", "12 months ago"),
            ("2020-01-01T00:00:00Z", "1 Jan 2020, 3:00 AM", "6 years ago"),
        ] {
            assert_eq!(shown(nairobi, now, then), (exact.to_owned(), relative.to_owned()), "{then}");
        }
    }

    #[test]
    fn what_is_kept_names_its_date_even_today() {
        let moments = Moments { zone: Tz::Africa__Nairobi, now: at("2026-11-20T12:22:00Z") };
        let moment = moments.dated(at("2026-11-20T12:20:00Z"));
        assert_eq!((moment.exact.as_str(), moment.relative.as_str()), ("20 Nov 2026, 3:20 PM", "2 min ago"));
    }

    #[test]
    fn times_to_come_say_so() {
        let now = "2026-11-20T12:22:00Z";
        for (then, exact, relative) in [
            ("2026-11-20T12:22:30Z", "12:22 PM", "in 1 min"),
            ("2026-11-20T12:24:00Z", "12:24 PM", "in 2 min"),
            ("2026-11-21T12:22:00Z", "21 Nov, 12:22 PM", "in 1 day"),
            ("2027-02-18T12:22:00Z", "18 Feb 2027, 12:22 PM", "in 3 months"),
        ] {
            assert_eq!(shown(Tz::UTC, now, then), (exact.to_owned(), relative.to_owned()), "{then}");
        }
    }

    #[test]
    fn the_day_and_the_year_are_those_of_the_zone() {
        let new_year = "2026-12-31T22:00:00Z";
        assert_eq!(shown(Tz::Africa__Nairobi, new_year, "2026-12-31T20:30:00Z").0, "31 Dec 2026, 11:30 PM");
        assert_eq!(shown(Tz::UTC, new_year, "2026-12-31T20:30:00Z").0, "8:30 PM");
        assert_eq!(shown(Tz::Asia__Kathmandu, new_year, "2026-12-31T20:30:00Z").0, "2:15 AM");
    }

    #[test]
    fn clocks_that_change_are_followed() {
        let berlin = Tz::Europe__Berlin;
        // 3 a.m. becomes 2 a.m. at 01:00 UTC: an hour that comes twice, told apart by what stands beside it.
        let now = "2026-10-25T02:00:00Z";
        assert_eq!(shown(berlin, now, "2026-10-25T00:30:00Z"), ("2:30 AM".to_owned(), "1 h ago".to_owned()));
        assert_eq!(shown(berlin, now, "2026-10-25T01:30:00Z"), ("2:30 AM".to_owned(), "30 min ago".to_owned()));
        // 2 a.m. becomes 3 a.m. at 01:00 UTC.
        let now = "2026-03-29T01:00:00Z";
        assert_eq!(shown(berlin, now, "2026-03-29T00:59:00Z"), ("1:59 AM".to_owned(), "1 min ago".to_owned()));
        assert_eq!(shown(berlin, now, now).0, "3:00 AM");
    }

    #[test]
    fn the_instant_itself_is_kept_in_utc() {
        let moment = Moments { zone: Tz::Africa__Nairobi, now: at("2026-11-20T12:22:00Z") };
        assert_eq!(moment.show(at("2026-11-20T12:20:00.123Z")).iso, "2026-11-20T12:20:00Z");
    }
}
