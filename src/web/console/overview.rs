//! The first page: figures, and what was locked or revoked last. Numbers and times only, for every role.

use askama::Template;
use rocket::get;

use super::super::Shared;
use super::error::ConsoleError;
use super::frame::StaffFrame;
use super::incidents::{Line, line};
use super::sparkline;
use crate::policy::roles::{Deed, may};
use crate::service::figures::{self, Figures, MOST_LOCKDOWNS, MOST_SESSIONS};
use crate::service::incidents;
use crate::web::guard::staff::Staff;
use crate::web::moment::{Moment, Moments};
use crate::web::page::{Frame, Page};

/// How many incidents are shown.
const LAST: i64 = 5;

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    frame: Frame,
    staff: StaffFrame,
    figures: Vec<Figure>,
    lines: Vec<Line>,
    may_open: bool,
    now: Moment,
}

/// One figure.
struct Figure {
    number: String,
    label: &'static str,
    counted: Option<Moment>,
    path: String,
    said: String,
}

#[get("/console")]
pub async fn show(app: &Shared, staff: Staff) -> Result<Page, ConsoleError> {
    staff.may(Deed::SeeFigures)?;
    let moments = Moments::new(app);
    let found = figures::read(app).await?;
    let last = incidents::last(app, LAST).await?;
    let page = OverviewPage {
        frame: Frame::new(app),
        staff: StaffFrame::new(&staff, "/console"),
        figures: figures_of(&found, &moments),
        lines: last.iter().map(|incident| line(incident, &moments)).collect(),
        may_open: may(staff.role, Deed::ReadIncidents),
        now: moments.show(app.clock.now()),
    };
    Ok(Page::render(&page.frame, &page)?)
}

fn figures_of(found: &Figures, moments: &Moments) -> Vec<Figure> {
    let living = found.living.map(|minute| at_most(minute.count, MOST_SESSIONS, "about "));
    vec![
        Figure {
            number: living.unwrap_or_else(|| "not counted yet".to_owned()),
            label: "active sessions of customers and programs",
            counted: found.living.map(|minute| moments.show(minute.at)),
            ..curve("Active sessions", &found.living_series)
        },
        Figure {
            number: grouped(found.issued.iter().sum()),
            label: "tokens issued in the last 60 minutes",
            ..curve("Tokens issued", &found.issued)
        },
        Figure {
            number: grouped(found.refused.iter().sum()),
            label: "token requests refused in the last 60 minutes",
            ..curve("Token requests refused", &found.refused)
        },
        Figure {
            number: at_most(found.lockdowns_today, MOST_LOCKDOWNS, ""),
            label: if found.lockdowns_today == 1 { "lockdown today" } else { "lockdowns today" },
            ..curve("", &[])
        },
    ]
}

/// A figure's curve, and the same in words.
fn curve(what: &str, values: &[i64]) -> Figure {
    let (most, last) = (values.iter().max().copied().unwrap_or(0), values.last().copied().unwrap_or(0));
    let said = format!("{what}, minute by minute: {} at most, {} in the last minute", grouped(most), grouped(last));
    Figure { number: String::new(), label: "", counted: None, path: sparkline::path(values), said }
}

/// A count that went no further than a limit says so.
fn at_most(count: i64, limit: i64, before: &str) -> String {
    if count >= limit { format!("{} or more", grouped(limit)) } else { format!("{before}{}", grouped(count)) }
}

/// `1,234,567`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (-12_345, "-12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn a_count_that_stopped_at_its_limit_says_so() {
        assert_eq!(at_most(999, 1_000, "about "), "about 999");
        assert_eq!(at_most(1_000, 1_000, "about "), "1,000 or more");
    }

    #[test]
    fn a_curve_says_in_words_what_it_shows() {
        assert_eq!(
            curve("Tokens issued", &[1, 1_200, 3]).said,
            "Tokens issued, minute by minute: 1,200 at most, 3 in the last minute"
        );
    }
}
