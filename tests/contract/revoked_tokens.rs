use rescind::store::revoked_tokens;

use super::engines::on_both_engines;
use super::samples::{at, in_one, uuid};

#[tokio::test]
async fn taking_a_token_back_is_safe_to_repeat() {
    on_both_engines(async |db| {
        let session = uuid();
        for (serial, first) in [(1, true), (1, false), (i64::MAX, true), (i64::MIN, true), (-1, true)] {
            let done = in_one(&db, async |c| revoked_tokens::insert(c, session, serial, at(0)).await).await;
            assert_eq!(done.unwrap(), first, "serial {serial}");
        }
        assert!(in_one(&db, async |c| revoked_tokens::insert(c, uuid(), 1, at(0)).await).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn only_expired_rows_are_dropped_and_never_more_than_asked() {
    on_both_engines(async |db| {
        let session = uuid();
        for serial in 0..10 {
            in_one(&db, async |c| revoked_tokens::insert(c, session, serial, at(serial)).await).await.unwrap();
        }
        let drop = async |now, limit| {
            in_one(&db, async |c| revoked_tokens::delete_expired(c, at(now), limit).await).await.unwrap()
        };
        assert_eq!(drop(-1, 100).await, 0);
        assert_eq!(drop(5, 4).await, 4);
        assert_eq!(drop(5, 4).await, 2, "those that expire right now are expired");
        assert_eq!(drop(5, 4).await, 0);
        let left: Option<i64> =
            db.read().await.unwrap().value("SELECT COUNT(*) FROM revoked_tokens WHERE serial > 5", &[]).await.unwrap();
        assert_eq!(left, Some(4));
    })
    .await;
}
