//! SEC-01, AUD-04: after a whole walk with the log at its most talkative, no secret is in any table, file or log line.

mod search;
mod walk;

use std::fs;
use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection};

use self::search::{Secrets, found};
use crate::support::database::is_postgres;
use crate::support::program::Folder;
use crate::support::raw;

/// Every row of every table as text.
pub async fn db_dump(url: &str) -> String {
    if url.starts_with("sqlite:") { dump_sqlite(url).await } else { dump_postgres(url).await }
}

async fn dump_sqlite(url: &str) -> String {
    let mut conn = SqliteConnection::connect(url).await.expect("database");
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    let mut text = String::new();
    for table in conn.fetch_all(tables).await.expect("tables") {
        let name: String = table.get(0);
        let columns = conn.fetch_all(AssertSqlSafe(format!("SELECT name FROM pragma_table_info('{name}')"))).await;
        let columns: Vec<String> = columns.expect("columns").iter().map(|row| row.get(0)).collect();
        let quoted: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
        let rows = AssertSqlSafe(format!("SELECT {} FROM {name}", quoted.join(" || ',' || ")));
        for row in conn.fetch_all(rows).await.expect("rows") {
            text.extend([name.as_str(), ": ", row.get(0), "\n"]);
        }
    }
    text
}

async fn dump_postgres(url: &str) -> String {
    let mut conn = PgConnection::connect(url).await.expect("database");
    let tables = "SELECT table_name::text FROM information_schema.tables
                  WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1";
    let mut text = String::new();
    for table in conn.fetch_all(tables).await.expect("tables") {
        let name: String = table.get(0);
        let rows = AssertSqlSafe(format!("SELECT t::text FROM {name} t ORDER BY 1"));
        for row in conn.fetch_all(rows).await.expect("rows") {
            text.extend([name.as_str(), ": ", row.get(0), "\n"]);
        }
    }
    text
}

/// Writes a text into a table, as a careless program might.
async fn db_plant(url: &str, text: &str) {
    let sql = format!("INSERT INTO facts (name, value) VALUES ('planted', 'x{text}x')");
    if url.starts_with("sqlite:") {
        let mut conn = SqliteConnection::connect(url).await.expect("database");
        conn.execute(AssertSqlSafe(sql)).await.expect("planted");
    } else {
        let mut conn = PgConnection::connect(url).await.expect("database");
        conn.execute(AssertSqlSafe(sql)).await.expect("planted");
    }
}

/// The bytes of all files of an embedded database, log files among them.
fn raw_files(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in fs::read_dir(folder).expect("the data folder") {
        bytes.extend(fs::read(entry.expect("an entry").path()).expect("a file"));
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_01_aud_04_no_secret_is_in_any_table_file_or_log_line() {
    let mut folder = Folder::of_engine().await;
    for (name, value) in [("RESCIND_LOG", "trace"), ("RUST_LOG", "trace"), ("RUST_BACKTRACE", "1")] {
        folder.set(name, value);
    }
    let mut secrets = Secrets::default();
    let bank = walk::enter(&folder, &mut secrets);
    let server = folder.serve().await;
    walk::all(&server, &folder, &bank, &mut secrets).await;
    assert!(secrets.count() > 30, "the walk saw too little: {}", secrets.count());

    let url = folder.database_url();
    let dump = db_dump(&url).await;
    assert!(dump.contains("CUST_1") && dump.contains("incidents: "), "the dump is empty");
    assert_eq!(found(&secrets, dump.as_bytes()), Vec::<String>::new(), "in a table");
    if !is_postgres() {
        let bytes = raw_files(&folder.path().join("rescind-data"));
        assert!(bytes.windows(6).any(|part| part == b"CUST_1"), "the files are empty");
        assert_eq!(found(&secrets, &bytes), Vec::<String>::new(), "in a file");
    }
    let page = raw::send_to(server.port, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(page.contains("# EOF"), "the page is empty: {page}");
    assert_eq!(found(&secrets, page.as_bytes()), Vec::<String>::new(), "in the measures");
    let ran = server.stop();
    assert!(ran.err.lines().count() > 30 && ran.err.contains("/oauth/introspect"), "the log is empty: {}", ran.err);
    assert_eq!(found(&secrets, ran.err.as_bytes()), Vec::<String>::new(), "in the log:\n{}", ran.err);
    assert_eq!(ran.out, "");

    // The search would have found them: every form of one secret of each kind.
    for planted in secrets.samples() {
        let log = [ran.err.as_bytes(), b"{\"x\":\"", planted.as_slice(), b"\"}"].concat();
        assert!(!found(&secrets, &log).is_empty(), "{:?} goes unseen", String::from_utf8_lossy(&planted));
    }
    let text = secrets.samples().into_iter().find_map(|form| String::from_utf8(form).ok()).expect("a printable form");
    db_plant(&url, &text).await;
    assert!(!found(&secrets, db_dump(&url).await.as_bytes()).is_empty());
}
