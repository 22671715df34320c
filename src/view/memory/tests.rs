use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;

use super::*;
use crate::model::epoch::Epochs;
use crate::model::feed::Mark;
use crate::model::ids::ClientId;
use crate::model::scope::Scope;
use crate::model::session::{Rotation, SubjectKind};

const SESSION: Uuid = Uuid::from_u128(1);
const DEVICE: Uuid = Uuid::from_u128(2);
const CONSENT: Uuid = Uuid::from_u128(3);

fn session() -> Session {
    let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    Session {
        session_id: SESSION,
        client_id: ClientId::parse("app").unwrap(),
        subject_id: "john".to_owned(),
        subject_kind: SubjectKind::Customer,
        device_id: Some(DEVICE),
        consent_id: Some(CONSENT),
        scope: Scope::parse("openid").unwrap(),
        resources: vec![],
        shapes: vec![],
        generation: 1,
        rotation: Rotation { at: now, address: None, shape: 0, access_expires_at: now },
        auth_at: None,
        created_at: now,
        expires_at: now + TimeDelta::days(1),
        ended_at: None,
        epochs: Epochs { global: 5, client: Some(5), subject: Some(5), device: Some(5), consent: Some(5) },
    }
}

fn raised(kind: EpochKind, id: &str, epoch: i64) -> Item {
    Item::Raised { kind, id: id.to_owned(), epoch }
}

fn level(level: Level) -> Item {
    Item::Level { subject: "john".to_owned(), level }
}

/// A tail up to `counter` with some entries.
fn tail(counter: i64, trimmed: i64, entries: Vec<(i64, Item)>) -> Tail {
    let mark = Mark { number: counter, timeline: "1".to_owned() };
    let entries = entries.into_iter().map(|(number, item)| Entry { number, item }).collect();
    Tail { mark, trimmed, after: 0, incarnation: String::new(), entries }
}

/// A view that has applied some entries, one number after the other, from 1.
fn view(items: &[Item]) -> View {
    let mut view = View::new(1_000);
    let numbered = (1..).zip(items.iter().cloned()).collect::<Vec<_>>();
    let counter = i64::try_from(items.len()).unwrap();
    assert!(view.apply(&tail(counter, 0, numbered)));
    view
}

fn at(number: i64) -> AsOf {
    AsOf { life: 1, number }
}

#[test]
fn a_view_that_knows_nothing_yet_vouches_for_nothing() {
    let mut view = View::new(10);
    assert_eq!((view.judge(at(0), &session(), 1), view.as_of(), view.applied()), (Sight::Old, None, None));
    assert!(view.apply(&tail(7, 0, vec![])));
    assert_eq!((view.judge(at(0), &session(), 1), view.as_of()), (Sight::Clear(None), Some(at(7))));
}

#[test]
fn every_ancestor_that_was_raised_above_birth_kills_and_no_other_does() {
    let (device, consent) = (DEVICE.to_string(), CONSENT.to_string());
    for (kind, id) in [
        (EpochKind::Global, "*"),
        (EpochKind::Client, "app"),
        (EpochKind::Subject, "john"),
        (EpochKind::Device, device.as_str()),
        (EpochKind::Consent, consent.as_str()),
    ] {
        for (epoch, sight) in [(4, Sight::Clear(None)), (5, Sight::Clear(None)), (6, Sight::Dead)] {
            assert_eq!(view(&[raised(kind, id, epoch)]).judge(at(0), &session(), 1), sight, "{kind:?} {epoch}");
        }
        // Also where the number is not above the copy's: a greater epoch is a greater epoch.
        assert_eq!(view(&[raised(kind, id, 6)]).judge(at(1), &session(), 1), Sight::Dead, "{kind:?}");
        if kind != EpochKind::Global {
            let other = Uuid::from_u128(99).to_string();
            assert_eq!(view(&[raised(kind, &other, 6)]).judge(at(0), &session(), 1), Sight::Clear(None), "{kind:?}");
        }
    }
    let mut without = session();
    (without.device_id, without.consent_id, without.epochs.device, without.epochs.consent) = (None, None, None, None);
    let items = [raised(EpochKind::Device, &device, 9), raised(EpochKind::Consent, &consent, 9)];
    assert_eq!(view(&items).judge(at(0), &without, 1), Sight::Clear(None));
}

#[test]
fn of_two_raises_in_one_transaction_the_last_counts() {
    let mut view = View::new(10);
    let both = [4, 6].map(|epoch| (1, raised(EpochKind::Subject, "john", epoch))).to_vec();
    assert!(view.apply(&tail(1, 0, both)));
    assert_eq!(view.judge(at(0), &session(), 1), Sight::Dead);
}

#[test]
fn ends_tokens_and_levels_count_only_above_the_copys_number() {
    let ended = view(&[Item::Ended { session: SESSION }]);
    assert_eq!(
        (ended.judge(at(0), &session(), 1), ended.judge(at(1), &session(), 1)),
        (Sight::Dead, Sight::Clear(None))
    );
    let token = view(&[Item::Token { session: SESSION, serial: 8 }]);
    assert_eq!(
        (token.judge(at(0), &session(), 8), token.judge(at(0), &session(), 7)),
        (Sight::Dead, Sight::Clear(None))
    );
    assert_eq!(token.judge(at(1), &session(), 8), Sight::Clear(None), "the copy carries it itself");
    for (set, sight) in [
        (Level::Payments, Sight::Clear(Some(Level::Payments))),
        (Level::None, Sight::Clear(Some(Level::None))),
        (Level::Full, Sight::Old),
    ] {
        let view = view(&[level(set)]);
        assert_eq!((view.judge(at(0), &session(), 1), view.judge(at(1), &session(), 1)), (sight, Sight::Clear(None)));
    }
}

#[test]
fn lck_04_a_session_born_after_an_unlock_lives_whatever_of_it_was_applied() {
    let mut reborn = session();
    reborn.epochs.subject = Some(6);
    let lock = [raised(EpochKind::Subject, "john", 6), level(Level::Full)];
    assert_eq!(view(&lock).judge(at(0), &reborn, 1), Sight::Old, "the lock may be lifted: the truth is asked");
    let lifted: Vec<Item> = lock.into_iter().chain([level(Level::None)]).collect();
    assert_eq!(view(&lifted).judge(at(0), &reborn, 1), Sight::Clear(Some(Level::None)));
    assert_eq!(view(&lifted).judge(at(0), &session(), 1), Sight::Dead);
}

#[test]
fn a_clients_record_is_current_until_a_change_above_the_copys_number() {
    let view = view(&[Item::Client { client: "app".to_owned() }]);
    assert!(!view.is_current(at(0), "app") && view.is_current(at(1), "app") && view.is_current(at(0), "other"));
}

#[test]
fn whoever_lagged_behind_what_was_trimmed_refuses_older_copies_also_if_the_feed_is_empty() {
    let mut view = View::new(10);
    assert!(view.apply(&tail(4, 3, vec![])));
    assert_eq!((view.judge(at(2), &session(), 1), view.judge(at(3), &session(), 1)), (Sight::Old, Sight::Clear(None)));
    assert!(view.apply(&tail(6, 4, vec![])), "nothing was missed");
    assert_eq!(view.judge(at(3), &session(), 1), Sight::Clear(None));
    assert!(view.apply(&tail(9, 8, vec![])));
    assert_eq!((view.judge(at(7), &session(), 1), view.judge(at(8), &session(), 1)), (Sight::Old, Sight::Clear(None)));
    assert!(!view.is_current(at(7), "app"));
}

#[test]
fn another_history_or_life_of_the_data_is_not_applied_and_a_dropped_view_knows_no_copy() {
    let mut view = view(&[]);
    let other_time = Tail { mark: Mark { number: 9, timeline: "2".to_owned() }, ..tail(9, 0, vec![]) };
    let other_life = Tail { incarnation: "restored".to_owned(), ..tail(9, 0, vec![]) };
    assert!(!view.apply(&other_time) && !view.apply(&other_life));
    assert_eq!(view.applied(), Some(0));
    view.drop_all();
    assert!(view.apply(&other_time));
    assert_eq!(view.judge(at(9), &session(), 1), Sight::Old, "its number belongs to an earlier life");
    assert_eq!(view.judge(view.as_of().unwrap(), &session(), 1), Sight::Clear(None));
}

#[test]
fn a_full_view_forgets_by_refusing_older_copies() {
    let mut view = View::new(100);
    for n in 1..=500 {
        assert!(view.apply(&tail(
            n,
            0,
            vec![(n, Item::Ended { session: Uuid::from_u128(u128::from(n.unsigned_abs())) })]
        )));
        assert!(view.len() <= 100);
    }
    let ended_first = session();
    assert_eq!(view.judge(at(0), &ended_first, 1), Sight::Old, "its end is forgotten, so its copy is refused");
    assert_eq!(view.judge(at(500), &ended_first, 1), Sight::Clear(None));
}

/// What may happen, to the watched session or to others.
fn item() -> impl Strategy<Value = Item> {
    let kind = prop::sample::select(vec![
        (EpochKind::Global, "*".to_owned()),
        (EpochKind::Client, "app".to_owned()),
        (EpochKind::Subject, "john".to_owned()),
        (EpochKind::Subject, "mary".to_owned()),
        (EpochKind::Device, DEVICE.to_string()),
        (EpochKind::Consent, CONSENT.to_string()),
    ]);
    let session = prop::sample::select(vec![SESSION, Uuid::from_u128(77)]);
    let levels = prop::sample::select(vec![Level::None, Level::Payments, Level::Write]);
    prop_oneof![
        (kind, 4_i64..8).prop_map(|((kind, id), epoch)| Item::Raised { kind, id, epoch }),
        session.clone().prop_map(|session| Item::Ended { session }),
        (session, 1_i64..3).prop_map(|(session, serial)| Item::Token { session, serial }),
        levels.prop_map(level),
        Just(Item::Client { client: "app".to_owned() }),
    ]
}

/// Whether an item kills the watched session's token of serial 1.
fn kills(item: &Item) -> bool {
    match item {
        Item::Raised { id, epoch, .. } => *epoch > 5 && id != "mary",
        Item::Ended { session } => *session == SESSION,
        Item::Token { session, serial } => *session == SESSION && *serial == 1,
        Item::Level { .. } | Item::Client { .. } => false,
    }
}

proptest! {
    /// However the feed is cut into tails, trimmed and forgotten: what was taken back after the copy was read is never
    /// clear once it is applied, and what nothing happened to is never dead.
    #[test]
    fn sto_01_a_view_never_clears_what_it_was_told_is_dead(
        items in prop::collection::vec(item(), 0..40),
        cuts in prop::collection::vec(0_usize..40, 0..6),
        read in 0_usize..40,
        lag in 0_usize..10,
        trimmed in 0_i64..40,
        most in 1_usize..50,
    ) {
        let counter = items.len();
        let read = read.min(counter);
        let as_of = i64::try_from(read.saturating_sub(lag)).unwrap();
        // The copy is alive when it is read.
        let harmless = |(at, item): (usize, Item)| {
            if at < read && kills(&item) { Item::Client { client: "app".to_owned() } } else { item }
        };
        let items: Vec<Item> = items.into_iter().enumerate().map(harmless).collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(counter)).chain([counter]).collect();
        cuts.sort_unstable();
        let mut view = View::new(most);
        for upto in cuts {
            let number = i64::try_from(upto).unwrap();
            let gone = if upto == counter { trimmed.min(number) } else { 0 };
            let from = usize::try_from(view.applied().unwrap_or(0).max(gone)).unwrap().min(upto);
            let new = (1..).zip(items.clone()).take(upto).skip(from).collect();
            prop_assert!(view.apply(&tail(number, gone, new)));
        }
        let sight = view.judge(at(as_of), &session(), 1);
        if items[read..].iter().any(kills) {
            prop_assert!(!matches!(sight, Sight::Clear(_)), "{sight:?}");
        } else {
            prop_assert!(sight != Sight::Dead, "{sight:?}");
        }
        if let Sight::Clear(Some(restriction)) = sight {
            let last = items.iter().rev().find_map(|item| if let Item::Level { level, .. } = item { Some(*level) } else { None });
            prop_assert_eq!(Some(restriction), last);
        }
    }
}

/// A view that trimmed everything up to 3 and has applied 7, in a named life.
fn named(incarnation: &str) -> View {
    let mut view = View::new(10);
    assert!(view.apply(&Tail { incarnation: incarnation.to_owned(), ..tail(7, 3, vec![]) }));
    view
}

#[test]
fn sto_01_a_copy_of_somebody_else_is_adopted_when_nothing_lies_between_it_and_what_is_known_here() {
    let mut view = named("A");
    let here = view.history().unwrap();
    let adopted: Vec<i64> = (-1..10).filter(|number| view.adopt(&here, *number).is_some()).collect();
    assert_eq!(adopted, [3, 4, 5, 6, 7], "below: forgotten; above: perhaps of a future that was lost");
    assert_eq!(view.adopt(&here, 5), Some(at(5)));
    assert_eq!(view.judge(at(5), &session(), 1), Sight::Clear(None));
    for other in
        [History { timeline: "2".to_owned(), ..here.clone() }, History { incarnation: "B".to_owned(), ..here.clone() }]
    {
        assert_eq!(view.adopt(&other, 5), None);
    }
    // What was told after the copy was read overrules it, and what was told before is in it.
    assert!(
        view.apply(&Tail { incarnation: "A".to_owned(), ..tail(9, 3, vec![(8, Item::Ended { session: SESSION })]) })
    );
    assert_eq!(view.judge(view.adopt(&here, 7).unwrap(), &session(), 1), Sight::Dead);
    assert_eq!(view.judge(view.adopt(&here, 8).unwrap(), &session(), 1), Sight::Clear(None));
    view.drop_all();
    assert_eq!((view.history(), view.adopt(&here, 5)), (None, None), "before the first tail");
}

#[test]
fn a_database_without_a_name_shares_no_copies() {
    assert_eq!(named("").history(), None);
    let nameless = History { timeline: "1".to_owned(), incarnation: String::new() };
    assert_eq!(named("").adopt(&nameless, 5), None);
}
