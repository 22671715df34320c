use rescind::store::{Db, turns};
use tokio::task::JoinSet;

use super::engines::on_both_engines;
use super::samples::{at, in_one};

async fn take(db: &Db, job: &str, now: i64, until: i64) -> bool {
    in_one(db, async |c| turns::take(c, job, at(now), at(until)).await).await.unwrap()
}

#[tokio::test]
async fn of_sixteen_nodes_one_gets_the_turn() {
    on_both_engines(async |db| {
        for now in [0, 100] {
            let mut tries = JoinSet::new();
            for _ in 0..16 {
                let db = db.clone();
                tries.spawn(async move { take(&db, "clean_up", now, now + 100).await });
            }
            let won = tries.join_all().await.into_iter().filter(|one| *one).count();
            assert_eq!(won, 1, "at {now}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_turn_is_kept_as_long_as_it_is_needed_and_then_free_for_all() {
    on_both_engines(async |db| {
        assert!(take(&db, "clean_up", 0, 100).await);
        in_one(&db, async |c| turns::keep(c, "clean_up", at(300)).await).await.unwrap();
        in_one(&db, async |c| turns::keep(c, "clean_up", at(200)).await).await.unwrap();
        assert!(!take(&db, "clean_up", 299, 400).await, "kept until 300, never less");
        assert!(take(&db, "sweep", 299, 400).await, "jobs are apart");
        assert!(take(&db, "clean_up", 300, 400).await);
    })
    .await;
}
