use rescind::model::customer::{ContactChange, Customer, Email, Found, PersonName, Phone};
use rescind::model::device::Device;
use rescind::model::epoch::{Epochs, Level};
use rescind::store::customers::{self, KnownDevice, Named, SignInPlace, SignInRead};
use rescind::store::devices::{self, DeviceNames};
use rescind::store::{Db, StoreError, clients, epochs};
use uuid::Uuid;

use super::engines::on_both_engines;
use super::samples::{at, client, client_id, customer, customer_id, device, email, in_one, phone, uuid};

async fn enter(db: &Db, customer: &Customer) {
    in_one(db, async |c| customers::insert(c, customer, Some("hash")).await).await.unwrap();
}

async fn find(db: &Db, id: &str) -> Option<Customer> {
    customers::find(&mut db.read().await.unwrap(), id).await.unwrap()
}

fn named(text: &str) -> Named {
    Named {
        customer_id: text.to_owned(),
        email_folded: Email::parse(text).ok().map(|e| e.folded()),
        phone: Phone::from_e164(text).map(|p| p.as_str().to_owned()),
    }
}

async fn sign_in_from(db: &Db, text: &str, place: &SignInPlace) -> Option<SignInRead> {
    customers::find_for_sign_in(&mut db.read().await.unwrap(), &named(text), place).await.unwrap()
}

/// Whom a sign-in form names.
async fn sign_in(db: &Db, text: &str) -> Option<String> {
    sign_in_from(db, text, &SignInPlace::default()).await.map(|read| read.customer.customer_id.to_string())
}

#[tokio::test]
async fn a_customer_reads_back_as_entered() {
    on_both_engines(async |db| {
        let full = Customer {
            name: PersonName::parse("Ñandú O'Doe – ʻOkina 名").unwrap(),
            email: Some(email("John.Doe@Example.com")),
            phone: Some(phone("+254712345678")),
            ..customer("CUST_789456123")
        };
        enter(&db, &full).await;
        enter(&db, &customer("bare")).await;
        assert_eq!(find(&db, "CUST_789456123").await, Some(full));
        assert_eq!(find(&db, "bare").await, Some(customer("bare")));
        assert_eq!(find(&db, "cust_789456123").await, None);
    })
    .await;
}

#[tokio::test]
async fn a_customer_whose_stored_number_is_unreadable_is_a_fault_not_a_customer_without_number() {
    on_both_engines(async |db| {
        enter(&db, &Customer { phone: Some(phone("+254712345678")), ..customer("john") }).await;
        in_one(&db, async |c| c.execute("UPDATE customers SET phone = 'unknown'", &[]).await).await.unwrap();
        let found = customers::find(&mut db.read().await.unwrap(), "john").await;
        assert!(matches!(found, Err(StoreError::Unreadable("phone"))), "{found:?}");
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_finds_by_id_by_address_and_by_number() {
    on_both_engines(async |db| {
        let john = Customer {
            email: Some(email("John.Doe@Example.com")),
            phone: Some(phone("+254712345678")),
            ..customer("john")
        };
        enter(&db, &john).await;
        enter(&db, &customer("bare")).await;
        for text in ["john", "john.doe@example.com", "JOHN.DOE@EXAMPLE.COM", "+254712345678"] {
            assert_eq!(sign_in(&db, text).await.as_deref(), Some("john"), "{text}");
        }
        for text in ["JOHN", "nobody", "doe@example.com", "+254712345679", ""] {
            assert_eq!(sign_in(&db, text).await, None, "{text}");
        }
        assert_eq!(sign_in(&db, "bare").await.as_deref(), Some("bare"));
    })
    .await;
}

#[tokio::test]
async fn two_customers_with_one_number_or_address_are_nobody() {
    on_both_engines(async |db| {
        for id in ["john", "jane"] {
            let twin =
                Customer { email: Some(email("doe@example.com")), phone: Some(phone("+254712345678")), ..customer(id) };
            enter(&db, &twin).await;
        }
        assert_eq!(sign_in(&db, "doe@example.com").await, None);
        assert_eq!(sign_in(&db, "+254712345678").await, None);
        assert_eq!(sign_in(&db, "jane").await.as_deref(), Some("jane"));
    })
    .await;
}

#[tokio::test]
async fn an_exact_id_wins_however_many_share_it_as_an_address() {
    on_both_engines(async |db| {
        for id in ["a1", "a2", "a3", "z9"] {
            enter(&db, &Customer { email: Some(email("info@bank.example")), ..customer(id) }).await;
        }
        enter(&db, &customer("info@bank.example")).await;
        assert_eq!(sign_in(&db, "info@bank.example").await.as_deref(), Some("info@bank.example"));
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_reads_password_lock_epochs_and_known_devices_at_once() {
    on_both_engines(async |db| {
        enter(&db, &customer("john")).await;
        enter(&db, &customer("jane")).await;
        in_one(&db, async |c| clients::insert(c, &client("app")).await).await.unwrap();
        let cookie = uuid();
        let browser = device("john");
        let phone = Device { client_id: Some(client_id("app")), ..device("john") };
        let of_jane = device("jane");
        let by_cookie = DeviceNames { browser_id: Some(cookie), app_device_id: None };
        let by_app = DeviceNames { browser_id: None, app_device_id: Some("iPhone-1".to_owned()) };
        in_one(&db, async |c| {
            devices::insert(c, &browser, &by_cookie).await?;
            devices::insert(c, &phone, &by_app).await?;
            devices::insert(c, &of_jane, &by_cookie).await
        })
        .await
        .expect("one browser may know two customers");
        in_one(&db, async |c| epochs::lock(c, "john").await).await.unwrap();
        let raised = rescind::model::epoch::EpochKind::Device;
        in_one(&db, async |c| epochs::raise(c, raised, &phone.device_id.to_string()).await).await.unwrap();

        let place = SignInPlace {
            browser_id: Some(cookie),
            client_id: Some("app".to_owned()),
            app_device_id: Some("iPhone-1".to_owned()),
        };
        let read = sign_in_from(&db, "john", &place).await.unwrap();
        assert_eq!(read.customer, customer("john"));
        assert_eq!(read.password_hash.as_deref(), Some("hash"));
        assert_eq!(read.level, Level::Full);
        assert_eq!(read.epochs, Epochs { global: 1, subject: Some(2), ..Epochs::default() });
        assert_eq!(read.by_browser, Some(KnownDevice { device_id: browser.device_id, epoch: 1 }));
        assert_eq!(read.by_app, Some(KnownDevice { device_id: phone.device_id, epoch: 2 }));

        let read = sign_in_from(&db, "jane", &place).await.unwrap();
        assert_eq!((read.level, read.epochs.subject), (Level::None, Some(1)));
        assert_eq!(read.by_browser, Some(KnownDevice { device_id: of_jane.device_id, epoch: 1 }));
        assert_eq!(read.by_app, None, "an app's device belongs to one customer");

        let stranger = SignInPlace { browser_id: Some(uuid()), app_device_id: None, ..place };
        let read = sign_in_from(&db, "john", &stranger).await.unwrap();
        assert_eq!((read.by_browser, read.by_app), (None, None));
    })
    .await;
}

#[tokio::test]
async fn a_name_prefix_is_paged_by_name_and_id_without_gaps_or_repeats() {
    on_both_engines(async |db| {
        let named = |id: &str, name: &str| Customer { name: PersonName::parse(name).unwrap(), ..customer(id) };
        for (id, name) in [
            ("c5", "Doe"),
            ("c4", "doe john"),
            ("c1", "DOE, John"),
            ("c3", "Doe John"),
            ("c2", "Doé"),
            ("c6", "Do"),
            ("c7", "Dof"),
            ("c8", "Eve Doe"),
            ("c9", "D_e%"),
        ] {
            enter(&db, &named(id, name)).await;
        }
        let mut seen: Vec<String> = Vec::new();
        let mut after = (String::new(), String::new());
        loop {
            let cursor = (after.0.as_str(), after.1.as_str());
            let page = customers::list_by_name(&mut db.read().await.unwrap(), "doe", cursor, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = (last.customer.name.folded(), last.customer.customer_id.to_string());
            seen.extend(page.iter().map(|one| one.customer.customer_id.to_string()));
        }
        assert_eq!(seen, ["c5", "c3", "c4", "c1"], "doe < doe john < doe, john; equal names by id");

        let mut conn = db.read().await.unwrap();
        let wild = customers::list_by_name(&mut conn, "d_e%", ("", ""), 9).await.unwrap();
        assert_eq!(wild.len(), 1, "a wildcard is a letter like others");
        assert_eq!(customers::list_by_name(&mut conn, "", ("", ""), 99).await.unwrap().len(), 9);
    })
    .await;
}

#[tokio::test]
async fn a_number_and_an_address_list_all_who_share_them() {
    on_both_engines(async |db| {
        for id in ["c", "a", "b"] {
            let one =
                Customer { email: Some(email("Doe@Example.com")), phone: Some(phone("+254712345678")), ..customer(id) };
            enter(&db, &one).await;
        }
        enter(&db, &customer("d")).await;
        in_one(&db, async |c| epochs::lock(c, "b").await).await.unwrap();
        let ids = |found: Vec<Found>| found.iter().map(|one| one.customer.customer_id.to_string()).collect::<Vec<_>>();
        let mut conn = db.read().await.unwrap();
        assert_eq!(ids(customers::list_by_phone(&mut conn, "+254712345678", 9).await.unwrap()), ["a", "b", "c"]);
        assert_eq!(ids(customers::list_by_email(&mut conn, "doe@example.com", 2).await.unwrap()), ["a", "b"]);
        let levels = customers::list_by_phone(&mut conn, "+254712345678", 9).await.unwrap();
        assert_eq!(levels.iter().map(|one| one.level).collect::<Vec<_>>(), [Level::None, Level::Full, Level::None]);
        assert!(customers::list_by_phone(&mut conn, "+25471234567", 9).await.unwrap().is_empty());
        assert!(customers::list_by_email(&mut conn, "Doe@Example.com", 9).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_password_is_replaced_only_if_it_is_still_the_one_that_was_read() {
    on_both_engines(async |db| {
        let (john, nobody) = (customer_id("john"), customer_id("nobody"));
        in_one(&db, async |c| customers::insert(c, &customer("john"), None).await).await.unwrap();
        let replace = async |old: Option<&str>, new: &str| {
            in_one(&db, async |c| customers::replace_password(c, &john, old, new).await).await.unwrap()
        };
        assert!(!replace(Some("first"), "second").await);
        assert!(replace(None, "first").await);
        assert!(!replace(None, "second").await);
        assert!(!replace(Some("other"), "second").await);
        assert!(replace(Some("first"), "second").await);

        assert!(in_one(&db, async |c| customers::set_password(c, &john, "third").await).await.unwrap());
        let read = sign_in_from(&db, "john", &SignInPlace::default()).await.unwrap();
        assert_eq!(read.password_hash.as_deref(), Some("third"));
        assert!(!in_one(&db, async |c| customers::set_password(c, &nobody, "x").await).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_customer_is_disabled_and_enabled() {
    on_both_engines(async |db| {
        let (john, nobody) = (customer_id("john"), customer_id("nobody"));
        enter(&db, &customer("john")).await;
        for at in [Some(at(4)), None] {
            assert!(in_one(&db, async |c| customers::set_disabled(c, &john, at).await).await.unwrap());
            assert_eq!(find(&db, "john").await.unwrap().disabled_at, at);
        }
        assert!(!in_one(&db, async |c| customers::set_disabled(c, &nobody, None).await).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn new_contact_details_are_found_and_old_ones_are_not() {
    on_both_engines(async |db| {
        let before =
            Customer { email: Some(email("old@example.com")), phone: Some(phone("+254700000001")), ..customer("john") };
        enter(&db, &before).await;
        let after = Customer {
            name: PersonName::parse("Johnny Roe").unwrap(),
            email: Some(email("New@example.com")),
            phone: None,
            ..customer("john")
        };
        assert!(in_one(&db, async |c| customers::set_contact(c, &after).await).await.unwrap());
        assert_eq!(find(&db, "john").await, Some(after));
        assert_eq!(sign_in(&db, "new@example.com").await.as_deref(), Some("john"));
        assert_eq!(sign_in(&db, "old@example.com").await, None);
        assert_eq!(sign_in(&db, "+254700000001").await, None);
        let mut conn = db.read().await.unwrap();
        assert_eq!(customers::list_by_name(&mut conn, "johnny", ("", ""), 9).await.unwrap().len(), 1);
        assert!(customers::list_by_name(&mut conn, "john doe", ("", ""), 9).await.unwrap().is_empty());
        drop(conn);
        assert!(!in_one(&db, async |c| customers::set_contact(c, &customer("nobody")).await).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn contact_changes_are_listed_newest_first() {
    on_both_engines(async |db| {
        let john = customer_id("john");
        enter(&db, &customer("john")).await;
        let change = |change_id: Uuid, ms: i64| ContactChange {
            change_id,
            field: "phone".to_owned(),
            old_value: None,
            new_value: Some("+254712345678".to_owned()),
            changed_by: "staff:amina".to_owned(),
            changed_at: at(ms),
        };
        let (first, second, third) = (change(uuid(), 0), change(uuid(), 0), change(uuid(), -5));
        for one in [&first, &second, &third] {
            in_one(&db, async |c| customers::insert_change(c, &john, one).await).await.unwrap();
        }
        let mut conn = db.read().await.unwrap();
        assert_eq!(customers::list_changes(&mut conn, &john).await.unwrap(), [second, first, third]);
        assert!(customers::list_changes(&mut conn, &customer_id("jane")).await.unwrap().is_empty());
    })
    .await;
}
