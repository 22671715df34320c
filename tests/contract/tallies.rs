use rescind::model::tally::Tally;
use rescind::store::tallies::{self, Minute};
use rescind::store::{Db, StoreError};
use tokio::task::JoinSet;

use super::engines::on_both_engines;
use super::samples::{at, in_one};

const MINUTE: i64 = 60_000;

async fn list(db: &Db, tally: Tally, since: i64) -> Vec<(i64, i64)> {
    let found: Vec<Minute> = tallies::list(&mut db.read().await.unwrap(), tally, at(since)).await.unwrap();
    found.into_iter().map(|minute| ((minute.at - at(0)).num_milliseconds(), minute.count)).collect()
}

async fn add(db: &Db, tally: Tally, ms: i64, count: i64) -> Result<(), StoreError> {
    in_one(db, async |c| tallies::add(c, tally, at(ms), count).await).await
}

#[tokio::test]
async fn counts_of_a_minute_are_added_up_also_in_parallel() {
    on_both_engines(async |db| {
        let mut adding = JoinSet::new();
        for n in 1..=16 {
            let db = db.clone();
            adding.spawn(async move { add(&db, Tally::TokensIssued, 0, n).await });
        }
        assert!(adding.join_all().await.iter().all(Result::is_ok));
        add(&db, Tally::TokensRefused, 0, 5).await.unwrap();
        add(&db, Tally::TokensIssued, MINUTE, 2).await.unwrap();
        assert_eq!(list(&db, Tally::TokensIssued, 0).await, [(0, 136), (MINUTE, 2)]);
        assert_eq!(list(&db, Tally::TokensIssued, 1).await, [(MINUTE, 2)], "since a time, that one included");
        assert_eq!(list(&db, Tally::TokensRefused, 0).await, [(0, 5)]);
    })
    .await;
}

#[tokio::test]
async fn of_two_counts_of_a_minute_the_first_is_kept() {
    on_both_engines(async |db| {
        for count in [7, 9] {
            in_one(&db, async |c| tallies::keep(c, Tally::SessionsLiving, at(0), count).await).await.unwrap();
        }
        assert_eq!(list(&db, Tally::SessionsLiving, 0).await, [(0, 7)]);
    })
    .await;
}

#[tokio::test]
async fn old_minutes_are_dropped_and_never_more_than_asked() {
    on_both_engines(async |db| {
        for n in 0..4 {
            add(&db, Tally::TokensIssued, n * MINUTE, 1).await.unwrap();
            add(&db, Tally::TokensRefused, n * MINUTE, 1).await.unwrap();
        }
        let drop =
            async |before, most| in_one(&db, async |c| tallies::delete_old(c, at(before), most).await).await.unwrap();
        assert_eq!(drop(2 * MINUTE, 3).await, 3);
        assert_eq!(drop(2 * MINUTE, 9).await, 1);
        assert_eq!(drop(2 * MINUTE, 9).await, 0);
        assert_eq!(list(&db, Tally::TokensIssued, 0).await.len(), 2);
        assert_eq!(list(&db, Tally::TokensRefused, 0).await.len(), 2);
    })
    .await;
}
