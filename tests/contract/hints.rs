use std::time::Duration;

use rescind::model::epoch::EpochKind;
use rescind::store::hints::{Heard, Listener};
use rescind::store::{Db, epochs, facts};
use tokio::time::timeout;

use super::engines::on_both_engines;
use super::samples::in_one;

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for a hint, however long one wait of the listener is.
async fn heard(listener: &mut Listener) -> bool {
    let hint = async { while listener.wait(PATIENCE).await.unwrap() == Heard::Nothing {} };
    timeout(PATIENCE, hint).await.is_ok()
}

async fn raise(db: &Db) {
    in_one(db, async |c| epochs::raise(c, EpochKind::Subject, "john").await).await.unwrap();
}

#[tokio::test]
async fn whoever_listens_hears_of_a_commit_that_took_something_back() {
    on_both_engines(async |db| {
        in_one(&db, async |c| epochs::insert(c, EpochKind::Subject, "john").await).await.unwrap();
        let mut listeners = [Listener::open(&db).await.unwrap(), Listener::open(&db).await.unwrap()];
        for _ in 0..3 {
            raise(&db).await;
            for listener in &mut listeners {
                assert!(heard(listener).await, "a hint came");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_commit_that_took_nothing_back_is_no_news_between_nodes_and_any_commit_moves_a_file() {
    on_both_engines(async |db| {
        let mut listener = Listener::open(&db).await.unwrap();
        assert!(!listener.moved().await.unwrap(), "nothing happened");
        in_one(&db, async |c| facts::set(c, "a", "b").await).await.unwrap();
        if db.is_embedded() {
            assert!(listener.moved().await.unwrap());
            assert!(!listener.moved().await.unwrap(), "seen");
        } else {
            assert_eq!(listener.wait(Duration::from_millis(300)).await.unwrap(), Heard::Nothing);
        }
    })
    .await;
}
