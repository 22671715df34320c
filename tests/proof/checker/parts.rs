//! What is kept of a run that failed: the small part that shows it.

use crate::history::{History, Outcome, Said, Verb};
use crate::rules::{self, Rule};
use crate::story::Story;

/// Three customers, and one session that outlives its lockdown; its number.
fn wrong() -> (Story, u32) {
    let mut story = Story::new();
    for customer in 0..3 {
        let (_, token) = story.session(customer, 0..10);
        story.check(token, 0, Said::Active, 20..30);
    }
    let (session, token) = story.session(1, 40..50);
    for customer in 0..2 {
        story.call(Verb::Lock { customer }, Outcome::Confirmed, 100..200);
    }
    story.call(Verb::EndDevice { device: 2 }, Outcome::Confirmed, 150..200);
    story.check(token, 2, Said::Active, 300..310).broken(10..20);
    for _ in 0..3 {
        story.session(2, 400..410);
    }
    (story, session)
}

#[test]
fn the_part_about_a_session_shows_what_was_wrong_with_it_and_little_else() {
    let (story, session) = wrong();
    let all = rules::check(&story.history, &story.windows);
    let part = story.history.about(session);
    assert_eq!(all.iter().map(|violation| violation.session).collect::<Vec<_>>(), [Some(session)]);
    assert_eq!(rules::check(&part, &story.windows), all);
    assert_eq!((part.checks.len(), part.calls.len()), (1, 1));
    assert!(part.sessions.len() < story.history.sessions.len());
}

#[test]
fn what_is_written_down_is_read_back() {
    let (story, session) = wrong();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("part.json");
    let part = story.history.about(session);
    part.save(&file, &story.windows).unwrap();
    let (read, windows) = History::load(&file).unwrap();
    assert_eq!((&read, &windows), (&part, &story.windows));
    assert_eq!(rules::check(&read, &windows)[0].rule, Rule::ActiveAfterConfirmed);
}
