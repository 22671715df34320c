//! STO-09: a PostgreSQL server that could lose what it confirmed, or that only reads, is refused at start, by name.

use std::path::PathBuf;
use std::process::Command;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::support::database::{TestDatabase, is_postgres};
use crate::support::program::{Folder, Ran, free_port};

/// A PostgreSQL server of this test's own.
struct Postgres {
    folder: tempfile::TempDir,
    port: u16,
}

impl Postgres {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Self { folder, port: free_port() };
        if rustix::process::geteuid().is_root() {
            let owner = Command::new("chown").arg("postgres").arg(made.folder.path()).status().unwrap();
            assert!(owner.success());
        }
        let data = made.data();
        let arguments = ["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
        made.run("initdb", &arguments);
        made
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    /// The program runs as the account `postgres` where the tests run as root, which PostgreSQL refuses.
    fn run(&self, program: &str, arguments: &[&str]) {
        let path = binaries().join(program);
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        let log = std::fs::File::create(self.folder.path().join("output")).unwrap();
        let status = command.args(arguments).stdout(log.try_clone().unwrap()).stderr(log).status().unwrap();
        let said = std::fs::read_to_string(self.folder.path().join("output")).unwrap_or_default();
        assert!(status.success(), "{program}: {said}");
    }

    fn start(&self, settings: &str) {
        let (port, folder) = (self.port, self.folder.path().display());
        let options = format!("-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c max_connections=30 {settings}");
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-o", &options, "start"]);
    }

    fn stop(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-m", "immediate", "stop"]);
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.folder.path().join("data/postmaster.pid").exists() {
            self.stop();
        }
    }
}

fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let mut found: Vec<PathBuf> = versions.map(|version| version.unwrap().path().join("bin")).collect();
    found.sort();
    found.pop().expect("PostgreSQL is installed")
}

fn with_keys(url: &str) -> Folder {
    let keys = Folder::new().run(&["keys", "generate", "--json"]).json();
    ["RESCIND_SECRET_KEY", "RESCIND_DATA_KEY", "RESCIND_PEPPER"]
        .iter()
        .fold(Folder::new(), |folder, name| folder.with(name, keys[name].as_str().unwrap()))
        .with("RESCIND_DATABASE_URL", url)
}

fn serve(folder: &Folder) -> Ran {
    folder.start(free_port(), &["serve"]).ended()
}

async fn db_tables(url: &str) -> i64 {
    let sql = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'public'";
    let mut conn = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut conn).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_09_a_server_that_could_lose_a_commit_is_refused_by_name() {
    if !is_postgres() {
        return;
    }
    let own = Postgres::new();
    let folder = with_keys(&own.url());
    for (settings, named) in [
        ("-c fsync=off", "fsync = on"),
        ("-c full_page_writes=off", "full_page_writes = on"),
        ("-c data_sync_retry=on", "data_sync_retry = off"),
        ("-c default_transaction_read_only=on", "transaction_read_only = off"),
    ] {
        own.start(settings);
        let ran = serve(&folder);
        assert!(ran.refusal().contains(named), "{settings}: {ran:?}");
        assert_eq!(db_tables(&own.url()).await, 0, "{settings}: something was written");
        own.stop();
    }
    own.start("");
    let server = folder.serve().await;
    assert_eq!(server.stop().code, 0, "with safe settings it serves");
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_09_a_database_that_only_reads_is_refused_by_name() {
    if !is_postgres() {
        return;
    }
    let database = TestDatabase::postgres().await;
    let name = database.url.rsplit_once('/').unwrap().1.to_owned();
    let folder = with_keys(&database.url);
    let mut conn = PgConnection::connect(&crate::support::database::postgres_url()).await.unwrap();
    let set = |value: &str| AssertSqlSafe(format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}"));
    conn.execute(set("on")).await.unwrap();
    let ran = serve(&folder);
    assert!(ran.refusal().contains("transaction_read_only"), "{ran:?}");
    assert_eq!(db_tables(&database.url).await, 0);
    conn.execute(set("off")).await.unwrap();
    assert_eq!(folder.serve().await.stop().code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_09_commits_wait_for_the_disk_whatever_the_database_was_told() {
    let server = crate::support::TestServer::start().await;
    let mut conn = server.app.db.begin().await.unwrap();
    if is_postgres() {
        let name = server.database.url.rsplit_once('/').unwrap().1.to_owned();
        let sql = AssertSqlSafe(format!("ALTER DATABASE {name} SET synchronous_commit = off"));
        PgConnection::connect(&server.database.url).await.unwrap().execute(sql).await.unwrap();
        let db = rescind::store::Db::open(&server.database.url).await.unwrap();
        let setting = "SELECT current_setting('synchronous_commit')";
        let found: Option<String> = db.read().await.unwrap().value(setting, &[]).await.unwrap();
        assert_eq!(found.as_deref(), Some("on"));
        db.close().await;
    } else {
        let mode: Option<String> = conn.value("PRAGMA journal_mode", &[]).await.unwrap();
        let synchronous: Option<i64> = conn.value("PRAGMA synchronous", &[]).await.unwrap();
        assert_eq!((mode.as_deref(), synchronous), (Some("wal"), Some(2)));
    }
}
