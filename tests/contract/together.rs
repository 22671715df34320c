//! One transaction for many revocations: what each part did is kept or undone alone, and nobody hears "kept" before COMMIT.

use std::collections::BTreeSet;
use std::time::Duration;

use rescind::model::epoch::EpochKind;
use rescind::model::feed::Mark;
use rescind::store::{Db, StoreError, Urgency, epochs, feed};
use tokio::time::timeout;

use super::engines::on_both_engines;
use super::samples::in_one;

type Ended = Result<((), Option<Mark>), StoreError>;

/// Asks a future once.
async fn once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|context| match std::pin::Pin::new(&mut future).poll(context) {
        std::task::Poll::Ready(done) => std::task::Poll::Ready(Some(done)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

async fn subjects(db: &Db, ids: &[&str]) {
    for id in ids {
        in_one(db, async |c| epochs::insert(c, EpochKind::Subject, id).await).await.unwrap();
    }
}

/// Raises a subject as one part.
async fn raise(db: &Db, id: &str) -> Ended {
    let mut part = db.begin_part(Urgency::Token).await?;
    let made = epochs::raise(part.tx(), EpochKind::Subject, id).await.map(|_| ());
    part.end(made).await
}

async fn epoch(db: &Db, id: &str) -> i64 {
    let sql = "SELECT epoch FROM epochs WHERE kind = 'subject' AND id = $1";
    db.read().await.unwrap().value(sql, &[&id]).await.unwrap().unwrap()
}

async fn told(db: &Db) -> usize {
    feed::tail(&mut db.read().await.unwrap(), 0).await.unwrap().entries.len()
}

/// Three at the desk: the first begins, does its part and ends it; the second comes next, as `second` says; the third last.
/// Again until they shared one transaction, which a stalled machine may prevent.
async fn shared(db: &Db, second: impl AsyncFn(&Db) -> bool, is_kept: bool) -> (Ended, Ended) {
    for _ in 0..50 {
        let before = (epoch(db, "one").await, epoch(db, "three").await, told(db).await);
        let mut first = db.begin_part(Urgency::Token).await.unwrap();
        let mut next = Box::pin(second(db));
        let mut last = Box::pin(raise(db, "three"));
        assert!(once(next.as_mut()).await.is_none() && once(last.as_mut()).await.is_none(), "both wait");
        let made = epochs::raise(first.tx(), EpochKind::Subject, "one").await.map(|_| ());
        let (first, has_shared, last) = tokio::join!(first.end(made), next, last);
        if has_shared && first.is_ok() == is_kept {
            let kept = usize::from(first.is_ok()) + usize::from(last.is_ok());
            assert_eq!(told(db).await, before.2 + kept, "what was undone is not told");
            assert_eq!(epoch(db, "one").await, before.0 + i64::from(first.is_ok()));
            assert_eq!(epoch(db, "three").await, before.1 + i64::from(last.is_ok()));
            return (first, last);
        }
    }
    panic!("they never shared one");
}

#[tokio::test]
async fn of_parts_that_wait_for_each_other_a_failed_one_is_undone_and_the_others_share_one_commit() {
    on_both_engines(async |db| {
        subjects(&db, &["one", "two", "three"]).await;
        let failing = async |db: &Db| {
            let mut part = db.begin_part(Urgency::Token).await.unwrap();
            epochs::raise(part.tx(), EpochKind::Subject, "two").await.unwrap();
            let broken = part.tx().execute("SELECT nothing FROM nowhere", &[]).await.map(|_| ());
            matches!(part.end(broken).await, Err(StoreError::Refused(_)))
        };
        let (mut tries, mut is_one) = (0, false);
        while !is_one {
            tries += 1;
            assert!(tries < 50, "no two ever shared a number");
            let (first, last) = shared(&db, failing, true).await;
            is_one = first.unwrap().1 == last.unwrap().1;
        }
        assert_eq!(epoch(&db, "two").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_failure_that_was_overlooked_undoes_the_part() {
    on_both_engines(async |db| {
        subjects(&db, &["one"]).await;
        let mut part = db.begin_part(Urgency::Token).await.unwrap();
        epochs::raise(part.tx(), EpochKind::Subject, "one").await.unwrap();
        assert!(part.tx().execute("SELECT nothing FROM nowhere", &[]).await.is_err());
        assert!(matches!(part.end(Ok(())).await, Err(StoreError::Refused(_))));
        assert_eq!((epoch(&db, "one").await, told(&db).await), (1, 0));
        assert!(raise(&db, "one").await.is_ok(), "the desk is free");
    })
    .await;
}

#[tokio::test]
async fn p4_who_has_done_its_part_of_a_transaction_that_is_lost_is_told_so_and_the_next_begins_anew() {
    on_both_engines(async |db| {
        subjects(&db, &["one", "two", "three"]).await;
        let vanishing = async |db: &Db| {
            let mut part = db.begin_part(Urgency::Token).await.unwrap();
            epochs::raise(part.tx(), EpochKind::Subject, "two").await.unwrap();
            drop(part);
            true
        };
        let (first, last) = shared(&db, vanishing, false).await;
        assert!(matches!(first, Err(StoreError::Unavailable(_))), "{first:?}");
        assert!(last.is_ok(), "{last:?}");
        assert_eq!(epoch(&db, "two").await, 1);
    })
    .await;
}

#[tokio::test]
async fn whoever_gives_up_waiting_holds_up_nobody() {
    on_both_engines(async |db| {
        subjects(&db, &["one", "two", "three"]).await;
        let first = db.begin_part(Urgency::Token).await.unwrap();
        let mut gone = Box::pin(db.begin_part(Urgency::Token));
        assert!(once(gone.as_mut()).await.is_none());
        let mut last = Box::pin(raise(&db, "three"));
        assert!(once(last.as_mut()).await.is_none());
        drop(gone);
        drop(first);
        assert!(timeout(Duration::from_mins(1), last).await.expect("it hangs").is_ok());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rush_of_revocations_is_kept_whole_in_few_commits() {
    on_both_engines(async |db| {
        let ids: Vec<String> = (0..60).map(|n| format!("s{n}")).collect();
        subjects(&db, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let mut tasks = tokio::task::JoinSet::new();
        for id in ids.clone() {
            let db = db.clone();
            tasks.spawn(async move { raise(&db, &id).await.expect("kept").1.expect("a number").number });
        }
        let numbers: BTreeSet<i64> = tasks.join_all().await.into_iter().collect();
        assert!(numbers.len() < 60, "nobody shared: {}", numbers.len());
        for id in &ids {
            assert_eq!(epoch(&db, id).await, 2, "{id}");
        }
        assert_eq!(told(&db).await, 60);
    })
    .await;
}

#[tokio::test]
async fn a_part_that_meets_a_lock_is_undone_soon_and_may_be_done_again() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return; // there it waits for the one writer
        }
        subjects(&db, &["one", "two"]).await;
        let mut holder = db.begin().await.unwrap();
        epochs::raise(&mut holder, EpochKind::Subject, "one").await.unwrap();
        let met = raise(&db, "one").await;
        assert!(matches!(met, Err(StoreError::Unavailable(_))), "{met:?}");
        assert!(raise(&db, "two").await.is_ok(), "the others go on");
        holder.commit().await.expect("it was not idle for long");
        assert!(raise(&db, "one").await.is_ok());
        assert_eq!(epoch(&db, "one").await, 3);
    })
    .await;
}
