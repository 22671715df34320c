//! No store function without a test here.

use std::fs;
use std::path::{Path, PathBuf};

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

/// How a test would call each public async function of a store file: `module::name(`, or `.name(` for methods.
fn calls_wanted(module: &str, source: &str) -> Vec<Vec<String>> {
    let mut owner = "";
    let mut wanted = Vec::new();
    for line in source.lines() {
        if let Some(rest) = line.strip_prefix("impl ") {
            owner = rest.split_whitespace().next().unwrap_or_default();
        }
        let Some(rest) = line.trim_start().strip_prefix("pub async fn ") else { continue };
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let is_method = line.starts_with(' ');
        wanted.push(if is_method {
            vec![format!(".{name}("), format!(".{name}::<"), format!("{owner}::{name}(")]
        } else {
            vec![format!("{module}::{name}(")]
        });
    }
    wanted
}

fn untested(module: &str, source: &str, tests: &str) -> Vec<String> {
    let calls = calls_wanted(module, source).into_iter();
    calls.filter(|ways| !ways.iter().any(|way| tests.contains(way))).map(|ways| ways.join(" or ")).collect()
}

#[test]
fn every_store_function_has_a_contract_test() {
    let is_test = |path: &PathBuf| !(path.ends_with("coverage.rs") || path.ends_with("samples.rs"));
    let read = |path: PathBuf| fs::read_to_string(path).expect("a file");
    let tests: String = rust_files("tests/contract").into_iter().filter(is_test).map(read).collect();
    let mut missing = Vec::new();
    let mut functions = 0;
    for path in rust_files("src/store") {
        let module = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let source = fs::read_to_string(&path).expect("a file");
        functions += calls_wanted(&module, &source).len();
        missing.extend(untested(&module, &source, &tests));
    }
    assert!(functions > 50, "only {functions} store functions were found");
    assert!(missing.is_empty(), "no contract test calls:\n{}", missing.join("\n"));
}

#[test]
fn an_untested_function_is_noticed() {
    let source =
        "impl Db {\n    pub async fn ping(&self) {}\n}\npub async fn find(a: &str) {}\npub async fn find_all<T>() {}";
    assert_eq!(untested("facts", source, "x.ping(); facts::find(&mut conn); facts::find_all("), Vec::<String>::new());
    assert_eq!(untested("facts", source, "Db::ping(); other::find("), ["facts::find(", "facts::find_all("]);
    assert_eq!(
        untested("facts", source, "facts::find( facts::find_all("),
        [".ping( or .ping::<( or Db::ping("].map(|s| s.replace("::<(", "::<"))
    );
}

/// A statement prepared with `*` breaks on both engines when the next release adds a column while this one serves.
#[test]
fn every_query_names_its_columns() {
    let names_all = |line: &str| ["SELECT *", "RETURNING *", ".*,", ".* FROM"].iter().any(|all| line.contains(all));
    assert!(names_all("SELECT s.*, u.level") && names_all("SELECT c.* FROM x") && !names_all("SELECT COUNT(*) FROM x"));
    for path in rust_files("src/store") {
        let source = fs::read_to_string(&path).expect("a file");
        let found = source.lines().position(names_all);
        assert_eq!(found, None, "{} names no columns in line {:?} (from 0)", path.display(), found);
    }
}
