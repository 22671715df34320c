use rescind::model::device::DeviceUses;
use rescind::store::device_activity::{self, Summary};
use rescind::store::{Db, StoreError, clients};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::engines::on_both_engines;
use super::samples::{at, client, customer_id, in_one};

const MINUTE: i64 = 60_000;

fn uses(device: u128, checker: &str, minute: i64, address: &str, count: i64) -> DeviceUses {
    DeviceUses {
        customer_id: "john".to_owned(),
        at_minute: at(minute * MINUTE),
        device_id: Uuid::from_u128(device).to_string(),
        checker_id: checker.to_owned(),
        address: address.to_owned(),
        count,
    }
}

async fn add(db: &Db, all: &[DeviceUses]) -> Result<(), StoreError> {
    in_one(db, async |c| device_activity::add(c, all).await).await
}

async fn list(db: &Db, since: i64, limit: i64) -> Vec<Summary> {
    let mut conn = db.read().await.unwrap();
    device_activity::list(&mut conn, &customer_id("john"), at(since * MINUTE), limit).await.unwrap()
}

#[tokio::test]
async fn uses_are_added_up_by_device_asker_and_address_last_used_first() {
    on_both_engines(async |db| {
        in_one(&db, async |c| clients::insert(c, &client("accounts")).await).await.unwrap();
        let name = client("accounts").name;
        let all = [
            uses(1, "accounts", 0, "", 5),
            uses(1, "accounts", 3, "", 2),
            uses(1, "gone", 2, "192.0.2.1", 1),
            uses(2, "accounts", 1, "192.0.2.1", 4),
            DeviceUses { customer_id: "jane".to_owned(), ..uses(3, "accounts", 9, "", 1) },
        ];
        add(&db, &all).await.unwrap();
        add(&db, &all[1..2]).await.unwrap();
        let line = |device, checker: Option<&str>, address: Option<&str>, (first, last), count| Summary {
            device_id: Uuid::from_u128(device),
            checker: checker.map(str::to_owned),
            address: address.map(str::to_owned),
            first_at: at(first * MINUTE),
            last_at: at(last * MINUTE),
            count,
        };
        let accounts = Some(name.as_str());
        let expected = [
            line(1, accounts, None, (0, 3), 9),
            line(1, None, Some("192.0.2.1"), (2, 2), 1),
            line(2, accounts, Some("192.0.2.1"), (1, 1), 4),
        ];
        assert_eq!(list(&db, 0, 9).await, expected);
        assert_eq!(list(&db, 0, 1).await, expected[..1]);
        assert_eq!(list(&db, 2, 9).await, [line(1, accounts, None, (3, 3), 4), expected[1].clone()], "since a minute");
        assert_eq!(list(&db, 4, 9).await, []);
    })
    .await;
}

#[tokio::test]
async fn nodes_that_count_the_same_at_once_lose_nothing() {
    on_both_engines(async |db| {
        let all: Vec<_> = (0..120).map(|device| uses(device, "accounts", 0, "", 1)).collect();
        let mut nodes = JoinSet::new();
        for _ in 0..16 {
            let (db, all) = (db.clone(), all.clone());
            nodes.spawn(async move { add(&db, &all).await });
        }
        assert!(nodes.join_all().await.iter().all(Result::is_ok));
        let found = list(&db, 0, 200).await;
        assert_eq!(found.len(), 120);
        assert!(found.iter().all(|one| one.count == 16), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn old_counts_are_dropped_and_never_more_than_asked() {
    on_both_engines(async |db| {
        for minute in 0..6 {
            add(&db, &[uses(1, "accounts", minute, "", 1)]).await.unwrap();
        }
        let drop = async |before: i64, most| {
            in_one(&db, async |c| device_activity::delete_old(c, at(before * MINUTE), most).await).await.unwrap()
        };
        assert_eq!(drop(4, 3).await, 3);
        assert_eq!(drop(4, 3).await, 1);
        assert_eq!(drop(4, 3).await, 0);
        assert_eq!(list(&db, 0, 9).await[0].count, 2);
    })
    .await;
}
