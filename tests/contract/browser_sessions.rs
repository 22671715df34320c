use rescind::model::device::Device;
use rescind::model::epoch::{Epochs, Level};
use rescind::model::login::BrowserSession;
use rescind::store::browser_sessions::{self, BrowserRecord};
use rescind::store::devices::{self, DeviceNames};
use rescind::store::{Db, epochs, seen};
use uuid::Uuid;

use super::engines::on_both_engines;
use super::samples::{at, client_id, device, household, in_one, stored_browser_session, uuid};

async fn find(db: &Db, id: Uuid) -> Option<BrowserRecord> {
    browser_sessions::find_record(&mut db.read().await.unwrap(), id).await.unwrap()
}

#[tokio::test]
async fn a_browser_session_reads_back_with_restriction_and_the_epochs_of_now() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let session = home.browser_session();
        in_one(&db, async |c| browser_sessions::insert(c, &session).await).await.unwrap();
        let record = find(&db, session.browser_session_id).await.unwrap();
        let now = Epochs { global: 1, client: None, subject: Some(1), device: Some(1), consent: None };
        assert_eq!((&record.session, record.now.epochs, record.now.global_found), (&session, now, true));
        assert_eq!((record.level, record.app_device), (Level::None, None));

        in_one(&db, async |c| epochs::lock(c, "john").await).await.unwrap();
        let record = find(&db, session.browser_session_id).await.unwrap();
        assert_eq!((record.now.epochs.subject, record.level), (Some(2), Level::Full));
        assert_eq!(record.session.epochs.subject, Some(1));
        assert!(find(&db, uuid()).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn an_app_that_named_the_device_is_told() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let phone = Device { client_id: Some(client_id("app")), ..device("john") };
        let names = DeviceNames { browser_id: None, app_device_id: Some("iPhone-1".to_owned()) };
        in_one(&db, async |c| devices::insert(c, &phone, &names).await).await.unwrap();
        let session = BrowserSession { device_id: phone.device_id, ..home.browser_session() };
        stored_browser_session(&db, &session).await;
        let record = find(&db, session.browser_session_id).await.unwrap();
        assert_eq!(record.app_device, Some(("app".to_owned(), "iPhone-1".to_owned())));
    })
    .await;
}

#[tokio::test]
async fn a_browser_session_ends_once_and_keeps_the_first_time() {
    on_both_engines(async |db| {
        let session = household(&db, "john", "app").await.browser_session();
        stored_browser_session(&db, &session).await;
        let end =
            async |id, ms| in_one(&db, async |c| browser_sessions::end(c, id, "sign_out", at(ms)).await).await.unwrap();
        assert!(end(session.browser_session_id, 1).await);
        assert!(!end(session.browser_session_id, 2).await);
        assert!(!end(uuid(), 1).await);
        assert_eq!(find(&db, session.browser_session_id).await.unwrap().session.ended_at, Some(at(1)));
    })
    .await;
}

#[tokio::test]
async fn a_sweep_ends_what_was_born_below_the_epoch_and_nothing_else() {
    on_both_engines(async |db| {
        let (john, jane) = (household(&db, "john", "app").await, household(&db, "jane", "app").await);
        let born = |epoch: i64| Epochs { subject: Some(epoch), device: Some(epoch), ..john.browser_session().epochs };
        let old = BrowserSession { epochs: born(1), ..john.browser_session() };
        let new = BrowserSession { epochs: born(2), ..john.browser_session() };
        let other = jane.browser_session();
        for one in [&old, &new, &other] {
            stored_browser_session(&db, one).await;
        }
        let ended = async || {
            let mut all = Vec::new();
            for one in [&old, &new, &other] {
                all.push(find(&db, one.browser_session_id).await.unwrap().session.ended_at);
            }
            all
        };
        let sweep = async |below, ms| {
            in_one(&db, async |c| browser_sessions::sweep_customer(c, "john", below, at(ms)).await).await.unwrap()
        };
        assert_eq!(sweep(1, 1).await, 0);
        assert_eq!(sweep(2, 2).await, 1);
        assert_eq!(sweep(2, 3).await, 0);
        assert_eq!(ended().await, [Some(at(2)), None, None]);

        let device = async |id: uuid::Uuid, below| {
            in_one(&db, async |c| browser_sessions::sweep_device(c, &id.to_string(), below, at(5)).await).await.unwrap()
        };
        assert_eq!(device(john.device_id, 2).await, 0);
        assert_eq!(device(john.device_id, 3).await, 1);
        assert_eq!(ended().await, [Some(at(2)), Some(at(5)), None]);
        assert_eq!(device(jane.device_id, 2).await, 1);
    })
    .await;
}

#[tokio::test]
async fn the_last_page_moves_forward_never_back() {
    on_both_engines(async |db| {
        let session = household(&db, "john", "app").await.browser_session();
        stored_browser_session(&db, &session).await;
        for (ms, expected) in [(877, 877), (876, 877), (1_000, 1_000)] {
            in_one(&db, async |c| seen::browser_sessions(c, &[(session.browser_session_id, at(ms))]).await)
                .await
                .unwrap();
            assert_eq!(find(&db, session.browser_session_id).await.unwrap().session.last_seen_at, at(expected));
        }
    })
    .await;
}

#[tokio::test]
async fn only_live_browser_sessions_are_listed_last_seen_first() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let jane = household(&db, "jane", "app").await;
        let stale = |epochs| BrowserSession { epochs, ..home.browser_session() };
        let born = home.browser_session().epochs;
        let first = BrowserSession { last_seen_at: at(877), ..home.browser_session() };
        let second = BrowserSession { last_seen_at: at(5), ..home.browser_session() };
        let ended = home.browser_session();
        let dead = [
            BrowserSession { expires_at: at(10), ..home.browser_session() },
            BrowserSession { last_seen_at: at(-1), ..home.browser_session() },
            stale(Epochs { global: 0, ..born }),
            stale(Epochs { subject: Some(0), ..born }),
            stale(Epochs { device: Some(0), ..born }),
            jane.browser_session(),
        ];
        for one in dead.iter().chain([&second, &ended, &first]) {
            stored_browser_session(&db, one).await;
        }
        in_one(&db, async |c| browser_sessions::end(c, ended.browser_session_id, "why", at(1)).await).await.unwrap();
        let list = async |limit| {
            let mut conn = db.read().await.unwrap();
            browser_sessions::list_live(&mut conn, &home.customer, (at(10), at(-1)), limit).await.unwrap()
        };
        assert_eq!(list(9).await, [first.clone(), second]);
        assert_eq!(list(1).await, [first]);
        in_one(&db, async |c| epochs::lock(c, "john").await).await.unwrap();
        assert!(list(9).await.is_empty(), "a lock empties the list at once");
    })
    .await;
}

#[tokio::test]
async fn browser_sessions_go_when_they_ran_out_and_never_more_than_asked() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        for ms in [1, 2, 3, 50] {
            stored_browser_session(&db, &BrowserSession { expires_at: at(ms), ..home.browser_session() }).await;
        }
        let drop = async |before, most| {
            in_one(&db, async |c| browser_sessions::delete_expired(c, at(before), most).await).await.unwrap()
        };
        assert_eq!(drop(50, 2).await, 2);
        assert_eq!(drop(50, 9).await, 1, "one that runs out right now is kept");
        assert_eq!(drop(51, 9).await, 1);
    })
    .await;
}
