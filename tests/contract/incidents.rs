use rescind::model::incident::{Durability, Incident, Proof};
use rescind::store::incidents::{self, Closing};
use rescind::store::{Db, StoreError};
use tokio::task::JoinSet;

use super::engines::on_both_engines;
use super::samples::{at, customer_id, in_one, incident};

async fn open(db: &Db, incident: &Incident) -> Result<(), StoreError> {
    in_one(db, async |c| incidents::insert(c, incident).await).await
}

async fn find_open(db: &Db, customer: &str) -> Option<Incident> {
    incidents::find_open(&mut db.read().await.unwrap(), &customer_id(customer)).await.unwrap()
}

const CLOSING: Closing<'_> = Closing {
    by: "staff:baraka",
    reason: "new phone",
    note: None,
    approved_by: Some("baraka"),
    at: rescind::clock::Timestamp::UNIX_EPOCH,
};

#[tokio::test]
async fn a_customer_has_one_open_incident_at_a_time() {
    on_both_engines(async |db| {
        let first = incident("INC_1", "john");
        open(&db, &first).await.unwrap();
        assert!(matches!(open(&db, &incident("INC_2", "john")).await, Err(StoreError::Taken)));
        open(&db, &incident("INC_3", "jane")).await.expect("other customers have their own");
        assert_eq!(find_open(&db, "john").await, Some(first.clone()));

        assert!(in_one(&db, async |c| incidents::close(c, &first.incident_id, &CLOSING).await).await.unwrap());
        assert_eq!(find_open(&db, "john").await, None);
        open(&db, &incident("INC_4", "john")).await.expect("a closed one is not in the way");
    })
    .await;
}

#[tokio::test]
async fn of_sixteen_parallel_lockdowns_one_opens_the_incident() {
    on_both_engines(async |db| {
        let mut tries = JoinSet::new();
        for n in 0..16 {
            let db = db.clone();
            tries.spawn(async move { open(&db, &incident(&format!("INC_{n}"), "john")).await });
        }
        let done = tries.join_all().await;
        assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 1);
        assert!(done.iter().all(|one| matches!(one, Ok(()) | Err(StoreError::Taken))), "{done:?}");
    })
    .await;
}

#[tokio::test]
async fn incidents_that_are_not_lockdowns_may_be_many() {
    on_both_engines(async |db| {
        for id in ["INC_1", "INC_2"] {
            let device = Incident { target_kind: "device".to_owned(), ..incident(id, "john") };
            open(&db, &device).await.unwrap();
            let found = incidents::find(&mut db.read().await.unwrap(), &device.incident_id).await.unwrap();
            assert_eq!(found, Some(device));
        }
        assert_eq!(find_open(&db, "john").await, None, "a lost device is no lockdown");
    })
    .await;
}

#[tokio::test]
async fn an_incident_is_closed_once() {
    on_both_engines(async |db| {
        let first = incident("INC_1", "john");
        open(&db, &first).await.unwrap();
        let close = async |closing: Closing<'_>| {
            in_one(&db, async |c| incidents::close(c, &first.incident_id, &closing).await).await.unwrap()
        };
        assert!(close(Closing { at: at(7), ..CLOSING }).await);
        assert!(!close(Closing { at: at(9), by: "staff:other", ..CLOSING }).await);
        let closed = Incident {
            closed_at: Some(at(7)),
            closed_by: Some("staff:baraka".to_owned()),
            close_reason: Some("new phone".to_owned()),
            ..first.clone()
        };
        assert_eq!(incidents::find(&mut db.read().await.unwrap(), &first.incident_id).await.unwrap(), Some(closed));

        let none = incident("INC_9", "john").incident_id;
        assert!(!in_one(&db, async |c| incidents::close(c, &none, &CLOSING).await).await.unwrap());
        assert_eq!(incidents::find(&mut db.read().await.unwrap(), &none).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn the_last_incident_about_a_target_is_found() {
    on_both_engines(async |db| {
        for (id, ms) in [("INC_1", 5), ("INC_2", 9), ("INC_3", 7)] {
            let device = Incident { target_kind: "device".to_owned(), opened_at: at(ms), ..incident(id, "phone") };
            open(&db, &device).await.unwrap();
        }
        let mut conn = db.read().await.unwrap();
        let last = incidents::find_last(&mut conn, "device", "phone").await.unwrap();
        assert_eq!(last.map(|one| one.incident_id.to_string()).as_deref(), Some("INC_2"));
        assert_eq!(incidents::find_last(&mut conn, "session", "phone").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_incident_is_swept_once_oldest_first() {
    on_both_engines(async |db| {
        for (id, customer, ms) in [("INC_1", "john", 9), ("INC_2", "jane", 5)] {
            open(&db, &Incident { opened_at: at(ms), ..incident(id, customer) }).await.unwrap();
        }
        let unswept = async || {
            let found = incidents::list_unswept(&mut db.read().await.unwrap(), 9).await.unwrap();
            found.into_iter().map(|one| one.incident_id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(unswept().await, ["INC_2", "INC_1"]);
        let done = incident("INC_2", "jane").incident_id;
        in_one(&db, async |c| incidents::mark_swept(c, &done, at(10)).await).await.unwrap();
        assert_eq!(unswept().await, ["INC_1"]);
    })
    .await;
}

#[tokio::test]
async fn what_an_incident_ended_may_be_counted_afterwards() {
    on_both_engines(async |db| {
        let first = incident("INC_1", "john");
        open(&db, &first).await.unwrap();
        let count = rescind::store::sessions::Count { sessions: 70_000, devices: 9 };
        in_one(&db, async |c| incidents::set_counts(c, &first.incident_id, &count).await).await.unwrap();
        let found = find_open(&db, "john").await.unwrap();
        assert_eq!((found.sessions_ended, found.devices), (70_000, 9));
    })
    .await;
}

#[tokio::test]
async fn the_first_proof_is_the_one_that_is_kept() {
    on_both_engines(async |db| {
        let first = incident("INC_1", "john");
        open(&db, &first).await.unwrap();
        let proof = Proof { at: at(3), in_ms: 41, nodes: 2, durable: Durability::Standby };
        let later = Proof { at: at(9), in_ms: 1, nodes: 1, durable: Durability::Local };
        for one in [&proof, &later] {
            in_one(&db, async |c| incidents::set_proof(c, &first.incident_id, one).await).await.unwrap();
        }
        assert_eq!(find_open(&db, "john").await.unwrap().proof, Some(proof));
    })
    .await;
}

#[tokio::test]
async fn all_incidents_are_listed_newest_first_without_gaps_or_repeats() {
    on_both_engines(async |db| {
        let mut expected = Vec::new();
        // Two opened in the same millisecond are told apart by their number.
        for (id, ms) in [("INC_D", 30), ("INC_C", 20), ("INC_B", 20), ("INC_A", 10)] {
            let one = Incident { target_kind: "device".to_owned(), opened_at: at(ms), ..incident(id, "d") };
            open(&db, &one).await.unwrap();
            expected.push(id.to_owned());
        }
        let (mut listed, mut before) = (Vec::new(), (at(1_000), String::new()));
        loop {
            let page = incidents::list(&mut db.read().await.unwrap(), (before.0, &before.1), 1).await.unwrap();
            let Some(one) = page.first() else { break };
            before = (one.opened_at, one.incident_id.to_string());
            listed.push(one.incident_id.to_string());
        }
        assert_eq!(listed, expected);
        let page = incidents::list(&mut db.read().await.unwrap(), (at(1_000), ""), 3).await.unwrap();
        assert_eq!(page.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn incidents_of_a_customer_are_listed_newest_first_with_those_of_their_devices() {
    on_both_engines(async |db| {
        open(&db, &incident("INC_1", "john")).await.unwrap();
        let device = Incident {
            target_kind: "device".to_owned(),
            target_id: "a-phone".to_owned(),
            opened_at: at(5),
            ..incident("INC_2", "john")
        };
        let nobody = Incident { target_kind: "client".to_owned(), customer_id: None, ..incident("INC_3", "app") };
        for one in [&device, &nobody, &incident("INC_4", "jane")] {
            open(&db, one).await.unwrap();
        }
        let mut conn = db.read().await.unwrap();
        let found = incidents::list_of_customer(&mut conn, &customer_id("john"), 9).await.unwrap();
        let ids: Vec<&str> = found.iter().map(|one| one.incident_id.as_str()).collect();
        assert_eq!(ids, ["INC_2", "INC_1"]);
        assert_eq!(found[0], device);
        assert_eq!(incidents::list_of_customer(&mut conn, &customer_id("john"), 1).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn incidents_of_a_kind_are_counted_since_a_time_and_no_further_than_asked() {
    on_both_engines(async |db| {
        for (id, who, kind, ms) in [
            ("INC_1", "john", "customer", 9),
            ("INC_2", "jane", "customer", 10),
            ("INC_3", "jack", "customer", 11),
            ("INC_4", "d", "device", 11),
        ] {
            let one = Incident { target_kind: kind.to_owned(), opened_at: at(ms), ..incident(id, who) };
            open(&db, &one).await.unwrap();
        }
        let count =
            async |most| incidents::count_since(&mut db.read().await.unwrap(), "customer", at(10), most).await.unwrap();
        assert_eq!((count(9).await, count(1).await), (2, 1));
    })
    .await;
}
