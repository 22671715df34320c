//! No table grows without bound: each is cleaned up, or a reason is written down. The documents have the same list.

use std::collections::BTreeSet;

use rescind::jobs::clean_up::{FATES, Fate};
use rescind::store::engine::{FromRow, Row};
use rescind::store::{Db, StoreError};

use super::engines::on_both_engines;

struct Name(String);
impl FromRow for Name {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        row.get("name").map(Self)
    }
}

async fn tables(db: &Db) -> BTreeSet<String> {
    let sql = if db.is_embedded() {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    } else {
        "SELECT CAST(tablename AS TEXT) AS name FROM pg_tables WHERE schemaname = 'public'"
    };
    let names: Vec<Name> = db.read().await.unwrap().fetch_all(sql, &[]).await.unwrap();
    names.into_iter().map(|Name(name)| name).filter(|name| name != "_sqlx_migrations").collect()
}

/// Tables without a line, lines without a table, and lines without a reason.
fn unexplained(tables: &BTreeSet<String>, fates: &[(&str, Fate)]) -> Vec<String> {
    let told: BTreeSet<String> = fates.iter().map(|(name, _)| (*name).to_owned()).collect();
    let empty = fates.iter().filter(|(_, fate)| matches!(fate, Fate::Kept(why) if why.len() < 8));
    tables.symmetric_difference(&told).cloned().chain(empty.map(|(name, _)| (*name).to_owned())).collect()
}

#[tokio::test]
async fn every_table_is_cleaned_up_or_has_a_written_reason() {
    on_both_engines(async |db| {
        let mut tables = tables(&db).await;
        assert!(tables.len() > 15, "{tables:?}");
        assert_eq!(unexplained(&tables, &FATES), Vec::<String>::new());
        tables.insert("guest_books".to_owned());
        tables.remove("audit");
        assert_eq!(unexplained(&tables, &FATES), ["audit", "guest_books"], "the test notices");
    })
    .await;
}

#[test]
fn the_documents_say_of_every_table_what_becomes_of_it() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
    let text = std::fs::read_to_string(path).unwrap();
    let section = text.split("\n## ").find(|part| part.starts_with("What grows")).expect("the section");
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
    for (name, fate) in FATES {
        let row = rows.iter().find(|row| row.split('|').nth(1).unwrap_or_default().contains(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("docs/operating.md says nothing of {name}"));
        assert_eq!(row.contains("| kept"), fate != Fate::Dropped, "{row}");
    }
}

/// Dropping a row looks for rows that refer to it: by an index, or every dropped row reads a whole table.
#[tokio::test]
async fn whatever_refers_to_a_dropped_row_is_found_by_an_index() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return;
        }
        let sql = "SELECT CAST(c.confrelid AS regclass)::TEXT || ' <- ' || CAST(c.conrelid AS regclass)::TEXT AS name
                   FROM pg_constraint c WHERE c.contype = 'f' AND NOT EXISTS
                       (SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])";
        let names: Vec<Name> = db.read().await.unwrap().fetch_all(sql, &[]).await.unwrap();
        assert!(!names.is_empty(), "the test notices nothing");
        let dropped = |name: &str| FATES.contains(&(name.split(' ').next().unwrap(), Fate::Dropped));
        let missing: Vec<String> = names.into_iter().map(|Name(name)| name).filter(|name| dropped(name)).collect();
        assert_eq!(missing, Vec::<String>::new());
    })
    .await;
}
