use rescind::model::ids::IncidentId;
use rescind::store::idempotency::{self, Used};

use super::engines::on_both_engines;
use super::samples::{at, in_one};

#[tokio::test]
async fn a_key_stands_for_its_first_use_and_belongs_to_its_caller() {
    on_both_engines(async |db| {
        let used =
            |digest: u8, id: &str| Used { digest: vec![digest; 32], incident_id: IncidentId::parse(id).unwrap() };
        let keep = async |place, used: Used| {
            in_one(&db, async |c| idempotency::insert(c, place, &used, at(0)).await)
                .await
                .expect("a repeat is no fault");
        };
        let find = async |caller, key| idempotency::find(&mut db.read().await.unwrap(), caller, key).await.unwrap();

        assert_eq!(find("desk", "k").await, None);
        keep(("desk", "k"), used(1, "INC_1")).await;
        keep(("desk", "k"), used(2, "INC_2")).await;
        keep(("bank", "k"), used(3, "INC_3")).await;
        assert_eq!(find("desk", "k").await, Some(used(1, "INC_1")));
        assert_eq!(find("bank", "k").await, Some(used(3, "INC_3")));
        assert_eq!(find("desk", "K").await, None);
    })
    .await;
}

#[tokio::test]
async fn keys_go_once_they_are_old_and_never_more_than_asked() {
    on_both_engines(async |db| {
        let used = Used { digest: vec![1; 32], incident_id: IncidentId::parse("INC_1").unwrap() };
        for (caller, key, ms) in [("desk", "a", 1), ("desk", "b", 2), ("bank", "a", 3), ("bank", "b", 50)] {
            in_one(&db, async |c| idempotency::insert(c, (caller, key), &used, at(ms)).await).await.unwrap();
        }
        let drop = async |before, most| {
            in_one(&db, async |c| idempotency::delete_old(c, at(before), most).await).await.unwrap()
        };
        assert_eq!(drop(50, 2).await, 2);
        assert_eq!(drop(50, 9).await, 1);
        let mut conn = db.read().await.unwrap();
        assert!(
            idempotency::find(&mut conn, "bank", "b").await.unwrap().is_some(),
            "one that is just old enough is kept"
        );
    })
    .await;
}
