//! Finding a customer at the console, and their page: masked, bounded, written down (ADM-02, ADM-03, ADM-04, AUD-01,
//! RAT-01, REF-07, SES-04, UI-07).

use reqwest::StatusCode;
use rescind::limits::Rule;
use rescind::model::customer::{Email, PersonName, Phone};
use rescind::model::device::{Device, DeviceDetails};
use rescind::model::ids::CustomerId;
use rescind::model::staff::Role;
use rescind::secret::random;
use rescind::service::{customer, sessions};
use rescind::store::devices::{self, DeviceNames};

use crate::support::browser::Seen;
use crate::support::flow::Pair;
use crate::support::{JOHN, TestServer, db_customer, setup_actor};

const MOBILE: &str = "naybitono-mobile";
/// A browser as it names itself.
const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";

fn page_of(customer: &str) -> String {
    format!("/console/customers/{customer}")
}

fn search_for(words: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", words).finish();
    format!("/console/customers?{query}")
}

/// A device of John's, last seen so many minutes ago.
async fn db_device(server: &TestServer, details: DeviceDetails, minutes_ago: i64) -> Device {
    let now = server.app.clock.now();
    let device = Device {
        device_id: random::id(now),
        customer_id: CustomerId::parse(JOHN).unwrap(),
        client_id: None,
        details,
        address: Some("127.0.0.1".to_owned()),
        first_seen_at: now,
        last_seen_at: now - chrono::TimeDelta::minutes(minutes_ago),
        revoked_at: None,
    };
    let mut tx = server.app.db.begin().await.unwrap();
    devices::insert(&mut tx, &device, &DeviceNames::default()).await.unwrap();
    tx.commit().await.unwrap();
    device
}

/// Sessions like the one there is, on the same device.
async fn db_more_sessions(server: &TestServer, count: usize) {
    for _ in 0..count {
        let sql = "INSERT INTO sessions (session_id, client_id, subject_id, subject_kind, device_id, consent_id, scope,
                       resources, shapes, generation, rotated_at, rotated_shape, access_expires_at, created_at,
                       last_seen_at, expires_at, global_epoch, client_epoch, subject_epoch, device_epoch, consent_epoch)
                   SELECT $1, client_id, subject_id, subject_kind, device_id, consent_id, scope, resources, shapes, 1,
                       rotated_at, 0, access_expires_at, created_at, last_seen_at, expires_at, global_epoch, client_epoch,
                       subject_epoch, device_epoch, consent_epoch FROM sessions WHERE subject_kind = 'customer' LIMIT 1";
        server.db_run(sql, &[&random::id(server.app.clock.now())]).await;
    }
}

async fn db_change_phone(server: &TestServer, to: &str) {
    let id = CustomerId::parse(JOHN).unwrap();
    let mut changed = sessions::customer(&server.app, &setup_actor(), &id).await.unwrap().unwrap().customer;
    changed.phone = Phone::from_e164(to);
    customer::change_contact(&server.app, &setup_actor(), &changed).await.unwrap();
}

fn is_there(seen: &Seen, words: &str) {
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
    assert!(seen.text().contains(words), "{words}: {}", seen.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_certain_is_opened_at_once() {
    let server = TestServer::start().await;
    let mut agent = server.staff(Role::Agent).await;
    for words in [
        JOHN,
        "cust_789456123",
        "  CUST_789456123 ",
        "0712 345 678",
        "+254 (0)712-345678",
        "00254712345678",
        "john.doe@example.com",
        "JOHN.DOE@EXAMPLE.COM",
    ] {
        let seen = agent.get(&search_for(words)).await;
        assert_eq!((seen.status, seen.location()), (StatusCode::SEE_OTHER, page_of(JOHN).as_str()), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_03_a_name_lists_who_may_be_meant_masked_and_page_by_page() {
    let server = TestServer::start().await;
    for n in 10..35 {
        let (id, phone) = (format!("CUST_M{n}"), format!("+2547220000{n}"));
        db_customer(&server.app, &id, "Mary Wanjiru", Some(&format!("mary{n}@example.com")), Some(&phone)).await;
    }
    let mut agent = server.staff(Role::Agent).await;
    let first = agent.get(&search_for("mary")).await;
    is_there(&first, "Mary Wanjiru");
    is_there(&first, "+254722000*** m***@example.com Active");
    assert!(!first.body.contains("mary10@") && !first.body.contains("+25472200001"), "{}", first.body);
    assert_eq!(first.body.matches("href=\"/console/customers/CUST_M").count(), 20);
    let next = first.body.split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let second = agent.get(&next.replace("&#38;", "&").replace("&amp;", "&")).await;
    let ids = |seen: &Seen| -> Vec<String> {
        let lines = seen.body.split("href=\"/console/customers/CUST_M").skip(1);
        lines.map(|rest| rest.chars().take(2).collect()).collect()
    };
    let all = [ids(&first), ids(&second)].concat();
    assert_eq!(all, (10..35).map(|n| n.to_string()).collect::<Vec<_>>(), "no gaps, no repeats");
    assert!(!second.body.contains("rel=\"next\""));

    is_there(&agent.get(&search_for("Nobody At All")).await, "Nobody found for");
    is_there(&agent.get(&search_for("m")).await, "two letters or more");
    let one = agent.get(&search_for("john d")).await;
    is_there(&one, "John Doe");
    is_there(&agent.get("/console/customers").await, "Type what the caller tells you");
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_who_share_a_number_are_listed_with_their_state() {
    let server = TestServer::start().await;
    db_customer(&server.app, "CUST_3", "Jane Doe", None, Some("+254712345678")).await;
    server.lock("CUST_3").await;
    let mut agent = server.staff(Role::Agent).await;
    let seen = agent.get(&search_for("0712345678")).await;
    is_there(&seen, "Jane Doe CUST_3 +254712345*** Locked");
    is_there(&seen, "John Doe CUST_789456123 +254712345*** j***@example.com Active");
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_01_looking_up_is_limited_for_each_member_of_staff() {
    let server = TestServer::start_with(&[("limit_scale", "1")]).await;
    let (mut agent, mut colleague) = (server.staff(Role::Agent).await, server.staff(Role::Supervisor).await);
    let (rule, now) = (Rule::LookUpPerStaff, server.app.clock.now());
    for _ in 2..rule.per_minute() {
        server.app.limits.take(rule, "the-agent", now).await.expect("within the limit");
    }
    assert_eq!(agent.get(&search_for(JOHN)).await.status, StatusCode::SEE_OTHER);
    assert_eq!(agent.get(&page_of(JOHN)).await.status, StatusCode::OK, "the last one allowed");
    while server.app.limits.take(rule, "the-agent", now + chrono::TimeDelta::seconds(30)).await.is_ok() {}
    for path in [search_for("john"), page_of(JOHN)] {
        let seen = agent.get(&path).await;
        assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        let wait: u64 = seen.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait) && seen.text().contains("Please wait"), "{}", seen.text());
    }
    assert_eq!(colleague.get(&page_of(JOHN)).await.status, StatusCode::OK, "counted for each");
    let ask = agent.get(&format!("{}/lockdown", page_of(JOHN))).await;
    assert_eq!(agent.press(&ask, &[("reason", "Phone stolen")]).await.status, 303, "locking is never limited");
    let told = server.audit("rate_limit").await;
    assert!(
        told.iter().any(|row| row["target_id"] == "look_up_per_staff" && row["actor_id"] == "the-agent"),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_04_the_page_shows_who_it_is_and_what_lives_where() {
    let server = TestServer::start().await;
    let code = server.code_for(MOBILE, JOHN, &[("device_id", "d1"), ("device_model", "iPhone14,2")]).await;
    Pair::of(&server.redeem(MOBILE, &code).await);
    let mut agent = server.staff(Role::Agent).await;
    let seen = agent.get(&page_of(JOHN)).await;
    is_there(&seen, "John Doe Customer CUST_789456123 Phone +254712345*** E-mail j***@example.com");
    is_there(&seen, "Active: this customer can sign in.");
    is_there(&seen, "EMERGENCY LOCKDOWN: ALL DEVICES");
    is_there(&seen, "iPhone 13 Pro");
    is_there(&seen, "1 device, 1 live app session,");
    is_there(&seen, "1 app session, 1 sign-in on our pages");
    is_there(&seen, "(just now) This machine Revoke");
    is_there(&seen, "Signed in on iPhone 13 Pro");
    let id = &server.live_sessions(JOHN).await[0];
    assert!(seen.body.contains(&format!("href=\"/console/sessions/{id}/revoke\"")), "{}", seen.body);
    let device = seen.body.split("/console/devices/").nth(1).and_then(|rest| rest.get(..36)).unwrap();
    is_there(&agent.get(&format!("/console/devices/{device}")).await, "iPhone 13 Pro A device of John Doe");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_devices_and_sessions_come_page_by_page() {
    let server = TestServer::start().await;
    server.pair(MOBILE).await;
    db_more_sessions(&server, 60).await;
    for n in 1..=24 {
        db_device(&server, DeviceDetails { name: Some(format!("Tablet {n}")), ..DeviceDetails::default() }, n).await;
    }
    let mut agent = server.staff(Role::Agent).await;
    let seen = agent.get(&page_of(JOHN)).await;
    is_there(&seen, "25 devices, 61 live app sessions");
    assert_eq!(seen.body.matches("/revoke\">Revoke<").count(), 20);
    assert_eq!(seen.body.matches("href=\"/console/sessions/").count(), 5, "five of many");
    let link = |seen: &Seen, start: &str| -> String {
        let rest = seen.body.split(start).nth(1).unwrap_or_else(|| panic!("{start}: {}", seen.body));
        rest.split('"').next().unwrap().to_owned()
    };
    let second = agent.get(&link(&seen, "rel=\"next\" href=\"")).await;
    assert_eq!(second.body.matches("/revoke\">Revoke<").count(), 5);
    is_there(&second, "Tablet 24");
    let device = link(&seen, "href=\"/console/devices/");
    let device = device.get(..36).unwrap();
    let first = agent.get(&format!("/console/devices/{device}")).await;
    assert_eq!(first.body.matches("href=\"/console/sessions/").count(), 50);
    let rest = agent.get(&link(&first, "rel=\"next\" href=\"")).await;
    assert_eq!(rest.body.matches("href=\"/console/sessions/").count(), 11);
    for wrong in ["?devices=x", "?devices=1.2", "?q=1&q=2"] {
        assert_eq!(agent.get(&format!("{}{wrong}", page_of(JOHN))).await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_devices_are_told_since_a_time_of_day() {
    let server = TestServer::start_with(&[("time_zone", "Africa/Nairobi")]).await;
    let mut john = crate::support::browser::Browser::new(&server);
    john.get("/login").await;
    server.pair(MOBILE).await;
    server.wait(7_200);
    db_device(&server, DeviceDetails { name: Some("Old one".to_owned()), ..DeviceDetails::default() }, 90).await;
    db_device(&server, DeviceDetails { name: Some("New one".to_owned()), ..DeviceDetails::default() }, 5).await;
    let mut agent = server.staff(Role::Agent).await;
    let hour_ago = server.app.clock.now() - chrono::TimeDelta::hours(1);
    let since = hour_ago.with_timezone(&chrono_tz::Africa::Nairobi).format("%H:%M").to_string();
    let all = agent.get(&page_of(JOHN)).await;
    assert!(all.text().contains("Signed in on") && !all.text().contains("Used since"));
    let seen = agent.get(&format!("{}?since={since}", page_of(JOHN))).await;
    assert!(!seen.text().contains("Signed in on"), "{}", seen.text());
    is_there(&seen, "Nothing since then.");
    assert_eq!(seen.text().matches("Used since").count(), 1, "{}", seen.text());
    assert!(seen.body.contains(&format!("value=\"{since}\"")));
    let wrong = agent.get(&format!("{}?since=teatime", page_of(JOHN))).await;
    is_there(&wrong, "Please give a time of day");
    is_there(&wrong, "Signed in on");
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_07_a_token_used_twice_is_warned_of_until_a_lockdown() {
    let server = TestServer::start().await;
    let pair = server.pair(MOBILE).await;
    let second = Pair::of(&server.refresh(MOBILE, &pair.refresh, &[]).await);
    server.refresh(MOBILE, &second.refresh, &[]).await;
    let mut agent = server.staff(Role::Agent).await;
    let warned = "Ask whether the caller lost a device";
    assert!(!agent.get(&page_of(JOHN)).await.text().contains(warned));
    server.wait(60);
    assert_eq!(server.refresh(MOBILE, &pair.refresh, &[]).await.status, StatusCode::BAD_REQUEST);
    let seen = agent.get(&page_of(JOHN)).await;
    is_there(&seen, warned);
    is_there(&seen, "A refresh token was used twice: its session was ended");
    server.wait(60);
    server.lock(JOHN).await;
    server.unlock(JOHN).await;
    let seen = agent.get(&page_of(JOHN)).await;
    assert!(!seen.text().contains(warned), "dealt with by the lockdown");
    is_there(&seen, "A refresh token was used twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_number_is_warned_of_for_a_week() {
    let server = TestServer::start().await;
    let warned = "Phone number changed";
    let mut agent = server.staff(Role::Agent).await;
    assert!(!agent.get(&page_of(JOHN)).await.text().contains(warned), "the first entry is no change");
    server.wait(600);
    db_change_phone(&server, "+254733999888").await;
    let seen = agent.get(&page_of(JOHN)).await;
    is_there(&seen, warned);
    is_there(&seen, "Phone number +254712345*** +254733999***");
    for whole in ["+254712345678", "+254733999888", "john.doe@"] {
        assert!(!seen.body.contains(whole), "{whole}");
    }
    server.wait(8 * 24 * 3_600);
    assert!(!server.staff(Role::Agent).await.get(&page_of(JOHN)).await.text().contains(warned));
}

#[tokio::test(flavor = "multi_thread")]
async fn aud_01_each_look_is_written_down_once_and_shown_to_supervisors_alone() {
    let server = TestServer::start().await;
    let (mut agent, mut supervisor) = (server.staff(Role::Agent).await, server.staff(Role::Supervisor).await);
    agent.get(&search_for("john")).await;
    assert!(!agent.get(&page_of(JOHN)).await.text().contains("Who looked"));
    let seen = supervisor.get(&page_of(JOHN)).await;
    is_there(&seen, "Who looked the-agent");
    let rows = server.audit("customer_read").await;
    let told: Vec<(&str, &str, &str)> = rows
        .iter()
        .filter(|row| row["actor_kind"] == "staff")
        .map(|row| {
            (row["actor_id"].as_str().unwrap(), row["target_id"].as_str().unwrap(), row["reason"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("the-agent", "*", "search: several found"),
            ("the-agent", JOHN, "customer page"),
            ("the-supervisor", JOHN, "customer page")
        ]
    );
    server.db_refuse_audit().await;
    let unseen = agent.get(&page_of(JOHN)).await;
    assert_eq!(unseen.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!unseen.body.contains("John"), "what cannot be written down is not shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_02_what_is_not_there_is_one_page() {
    let server = TestServer::start().await;
    let mut agent = server.staff(Role::Agent).await;
    let plain = |seen: &Seen| seen.text().split("name this code").next().unwrap_or_default().to_owned();
    let mut pages = Vec::new();
    for path in [
        "/console/customers/CUST_NONE",
        "/console/customers/fraud-desk",
        "/console/customers/the-agent",
        "/console/customers/%3Cb%3E",
        "/console/devices/0198c0de-0000-7000-8000-000000000000",
        "/console/devices/x/revoke",
        "/console/sessions/0198c0de-0000-7000-8000-000000000000/revoke",
        "/console/incidents/INC_NONE",
    ] {
        let seen = agent.get(path).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{path}");
        pages.push(plain(&seen));
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn adm_04_ui_07_hostile_stored_text_is_text_on_every_page() {
    const HOSTILE: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`{{7*7}}=cmd|' /C calc'!A0";
    // As it would stand there if the way in had let it through: writing turned round, a terminal's escape.
    let stored = format!("{HOSTILE}\u{202e}\u{1b}[31m");
    let server = TestServer::start().await;
    server.db_run("UPDATE clients SET name = $1", &[&stored]).await;
    let details = DeviceDetails {
        name: Some(stored.clone()),
        model: Some(format!("m{stored}")),
        user_agent: Some(format!("{CHROME}{stored}")),
        ..DeviceDetails::default()
    };
    let device = db_device(&server, details, 0).await;
    server.pair(MOBILE).await;
    let id = CustomerId::parse(JOHN).unwrap();
    let mut changed = sessions::customer(&server.app, &setup_actor(), &id).await.unwrap().unwrap().customer;
    changed.name = PersonName::parse(&format!("John \u{202e}{HOSTILE}")).unwrap();
    changed.email = Some(Email::parse("<b>j</b>@<i>x</i>.example").unwrap());
    customer::change_contact(&server.app, &setup_actor(), &changed).await.unwrap();

    let mut boss = server.staff(Role::Supervisor).await;
    let ask = boss.get(&format!("/console/devices/{}/revoke", device.device_id)).await;
    let pressed = boss.press(&ask, &[("reason", "Other"), ("note", &format!("{HOSTILE}\u{202e}"))]).await;
    let receipt = pressed.location().to_owned();
    let locked = boss.lock_customer(JOHN, "Other").await;
    let session = server.db_number("SELECT COUNT(*) FROM sessions WHERE subject_id = $1", JOHN).await;
    assert_eq!((session, locked.status), (1, StatusCode::OK));
    for path in [
        page_of(JOHN),
        format!("{}/lockdown", page_of(JOHN)),
        format!("{}/unlock", page_of(JOHN)),
        format!("/console/devices/{}", device.device_id),
        format!("/console/devices/{}/revoke", device.device_id),
        receipt,
        search_for("John"),
        search_for(HOSTILE),
    ] {
        let seen = boss.get(&path).await;
        assert_eq!(seen.status, StatusCode::OK, "{path}");
        for markup in ["<script>", "<img", "<b>", "<i>", "onerror=alert(2)>"] {
            assert!(!seen.body.contains(markup), "{markup} on {path}: {}", seen.body);
        }
        assert!(
            seen.body.contains("&#60;") || seen.body.contains("&lt;"),
            "the text is shown on {path}: {}",
            seen.body
        );
        let isolated = |piece: &str| piece.split_once("</bdi>").map_or(String::new(), |(_, rest)| rest.to_owned());
        let mut pieces = seen.body.split("<bdi>");
        let outside = pieces.next().unwrap_or_default().to_owned() + &pieces.map(isolated).collect::<String>();
        assert!(!outside.contains('\u{202e}'), "writing is turned outside of bdi on {path}");
    }
}
