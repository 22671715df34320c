//! A primary and its synchronous standby, which takes over when the primary is killed. The one of before then becomes the
//! standby, so that it can be done again.

use std::path::Path;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::link::Link;
use super::postgres::Postgres;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A rewound server that does not follow within this time is made anew.
const REWOUND: Duration = Duration::from_secs(10);

/// The pair. Everything here waits, and is called outside of the runtime's threads.
pub struct Databases {
    servers: [Postgres; 2],
    primary: usize,
    /// From the standby to the primary.
    pub replication: Link,
    handle: Handle,
}

impl Databases {
    /// Both, with an empty database `rescind`.
    pub fn start(folder: &Path, handle: Handle) -> Self {
        let replication = handle.block_on(Link::to(1));
        let server = |name: &str| Postgres::new(&folder.join(name), replication.port);
        let servers = [server("one"), server("two")];
        let mut both = Self { servers, primary: 0, replication, handle };
        both.servers[0].initialize();
        both.servers[0].start();
        both.until("a primary", |both| both.says(both.primary_port(), "SELECT pg_is_in_recovery()::text") == "false");
        both.rebuild();
        both.ask(both.primary_port(), "CREATE DATABASE rescind").expect("a database");
        both
    }

    /// Where the primary is.
    pub fn primary_port(&self) -> u16 {
        self.servers[self.primary].port
    }

    /// The primary.
    pub fn primary(&mut self) -> &mut Postgres {
        &mut self.servers[self.primary]
    }

    /// The standby.
    pub fn standby(&mut self) -> &mut Postgres {
        &mut self.servers[1 - self.primary]
    }

    /// Kills the primary, and makes the standby the primary. Whoever leads somewhere is told where by the caller.
    pub fn promote(&mut self) {
        // Fenced first: never two.
        self.primary().kill();
        let standby = self.standby();
        standby.thaw();
        if let Err(error) = standby.promote() {
            panic!("the standby can't be promoted: {error}\n{}", standby.log());
        }
        self.primary = 1 - self.primary;
        self.until("a new primary", |both| {
            both.says(both.primary_port(), "SELECT pg_is_in_recovery()::text") == "false"
        });
    }

    /// Makes whoever is not the primary a standby that has everything, also if it was the primary before.
    pub fn rebuild(&mut self) {
        let port = self.primary_port();
        self.replication.lead_to(port);
        self.standby().kill();
        // The new history must be on disk before anybody is turned back to it.
        let _ = self.ask(port, "CHECKPOINT");
        if self.standby().rewind(port) {
            self.standby().start();
            if self.has_both_within(REWOUND) {
                return;
            }
            self.standby().kill();
        }
        self.standby().copy(port);
        self.standby().start();
        self.until_both();
    }

    /// Kills the primary and starts it again, where it was and as what it was.
    pub fn restart(&mut self) {
        let primary = self.primary();
        primary.kill();
        primary.start();
        self.until("a primary again", |both| {
            both.says(both.primary_port(), "SELECT pg_is_in_recovery()::text") == "false"
        });
    }

    /// Waits until a commit has somebody to wait for.
    pub fn until_both(&mut self) {
        assert!(self.has_both_within(PATIENCE), "there is no synchronous standby: {}", self.logs());
    }

    /// The same, for so long, and not for one that has ended.
    fn has_both_within(&mut self, patience: Duration) -> bool {
        let sql = "SELECT count(*)::text FROM pg_stat_replication WHERE sync_state = 'sync'";
        let began = Instant::now();
        while began.elapsed() < patience && self.standby().is_running() {
            if self.says(self.primary_port(), sql) == "1" {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    fn logs(&self) -> String {
        format!("{}\n---\n{}", self.servers[0].log(), self.servers[1].log())
    }

    /// The text that a server answers with; nothing if it does not.
    fn says(&self, port: u16, sql: &str) -> String {
        self.ask(port, sql).unwrap_or_default()
    }

    /// Asks one server one thing.
    pub fn ask(&self, port: u16, sql: &str) -> Result<String, sqlx::Error> {
        self.ask_in("postgres", port, sql)
    }

    /// Asks the primary one thing, in the nodes' database.
    pub fn ask_rescind(&self, sql: &str) -> Result<String, sqlx::Error> {
        self.ask_in("rescind", self.primary_port(), sql)
    }

    fn ask_in(&self, database: &str, port: u16, sql: &str) -> Result<String, sqlx::Error> {
        let asked = async {
            let url = format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable");
            let mut conn = PgConnection::connect(&url).await?;
            let row = conn.fetch_optional(AssertSqlSafe(sql.to_owned())).await?;
            row.map_or_else(|| Ok(String::new()), |row| row.try_get::<String, _>(0))
        };
        let in_time = async { tokio::time::timeout(Duration::from_secs(10), asked).await };
        self.handle.block_on(in_time).unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < PATIENCE, "there is not {what}: {}", self.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
