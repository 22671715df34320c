//! Helpers that bypass HTTP: what operators do in a shell, what the stores hold, and sign-ins without the slow password.

use rescind::model::device::{Device, DeviceDetails};
use rescind::model::ids::{ClientId, CustomerId};
use rescind::model::incident::{Reason, Receipt};
use rescind::model::login::BrowserSession;
use rescind::secret::random;
use rescind::service::client::{self, Registered};
use rescind::service::lockdown::Why;
use rescind::service::pages;
use rescind::service::taking_back::Taken;
use rescind::store::devices::DeviceNames;
use rescind::store::{browser_sessions, devices, epochs};
use rescind::web::guard::cookies;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::browser::Browser;
use super::{TestServer, setup_actor};

/// A reason for tests.
pub fn why() -> Why {
    Why::plain(Reason::parse("a test says so").expect("reason"))
}

/// A client id.
pub fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).expect("client id")
}

impl TestServer {
    /// One number out of the database.
    pub async fn db_number(&self, sql: &'static str, id: &str) -> i64 {
        let mut conn = self.app.db.read().await.expect("database");
        conn.value(sql, &[&id]).await.expect("an answer").expect("a number")
    }

    /// Breaks the database: everything that needs this table fails from now on.
    pub async fn db_break(&self, drop_table: &'static str) {
        let mut tx = self.app.db.begin().await.expect("begin");
        tx.execute(drop_table, &[]).await.expect("dropped");
        tx.commit().await.expect("commit");
    }

    /// Disables a client, as an operator does: again until it is confirmed, should the machine be too busy to prove it.
    pub async fn db_disable(&self, id: &str) {
        for _ in 0..5 {
            let taken = client::disable(&self.app, &setup_actor(), &client_id(id), &why()).await.expect("store");
            let Taken::Receipt(receipt) = taken else { panic!("{taken:?}") };
            if matches!(receipt, Receipt::Confirmed { .. }) {
                return;
            }
        }
        panic!("{id} could not be disabled for certain");
    }

    /// Enables a client again, as an operator does.
    pub async fn db_enable(&self, id: &str) {
        client::enable(&self.app, &setup_actor(), &client_id(id)).await.expect("store");
    }

    /// Makes a client's next secret; `end_old`: at once the only one.
    pub async fn db_rotate_secret(&self, id: &str, end_old: bool) -> String {
        let done = client::rotate_secret(&self.app, &setup_actor(), &client_id(id), end_old).await.expect("store");
        let Registered::Done(Some(secret)) = done else { panic!("{done:?}") };
        secret.expose().to_owned()
    }

    /// Whether these bytes are anywhere in the database: as they are, or in hex.
    pub async fn db_holds(&self, needle: &[u8]) -> bool {
        let all = self.db_dump().await;
        let hex = data_encoding::HEXLOWER.encode(needle);
        let has = |wanted: &[u8]| all.windows(wanted.len()).any(|window| window == wanted);
        has(needle) || has(hex.as_bytes())
    }

    async fn db_dump(&self) -> Vec<u8> {
        let url = &self.database.url;
        let Some(path) = url.strip_prefix("sqlite:") else { return postgres_dump(url).await };
        let read = |path: String| std::fs::read(path).unwrap_or_default();
        [read(path.to_owned()), read(format!("{path}-wal"))].concat()
    }

    /// A browser in which a customer is signed in: device and browser session as a sign-in leaves them, without one.
    pub async fn db_signed_in(&self, customer: &str) -> Browser {
        let now = self.app.clock.now();
        let customer_id = CustomerId::parse(customer).expect("customer id");
        let mut tx = self.app.db.begin().await.expect("begin");
        let of = epochs::Ancestors { subject: Some(customer), ..epochs::Ancestors::default() };
        let current = epochs::current(&mut tx, of).await.expect("epochs");
        let device = Device {
            device_id: random::id(now),
            customer_id: customer_id.clone(),
            client_id: None,
            details: DeviceDetails::default(),
            address: None,
            first_seen_at: now,
            last_seen_at: now,
            revoked_at: None,
        };
        let names = DeviceNames { browser_id: Some(random::id(now)), app_device_id: None };
        devices::insert(&mut tx, &device, &names).await.expect("device");
        let session = BrowserSession {
            browser_session_id: random::id(now),
            customer_id,
            device_id: device.device_id,
            auth_at: now,
            last_seen_at: now,
            expires_at: now + self.app.settings.lifetimes.sign_in,
            ended_at: None,
            epochs: rescind::model::epoch::Epochs { device: Some(1), ..current },
        };
        browser_sessions::insert(&mut tx, &session).await.expect("browser session");
        tx.commit().await.expect("commit");
        let mut browser = Browser::new(self);
        let cookie = pages::session_cookie(&self.app, &session).expose().to_owned();
        browser.cookies.insert(cookies::SESSION.to_owned(), cookie);
        browser
    }
}

/// Every row of every table of a PostgreSQL database.
pub async fn postgres_dump(url: &str) -> Vec<u8> {
    let mut conn = PgConnection::connect(url).await.expect("the private PostgreSQL answers");
    let tables: Vec<String> = sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(&mut conn)
        .await
        .expect("tables");
    let mut all = Vec::new();
    for table in tables {
        let sql = AssertSqlSafe(format!("SELECT t::text FROM \"{table}\" t"));
        let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut conn).await.expect("rows");
        all.extend(rows.concat().into_bytes());
    }
    all
}
