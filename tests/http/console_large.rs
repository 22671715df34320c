//! A customer of ten thousand sessions and three hundred devices at the console: shown in bounded pages, locked like any
//! other (issue: fit for load; LCK-02).

use reqwest::StatusCode;
use rescind::model::device::{Device, DeviceDetails};
use rescind::model::ids::CustomerId;
use rescind::model::staff::Role;
use rescind::secret::random;
use rescind::store::devices::{self, DeviceNames};

use crate::support::{JOHN, TestServer};

const MOBILE: &str = "naybitono-mobile";
const SESSIONS: usize = 10_000;
const DEVICES: usize = 300;

/// Sessions like the one there is, all on its device, in one transaction.
async fn db_many_sessions(server: &TestServer) {
    let sql = "INSERT INTO sessions (session_id, client_id, subject_id, subject_kind, device_id, consent_id, scope,
                   resources, shapes, generation, rotated_at, rotated_shape, access_expires_at, created_at,
                   last_seen_at, expires_at, global_epoch, client_epoch, subject_epoch, device_epoch, consent_epoch)
               SELECT $1, client_id, subject_id, subject_kind, device_id, consent_id, scope, resources, shapes, 1,
                   rotated_at, 0, access_expires_at, created_at, last_seen_at, expires_at, global_epoch, client_epoch,
                   subject_epoch, device_epoch, consent_epoch FROM sessions WHERE session_id = $2";
    let pair = server.pair(MOBILE).await;
    let sid = uuid::Uuid::parse_str(&server.sid(&pair.access).await).unwrap();
    let mut tx = server.app.db.begin().await.unwrap();
    for _ in 1..SESSIONS {
        tx.execute(sql, &[&random::id(server.app.clock.now()), &sid]).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn db_many_devices(server: &TestServer) {
    let now = server.app.clock.now();
    let mut tx = server.app.db.begin().await.unwrap();
    for n in 1..DEVICES {
        let device = Device {
            device_id: random::id(now),
            customer_id: CustomerId::parse(JOHN).unwrap(),
            client_id: None,
            details: DeviceDetails { name: Some(format!("Tablet {n}")), ..DeviceDetails::default() },
            address: None,
            first_seen_at: now,
            last_seen_at: now - chrono::TimeDelta::seconds(i64::try_from(n).unwrap()),
            revoked_at: None,
        };
        devices::insert(&mut tx, &device, &DeviceNames::default()).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_sessions_are_shown_in_bounded_pages_and_locked_like_one() {
    let server = TestServer::start().await;
    db_many_sessions(&server).await;
    db_many_devices(&server).await;
    let mut agent = server.staff(Role::Agent).await;
    let seen = agent.get(&format!("/console/customers/{JOHN}")).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
    assert!(seen.text().contains("300 devices, more than 1,000 live app sessions"), "{}", seen.text());
    assert_eq!(seen.body.matches("/revoke\">Revoke<").count(), 20);
    assert!(seen.body.len() < 100_000, "{} bytes", seen.body.len());

    let receipt = agent.lock_customer(JOHN, "Phone stolen").await;
    assert!(receipt.text().contains("Confirmed: Emergency lockdown"), "{}", receipt.text());
    assert!(receipt.text().contains("Sessions ended 10000") || receipt.text().contains("Sessions ended 10,000"));
    let after = agent.get(&format!("/console/customers/{JOHN}")).await;
    assert!(after.text().contains("LOCKED"), "{}", after.text());
    assert_eq!(server.live_sessions(JOHN).await, Vec::<String>::new());
}
