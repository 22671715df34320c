use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rescind::clock::{Clock, Timestamp};
use rescind::model::feed::Item;
use rescind::model::incident::Durability;
use rescind::store::engine::{FromRow, Row};
use rescind::store::{Db, StoreError, facts};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use uuid::Uuid;

use super::engines::{connect_postgres, on_both_engines, on_both_engines_empty};
use super::samples::{at, household, in_one, stored_session, uuid};

async fn fact(db: &Db, name: &str) -> Option<String> {
    facts::find(&mut db.read().await.unwrap(), name).await.unwrap()
}

/// One value of every kind.
#[derive(Debug, PartialEq)]
struct Kinds {
    number: i64,
    text: String,
    time: Timestamp,
    id: Uuid,
    bytes: Vec<u8>,
    flag: bool,
    nothing: Option<String>,
}

impl FromRow for Kinds {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.get("number")?,
            text: row.get("words")?,
            time: row.get("at")?,
            id: row.get("id")?,
            bytes: row.get("data")?,
            flag: row.get("flag")?,
            nothing: row.get("absent")?,
        })
    }
}

#[tokio::test]
async fn every_kind_of_value_comes_back_equal() {
    on_both_engines(async |db| {
        let table = "CREATE TABLE kinds (number BIGINT, words TEXT, at TIMESTAMPTZ, id UUID, data BYTEA, flag BOOLEAN,
                     absent TEXT)";
        in_one(&db, async |c| c.execute(table, &[]).await).await.unwrap();
        let texts = ["", " ", "plain", "'; DROP TABLE kinds; --", "ʻOkina 名 🏦 \u{10FFFF}\r\n\t", "NULL", "{\"a\":1}"];
        let times = [
            at(0),
            at(877),
            at(-23),
            Clock::default().now(),
            Timestamp::UNIX_EPOCH,
            Timestamp::from_timestamp_millis(253_402_300_799_999).unwrap(),
            Timestamp::from_timestamp_millis(-62_135_596_799_999).unwrap(),
        ];
        for n in 0..texts.len() {
            let sent = Kinds {
                number: [0, 1, -1, i64::MAX, i64::MIN, 1 << 53, 42][n],
                text: texts[n].to_owned(),
                time: times[n],
                id: [Uuid::nil(), Uuid::max(), uuid()][n % 3],
                bytes: [vec![], vec![0, 255, 0], vec![b'a'; 100_000]][n % 3].clone(),
                flag: n % 2 == 0,
                nothing: None,
            };
            in_one(&db, async |c| {
                c.execute("DELETE FROM kinds", &[]).await?;
                let sql = "INSERT INTO kinds VALUES ($1, $2, $3, $4, $5, $6, $7)";
                c.execute(
                    sql,
                    &[&sent.number, &sent.text, &sent.time, &sent.id, &sent.bytes, &sent.flag, &sent.nothing],
                )
                .await
            })
            .await
            .unwrap();
            let mut conn = db.read().await.unwrap();
            let all: Vec<Kinds> = conn.fetch_all("SELECT * FROM kinds", &[]).await.unwrap();
            assert_eq!(all, [sent]);
            let same =
                "SELECT COUNT(*) FROM kinds WHERE words = $1 AND at = $2 AND id = $3 AND data = $4 AND flag = $5";
            let [one] = all.as_slice() else { panic!() };
            let params: [&dyn rescind::store::engine::Param; 5] =
                [&one.text, &one.time, &one.id, &one.bytes, &one.flag];
            assert_eq!(conn.value::<i64>(same, &params).await.unwrap(), Some(1), "it also compares equal");
        }
    })
    .await;
}

#[tokio::test]
async fn times_compare_as_times_however_many_digits_they_have() {
    on_both_engines(async |db| {
        in_one(&db, async |c| c.execute("CREATE TABLE times (at TIMESTAMPTZ)", &[]).await).await.unwrap();
        let sorted: Vec<Timestamp> =
            [-1_123, -124, -123, -122, -23, 0, 1, 876, 877, 878, 977, 1_877, 86_400_877].map(at).into();
        for time in sorted.iter().rev() {
            in_one(&db, async |c| c.execute("INSERT INTO times VALUES ($1)", &[time]).await).await.unwrap();
        }
        let mut conn = db.read().await.unwrap();
        for (n, time) in sorted.iter().enumerate() {
            let earlier = conn.value::<i64>("SELECT COUNT(*) FROM times WHERE at < $1", &[time]).await.unwrap();
            assert_eq!(earlier, Some(i64::try_from(n).unwrap()), "{time}");
        }
        let first: Option<Timestamp> = conn.value("SELECT at FROM times ORDER BY at LIMIT 1", &[]).await.unwrap();
        assert_eq!(first, Some(sorted[0]));
    })
    .await;
}

#[tokio::test]
async fn a_column_that_is_not_what_it_should_be_is_named() {
    struct Number;
    impl FromRow for Number {
        fn from_row(row: &Row) -> Result<Self, StoreError> {
            row.get::<i64>("value").map(|_| Self)
        }
    }
    on_both_engines(async |db| {
        in_one(&db, async |c| facts::set(c, "a", "words").await).await.unwrap();
        let mut conn = db.read().await.unwrap();
        let read = conn.fetch_optional::<Number>("SELECT value FROM facts", &[]).await.map(|_| ());
        assert!(matches!(read, Err(StoreError::Unreadable("value"))), "{read:?}");
        assert!(conn.fetch_optional::<Number>("SELECT value FROM facts WHERE 1 = 0", &[]).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn a_transaction_is_seen_whole_after_its_commit_and_never_if_it_is_dropped() {
    on_both_engines(async |db| {
        let mut kept = db.begin().await.unwrap();
        facts::set(&mut kept, "a", "1").await.unwrap();
        facts::set(&mut kept, "b", "1").await.unwrap();
        assert_eq!(fact(&db, "a").await, None, "not before");
        kept.commit().await.unwrap();
        assert_eq!((fact(&db, "a").await, fact(&db, "b").await), (Some("1".to_owned()), Some("1".to_owned())));

        let mut dropped = db.begin().await.unwrap();
        facts::set(&mut dropped, "a", "2").await.unwrap();
        drop(dropped);
        in_one(&db, async |c| facts::set(c, "b", "2").await).await.expect("the next one is not in the way");
        assert_eq!((fact(&db, "a").await, fact(&db, "b").await), (Some("1".to_owned()), Some("2".to_owned())));
    })
    .await;
}

#[tokio::test]
async fn what_may_be_said_again_waits_for_no_disk_and_is_whole_where_it_must_be() {
    on_both_engines(async |db| {
        let waits = "SELECT current_setting('synchronous_commit')";
        let mut tx = db.begin_lightly().await.unwrap();
        facts::set(&mut tx, "a", "1").await.unwrap();
        drop(tx);
        assert_eq!(fact(&db, "a").await, None, "a transaction like any other");
        let mut tx = db.begin_lightly().await.unwrap();
        facts::set(&mut tx, "a", "2").await.unwrap();
        if !db.is_embedded() {
            assert_eq!(tx.value::<String>(waits, &[]).await.unwrap().as_deref(), Some("off"));
        }
        tx.commit().await.unwrap();
        let mut conn = db.write_lightly().await.unwrap();
        facts::set(&mut conn, "b", "3").await.unwrap();
        conn.commit().await.unwrap();
        assert_eq!((fact(&db, "a").await.as_deref(), fact(&db, "b").await.as_deref()), (Some("2"), Some("3")));
        if !db.is_embedded() {
            let mut conn = db.write_lightly().await.unwrap();
            conn.tell(Item::Ended { session: uuid() });
            assert!(matches!(conn.commit().await, Err(StoreError::Refused(_))), "nothing is taken back like that");
            for mut other in
                [db.begin().await.unwrap(), db.begin_first().await.unwrap(), db.begin_pulse().await.unwrap()]
            {
                assert_eq!(other.value::<String>(waits, &[]).await.unwrap().as_deref(), Some("on"));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn after_a_failed_statement_nothing_of_the_transaction_is_kept_and_commit_says_so() {
    on_both_engines(async |db| {
        let mut conn = db.begin().await.unwrap();
        facts::set(&mut conn, "lost", "1").await.unwrap();
        let sql = "INSERT INTO facts (name, value) VALUES ('lost', '2')";
        assert!(matches!(conn.execute(sql, &[]).await, Err(StoreError::Taken)));
        let done = conn.commit().await;
        assert!(matches!(done, Err(StoreError::Refused(_))), "{done:?}");
        assert_eq!(fact(&db, "lost").await, None);
        in_one(&db, async |c| facts::set(c, "lost", "found").await).await.expect("the connection works on");
    })
    .await;
}

#[tokio::test]
async fn a_commit_whose_connection_was_lost_is_unknown_and_the_next_transaction_works() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return; // a file has no connection to lose
        }
        let mut conn = db.begin().await.unwrap();
        facts::set(&mut conn, "a", "1").await.unwrap();
        let pid: i64 = conn.value("SELECT CAST(pg_backend_pid() AS BIGINT)", &[]).await.unwrap().unwrap();
        let mut other = db.begin().await.unwrap();
        let sql = "SELECT pg_terminate_backend(CAST($1 AS INTEGER), 5000)";
        assert_eq!(other.value::<bool>(sql, &[&pid]).await.unwrap(), Some(true));
        drop(other);
        let done = conn.commit().await;
        assert!(matches!(done, Err(StoreError::CommitUnknown(_))), "{done:?}");
        assert_eq!(fact(&db, "a").await, None);
    })
    .await;
}

#[tokio::test]
async fn a_statement_on_a_lost_connection_is_an_outage_not_a_refusal() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return; // a file has no connection to lose
        }
        let mut conn = db.begin().await.unwrap();
        let pid: i64 = conn.value("SELECT CAST(pg_backend_pid() AS BIGINT)", &[]).await.unwrap().unwrap();
        let sql = "SELECT pg_terminate_backend(CAST($1 AS INTEGER), 5000)";
        db.read().await.unwrap().value::<bool>(sql, &[&pid]).await.unwrap();
        let done = facts::set(&mut conn, "a", "1").await;
        assert!(matches!(done, Err(StoreError::Unavailable(_))), "{done:?}");
        assert!(matches!(conn.commit().await, Err(StoreError::Refused(_))));
    })
    .await;
}

#[tokio::test]
async fn of_many_connections_that_the_server_has_ended_one_request_notices() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return; // a file has no connection to lose
        }
        let pid = "SELECT CAST(pg_backend_pid() AS BIGINT)";
        let (mut held, mut pids) = (Vec::new(), Vec::new());
        for _ in 0..6 {
            let mut conn = db.read_ahead().await.unwrap();
            pids.push(conn.value::<i64>(pid, &[]).await.unwrap().unwrap());
            held.push(conn);
        }
        drop(held);
        // By the lane, which has other connections.
        let mut other = db.begin_first().await.unwrap();
        for ended in &pids {
            let sql = "SELECT pg_terminate_backend(CAST($1 AS INTEGER), 5000)";
            assert_eq!(other.value::<bool>(sql, &[ended]).await.unwrap(), Some(true));
        }
        let mut failed = 0;
        for _ in 0..12 {
            failed += usize::from(db.read_ahead().await.unwrap().value::<i64>(pid, &[]).await.is_err());
            // Until it was given back, which is when it is noticed.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(failed <= 1, "{failed} requests failed");

        // A statement that was given up on ends no other connection than its own.
        let mut lane = db.begin_first().await.unwrap();
        let before = lane.value::<i64>(pid, &[]).await.unwrap();
        lane.commit().await.unwrap();
        let slow = db.read_ahead().await.unwrap().value::<String>("SELECT CAST(pg_sleep(5) AS TEXT)", &[]).await;
        assert!(matches!(slow, Err(StoreError::Unavailable(_))), "{slow:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(db.begin_first().await.unwrap().value::<i64>(pid, &[]).await.unwrap(), before);
    })
    .await;
}

#[tokio::test]
async fn a_lock_that_is_not_given_in_time_is_an_outage() {
    on_both_engines(async |db| {
        let session = household(&db, "john", "app").await.session();
        stored_session(&db, &session).await;
        let mut holder = db.begin().await.unwrap();
        assert!(holder.lock_session(session.session_id).await.unwrap());
        assert!(!holder.lock_session(uuid()).await.unwrap());
        let wait = async {
            match db.begin().await {
                Ok(mut conn) => conn.lock_session(session.session_id).await.map(|_| ()),
                Err(error) => Err(error),
            }
        };
        // It is at work: one that did nothing would lose its locks before the others give up.
        let hold = async {
            loop {
                holder.execute("SELECT 1", &[]).await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        let waited = tokio::select! {
            waited = wait => waited,
            () = hold => Ok(()),
        };
        assert!(matches!(waited, Err(StoreError::Unavailable(_))), "{waited:?}");
        holder.commit().await.unwrap();
        let mut next = db.begin().await.unwrap();
        assert!(next.lock_session(session.session_id).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_lock_of_whoever_is_frozen_is_given_to_who_waits() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return; // a frozen process on the file holds its one lock
        }
        let session = household(&db, "john", "app").await.session();
        stored_session(&db, &session).await;
        let mut frozen = db.begin().await.unwrap();
        assert!(frozen.lock_session(session.session_id).await.unwrap());
        let mut waits = db.begin().await.unwrap();
        assert!(
            waits.lock_session(session.session_id).await.unwrap(),
            "it gave up before the frozen one lost its lock"
        );
        assert!(frozen.commit().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn what_hangs_is_an_outage_and_the_connection_is_of_use_again() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return; // statements on a file run to their end
        }
        let mut conn = db.read().await.unwrap();
        let slow = conn.execute("SELECT pg_sleep(20)", &[]).await;
        assert!(matches!(slow, Err(StoreError::Unavailable(_))), "{slow:?}");
        drop(conn);
        for _ in 0..16 {
            db.ping().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_table_that_grew_a_column_is_read_on() {
    on_both_engines_empty(async |place| {
        let db = place.open().await;
        rescind::store::migrations::run(&db).await.unwrap();
        let john = household(&db, "john", "app").await;
        let session = john.session();
        stored_session(&db, &session).await;
        let read = async || {
            let mut conn = db.read().await.unwrap();
            let record = rescind::store::sessions::find_record(&mut conn, session.session_id, 1).await;
            let plain = rescind::store::sessions::find(&mut conn, session.session_id).await;
            (record.map(|found| found.is_some()), plain.map(|found| found.is_some()))
        };
        for _ in 0..8 {
            assert!(matches!(read().await, (Ok(true), Ok(true))));
        }
        // The next release prepares its column while this one serves.
        let next = place.open().await;
        in_one(&next, async |c| c.execute("ALTER TABLE sessions ADD COLUMN later TEXT", &[]).await).await.unwrap();
        for _ in 0..8 {
            let found = read().await;
            assert!(matches!(found, (Ok(true), Ok(true))), "{found:?}");
        }
        let moved = in_one(&db, async |c| rescind::store::devices::revoke(c, john.device_id, at(1)).await).await;
        assert!(matches!(moved, Ok(Some(_))));
        next.close().await;
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_read_connection_of_an_embedded_database_cannot_write() {
    on_both_engines(async |db| {
        if !db.is_embedded() {
            return; // PostgreSQL has one pool for both
        }
        let mut conn = db.read().await.unwrap();
        let done = facts::set(&mut conn, "a", "1").await;
        assert!(matches!(done, Err(StoreError::Refused(_))), "{done:?}");
    })
    .await;
}

#[tokio::test]
async fn an_embedded_database_is_made_with_its_folder_and_is_safe_against_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("er").join("rescind.db");
    let db = Db::open(&format!("sqlite:{}", path.display())).await.unwrap();
    assert!(path.is_file() && db.is_embedded());
    let mut conn = db.begin().await.unwrap();
    for (pragma, wanted) in [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1)] {
        assert_eq!(conn.value::<i64>(pragma, &[]).await.unwrap(), Some(wanted), "{pragma}");
    }
    assert_eq!(conn.value::<String>("PRAGMA journal_mode", &[]).await.unwrap().as_deref(), Some("wal"));
    drop(conn);
    assert_eq!(db.file_beside("serve.lock"), Some(format!("{}.serve.lock", path.display())));
    db.close().await;
}

#[tokio::test]
async fn opening_a_file_that_another_process_holds_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rescind.db");
    let mut other = SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
    // Not in WAL mode yet, and being read: SQLite refuses to turn it without waiting.
    let held = "CREATE TABLE a (b); BEGIN; SELECT * FROM a";
    sqlx::raw_sql(held).execute(&mut other).await.unwrap();
    let opening = tokio::spawn(async move { Db::open(&format!("sqlite:{}", path.display())).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!opening.is_finished(), "it neither fails nor goes on");
    sqlx::raw_sql("COMMIT").execute(&mut other).await.unwrap();
    opening.await.unwrap().expect("the file is free").close().await;
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_says_so_without_its_password() {
    let unreachable = "postgres://someone:secret-word@127.0.0.1:1/none";
    for url in [unreachable, "postgres://[", "sqlite:/proc/none/rescind.db", "mysql://x"] {
        let error = Db::open(url).await.expect_err(url).to_string();
        assert!(!error.contains("secret-word") && error.lines().count() == 1, "{error}");
    }
}

#[tokio::test]
async fn an_open_database_answers_and_a_closed_one_is_an_outage() {
    on_both_engines(async |db| {
        db.ping().await.unwrap();
        db.close().await;
        assert!(matches!(db.ping().await, Err(StoreError::Unavailable(_))));
        assert!(matches!(db.begin().await.map(|_| ()), Err(StoreError::Unavailable(_))));
    })
    .await;
}

#[tokio::test]
async fn settings_are_safe_and_a_commit_is_safe_locally_unless_a_standby_is_named() {
    on_both_engines_empty(async |place| {
        let db = place.open().await;
        assert_eq!(db.check_settings().await.unwrap(), Ok(()));
        assert_eq!(db.durability().await.unwrap(), Durability::Local);
        assert_eq!(db.file_beside("x").is_some(), db.is_embedded());
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_replica_is_refused() {
    on_both_engines_empty(async |place| {
        let db = place.open().await;
        if db.is_embedded() {
            return; // a file is no replica
        }
        db.close().await;
        let url = place.url();
        let name = url.rsplit('/').next().unwrap();
        let mut own = connect_postgres(&url).await;
        let sql = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut own).await.unwrap();
        let db = place.open().await;
        let why = db.check_settings().await.unwrap().unwrap_err();
        assert!(why.contains("transaction_read_only = off"), "{why}");
        db.close().await;
    })
    .await;
}

#[tokio::test]
async fn more_readers_than_connections_take_turns() {
    on_both_engines(async |db| {
        let mut readers = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let db = db.clone();
            readers.spawn(async move {
                let conn = db.read().await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
                drop(conn);
            });
        }
        assert_eq!(readers.join_all().await.len(), 64);
    })
    .await;
}

/// RAT-03: however many ordinary transactions wait, taking back goes before them all.
#[tokio::test]
async fn taking_back_stands_in_no_queue_behind_ordinary_transactions() {
    on_both_engines(async |db| {
        // As many as may be at once: one more would wait, whatever the engine.
        let mut held = vec![db.begin().await.unwrap()];
        while let Ok(more) = tokio::time::timeout(Duration::from_millis(300), db.begin()).await {
            held.push(more.unwrap());
        }
        let begun = Arc::new(AtomicUsize::new(0));
        let waiting: Vec<_> = (0..6)
            .map(|_| {
                let (db, begun) = (db.clone(), Arc::clone(&begun));
                tokio::spawn(async move {
                    let conn = db.begin().await.unwrap();
                    begun.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    conn.commit().await.unwrap();
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let first = {
            let db = db.clone();
            tokio::spawn(async move { db.begin_first().await })
        };
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(held.pop());
        let conn = first.await.unwrap().unwrap();
        assert!(begun.load(Ordering::SeqCst) <= 1, "waited behind {}", begun.load(Ordering::SeqCst));
        conn.commit().await.unwrap();
        drop(held);
        for one in waiting {
            one.await.unwrap();
        }
    })
    .await;
}

/// RAT-03: sign-ins, tokens and pages that read and write as much as they may leave connections to checks and to taking back.
#[tokio::test]
async fn checks_and_taking_back_read_ahead_of_everybody() {
    on_both_engines(async |db| {
        let mut held = Vec::new();
        while let Ok(more) = tokio::time::timeout(Duration::from_millis(300), db.begin()).await {
            held.push(more.unwrap());
        }
        while let Ok(more) = tokio::time::timeout(Duration::from_millis(300), db.read()).await {
            held.push(more.unwrap());
        }
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move { db.read().await.map(|_| ()) })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(100)).await;
        // All at once, and the second while the first still reads.
        let mut first = db.read_ahead().await.unwrap();
        let mut second = db.read_ahead().await.unwrap();
        for conn in [&mut first, &mut second] {
            assert_eq!(conn.value::<i64>("SELECT CAST(1 AS BIGINT)", &[]).await.unwrap(), Some(1));
        }
        assert!(waiting.iter().all(|one| !one.is_finished()), "the others did not have to wait: this shows nothing");
        drop((first, second, held));
        for one in waiting {
            one.await.unwrap().unwrap();
        }
    })
    .await;
}
