//! The report says what was counted, and does not call a run good that was not.

use std::time::Duration;

use crate::history::{Outcome, Said, Verb};
use crate::report::{Report, Seeded, Versions, text};
use crate::rules::{self, Rule};
use crate::story::Story;

/// A customer with sessions, locked; checks before and after.
fn locked(sessions: u64) -> Story {
    let mut story = Story::new();
    let mut token = 0;
    for number in 0..sessions {
        token = story.session(0, number..number + 1).1;
    }
    story.check(token, 0, Said::Active, 300..310).check(token, 0, Said::Inactive, 410..420);
    story.call(Verb::Lock { customer: 0 }, Outcome::Confirmed, 400..500).check(token, 1, Said::Inactive, 510..520);
    story.broken(600..700).broken(800..900);
    (story.windows[0].kind, story.windows[1].kind) = ("node killed".to_owned(), "postgres promoted".to_owned());
    story
}

fn report(story: &Story) -> Report {
    Report::of(&story.history, &story.windows, &rules::check(&story.history, &story.windows))
}

#[test]
fn a_good_run_is_counted_with_its_bounds() {
    let mut all = Report::default();
    let mut first = report(&locked(200));
    first.versions = Versions { postgres: "15.9".to_owned(), rustc: "1.94.0".to_owned(), ..Versions::default() };
    all.add(first);
    all.add(report(&locked(3)));
    all.seeds = vec![7, 8];
    assert!(all.is_good());
    assert_eq!((all.all_checks(), all.revocations(), all.largest_lockdown), (6, 2, 200));
    let text = text(&all);
    for line in [
        "| checks of tokens that were dead for certain | 2 | 0 | below 1.5e0 |",
        "| checks of tokens that were good for certain | 2 | 0 | below 1.5e0 |",
        "| checks while nothing was broken: answered | 6 | 0 | below 5.0e-1 |",
        "| kills of parts survived | 4 | 0 | below 7.5e-1 |",
        "| promotions of the standby survived | 2 | 0 | below 1.5e0 |",
        "| lockdown | 2 | 0 | 0 | 0 | 0 |",
        "| active | 2 |",
        "Lockdowns were confirmed within 100 ms (half of them) and 100 ms (99 of 100)",
        "PostgreSQL 15.9, Redis , rustc 1.94.0, Linux .",
        "Seeds: 7, 8.",
        "Nothing was wrong.",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("What was wrong"));
}

#[test]
fn a_run_with_a_violation_or_an_escaped_bug_is_not_good() {
    let mut story = locked(1);
    story.check(0, 2, Said::Active, 520..530);
    let bad = report(&story);
    let told = text(&bad);
    assert!(!bad.is_good() && told.contains("Something was wrong") && told.contains("active after a confirmed kill"));
    assert!(told.contains("| checks of tokens that were dead for certain | 2 | 1 | none |"), "{told}");

    let mut escaped = report(&locked(1));
    let caught = Some((Duration::from_millis(2_400), Rule::Branch));
    escaped.seeded = vec![Seeded { name: "grace-mints-a-branch".to_owned(), caught }];
    assert!(
        escaped.is_good()
            && text(&escaped).contains("| grace-mints-a-branch | 2.4 s | a refresh gave what it may not |")
    );
    escaped.seeded.push(Seeded { name: "feed-by-id".to_owned(), caught: None });
    assert!(!escaped.is_good() && text(&escaped).contains("| feed-by-id | **escaped** |  |"));
}
