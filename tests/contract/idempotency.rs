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
