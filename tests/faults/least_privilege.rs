//! SEC-03: one role owns the tables and migrates; another serves, and may do what it needs and nothing else. The rights are
//! those of docs/operating.md, word by word.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use reqwest::StatusCode;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::database::{TestDatabase, is_postgres, postgres_url};
use crate::support::program::Folder;

const DOCS: &str = include_str!("../../docs/operating.md");

/// The SQL of the chapter on PostgreSQL: what a superuser does once, and what the owner does after every migration.
fn documented() -> [String; 2] {
    let chapter = DOCS.split_once("\n## PostgreSQL\n").expect("a chapter").1;
    let chapter = chapter.split_once("\n## ").expect("another").0;
    let mut blocks =
        chapter.split("```sql\n").skip(1).map(|rest| rest.split_once("```").expect("its end").0.to_owned());
    [blocks.next().expect("roles"), blocks.next().expect("rights")]
}

/// Roles belong to the whole server: these have names of their own, and go with the test.
struct Roles {
    server: String,
    service: String,
    owner: String,
}

impl Roles {
    /// The documented SQL with our names instead.
    fn named(&self, sql: &str, database: &str) -> String {
        sql.replace(
            "CREATE DATABASE rescind OWNER rescind_owner",
            &format!("ALTER DATABASE {database} OWNER TO {}", self.owner),
        )
        .replace("DATABASE rescind ", &format!("DATABASE {database} "))
        .replace("rescind_owner", &self.owner)
        .replace("ROLE rescind ", &format!("ROLE {} ", self.service))
        .replace("TO rescind;", &format!("TO {};", self.service))
    }
}

/// The address of a database for a role.
fn url_of(role: &str, database: &TestDatabase) -> String {
    let (scheme, rest) = database.url.split_once("://").expect("an address");
    format!("{scheme}://{role}@{}", rest.split_once('@').expect("a user").1)
}

impl Drop for Roles {
    fn drop(&mut self) {
        let (server, roles) = (self.server.clone(), [self.service.clone(), self.owner.clone()]);
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
            for role in roles {
                runtime.block_on(db_execute(&server, &format!("DROP ROLE IF EXISTS {role}"))).expect("dropped");
            }
        });
        let _ = dropped.join();
    }
}

async fn db_execute(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let mut conn = PgConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut conn).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_03_who_serves_owns_nothing_and_may_do_what_it_needs() {
    if !is_postgres() {
        return;
    }
    let [roles_sql, rights_sql] = documented();
    let pid = std::process::id();
    // Dropped after the folder, and so after the database.
    let roles = Roles { server: postgres_url(), service: format!("t{pid}_service"), owner: format!("t{pid}_owner") };
    let database = TestDatabase::postgres().await;
    let name = database.url.rsplit_once('/').expect("a name").1.to_owned();
    db_execute(&roles.server, &roles.named(&roles_sql, &name)).await.expect("roles");
    let (owner, service) = (url_of(&roles.owner, &database), url_of(&roles.service, &database));

    let mut folder = Folder::on(database).with("RESCIND_DATABASE_URL", &service);
    for command in ["serve", "migrate"] {
        assert!(folder.run(&[command]).refusal().contains("run `rescind migrate`"), "there is nothing yet");
    }
    folder.set("RESCIND_DATABASE_URL", &owner);
    assert_eq!(folder.run(&["migrate"]).code, 0);
    db_execute(&owner, &roles.named(&rights_sql, &name)).await.expect("rights");

    folder.set("RESCIND_DATABASE_URL", &service);
    folder.set("RESCIND_CHECKS", "fast");
    assert_eq!(folder.run(&["migrate"]).out, "The database is up to date.\n");
    works(&folder).await;
    for forbidden in [
        "UPDATE audit SET reason = NULL",
        "DELETE FROM audit",
        "TRUNCATE sessions",
        "DROP TRIGGER audit_append_only ON audit",
        "CREATE TABLE more (one BIGINT)",
        "UPDATE _sqlx_migrations SET version = 1",
        "DELETE FROM customers",
        "CREATE OR REPLACE VIEW timelines AS SELECT 'x' AS timeline, CAST(0 AS BIGINT) AS clock_ms",
    ] {
        let refused = db_execute(&service, forbidden).await.expect_err(forbidden);
        let code = refused.as_database_error().and_then(|error| error.code().map(Cow::into_owned));
        assert_eq!(code.as_deref(), Some("42501"), "{forbidden}: {refused}");
    }
}

/// Two nodes that check from memory, a sign-in, a lockdown and everything around it.
async fn works(folder: &Folder) {
    let bank = folder.enter_bank("CUST_1");
    let (one, two) = (folder.serve().await, folder.serve().await);
    let pair = one.pair("CUST_1").await;
    assert!(one.is_active(&bank, &pair.access).await && two.is_active(&bank, &pair.access).await);
    let renewed = crate::support::flow::Pair::of(&two.refresh(&pair.refresh).await);
    let form = [("token", renewed.access.as_str()), ("client_id", "naybitono-mobile")];
    assert_eq!(two.post("/oauth/revoke", None, &form).await.status, StatusCode::OK);
    assert!(!one.is_active(&bank, &renewed.access).await && one.is_active(&bank, &pair.access).await);
    let receipt = one.lock(&bank).await;
    assert_eq!((receipt.status, receipt.json()["nodes"].as_i64()), (StatusCode::OK, Some(2)), "{}", receipt.body);
    assert!(!two.is_active(&bank, &pair.access).await);
    for command in [
        ["unlock", "CUST_1", "--reason", "found"].as_slice(),
        &["lockdown", "--everyone", "--reason", "drill"],
        &["client", "rotate-secret", "accounts-api"],
        &["client", "disable", "accounts-api", "--reason", "drill"],
        &["restored"],
        &["audit", "export"],
    ] {
        let ran = folder.run(command);
        assert_eq!(ran.code, 0, "{command:?}: {ran:?}");
    }
    for node in [one, two] {
        let ran = node.stop();
        assert!(ran.code == 0 && !ran.err.contains("permission denied"), "{}", ran.err);
    }
}

/// The tables that follow a word or two in every statement of the store.
fn written(source: &str, words: &[&str], found: &mut BTreeSet<String>) {
    let text: Vec<&str> = source.split_whitespace().collect();
    for window in text.windows(words.len() + 1) {
        let begins = window[0].rsplit(['"', '(']).next() == Some(words[0]) && window[1..words.len()] == words[1..];
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let table = window[words.len()].split(|c| !is_name(c)).next().unwrap_or_default();
        if begins && !table.is_empty() {
            found.insert(table.to_owned());
        }
    }
}

fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, all);
        } else {
            *all += &fs::read_to_string(path).expect("a source");
        }
    }
}

/// The tables of a documented grant.
fn granted(sql: &str, verb: &str) -> BTreeSet<String> {
    let rest = sql.split_once(&format!("GRANT {verb} ON ")).expect(verb).1;
    let tables = rest.split_once(" TO rescind;").expect(verb).0;
    tables.split(',').map(|table| table.trim().to_owned()).collect()
}

#[test]
fn sec_03_the_documented_rights_are_those_that_statements_need_and_no_others() {
    let mut source = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut source);
    let [_, rights] = documented();
    let [mut inserts, mut updates, mut deletes] = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    written(&source, &["INSERT", "INTO"], &mut inserts);
    written(&source, &["UPDATE"], &mut updates);
    written(&source, &["DELETE", "FROM"], &mut deletes);
    // `ON CONFLICT ... DO UPDATE` names its table at the beginning.
    for statement in source.split("INSERT INTO ").skip(1).map(|rest| rest.split("\";").next().unwrap_or_default()) {
        if statement.contains("DO UPDATE") {
            updates.extend(statement.split_whitespace().next().map(str::to_owned));
        }
    }
    for (verb, needed) in [("INSERT", inserts), ("UPDATE", updates), ("DELETE", deletes)] {
        assert_eq!(granted(&rights, verb), needed, "{verb}");
    }
}
