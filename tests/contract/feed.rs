use std::collections::BTreeSet;

use rescind::model::epoch::{EpochKind, Level};
use rescind::model::feed::{Entry, Item, Mark, Tail};
use rescind::store::{Db, StoreError, clients, epochs, facts, feed, revoked_tokens, sessions};
use tokio::task::JoinSet;

use super::engines::on_both_engines;
use super::samples::{at, client_id, household, in_one, stored_session, uuid};

async fn tail(db: &Db, after: i64) -> Tail {
    feed::tail(&mut db.read().await.unwrap(), after).await.unwrap()
}

async fn latest(db: &Db) -> Mark {
    feed::latest(&mut db.read().await.unwrap()).await.unwrap()
}

/// What was told since, without numbers.
async fn told(db: &Db, since: &Mark) -> Vec<Item> {
    tail(db, since.number).await.entries.into_iter().map(|entry| entry.item).collect()
}

fn raised(kind: EpochKind, id: &str, epoch: i64) -> Item {
    Item::Raised { kind, id: id.to_owned(), epoch }
}

#[tokio::test]
async fn p2_what_was_there_before_is_proven_by_a_commit_of_its_own() {
    on_both_engines(async |db| {
        let mut tx = db.begin_first().await.unwrap();
        epochs::raise(&mut tx, EpochKind::Global, epochs::EVERYBODY).await.unwrap();
        let told = tx.commit_told().await.unwrap().unwrap();
        let mut tx = db.begin_pulse().await.unwrap();
        assert_eq!(feed::latest_for_good(&mut tx).await.unwrap(), told);
        tx.commit().await.unwrap();
        assert_eq!(feed::latest(&mut db.read().await.unwrap()).await.unwrap(), told, "no number was taken");
        if !db.is_embedded() {
            let mut tx = db.begin_pulse().await.unwrap();
            let sql = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL";
            feed::latest_for_good(&mut tx).await.unwrap();
            assert_eq!(tx.value::<bool>(sql, &[]).await.unwrap(), Some(true), "nothing to wait for");
        }
    })
    .await;
}

#[tokio::test]
async fn everything_that_takes_back_is_told_once_and_what_changes_nothing_is_not() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let stored = home.session();
        stored_session(&db, &stored).await;
        let session = stored.session_id;
        let (device, app) = (home.device_id.to_string(), client_id("app"));
        for (kind, id) in [
            (EpochKind::Global, epochs::EVERYBODY),
            (EpochKind::Client, "app"),
            (EpochKind::Subject, "john"),
            (EpochKind::Device, device.as_str()),
            (EpochKind::Consent, home.consent_id.to_string().as_str()),
        ] {
            let before = latest(&db).await;
            in_one(&db, async |c| epochs::raise(c, kind, id).await).await.unwrap();
            assert_eq!(told(&db, &before).await, [raised(kind, id, 2)]);
        }
        let level = |level| Item::Level { subject: "john".to_owned(), level };
        let before = latest(&db).await;
        in_one(&db, async |c| epochs::lock(c, "john").await).await.unwrap();
        in_one(&db, async |c| epochs::lock(c, "john").await).await.unwrap();
        in_one(&db, async |c| epochs::raise(c, EpochKind::Subject, "nobody").await).await.unwrap();
        assert_eq!(told(&db, &before).await, [raised(EpochKind::Subject, "john", 3), level(Level::Full)]);

        let before = latest(&db).await;
        in_one(&db, async |c| epochs::unlock(c, "john").await).await.unwrap();
        in_one(&db, async |c| epochs::unlock(c, "john").await).await.unwrap();
        assert_eq!(told(&db, &before).await, [level(Level::None)]);

        let before = latest(&db).await;
        for _ in 0..2 {
            in_one(&db, async |c| revoked_tokens::insert(c, session, -7, at(0)).await).await.unwrap();
            in_one(&db, async |c| sessions::end(c, session, "revoked", at(0)).await).await.unwrap();
        }
        assert_eq!(told(&db, &before).await, [Item::Token { session, serial: -7 }, Item::Ended { session }]);

        let before = latest(&db).await;
        in_one(&db, async |c| clients::add_secret(c, &app, uuid(), &[1; 32], at(0)).await).await.unwrap();
        in_one(&db, async |c| clients::end_old_secrets(c, &app).await).await.unwrap();
        in_one(&db, async |c| clients::set_disabled(c, &app, Some(at(0))).await).await.unwrap();
        in_one(&db, async |c| clients::set_disabled(c, &client_id("none"), None).await).await.unwrap();
        assert_eq!(told(&db, &before).await, vec![Item::Client { client: "app".to_owned() }; 3]);
    })
    .await;
}

#[tokio::test]
async fn a_transaction_has_one_number_and_one_that_is_dropped_or_failed_has_none() {
    on_both_engines(async |db| {
        household(&db, "john", "app").await;
        let before = latest(&db).await;
        let mut tx = db.begin().await.unwrap();
        epochs::raise(&mut tx, EpochKind::Subject, "john").await.unwrap();
        epochs::raise(&mut tx, EpochKind::Client, "app").await.unwrap();
        assert_eq!(tail(&db, 0).await.mark, before, "nothing is told before the commit");
        let mark = tx.commit_told().await.unwrap().expect("a number");
        assert_eq!((mark.number, &mark.timeline), (before.number + 1, &before.timeline));
        let entries = tail(&db, before.number).await.entries;
        assert_eq!(entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [mark.number; 2]);

        let mut dropped = db.begin_first().await.unwrap();
        epochs::raise(&mut dropped, EpochKind::Subject, "john").await.unwrap();
        drop(dropped);
        let mut failed = db.begin().await.unwrap();
        epochs::raise(&mut failed, EpochKind::Subject, "john").await.unwrap();
        assert!(failed.execute("SELECT nonsense", &[]).await.is_err());
        assert!(matches!(failed.commit_told().await, Err(StoreError::Refused(_))));
        let mut silent = db.begin().await.unwrap();
        facts::set(&mut silent, "a", "b").await.unwrap();
        assert_eq!(silent.commit_told().await.unwrap(), None, "it took nothing back");
        let after = mark.number;
        let nothing = Tail { mark, trimmed: 0, after, incarnation: String::new(), entries: vec![] };
        assert_eq!(tail(&db, after).await, nothing);
    })
    .await;
}

#[tokio::test]
async fn sto_07_the_order_of_the_feed_is_the_order_of_commits() {
    on_both_engines(async |db| {
        household(&db, "john", "app").await;
        if db.is_embedded() {
            return; // One writer: transactions never overlap.
        }
        let mut first = db.begin().await.unwrap();
        epochs::raise(&mut first, EpochKind::Subject, "john").await.unwrap();
        let mut second = db.begin().await.unwrap();
        epochs::raise(&mut second, EpochKind::Client, "app").await.unwrap();
        let of_second = second.commit_told().await.unwrap().unwrap();
        let of_first = first.commit_told().await.unwrap().unwrap();
        assert_eq!(of_first.number, of_second.number + 1, "begun first, committed last");
    })
    .await;
}

#[tokio::test]
async fn sto_07_a_reader_that_asks_for_what_is_new_never_misses_a_commit() {
    on_both_engines(async |db| {
        let subjects: Vec<String> = (0..12).map(|n| format!("s{n}")).collect();
        for id in &subjects {
            in_one(&db, async |c| epochs::insert(c, EpochKind::Subject, id).await).await.unwrap();
        }
        let mut writers = JoinSet::new();
        for id in subjects {
            let db = db.clone();
            writers.spawn(async move {
                for _ in 0..10 {
                    in_one(&db, async |c| epochs::raise(c, EpochKind::Subject, &id).await).await.unwrap();
                }
            });
        }
        let (mut seen, mut last) = (Vec::new(), 0);
        while last < 120 {
            let found = tail(&db, last).await;
            assert!(found.entries.iter().all(|entry| entry.number <= found.mark.number), "one snapshot: {found:?}");
            last = found.mark.number;
            seen.extend(found.entries);
        }
        writers.join_all().await;
        let numbers: Vec<i64> = seen.iter().map(|entry: &Entry| entry.number).collect();
        assert_eq!(numbers, (1..=120).collect::<Vec<_>>());
        let different: BTreeSet<String> = seen.iter().map(|entry| format!("{:?}", entry.item)).collect();
        assert_eq!(different.len(), 120, "every raise was told");
    })
    .await;
}

#[tokio::test]
async fn a_trimmed_feed_says_so_and_is_never_trimmed_beyond_what_was_told() {
    on_both_engines(async |db| {
        in_one(&db, async |c| epochs::insert(c, EpochKind::Subject, "john").await).await.unwrap();
        for _ in 0..5 {
            in_one(&db, async |c| epochs::raise(c, EpochKind::Subject, "john").await).await.unwrap();
        }
        let trim = async |until| in_one(&db, async |c| feed::trim(c, until).await).await.unwrap();
        assert_eq!(trim(6).await, 0, "what is not there yet can't be forgotten");
        assert_eq!(trim(3).await, 3);
        assert_eq!((trim(3).await, trim(1).await), (0, 0));
        let found = tail(&db, 0).await;
        assert_eq!((found.trimmed, found.mark.number), (3, 5));
        assert_eq!(found.entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [4, 5]);
        let forget = async |keep, most| in_one(&db, async |c| feed::forget(c, keep, most).await).await.unwrap();
        assert_eq!((forget(2, 9).await, forget(9, 9).await), (0, 0), "the newest are kept");
        assert_eq!((forget(0, 1).await, tail(&db, 0).await.trimmed), (1, 4), "and no more than asked");
        assert_eq!(trim(5).await, 1);
        assert_eq!((tail(&db, 5).await.trimmed, tail(&db, 5).await.entries.len()), (5, 0), "an empty feed knows, too");
    })
    .await;
}

#[tokio::test]
async fn the_tail_tells_which_life_of_the_data_it_is() {
    on_both_engines(async |db| {
        assert_eq!(tail(&db, 0).await.incarnation, "");
        in_one(&db, async |c| facts::set(c, "incarnation", "restored").await).await.unwrap();
        assert_eq!(tail(&db, 0).await.incarnation, "restored");
        let timeline = latest(&db).await.timeline;
        let is_a_timeline = timeline.len() == 8 && timeline.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(if db.is_embedded() { timeline == "file" } else { is_a_timeline }, "{timeline}");
    })
    .await;
}

#[tokio::test]
async fn everybody_raised_after_a_restore_is_told() {
    on_both_engines(async |db| {
        let before = latest(&db).await;
        in_one(&db, async |c| epochs::raise_everybody(c, 77).await).await.unwrap();
        assert_eq!(told(&db, &before).await, [raised(EpochKind::Global, epochs::EVERYBODY, 77)]);
    })
    .await;
}

#[tokio::test]
async fn what_a_later_release_tells_is_not_overlooked() {
    on_both_engines(async |db| {
        let sql = "INSERT INTO feed (number, item, kind, id) VALUES (1, 0, 'branch', 'x')";
        in_one(&db, async |c| c.execute(sql, &[]).await).await.unwrap();
        assert!(feed::tail(&mut db.read_first().await.unwrap(), 0).await.is_err());
    })
    .await;
}
