//! Fresh databases of both engines for one test each. PostgreSQL is the server of `TEST_POSTGRES_URL`; without it every
//! test fails, none is skipped. A PostgreSQL database is a copy of a migrated template, which is made once for each
//! state of the migrations and kept on the server; copies are dropped, also after a panic.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rescind::clock::Clock;
use rescind::store::{Db, StoreError, migrations};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Runs a test on a fresh migrated database of each engine.
pub async fn on_both_engines(test: impl AsyncFn(Db)) {
    for place in [Place::sqlite(), Place::postgres_copy_of(&template().await).await] {
        let db = place.open().await;
        if !matches!(place, Place::Postgres(_)) {
            migrations::run(&db).await.expect("migrations run");
        }
        println!("on {place:?}");
        test(db.clone()).await;
        db.close().await;
    }
}

/// Runs a test on an empty database of each engine.
pub async fn on_both_engines_empty(test: impl AsyncFn(&Place)) {
    for place in [Place::sqlite(), Place::postgres_copy_of("template1").await] {
        println!("on {place:?}");
        test(&place).await;
    }
}

/// Where a fresh database is; it is gone when this is dropped.
#[derive(Debug)]
pub enum Place {
    Sqlite(TempDir),
    Postgres(String),
}

impl Place {
    fn sqlite() -> Self {
        Self::Sqlite(TempDir::new().expect("a temporary folder"))
    }

    async fn postgres_copy_of(template: &str) -> Self {
        let name = fresh_name();
        server_does(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self::Postgres(name)
    }

    /// The address for [`Db::open`].
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("rescind.db").display()),
            Self::Postgres(name) => postgres_url(name),
        }
    }

    /// A machine that is busy with many other tests may take longer than a server would wait.
    pub async fn open(&self) -> Db {
        for _ in 0..4 {
            match Db::open(&self.url()).await {
                Err(StoreError::Unavailable(_)) => {}
                opened => return opened.expect("the database opens"),
            }
        }
        Db::open(&self.url()).await.expect("the database opens")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self::Postgres(name) = self else { return };
        let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        // A runtime of its own: this also runs while a test panics.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(server_does(&sql));
        });
        if dropped.join().is_err() {
            eprintln!("a test database could not be dropped");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where PostgreSQL is")]
fn server_url() -> String {
    std::env::var("TEST_POSTGRES_URL").unwrap_or_else(|_| {
        panic!("TEST_POSTGRES_URL is not set: run tests/run, or name a PostgreSQL whose superuser may make databases")
    })
}

/// The same server, another database.
fn postgres_url(database: &str) -> String {
    let mut url = url::Url::parse(&server_url()).expect("TEST_POSTGRES_URL is an address");
    url.set_path(database);
    url.to_string()
}

fn fresh_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::SeqCst);
    format!("contract_{}_{}_{count}", std::process::id(), Clock::default().now().timestamp_millis())
}

/// A connection of the test's own to a PostgreSQL database.
pub async fn connect_postgres(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("PostgreSQL at TEST_POSTGRES_URL answers")
}

async fn server_does(sql: &str) {
    let mut server = connect_postgres(&server_url()).await;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut server).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    server.close().await.expect("the connection closes");
}

/// The name of the migrated template, made if it is not there yet.
async fn template() -> String {
    static MADE: OnceCell<String> = OnceCell::const_new();
    MADE.get_or_init(make_template).await.clone()
}

/// One process at a time makes it, under another name until it is whole.
async fn make_template() -> String {
    let name = format!("contract_template_{:016x}", state_of_migrations());
    let mut server = connect_postgres(&server_url()).await;
    sqlx::query("SELECT pg_advisory_lock(7236485)").execute(&mut server).await.expect("a lock");
    let there: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = $1")
        .bind(&name)
        .fetch_optional(&mut server)
        .await
        .expect("a list of databases");
    if there.is_none() {
        server_does(&format!("DROP DATABASE IF EXISTS {name}_unfinished")).await;
        server_does(&format!("CREATE DATABASE {name}_unfinished")).await;
        let db = Db::open(&postgres_url(&format!("{name}_unfinished"))).await.expect("the template opens");
        migrations::run(&db).await.expect("migrations run");
        db.close().await;
        // A closed connection leaves the server a moment later; it would be in the way of the new name.
        server_does(&format!(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}_unfinished'"
        ))
        .await;
        server_does(&format!("ALTER DATABASE {name}_unfinished RENAME TO {name}")).await;
    }
    server.close().await.expect("the connection closes");
    name
}

fn state_of_migrations() -> u64 {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut texts = Vec::new();
    for folder in [root.clone(), root.join("postgres")] {
        let files = fs::read_dir(folder).expect("the migrations").map(|entry| entry.expect("an entry").path());
        texts.extend(files.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).expect("a file"))));
    }
    texts.sort();
    let mut hasher = DefaultHasher::new();
    texts.hash(&mut hasher);
    hasher.finish()
}
