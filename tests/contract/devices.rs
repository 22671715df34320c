use rescind::model::device::{Device, DeviceDetails};
use rescind::model::epoch::EpochKind;
use rescind::store::devices::{self, DeviceNames};
use rescind::store::epochs::{self, Ancestors};
use rescind::store::seen::SeenDevice;
use rescind::store::{Db, StoreError, clients, customers, seen};

use super::engines::on_both_engines;
use super::samples::{
    at, client, client_id, customer, customer_id, device, household, in_one, stored_browser_session, stored_code,
    stored_session, uuid,
};

async fn people(db: &Db) {
    in_one(db, async |c| {
        clients::insert(c, &client("app")).await?;
        clients::insert(c, &client("web")).await?;
        customers::insert(c, &customer("john"), None).await?;
        customers::insert(c, &customer("jane"), None).await
    })
    .await
    .unwrap();
}

async fn enter(db: &Db, device: &Device, names: &DeviceNames) -> Result<(), StoreError> {
    in_one(db, async |c| devices::insert(c, device, names).await).await
}

async fn find(db: &Db, device: &Device) -> Device {
    devices::find(&mut db.read().await.unwrap(), device.device_id).await.unwrap().unwrap()
}

/// All details, each ending in `mark`.
fn details(mark: &str) -> DeviceDetails {
    let detail = |name: &str| Some(format!("{name} {mark}"));
    DeviceDetails {
        platform: detail("Windows"),
        name: detail("John's iPhone"),
        model: detail("iPhone14,2"),
        os_version: detail("17.1"),
        app_version: detail("3.0"),
        timezone: detail("Africa/Nairobi"),
        language: detail("sw-KE"),
        user_agent: detail("Mozilla/5.0"),
    }
}

#[tokio::test]
async fn a_device_reads_back_as_entered_at_epoch_1() {
    on_both_engines(async |db| {
        people(&db).await;
        let full = Device { client_id: Some(client_id("app")), details: details("1"), ..device("john") };
        let bare = Device { address: None, ..device("john") };
        for entered in [&full, &bare] {
            enter(&db, entered, &DeviceNames::default()).await.unwrap();
            assert_eq!(find(&db, entered).await, *entered);
            let of = Ancestors { device: Some(entered.device_id), ..Ancestors::default() };
            assert_eq!(epochs::current(&mut db.read().await.unwrap(), of).await.unwrap().device, Some(1));
        }
        assert_eq!(devices::find(&mut db.read().await.unwrap(), uuid()).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_browser_is_one_device_per_customer() {
    on_both_engines(async |db| {
        people(&db).await;
        let cookie = DeviceNames { browser_id: Some(uuid()), app_device_id: None };
        enter(&db, &device("john"), &cookie).await.unwrap();
        let twin = device("john");
        assert!(matches!(enter(&db, &twin, &cookie).await, Err(StoreError::Taken)));
        let of = Ancestors { device: Some(twin.device_id), ..Ancestors::default() };
        let left = epochs::current(&mut db.read().await.unwrap(), of).await.unwrap().device;
        assert_eq!(left, None, "the epoch of a refused device is not kept");
        enter(&db, &device("jane"), &cookie).await.expect("another customer on the same browser");
        enter(&db, &device("john"), &DeviceNames::default()).await.expect("a device nobody named");
        enter(&db, &device("john"), &DeviceNames::default()).await.expect("a second device nobody named");
    })
    .await;
}

#[tokio::test]
async fn an_app_names_one_device_per_customer_and_client() {
    on_both_engines(async |db| {
        people(&db).await;
        let names = DeviceNames { browser_id: None, app_device_id: Some("iPhone-1".to_owned()) };
        let of = |customer: &str, client: &str| Device { client_id: Some(client_id(client)), ..device(customer) };
        enter(&db, &of("john", "app"), &names).await.unwrap();
        assert!(matches!(enter(&db, &of("john", "app"), &names).await, Err(StoreError::Taken)));
        enter(&db, &of("john", "web"), &names).await.expect("another client has its own names");
        enter(&db, &of("jane", "app"), &names).await.expect("another customer has their own names");
    })
    .await;
}

#[tokio::test]
async fn at_sign_in_what_is_told_wins_and_what_is_not_told_stays() {
    on_both_engines(async |db| {
        people(&db).await;
        let first = Device { details: details("1"), ..device("john") };
        enter(&db, &first, &DeviceNames::default()).await.unwrap();
        in_one(&db, async |c| devices::revoke(c, first.device_id, at(1)).await).await.unwrap();

        let told = DeviceDetails { os_version: Some("18".to_owned()), ..DeviceDetails::default() };
        let later = Device { details: told, address: None, last_seen_at: at(9), ..first.clone() };
        in_one(&db, async |c| devices::refresh(c, &later).await).await.unwrap();
        let kept = DeviceDetails { os_version: Some("18".to_owned()), ..details("1") };
        let expected = Device { details: kept, last_seen_at: at(9), ..first.clone() };
        assert_eq!(find(&db, &first).await, expected, "the address stays and it is no longer revoked");

        let anew = Device { details: details("2"), address: Some("2001:db8::1".to_owned()), ..later };
        in_one(&db, async |c| devices::refresh(c, &anew).await).await.unwrap();
        assert_eq!(find(&db, &first).await, anew);
    })
    .await;
}

#[tokio::test]
async fn at_the_token_endpoint_only_gaps_are_filled() {
    on_both_engines(async |db| {
        people(&db).await;
        let known = DeviceDetails { name: Some("Tablet".to_owned()), ..DeviceDetails::default() };
        let tablet = Device { details: known, ..device("john") };
        enter(&db, &tablet, &DeviceNames::default()).await.unwrap();
        for mark in ["1", "2"] {
            in_one(&db, async |c| devices::fill_in(c, tablet.device_id, &details(mark)).await).await.unwrap();
            let filled =
                DeviceDetails { name: Some("Tablet".to_owned()), user_agent: None, platform: None, ..details("1") };
            assert_eq!(find(&db, &tablet).await, Device { details: filled, ..tablet.clone() });
        }
    })
    .await;
}

#[tokio::test]
async fn a_customers_devices_are_listed_last_seen_first() {
    on_both_engines(async |db| {
        people(&db).await;
        let seen = |ms| Device { last_seen_at: at(ms), ..device("john") };
        let (old, new, newest) = (seen(-5), seen(0), seen(877));
        for one in [&new, &old, &newest, &device("jane")] {
            enter(&db, one, &DeviceNames::default()).await.unwrap();
        }
        let mut conn = db.read().await.unwrap();
        let john = customer_id("john");
        assert_eq!(devices::list(&mut conn, &john, 9).await.unwrap(), [newest.clone(), new.clone(), old]);
        assert_eq!(devices::list(&mut conn, &john, 2).await.unwrap(), [newest, new]);
    })
    .await;
}

#[tokio::test]
async fn devices_are_paged_last_seen_first_without_gaps_or_repeats_and_counted_up_to_a_bound() {
    on_both_engines(async |db| {
        people(&db).await;
        let mut all = Vec::new();
        // Three of each moment, so that pages of two split them.
        for ms in [-877, 0, 4] {
            for _ in 0..3 {
                let one = Device { last_seen_at: at(ms), ..device("john") };
                enter(&db, &one, &DeviceNames::default()).await.unwrap();
                all.push((one.last_seen_at, one.device_id.to_string()));
            }
        }
        enter(&db, &device("jane"), &DeviceNames::default()).await.unwrap();
        all.sort_unstable();
        all.reverse();

        let (mut conn, john) = (db.read().await.unwrap(), customer_id("john"));
        let (mut seen, mut before) = (Vec::new(), (at(1_000_000), uuid::Uuid::max()));
        loop {
            let page = devices::list_page(&mut conn, &john, before, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            before = (last.last_seen_at, last.device_id);
            seen.extend(page.iter().map(|one| (one.last_seen_at, one.device_id.to_string())));
        }
        assert_eq!(seen, all);
        assert_eq!(devices::count(&mut conn, &john, 99).await.unwrap(), 9);
        assert_eq!(devices::count(&mut conn, &john, 5).await.unwrap(), 5);
    })
    .await;
}

#[tokio::test]
async fn a_revoked_device_keeps_the_first_time_and_its_epoch_is_left_to_the_caller() {
    on_both_engines(async |db| {
        people(&db).await;
        let phone = device("john");
        enter(&db, &phone, &DeviceNames::default()).await.unwrap();
        for ms in [3, 8] {
            let revoked = in_one(&db, async |c| devices::revoke(c, phone.device_id, at(ms)).await).await.unwrap();
            assert_eq!(revoked, Some(Device { revoked_at: Some(at(3)), ..phone.clone() }));
        }
        assert_eq!(in_one(&db, async |c| devices::revoke(c, uuid(), at(3)).await).await.unwrap(), None);
        let id = phone.device_id.to_string();
        let raised = in_one(&db, async |c| epochs::raise(c, EpochKind::Device, &id).await).await.unwrap();
        assert_eq!(raised, Some(2));
    })
    .await;
}

#[tokio::test]
async fn the_last_request_moves_forward_never_back() {
    on_both_engines(async |db| {
        people(&db).await;
        let phone = device("john");
        enter(&db, &phone, &DeviceNames::default()).await.unwrap();
        let touch = async |ms, address: Option<&str>| {
            let device_id = phone.device_id.to_string();
            let seen = SeenDevice { device_id, at: at(ms), address: address.map(str::to_owned) };
            in_one(&db, async |c| seen::devices(c, std::slice::from_ref(&seen)).await).await.unwrap();
            let found = find(&db, &phone).await;
            (found.last_seen_at, found.address)
        };
        assert_eq!(touch(5, Some("198.51.100.1")).await, (at(5), Some("198.51.100.1".to_owned())));
        assert_eq!(touch(4, Some("203.0.113.9")).await, (at(5), Some("198.51.100.1".to_owned())));
        assert_eq!(touch(6, None).await, (at(6), Some("198.51.100.1".to_owned())));
        // Full seconds, tenths and hundredths are written differently; they must still compare as times.
        for ms in [877, 977, 987, 1_877] {
            assert_eq!(touch(ms, None).await.0, at(ms));
            assert_eq!(touch(ms - 1, None).await.0, at(ms));
        }
    })
    .await;
}

#[tokio::test]
async fn a_device_unseen_for_long_is_forgotten_with_its_epoch_unless_something_rests_on_it() {
    on_both_engines(async |db| {
        let mut rests = Vec::new();
        for name in ["amy", "ben", "cy"] {
            rests.push(household(&db, name, "app").await);
        }
        stored_session(&db, &rests[0].session()).await;
        stored_browser_session(&db, &rests[1].browser_session()).await;
        stored_code(&db, &rests[2].code()).await;
        in_one(&db, async |c| customers::insert(c, &customer("john"), None).await).await.unwrap();
        let aged = |ms| Device { last_seen_at: at(ms), ..device("john") };
        let (old, older, revoked, seen) = (aged(-2), aged(-3), aged(-1), aged(50));
        for one in [&old, &older, &revoked, &seen] {
            enter(&db, one, &DeviceNames::default()).await.unwrap();
        }
        let id = revoked.device_id.to_string();
        in_one(&db, async |c| epochs::raise(c, EpochKind::Device, &id).await).await.unwrap();
        let forget =
            async |before, most| in_one(&db, async |c| devices::forget(c, at(before), most).await).await.unwrap();
        let is_there = async |device: &Device| {
            let mut conn = db.read().await.unwrap();
            let of = Ancestors { device: Some(device.device_id), ..Ancestors::default() };
            let epoch = epochs::current(&mut conn, of).await.unwrap().device;
            (devices::find(&mut conn, device.device_id).await.unwrap().is_some(), epoch)
        };
        assert_eq!(forget(50, 1).await, 1, "never more than asked");
        assert_eq!(is_there(&old).await, (true, Some(1)));
        assert_eq!(forget(50, 9).await, 2);
        assert_eq!(is_there(&old).await, (false, None));
        assert_eq!(is_there(&revoked).await, (false, Some(2)), "the proof of the revocation stays");
        assert_eq!(is_there(&seen).await, (true, Some(1)), "seen just in time");
        for home in &rests {
            assert!(devices::find(&mut db.read().await.unwrap(), home.device_id).await.unwrap().is_some());
        }
    })
    .await;
}
