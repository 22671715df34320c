//! Every look-up on the way of a request uses an index, also among a million customers: shown by the plans of both
//! engines for the texts the store sends. 50,000 of each thing by default, 1,000,000 with `TEST_FULL=1`.
//! `cargo test --test contract lookups -- --nocapture` prints the plans; docs/lookups.md has a copy.

use std::fmt::Write as _;

use rescind::clock::Clock;
use rescind::store::{
    audit, browser_sessions, codes, customers, device_activity, devices, feed, idempotency, incidents, logins,
    revoked_tokens, sessions, staff_sessions, tallies, throttles,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, SqliteConnection};

use super::engines::{Place, connect_postgres, on_both_engines_empty};

/// What is looked up, the text the store sends, and the index made for it: by name, or by its primary key's table.
const LOOKUPS: [(&str, &str, &str); 22] = [
    ("session for a copy", sessions::FIND_WHOLE_SQL, "key of sessions"),
    ("feed after a number", feed::TAIL_SQL, "key of feed"),
    ("customer by id", customers::FIND_SQL, "key of customers"),
    ("customers by phone", customers::LIST_BY_PHONE_SQL, "customers_by_phone"),
    ("customers by e-mail", customers::LIST_BY_EMAIL_SQL, "customers_by_email"),
    ("customers by beginning of name", customers::LIST_BY_NAME_SQL, "customers_by_name"),
    ("customer at sign-in", customers::FIND_FOR_SIGN_IN_SQL, "customers_by_phone"),
    ("session record", sessions::FIND_RECORD_SQL, "key of sessions"),
    ("code record", codes::FIND_RECORD_SQL, "key of codes"),
    ("live sessions of a subject", sessions::LIST_LIVE_SQL, "sessions_by_subject"),
    ("standing session of a client", sessions::FIND_STANDING_SQL, "sessions_standing"),
    ("devices of a customer", devices::LIST_SQL, "devices_by_customer"),
    ("audit of a customer", audit::LIST_OF_CUSTOMER_SQL, "audit_by_customer"),
    ("live sessions on a device", sessions::LIST_LIVE_ON_DEVICE_SQL, "sessions_live_by_device"),
    ("bounded count of live sessions", sessions::COUNT_LIVE_SQL, "sessions_by_subject"),
    ("page of a customer's devices", devices::LIST_PAGE_SQL, "devices_by_customer"),
    ("bounded count of devices", devices::COUNT_SQL, "devices_by_customer"),
    ("live browser sessions of a customer", browser_sessions::LIST_LIVE_SQL, "browser_sessions_by_customer"),
    ("events of a customer", audit::LIST_EVENTS_SQL, "audit_events"),
    ("alarms about a customer", audit::LIST_ALARMS_SQL, "audit_events"),
    ("who looked at a customer", audit::LIST_LOOKS_SQL, "audit_looks"),
    ("incidents of a customer", incidents::LIST_OF_CUSTOMER_SQL, "incidents_by_customer"),
];

/// The same for the console's lists and figures.
const CONSOLE_LOOKUPS: [(&str, &str, &str); 11] = [
    ("staff session", staff_sessions::FIND_RECORD_SQL, "key of staff_sessions"),
    ("staff at sign-in", staff_sessions::FIND_FOR_SIGN_IN_SQL, "staff_sessions_by_browser"),
    ("older sessions of a member of staff", staff_sessions::END_OLDER_SQL, "staff_sessions_live"),
    ("incidents, newest first", incidents::LIST_SQL, "incidents_by_time"),
    ("incidents of a kind since a time", incidents::COUNT_SINCE_SQL, "incidents_by_kind"),
    ("audit, newest first", audit::NEWEST_SQL, "key of audit"),
    ("audit of a customer, newest first", audit::NEWEST_OF_CUSTOMER_SQL, "audit_by_customer"),
    ("audit of an action, newest first", audit::NEWEST_OF_ACTION_SQL, "audit_by_action"),
    ("audit of a customer and an action, newest first", audit::NEWEST_OF_BOTH_SQL, "audit_by_customer"),
    ("minutes of a tally", tallies::LIST_SQL, "key of tallies"),
    ("what a customer's devices were used for", device_activity::LIST_SQL, "key of device_activity"),
];

/// What drops old rows, the index it begins at, and the values it is planned with: PostgreSQL plans for the values as long as
/// that is cheaper than a plan for all, and with a small limit it is.
const CLEAN_UPS: [(&str, &str, &str); 12] = [
    ("drop sign-ins in progress", logins::DELETE_EXPIRED_SQL, "logins_by_expiry"),
    ("drop revoked tokens", revoked_tokens::DELETE_EXPIRED_SQL, "revoked_tokens_by_expiry"),
    ("drop sessions", sessions::DELETE_EXPIRED_SQL, "sessions_by_expiry"),
    ("drop codes", codes::DELETE_EXPIRED_SQL, "codes_by_kept_until"),
    ("drop browser sessions", browser_sessions::DELETE_EXPIRED_SQL, "browser_sessions_by_expiry"),
    ("forgettable devices", devices::LIST_FORGETTABLE_SQL, "devices_by_age"),
    ("drop sign-ins to the console", staff_sessions::DELETE_EXPIRED_SQL, "staff_sessions_by_expiry"),
    ("drop idempotency keys", idempotency::DELETE_OLD_SQL, "idempotency_keys_by_time"),
    ("drop counters of strangers", throttles::DELETE_UNKNOWN_SQL, "throttles_unknown"),
    ("drop idle counters", throttles::DELETE_IDLE_SQL, "throttles_known"),
    ("drop figures", tallies::DELETE_OLD_SQL, "tallies_by_minute"),
    ("drop what devices were used for", device_activity::DELETE_OLD_SQL, "device_activity_by_minute"),
];

/// Each thing once for every `n`, in words both engines know; what differs is put in for each. The client `k1` has all the
/// sessions, those of people and, now and then, a standing one of its own. A thousand customers have all of the trail: for each
/// sign-in many refreshes.
const FILL: [&str; 17] = [
    "INSERT INTO feed SELECT n, 0, 'subject', 'c' || n, 2, NULL, NULL FROM NUMBERS",
    "INSERT INTO clients SELECT 'k' || n, 'K', 'public', 'none', '[]', '', '[]', '[]', '[]', FLAG, NULL, TIME, NULL
         FROM NUMBERS WHERE n <= 100",
    "INSERT INTO epochs SELECT 'client', 'k' || n, 1, 'none' FROM NUMBERS WHERE n <= 100",
    "INSERT INTO epochs SELECT 'consent', 'x' || n, 1, 'none' FROM NUMBERS",
    "INSERT INTO subjects SELECT 'c' || n, 'customer' FROM NUMBERS",
    "INSERT INTO epochs SELECT 'subject', 'c' || n, 1, 'none' FROM NUMBERS",
    "INSERT INTO epochs SELECT 'device', 'd' || n, 1, 'none' FROM NUMBERS",
    "INSERT INTO customers SELECT 'c' || n, 'Name ' || n, 'name ' || n, 'e' || n || '@x.example', 'e' || n || '@x.example',
         '+2547' || n, NULL, TIME, NULL FROM NUMBERS",
    "INSERT INTO devices (device_id, customer_id, client_id, app_device_id, browser_id, first_seen_at, last_seen_at)
         SELECT 'd' || n, 'c' || n, 'k1', 'phone', id(n), TIME, TIME FROM NUMBERS",
    "INSERT INTO sessions SELECT id(n), 'k1', 'c' || n, 'customer', 'd' || n, 'x' || n, 'openid', '[]', '[]', NULL, 1, TIME, NULL,
         0, TIME, TIME, TIME, TIME, TIME, NULL, NULL, 1, 1, 1, 1, 1 FROM NUMBERS",
    "INSERT INTO sessions SELECT id(-n), 'k1', 'k1', 'service', NULL, NULL, 'a', '[]', '[]',
         's' || n, 1, TIME, NULL, 0, TIME, NULL, TIME, TIME, TIME, NULL, NULL, 1, 1, 1, NULL, NULL
         FROM NUMBERS WHERE n % 100 = 0",
    "INSERT INTO codes SELECT id(n), 'k1', 'u', 'h' || n, NULL, 'openid', '[]', 'c' || n, 'd' || n, 'x' || n, TIME, TIME, TIME, TIME, 0,
         NULL, 1, 1, 1, 1, 1 FROM NUMBERS",
    "INSERT INTO audit SELECT id(n), TIME, 'customer', 'c' || n, 'sign_in', 'done', 'customer', 'c' || n, 'c' || n, NULL,
         NULL, NULL, 'r' FROM NUMBERS WHERE n <= 1000",
    "INSERT INTO audit SELECT id(-n), TIME, 'client', 'k1', 'refresh', 'done', 'session', 's', 'c' || (n % 1000), NULL,
         NULL, NULL, 'r' FROM NUMBERS",
    "INSERT INTO audit SELECT eid(n), TIME, 'staff', 'amina', 'customer_read', 'done', 'customer', 'c' || n, 'c' || n, NULL,
         NULL, NULL, 'r' FROM NUMBERS WHERE n % 10 = 0",
    "INSERT INTO browser_sessions SELECT id(n), 'c' || n, 'd' || n, 1, 1, 1, TIME, TIME, TIME, NULL, NULL FROM NUMBERS",
    "INSERT INTO revoked_tokens SELECT id(n), 1, TIME FROM NUMBERS",
];

/// The same for what the console's lists and figures read.
const CONSOLE_FILL: [&str; 10] = [
    "INSERT INTO staff SELECT 'c' || n, 'agent', 'h', TIME, NULL FROM NUMBERS",
    "INSERT INTO staff_sessions SELECT id(n), 'c' || n, id(n), 1, TIME, TIME, TIME, NULL, NULL FROM NUMBERS",
    "INSERT INTO incidents (incident_id, target_kind, target_id, customer_id, opened_by, reason, sessions_ended, devices, epoch,
         opened_at) SELECT 'INCC_' || n, 'customer', 'c' || n, 'c' || n, 'staff:amina', 'lost', 1, 1, 2, TIME FROM NUMBERS",
    "INSERT INTO audit SELECT cid(n), TIME, 'system', '', 'a' || n % 40, 'done', 'x', 'x', NULL, NULL, NULL, NULL, 'r' FROM NUMBERS",
    "INSERT INTO tallies SELECT 't' || n, TIME, 1 FROM NUMBERS",
    "INSERT INTO device_activity SELECT 'c' || n, TIME, 'd' || n, 'k1', '', 1 FROM NUMBERS",
    "INSERT INTO logins SELECT id(n), '{}', 1, 1, id(n), TIME, TIME FROM NUMBERS",
    "INSERT INTO idempotency_keys SELECT 'k1', 'key' || n, BYTES(n), 'INC_' || n, TIME FROM NUMBERS",
    "INSERT INTO throttles SELECT BYTES(n), 'c' || n, n % 110, TIME, NULL FROM NUMBERS",
    "INSERT INTO throttles SELECT BYTES(-n), NULL, 1, TIME, NULL FROM NUMBERS",
];

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment how large to be")]
fn size() -> i64 {
    if std::env::var_os("TEST_FULL").is_some_and(|full| !full.is_empty() && full != "0") { 1_000_000 } else { 50_000 }
}

async fn fill_postgres(conn: &mut PgConnection) {
    // Foreign keys are checked elsewhere; without them the fill takes a fifth of the time.
    let all = FILL.into_iter().chain(CONSOLE_FILL).collect::<Vec<_>>().join(";\n");
    let numbers = format!("generate_series(1, {}) AS numbers (n)", size());
    let filled = all
        .replace("NUMBERS", &numbers)
        .replace("FLAG", "FALSE")
        .replace("TIME", "TIMESTAMPTZ '2025-01-01 00:00:00+00'")
        .replace("BYTES(n)", "SHA256(CAST('a' || n AS BYTEA))")
        .replace("BYTES(-n)", "SHA256(CAST('b' || n AS BYTEA))")
        .replace("eid(n)", "CAST('e' || LPAD(TO_HEX(n), 31, '0') AS UUID)")
        .replace("cid(n)", "CAST('c' || LPAD(TO_HEX(n), 31, '0') AS UUID)")
        .replace("id(n)", "CAST(LPAD(TO_HEX(n), 32, '0') AS UUID)")
        .replace("id(-n)", "CAST('f' || LPAD(TO_HEX(n), 31, '0') AS UUID)");
    let sql = format!("SET session_replication_role = replica; SET synchronous_commit = off; {filled}; ANALYZE");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await.expect("PostgreSQL is filled");
}

async fn fill_sqlite(conn: &mut SqliteConnection) {
    let before = "PRAGMA foreign_keys = off; PRAGMA synchronous = off; PRAGMA cache_size = -200000";
    sqlx::raw_sql(before).execute(&mut *conn).await.expect("settings");
    let all = FILL.into_iter().chain(CONSOLE_FILL).collect::<Vec<_>>().join(";\n");
    let numbers = "numbers";
    let filled = all
        .replace("NUMBERS", numbers)
        .replace("FLAG", "0")
        .replace("TIME", "'2025-01-01T00:00:00+00:00'")
        .replace("BYTES(n)", "UNHEX(PRINTF('a%063x', n))")
        .replace("BYTES(-n)", "UNHEX(PRINTF('b%063x', n))")
        .replace("eid(n)", "UNHEX('e' || PRINTF('%031x', n))")
        .replace("cid(n)", "UNHEX('c' || PRINTF('%031x', n))")
        .replace("id(n)", "UNHEX(PRINTF('%032x', n))")
        .replace("id(-n)", "UNHEX('f' || PRINTF('%031x', n))");
    let sql = format!(
        "BEGIN; CREATE TEMP TABLE numbers AS WITH RECURSIVE up (n) AS
             (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < {}) SELECT n FROM up;
         {filled}; COMMIT; ANALYZE",
        size()
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await.expect("SQLite is filled");
}

/// The plan PostgreSQL keeps for all parameters, whatever they are.
async fn plan_of_postgres(conn: &mut PgConnection, sql: &str) -> Vec<String> {
    let most = (1..=9).filter(|n| sql.contains(&format!("${n}"))).max().unwrap_or(0);
    let nulls = vec!["NULL"; most].join(", ");
    let prepare = format!("SET plan_cache_mode = force_generic_plan; DEALLOCATE ALL; PREPARE lookup AS {sql}");
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *conn).await.expect("the text prepares");
    let explain = format!("EXPLAIN (COSTS OFF) EXECUTE lookup({nulls})");
    let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(conn).await.expect("a plan");
    rows.iter().map(|row| row.get(0)).collect()
}

/// The plan PostgreSQL makes to drop a batch of rows where all are old, the worst case, and lie on an SSD.
async fn plan_of_dropping(conn: &mut PgConnection, sql: &str) -> Vec<String> {
    let prepare =
        format!("SET plan_cache_mode = auto; SET random_page_cost = 1.1; DEALLOCATE ALL; PREPARE clean AS {sql}");
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *conn).await.expect("the text prepares");
    let explain = "EXPLAIN (COSTS OFF) EXECUTE clean('2025-01-02 00:00:00+00', 200)";
    // Often enough that the plan for all is considered.
    for _ in 0..6 {
        sqlx::raw_sql(explain).fetch_all(&mut *conn).await.expect("a plan");
    }
    let rows = sqlx::raw_sql(explain).fetch_all(conn).await.expect("a plan");
    rows.iter().map(|row| row.get(0)).collect()
}

async fn plan_of_sqlite(conn: &mut SqliteConnection, sql: &str) -> Vec<String> {
    let explain = format!("EXPLAIN QUERY PLAN {sql}");
    let rows = sqlx::query(AssertSqlSafe(explain)).fetch_all(conn).await.expect("a plan");
    rows.iter().map(|row| row.get("detail")).collect()
}

/// The first line that reads a whole table, or all epochs of a kind. `found` is no table: it is the list of at most a
/// handful of customers that a sign-in names; `counted` is what was counted up to a bound. There are few clients,
/// and a handful of `facts`, one row each of `feed_state` (`state`) and `timelines`.
fn reads_too_much(plan: &[String]) -> Option<&String> {
    plan.iter().find(|line| {
        let line = line.trim_start_matches([' ', '-', '>']);
        let table = line.split("Seq Scan on ").nth(1).map(|rest| rest.split(' ').next().unwrap_or(rest));
        let whole_of_postgres = table.is_some_and(|table| !["clients", "facts", "feed_state"].contains(&table));
        let whole_of_sqlite = line.starts_with("SCAN ")
            && !["SCAN found", "SCAN counted", "SCAN state", "SCAN timelines", "SCAN CONSTANT ROW"].contains(&line);
        let whole_kind =
            line.contains("epochs") && line.contains("(kind=?)") || line.starts_with("Index Cond: (kind = ");
        whole_of_postgres || whole_of_sqlite || whole_kind
    })
}

/// Whether a plan uses an index: `customers_by_name`, or `key of customers`.
fn uses(plan: &[String], index: &str) -> bool {
    let names = match index.strip_prefix("key of ") {
        Some(table) => vec![format!(" {table}_pkey "), format!(" sqlite_autoindex_{table}_1 ")],
        None => vec![format!(" {index} ")],
    };
    names.iter().any(|name| plan.iter().any(|line| line.contains(name) || line.ends_with(name.trim_end())))
}

#[test]
fn a_plan_that_reads_too_much_is_noticed() {
    for bad in [
        "  ->  Seq Scan on customers c",
        "->  Parallel Seq Scan on epochs g",
        "Seq Scan on epochs",
        "SCAN c",
        "SCAN c USING INDEX customers_by_name",
        "      Index Cond: (kind = 'client'::text)",
        "SEARCH k USING INDEX sqlite_autoindex_epochs_1 (kind=?)",
    ] {
        assert!(reads_too_much(&["Limit".to_owned(), bad.to_owned()]).is_some(), "{bad}");
    }
    for good in [
        "->  Index Scan using customers_pkey on customers c",
        "Index Cond: ((kind = 'client'::text) AND (id = s.client_id))",
        "SEARCH k USING INDEX sqlite_autoindex_epochs_1 (kind=? AND id=?)",
        "SCAN found",
        "Seq Scan on clients c",
    ] {
        assert!(reads_too_much(&[good.to_owned()]).is_none(), "{good}");
    }
    let plan = ["SEARCH c USING INDEX customers_by_phone (phone=?)".to_owned()];
    assert!(uses(&plan, "customers_by_phone") && !uses(&plan, "customers_by") && !uses(&plan, "key of customers"));
}

#[tokio::test]
async fn every_hot_lookup_uses_an_index() {
    on_both_engines_empty(async |place| {
        let db = place.open().await;
        rescind::store::migrations::run(&db).await.expect("migrations run");
        db.close().await;
        let watch = Clock::default().start();
        let mut plans = Vec::new();
        let engine = match place {
            Place::Postgres(_) => {
                let mut conn = connect_postgres(&place.url()).await;
                fill_postgres(&mut conn).await;
                for (name, sql, index) in LOOKUPS.into_iter().chain(CONSOLE_LOOKUPS) {
                    plans.push((name, index, plan_of_postgres(&mut conn, sql).await));
                }
                for (name, sql, index) in CLEAN_UPS {
                    plans.push((name, index, plan_of_dropping(&mut conn, sql).await));
                }
                let unindexed = plan_of_postgres(&mut conn, "SELECT * FROM customers WHERE name = $1").await;
                assert!(reads_too_much(&unindexed).is_some(), "the test notices nothing: {unindexed:?}");
                conn.close().await.expect("the connection closes");
                "PostgreSQL"
            }
            Place::Sqlite(_) => {
                let options: SqliteConnectOptions = place.url().parse().expect("an address");
                let mut conn = options.connect().await.expect("the file opens");
                fill_sqlite(&mut conn).await;
                for (name, sql, index) in LOOKUPS.into_iter().chain(CONSOLE_LOOKUPS).chain(CLEAN_UPS) {
                    plans.push((name, index, plan_of_sqlite(&mut conn, sql).await));
                }
                let unindexed = plan_of_sqlite(&mut conn, "SELECT * FROM customers WHERE name = $1").await;
                assert!(reads_too_much(&unindexed).is_some(), "the test notices nothing: {unindexed:?}");
                conn.close().await.expect("the connection closes");
                "SQLite"
            }
        };
        let mut text = format!("{engine}, {} customers, filled and read in {} ms\n", size(), watch.elapsed_ms());
        for (name, _, plan) in &plans {
            writeln!(text, "\n{name}\n    {}", plan.join("\n    ")).expect("a text grows");
        }
        println!("{text}");
        for (name, index, plan) in &plans {
            assert_eq!(reads_too_much(plan), None, "{engine}: {name}");
            assert!(uses(plan, index), "{engine}: {name} does not use {index}: {plan:#?}");
        }
    })
    .await;
}
