use std::collections::BTreeSet;

use rescind::store::throttles::{self, Counter};
use rescind::store::{Db, customers};
use tokio::task::JoinSet;

use super::engines::on_both_engines;
use super::samples::{at, customer, in_one};

const KEY: [u8; 32] = [7; 32];
const OTHER: [u8; 32] = [0; 32];

async fn count(db: &Db, key: &[u8; 32]) -> Counter {
    in_one(db, async |c| throttles::count(c, key, None, at(0)).await).await.unwrap()
}

#[tokio::test]
async fn parallel_tries_are_counted_one_by_one() {
    on_both_engines(async |db| {
        let mut tries = JoinSet::new();
        for _ in 0..16 {
            let db = db.clone();
            tries.spawn(async move { count(&db, &KEY).await.failures });
        }
        let counted: BTreeSet<i64> = tries.join_all().await.into_iter().collect();
        assert_eq!(counted, (1..=16).collect(), "each try saw a number of its own");
    })
    .await;
}

#[tokio::test]
async fn a_try_that_was_not_committed_does_not_count() {
    on_both_engines(async |db| {
        let mut dropped = db.begin().await.unwrap();
        throttles::count(&mut dropped, &KEY, None, at(0)).await.unwrap();
        drop(dropped);
        assert_eq!(count(&db, &KEY).await.failures, 1);
    })
    .await;
}

#[tokio::test]
async fn a_block_is_told_to_the_next_try_and_a_reset_forgets_it() {
    on_both_engines(async |db| {
        assert_eq!(count(&db, &KEY).await, Counter { failures: 1, blocked_until: None });
        in_one(&db, async |c| throttles::block(c, &KEY, at(900)).await).await.unwrap();
        assert_eq!(count(&db, &KEY).await, Counter { failures: 2, blocked_until: Some(at(900)) });
        assert_eq!(count(&db, &OTHER).await, Counter { failures: 1, blocked_until: None });

        in_one(&db, async |c| throttles::reset(c, &KEY).await).await.unwrap();
        assert_eq!(count(&db, &KEY).await, Counter { failures: 1, blocked_until: None });
        assert_eq!(count(&db, &OTHER).await.failures, 2);
    })
    .await;
}

#[tokio::test]
async fn a_try_is_taken_back_with_its_block_unless_another_was_counted_since() {
    on_both_engines(async |db| {
        assert_eq!(count(&db, &KEY).await.failures, 1);
        in_one(&db, async |c| throttles::block(c, &KEY, at(900)).await).await.unwrap();
        in_one(&db, async |c| throttles::uncount(c, &KEY, 1).await).await.unwrap();
        assert_eq!(count(&db, &KEY).await, Counter { failures: 1, blocked_until: None });
        assert_eq!(count(&db, &KEY).await.failures, 2);
        in_one(&db, async |c| throttles::block(c, &KEY, at(900)).await).await.unwrap();
        in_one(&db, async |c| throttles::uncount(c, &KEY, 1).await).await.unwrap();
        in_one(&db, async |c| throttles::uncount(c, &OTHER, 2).await).await.unwrap();
        assert_eq!(count(&db, &KEY).await, Counter { failures: 3, blocked_until: Some(at(900)) });
    })
    .await;
}

#[tokio::test]
async fn all_counters_of_a_subject_are_forgotten_and_no_others() {
    on_both_engines(async |db| {
        for id in ["john", "jane"] {
            in_one(&db, async |c| customers::insert(c, &customer(id), None).await).await.unwrap();
        }
        for (key, whose) in [([1; 32], "john"), ([2; 32], "john"), ([3; 32], "jane")] {
            in_one(&db, async |c| throttles::count(c, &key, Some(whose), at(0)).await).await.unwrap();
        }
        count(&db, &KEY).await;
        assert_eq!(in_one(&db, async |c| throttles::reset_subject(c, "john").await).await.unwrap(), 2);
        assert_eq!(count(&db, &[1; 32]).await.failures, 1);
        assert_eq!(count(&db, &[3; 32]).await.failures, 2);
        assert_eq!(count(&db, &KEY).await.failures, 2);
    })
    .await;
}

#[tokio::test]
async fn counters_of_unknown_names_are_dropped_once_idle_and_never_more_than_asked() {
    on_both_engines(async |db| {
        for (key, owner, ms) in [(1, None, 1), (2, None, 2), (3, None, 50), (4, Some("john"), 1)] {
            in_one(&db, async |c| throttles::count(c, &[key; 32], owner, at(ms)).await).await.unwrap();
        }
        let drop = async |before, most| {
            in_one(&db, async |c| throttles::delete_unknown(c, at(before), most).await).await.unwrap()
        };
        assert_eq!(drop(10, 1).await, 1);
        assert_eq!(drop(10, 9).await, 1);
        assert_eq!(drop(10, 9).await, 0, "neither recent nor anybody's");
    })
    .await;
}

#[tokio::test]
async fn counters_of_people_go_once_idle_but_none_that_switched_a_password_off() {
    on_both_engines(async |db| {
        in_one(&db, async |c| customers::insert(c, &customer("john"), None).await).await.unwrap();
        for (key, owner, ms) in
            [(1, Some("john"), 1), (2, Some("john"), 2), (3, Some("john"), 10), (4, Some("john"), 3), (5, None, 1)]
        {
            in_one(&db, async |c| throttles::count(c, &[key; 32], owner, at(ms)).await).await.unwrap();
        }
        let (most, off) = ([2_u8; 32].to_vec(), [4_u8; 32].to_vec());
        let set = "UPDATE throttles SET failures = $2 WHERE key = $1";
        in_one(&db, async |c| c.execute(set, &[&most, &99_i64]).await).await.unwrap();
        in_one(&db, async |c| c.execute(set, &[&off, &100_i64]).await).await.unwrap();
        assert_eq!(rescind::policy::throttle::delay_after(100), rescind::policy::throttle::Delay::Disabled);
        let drop = async |before, most| {
            in_one(&db, async |c| throttles::delete_idle(c, at(before), most).await).await.unwrap()
        };
        assert_eq!(drop(10, 1).await, 1);
        assert_eq!(drop(10, 9).await, 1, "99 failures are forgotten as well");
        assert_eq!(drop(10, 9).await, 0, "neither recent, nor a stranger's, nor the hundredth");
        assert_eq!(drop(1_000_000, 9).await, 1, "the recent one, in the end");
    })
    .await;
}
