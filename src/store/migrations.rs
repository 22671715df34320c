//! Migrations: run on start and by `rescind migrate`, one process at a time. A shipped file never changes.
//! Files are numbered release * 100 + n. Release N runs on schema N and N+1 (expand, then contract) and refuses newer. From the
//! second release on one file changes one table: servers of the release before go on meanwhile, and a transaction that holds
//! several tables against them may end in a deadlock.

use std::borrow::Cow;
use std::fs::File;

use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::PgPool;
use sqlx::{Connection, SqlSafeStr, SqliteConnection};

use super::StoreError;
use super::engine::{Db, Pools};

/// The schema release this program was written for.
pub const RELEASE: i64 = 1;

/// Where sqlx keeps what was applied.
const TABLE: &str = "_sqlx_migrations";

const TRUNK: [(i64, &str, &str); 1] = [(101, "first", include_str!("../../migrations/0101_first.sql"))];
const POSTGRES: [(i64, &str, &str); 1] =
    [(102, "append only audit", include_str!("../../migrations/postgres/0102_append_only_audit.sql"))];
const SQLITE: [(i64, &str, &str); 1] =
    [(103, "append only audit", include_str!("../../migrations/sqlite/0103_append_only_audit.sql"))];

/// Why the schema could not be brought up to date. Each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The database belongs to a later release.
    #[error("the database has schema release {found}; this program runs on releases up to {}", RELEASE + 1)]
    TooNew {
        /// Release found.
        found: i64,
    },
    /// Migrations are missing.
    #[error("the schema is not up to date: run `rescind migrate`")]
    Behind,
    /// A migration failed or was altered.
    #[error("migration failed: {0}")]
    Failed(String),
    /// The database could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Brings the schema up to [`RELEASE`]; how many migrations were applied. A database one release ahead is left alone.
pub async fn run(db: &Db) -> Result<usize, MigrationError> {
    refuse_newer(db).await?;
    let _one_at_a_time = lock_file(db).await?;
    match &db.pools {
        // Whoever serves need not own the tables: with nothing to do, nothing is asked for that only an owner may.
        Pools::Postgres { .. } if is_complete(db).await? => Ok(0),
        Pools::Postgres { pool, .. } => {
            if !may_create(pool).await? {
                return Err(MigrationError::Behind);
            }
            // Not back into the pool: a migration may take longer than a statement, and closing ends the lock.
            let mut conn = pool.acquire().await.map_err(|e| failed(&e))?.detach();
            let unhurried = "SET statement_timeout = 0; SET lock_timeout = 0";
            sqlx::raw_sql(unhurried).execute(&mut conn).await.map_err(|e| failed(&e))?;
            conn.lock().await?;
            let applied = apply(db, &mut conn).await;
            conn.close().await.map_err(|e| failed(&e))?;
            applied
        }
        Pools::Sqlite { writer, .. } => {
            let mut conn = writer.acquire().await.map_err(|e| failed(&e))?;
            let conn: &mut SqliteConnection = &mut conn;
            apply(db, conn).await
        }
    }
}

/// Applies what is missing on a connection that holds the lock.
async fn apply<C: Migrate>(db: &Db, conn: &mut C) -> Result<usize, MigrationError> {
    conn.ensure_migrations_table(TABLE).await?;
    let before = conn.list_applied_migrations(TABLE).await?.len();
    migrator(own(db)).run_direct(None, &mut *conn, false).await?;
    Ok(conn.list_applied_migrations(TABLE).await?.len() - before)
}

/// Refuses a database of a later release than the next, or one whose migrations are not all there; changes nothing.
pub async fn check(db: &Db) -> Result<(), MigrationError> {
    refuse_newer(db).await?;
    let found = applied(db).await?;
    let missing = migrator(own(db)).iter().any(|wanted| !found.iter().any(|one| one.version == wanted.version));
    if missing {
        return Err(MigrationError::Behind);
    }
    Ok(())
}

/// Whether everything this program knows was applied, as it knows it.
async fn is_complete(db: &Db) -> Result<bool, MigrationError> {
    let found = applied(db).await?;
    let has =
        |wanted: &Migration| found.iter().any(|one| one.version == wanted.version && one.checksum == wanted.checksum);
    Ok(migrator(own(db)).iter().all(has))
}

async fn may_create(pool: &PgPool) -> Result<bool, MigrationError> {
    let sql = "SELECT has_schema_privilege(current_schema(), 'CREATE')";
    sqlx::query_scalar(sql).fetch_one(pool).await.map_err(|e| failed(&e))
}

async fn refuse_newer(db: &Db) -> Result<(), MigrationError> {
    let newest = applied(db).await?.iter().map(|one| one.version).max().unwrap_or(0);
    let found = newest / 100;
    if found > RELEASE + 1 { Err(MigrationError::TooNew { found }) } else { Ok(()) }
}

/// What was applied so far; nothing if nothing ever was.
async fn applied(db: &Db) -> Result<Vec<AppliedMigration>, MigrationError> {
    let listed = match &db.pools {
        Pools::Postgres { pool, .. } => {
            let mut conn = pool.acquire().await.map_err(|e| failed(&e))?;
            let there: Option<String> = sqlx::query_scalar("SELECT CAST(to_regclass('_sqlx_migrations') AS TEXT)")
                .fetch_one(&mut *conn)
                .await
                .map_err(|e| failed(&e))?;
            if there.is_none() {
                return Ok(Vec::new());
            }
            conn.list_applied_migrations(TABLE).await
        }
        Pools::Sqlite { writer, .. } => {
            let mut conn = writer.acquire().await.map_err(|e| failed(&e))?;
            let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
                .fetch_one(&mut *conn)
                .await
                .map_err(|e| failed(&e))?;
            if there == 0 {
                return Ok(Vec::new());
            }
            conn.list_applied_migrations(TABLE).await
        }
    };
    listed.map_err(|e| failed(&e))
}

/// What only this engine has.
fn own(db: &Db) -> &'static [(i64, &'static str, &'static str)] {
    if db.is_embedded() { &SQLITE } else { &POSTGRES }
}

fn migrator(own: &'static [(i64, &str, &str)]) -> Migrator {
    let all = TRUNK.iter().chain(own).map(|(version, name, sql)| {
        let sql: &'static str = sql;
        Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(all.collect());
    migrator.set_ignore_missing(true);
    migrator.set_locking(false);
    migrator
}

/// One process at a time: PostgreSQL has a lock of its own, SQLite gets a lock file beside the database. The wait is not
/// an async one, so it has a thread to itself.
async fn lock_file(db: &Db) -> Result<Option<File>, MigrationError> {
    let Some(path) = db.file_beside("migrate.lock") else { return Ok(None) };
    let locked = tokio::task::spawn_blocking(move || {
        let file = File::create(&path).and_then(|file| file.lock().map(|()| file));
        file.map_err(|e| MigrationError::Failed(format!("{path}: {e}")))
    });
    locked.await.map_err(|e| failed(&e))?.map(Some)
}

fn failed(error: &(impl std::error::Error + ?Sized)) -> MigrationError {
    MigrationError::Failed(error.to_string().lines().next().unwrap_or("unknown").to_owned())
}

impl From<MigrateError> for MigrationError {
    fn from(error: MigrateError) -> Self {
        failed(&error)
    }
}
