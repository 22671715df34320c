use rescind::clock::Timestamp;
use rescind::store::seen::{self, SeenDevice};
use rescind::store::{Db, StoreError, devices};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::engines::on_both_engines;
use super::samples::{at, household, in_one, stored_session};

/// More than two statements of many rows, and a few single ones.
const MANY: usize = 117;

async fn many_sessions(db: &Db) -> Vec<Uuid> {
    let home = household(db, "john", "app").await;
    let mut ids = Vec::new();
    for _ in 0..MANY {
        let session = home.session();
        stored_session(db, &session).await;
        ids.push(session.session_id);
    }
    ids
}

async fn last_seen(db: &Db, id: Uuid) -> i64 {
    let sql = "SELECT last_seen_at FROM sessions WHERE session_id = $1";
    let found: Option<Timestamp> = db.read().await.unwrap().value(sql, &[&id]).await.unwrap();
    (found.expect("a session") - at(0)).num_milliseconds()
}

#[tokio::test]
async fn many_sessions_are_written_at_once_each_with_its_own_time() {
    on_both_engines(async |db| {
        let ids = many_sessions(&db).await;
        let seen: Vec<_> = (1..).map(at).zip(&ids).map(|(at, id)| (*id, at)).collect();
        in_one(&db, async |c| seen::sessions(c, &seen).await).await.unwrap();
        for (ms, id) in (1..).zip(&ids) {
            assert_eq!(last_seen(&db, *id).await, ms);
        }
        let unknown = [(Uuid::nil(), at(1))];
        in_one(&db, async |c| seen::sessions(c, &unknown).await).await.unwrap();
        in_one(&db, async |c| seen::browser_sessions(c, &[]).await).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn two_nodes_that_write_the_same_ones_never_lose_the_later_time() {
    on_both_engines(async |db| {
        let ids = many_sessions(&db).await;
        let mut nodes = JoinSet::new();
        for turn in 1..=20 {
            let (db, ids) = (db.clone(), ids.clone());
            nodes.spawn(async move {
                let seen: Vec<_> = ids.iter().map(|id| (*id, at(turn))).collect();
                in_one(&db, async |c| seen::sessions(c, &seen).await).await
            });
        }
        let done: Result<Vec<()>, StoreError> = nodes.join_all().await.into_iter().collect();
        done.unwrap();
        for id in &ids {
            assert_eq!(last_seen(&db, *id).await, 20);
        }
    })
    .await;
}

#[tokio::test]
async fn many_devices_keep_the_address_they_had_where_none_is_told() {
    on_both_engines(async |db| {
        let mut homes = Vec::new();
        for n in 0..MANY {
            homes.push(household(&db, &format!("customer-{n}"), "app").await.device_id);
        }
        let seen = |ms, told: &dyn Fn(usize) -> Option<String>| -> Vec<SeenDevice> {
            let one = |(n, id): (usize, &Uuid)| SeenDevice { device_id: id.to_string(), at: at(ms), address: told(n) };
            homes.iter().enumerate().map(one).collect()
        };
        let first = seen(1, &|n| Some(format!("192.0.2.{n}")));
        in_one(&db, async |c| seen::devices(c, &first).await).await.unwrap();
        let second = seen(2, &|n| (n % 2 == 0).then(|| "198.51.100.1".to_owned()));
        in_one(&db, async |c| seen::devices(c, &second).await).await.unwrap();
        for (n, id) in homes.iter().enumerate() {
            let found = devices::find(&mut db.read().await.unwrap(), *id).await.unwrap().expect("a device");
            let address = if n % 2 == 0 { "198.51.100.1".to_owned() } else { format!("192.0.2.{n}") };
            assert_eq!((found.last_seen_at, found.address), (at(2), Some(address)), "{n}");
        }
    })
    .await;
}
