//! The next release's migrations are applied while three nodes of this one serve, and then each of them is started again on
//! the new tables. A release further ahead is refused.

use std::borrow::Cow;

use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqlSafeStr};

use crate::fleet::{Fleet, NODES};
use crate::load::Load;
use crate::support::database::is_postgres;
use crate::support::rows::postgres_dump;

/// What `rescind migrate` of a later release does: its migrations, numbered from `first`, one table each.
async fn db_migrate_later(url: &str, first: i64, statements: &[String]) {
    let all = (first..).zip(statements).map(|(version, sql)| {
        let sql = AssertSqlSafe(sql.clone()).into_sql_str();
        Migration::new(version, Cow::Borrowed("later"), MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(all.collect());
    migrator.set_ignore_missing(true);
    migrator.set_locking(false);
    let mut conn = PgConnection::connect(url).await.expect("the private PostgreSQL answers");
    conn.lock().await.expect("the lock");
    migrator.run_direct(None, &mut conn, false).await.expect("migrated");
    conn.close().await.expect("closed");
}

/// An expanding change of every table there is: whatever statement a node has prepared, its table is another now.
async fn expanding(url: &str) -> Vec<String> {
    let mut conn = PgConnection::connect(url).await.expect("the private PostgreSQL answers");
    let sql = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations'";
    let tables: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut conn).await.expect("tables");
    assert!(tables.len() > 20, "{tables:?}");
    let columns = tables.iter().map(|table| format!("ALTER TABLE {table} ADD COLUMN later TEXT NOT NULL DEFAULT 'n'"));
    columns.chain(["CREATE INDEX sessions_later ON sessions (later, session_id)".to_owned()]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_this_release_go_on_while_the_next_ones_tables_are_made_and_start_on_them() {
    if !is_postgres() {
        return;
    }
    let fleet = Fleet::start(&[]).await;
    let url = fleet.folder.database_url();
    let working = Load::begin(fleet.clone()).await;
    // Every statement is prepared by now, on many connections.
    working.more(300, 3).await;
    let expanding = expanding(&url).await;
    tokio::join!(db_migrate_later(&url, 201, &expanding), working.more(100, 1));
    working.more(200, 2).await;
    let mut logs = String::new();
    for node in 0..NODES {
        logs += &fleet.stop(node).await;
        fleet.restart(node).await;
        working.more(100, 1).await;
    }
    let load = working.end().await;
    let [alive, ended] = load.ledger.settle(&fleet).await;
    let [answers, unsure, closed, cut] = fleet.met.counts();
    println!(
        "{answers} answers, {unsure} unsure, {closed} not reached, {cut} cut off; sessions alive {alive}, ended {ended}"
    );
    assert!(alive > 10 && ended > 10, "the run was no run");
    for node in 0..NODES {
        logs += &fleet.stop(node).await;
    }
    let errors: Vec<&str> =
        logs.lines().filter(|line| line.contains("\"ERROR\"") && !line.contains("no lease")).collect();
    println!("{} further errors in the logs: {errors:#?}", errors.len());
    assert!(!logs.contains("cached plan"), "{errors:#?}");
    is_refused_further_ahead(&fleet, &url).await;
}

/// Two releases ahead: no command runs, and nothing is changed.
async fn is_refused_further_ahead(fleet: &Fleet, url: &str) {
    assert_eq!(fleet.folder.run(&["migrate"]).out, "The database is up to date.\n", "one release ahead");
    db_migrate_later(url, 301, &["ALTER TABLE sessions ADD COLUMN much_later TEXT".to_owned()]).await;
    let before = postgres_dump(url).await;
    for command in [["serve"].as_slice(), &["migrate"], &["client", "list"]] {
        let ran = fleet.folder.run(command);
        assert!(ran.refusal().contains("schema release 3") && ran.err.contains("up to 2"), "{command:?}: {ran:?}");
    }
    assert_eq!(postgres_dump(url).await, before, "a refused command changed something");
}
