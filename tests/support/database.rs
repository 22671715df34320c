//! A fresh database per test, of either engine, removed afterwards.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// A database that goes when it is dropped.
pub struct TestDatabase {
    /// Its URL.
    pub url: String,
    kind: Kind,
}

enum Kind {
    /// A file in a folder.
    Sqlite(tempfile::TempDir),
    /// A database of this name.
    Postgres(String),
    /// One that somebody else removes.
    Borrowed,
}

/// Which engine the tests run on.
pub fn is_postgres() -> bool {
    match test_variable("TEST_ENGINE").as_deref() {
        None | Some("sqlite") => false,
        Some("postgres") => true,
        Some(other) => panic!("TEST_ENGINE is {other}, not sqlite or postgres"),
    }
}

/// How test servers answer checks unless a test says so: `TEST_CHECKS`, or as servers do by default.
pub fn checks() -> String {
    test_variable("TEST_CHECKS").unwrap_or_else(|| if has_redis() { "fast" } else { "plain" }.to_owned())
}

/// Whether test servers share copies in a private Redis unless a test says otherwise.
pub fn has_redis() -> bool {
    test_variable("TEST_REDIS").is_some_and(|value| value == "1")
}

/// The private PostgreSQL server that `tests/run` started.
pub fn postgres_url() -> String {
    test_variable("TEST_POSTGRES_URL").expect("TEST_POSTGRES_URL is not set: run the tests with tests/run")
}

#[allow(clippy::disallowed_methods, reason = "tests are told about their servers by the environment")]
fn test_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl TestDatabase {
    /// An empty database of the engine under test.
    pub async fn create() -> Self {
        if is_postgres() { Self::postgres().await } else { Self::sqlite() }
    }

    /// An empty embedded database.
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}/rescind.db", folder.path().display());
        Self { url, kind: Kind::Sqlite(folder) }
    }

    /// An empty database on the private server.
    pub async fn postgres() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
        let server = postgres_url();
        let mut conn = PgConnection::connect(&server).await.expect("the private PostgreSQL answers");
        conn.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("a new database");
        let base = server.rsplit_once('/').map_or(server.as_str(), |(base, _)| base).to_owned();
        Self { url: format!("{base}/{name}"), kind: Kind::Postgres(name) }
    }
}

impl TestDatabase {
    /// One that is there already, and stays.
    pub fn at(url: &str) -> Self {
        Self { url: url.to_owned(), kind: Kind::Borrowed }
    }

    /// The same database for a further server, which must go first.
    #[must_use]
    pub fn borrowed(&self) -> Self {
        Self { url: self.url.clone(), kind: Kind::Borrowed }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Kind::Postgres(name) = &self.kind else { return };
        let (server, name) = (postgres_url(), name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
            runtime.block_on(async {
                let mut conn = PgConnection::connect(&server).await.expect("the private PostgreSQL answers");
                let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                conn.execute(AssertSqlSafe(sql)).await.expect("dropped");
            });
        });
        let _ = dropped.join();
    }
}
