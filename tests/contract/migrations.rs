use rescind::store::engine::Param;
use rescind::store::migrations::{self, MigrationError, RELEASE};
use rescind::store::{Db, StoreError};
use tokio::task::JoinSet;

use super::engines::{on_both_engines, on_both_engines_empty};
use super::samples::in_one;

const TABLES_OF_POSTGRES: &str = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'";
const TABLES_OF_SQLITE: &str = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";

async fn count(db: &Db, sql: &'static str) -> i64 {
    db.read().await.unwrap().value(sql, &[]).await.unwrap().unwrap()
}

async fn tables(db: &Db) -> i64 {
    count(db, if db.is_embedded() { TABLES_OF_SQLITE } else { TABLES_OF_POSTGRES }).await
}

/// Pretends that a migration of a later release was applied.
async fn pretend(db: &Db, version: i64) {
    let sql = "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
               VALUES ($1, 'later', CURRENT_TIMESTAMP, $2, $3, 1)";
    let params: [&dyn Param; 3] = [&version, &true, &vec![1_u8; 48]];
    in_one(db, async |c| c.execute(sql, &params).await).await.unwrap();
}

#[tokio::test]
async fn the_second_run_has_nothing_to_do() {
    on_both_engines_empty(async |place| {
        let db = place.open().await;
        assert!(migrations::check(&db).await.is_err(), "an empty database is not up to date");
        assert_eq!(tables(&db).await, 0, "looking changes nothing");
        assert_eq!(migrations::run(&db).await.unwrap(), 2);
        migrations::check(&db).await.unwrap();
        let before = tables(&db).await;
        assert_eq!(migrations::run(&db).await.unwrap(), 0);
        assert_eq!(tables(&db).await, before);
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn parallel_runs_on_an_empty_database_all_succeed_and_the_work_is_done_once() {
    on_both_engines_empty(async |place| {
        let mut runs = JoinSet::new();
        for _ in 0..4 {
            let url = place.url();
            runs.spawn(async move {
                let db = Db::open(&url).await.unwrap();
                let applied = migrations::run(&db).await;
                db.close().await;
                applied
            });
        }
        let mut applied: Vec<usize> =
            runs.join_all().await.into_iter().map(|run| run.expect("every run succeeds")).collect();
        applied.sort_unstable();
        assert_eq!(applied, [0, 0, 0, 2]);
        let db = place.open().await;
        migrations::check(&db).await.unwrap();
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_database_one_release_ahead_is_accepted_and_left_alone() {
    on_both_engines(async |db| {
        pretend(&db, (RELEASE + 1) * 100 + 1).await;
        pretend(&db, (RELEASE + 1) * 100 + 99).await;
        let before = tables(&db).await;
        migrations::check(&db).await.unwrap();
        assert_eq!(migrations::run(&db).await.unwrap(), 0);
        assert_eq!(tables(&db).await, before);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM _sqlx_migrations").await, 4);
    })
    .await;
}

#[tokio::test]
async fn a_database_two_releases_ahead_is_refused_by_name_and_not_changed() {
    on_both_engines(async |db| {
        pretend(&db, (RELEASE + 2) * 100 + 1).await;
        // Something to do, if it dared.
        in_one(&db, async |c| c.execute("DELETE FROM _sqlx_migrations WHERE version < 200", &[]).await).await.unwrap();
        let before = tables(&db).await;
        for refusal in [migrations::run(&db).await.map(|_| ()), migrations::check(&db).await] {
            let why = refusal.unwrap_err();
            assert!(matches!(why, MigrationError::TooNew { found } if found == RELEASE + 2), "{why:?}");
            assert!(why.to_string().contains(&format!("release {}", RELEASE + 2)), "{why}");
        }
        assert_eq!(tables(&db).await, before);
        assert_eq!(count(&db, "SELECT COUNT(*) FROM _sqlx_migrations").await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_altered_migration_is_refused() {
    on_both_engines(async |db| {
        let sql = "UPDATE _sqlx_migrations SET checksum = $1 WHERE version = 101";
        in_one(&db, async |c| c.execute(sql, &[&vec![0_u8; 48]]).await).await.unwrap();
        let refusal = migrations::run(&db).await;
        assert!(
            matches!(&refusal, Err(MigrationError::Failed(why)) if why.contains("101")),
            "the migration is named: {refusal:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_schema_with_a_gap_is_not_up_to_date() {
    on_both_engines(async |db| {
        in_one(&db, async |c| c.execute("DELETE FROM _sqlx_migrations WHERE version > 101", &[]).await).await.unwrap();
        let refusal = migrations::check(&db).await.unwrap_err();
        assert!(refusal.to_string().contains("rescind migrate"), "{refusal}");
    })
    .await;
}

#[tokio::test]
async fn a_migration_may_take_longer_than_a_statement_and_settings_stay_strict_afterwards() {
    on_both_engines_empty(async |place| {
        let db = place.open().await;
        migrations::run(&db).await.unwrap();
        if db.is_embedded() {
            return; // statements on a file have no limit of the server's
        }
        for _ in 0..4 {
            let limit: Option<String> =
                db.read().await.unwrap().value("SELECT current_setting('statement_timeout')", &[]).await.unwrap();
            assert_eq!(limit.as_deref(), Some("3s"));
        }
        db.close().await;
        let closed = migrations::run(&db).await;
        assert!(matches!(closed, Err(MigrationError::Failed(_) | MigrationError::Store(StoreError::Unavailable(_)))));
    })
    .await;
}
