//! The house rules of docs/architecture.md, read off the source: which room may import which, where foreign crates and
//! engine branches live, how long a file may be and what it may not be called. Every rule is also shown to catch a
//! planted breach.
#![allow(clippy::expect_used, reason = "a test that fails says so by panicking")]

use std::fmt;
use std::fs;
use std::path::Path;

/// Room, and the rooms it may import. A room of `src` without a line here is a breach itself.
const ROOMS: [(&str, &[&str]); 24] = [
    ("main", &["cli"]),
    (
        "cli",
        &[
            "app", "cache", "clock", "config", "files", "jobs", "limits", "log", "model", "policy", "secret", "seeded",
            "send", "service", "store", "view",
        ],
    ),
    ("activity", &["clock", "metrics", "model"]),
    ("web", &["app", "clock", "config", "limits", "log", "metrics", "model", "policy", "secret", "service"]),
    ("jobs", &["activity", "app", "clock", "model", "send", "service", "store", "view"]),
    (
        "service",
        &[
            "activity", "app", "cache", "clock", "config", "limits", "metrics", "model", "policy", "secret", "seeded",
            "send", "store", "view",
        ],
    ),
    (
        "app",
        &[
            "activity", "cache", "clock", "config", "limits", "metrics", "model", "place", "secret", "send", "store",
            "view",
        ],
    ),
    ("place", &["model"]),
    ("cache", &["clock", "model", "secret", "seeded", "store"]),
    ("view", &["clock", "model", "seeded", "store"]),
    ("send", &["clock", "model", "store"]),
    ("limits", &["cache", "clock", "model", "secret"]),
    ("metrics", &["limits", "model"]),
    ("store", &["clock", "files", "metrics", "model", "seeded"]),
    ("config", &["files", "model", "place", "policy", "secret", "seeded"]),
    ("policy", &["clock", "model"]),
    ("secret", &["clock", "metrics", "model"]),
    ("model", &["clock"]),
    ("seeded", &["clock"]),
    // What holds of the parsers of outside input, for tests and fuzzing alone.
    ("outside", &["cache", "policy", "secret", "web"]),
    ("clock", &[]),
    ("files", &[]),
    ("log", &[]),
    ("lib", &[]),
];

/// Files of `cli` that start the web.
const STARTS_THE_WEB: [&str; 2] = ["src/cli/serve", "src/cli/demo"];

/// Foreign crates, and the beginnings of the paths that may use them.
const CRATES: [(&[&str], &[&str]); 7] = [
    (&["rocket"], &["src/web/", "src/cli/serve", "src/cli/demo", "src/config", "src/log"]),
    (&["sqlx"], &["src/store/"]),
    (&["redis"], &["src/cache/", "src/limits/"]),
    (&["maxminddb"], &["src/place/"]),
    (&["prometheus_client"], &["src/metrics/"]),
    (&["mimalloc"], &["src/main"]),
    (&["argon2", "rand", "aes_siv", "hkdf", "hmac", "bcrypt", "siphasher"], &["src/secret/"]),
];

/// What tells two SQL engines apart, and the only files that may.
const ENGINE_WORDS: [&str; 8] =
    ["Pools::Postgres", "Pools::Sqlite", "PgRead", "PgWrite", "LiteRead", "LiteWrite", "Row::Pg", "Row::Lite"];
const ENGINE_FILES: [&str; 7] = [
    "src/store/engine.rs",
    "src/store/hints.rs",
    "src/store/migrations.rs",
    "src/store/opening.rs",
    "src/store/rows.rs",
    "src/store/server.rs",
    "src/store/waits.rs",
];

/// Audiences of `web`: none knows another.
const AUDIENCES: [&str; 6] = ["oauth", "pages", "console", "resource", "api", "ops"];

/// Names that say nothing.
const EMPTY_NAMES: [&str; 9] =
    ["util", "utils", "helper", "helpers", "common", "manager", "handler", "handlers", "misc"];

/// Most lines of a file before its tests.
const LONGEST_FILE: usize = 400;

/// Where a rule is broken.
struct Breach {
    file: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

// ------------------------------------------------------------------------------------------------ reading source

/// The code alone, as characters: comments, texts and character literals become spaces, lines stay where they are.
fn code_of(source: &str) -> Vec<char> {
    let chars: Vec<char> = source.chars().collect();
    let mut code = chars.clone();
    let mut at = 0;
    while at < chars.len() {
        let end = end_of_prose(&chars, at);
        for blank in code.iter_mut().take(end).skip(at).filter(|c| **c != '\n') {
            *blank = ' ';
        }
        at = end.max(at + 1);
    }
    code
}

/// Where the comment, text or character literal that starts at `at` ends; `at` itself if none starts there.
fn end_of_prose(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    let in_a_word = at > 0 && is_word(chars[at - 1]);
    match (chars[at], next) {
        ('/', Some('/')) => position(chars, at, |rest| rest[0] == '\n'),
        ('/', Some('*')) => end_of_block_comment(chars, at),
        ('"', _) => end_of_text(chars, at + 1),
        ('r', Some('"' | '#')) if !in_a_word || chars[at - 1] == 'b' => end_of_raw_text(chars, at + 1).unwrap_or(at),
        ('\'', Some('\\')) => position(chars, at + 3, |rest| rest[0] == '\'') + 1,
        ('\'', Some(_)) if chars.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    }
    .min(chars.len())
}

fn position(chars: &[char], from: usize, wanted: impl Fn(&[char]) -> bool) -> usize {
    (from..chars.len()).find(|at| wanted(&chars[*at..])).unwrap_or(chars.len())
}

fn end_of_block_comment(chars: &[char], at: usize) -> usize {
    let mut depth = 0;
    let mut at = at;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) if depth == 1 => return at + 2,
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

fn end_of_text(chars: &[char], from: usize) -> usize {
    let mut at = from;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn end_of_raw_text(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars[from..].iter().take_while(|c| **c == '#').count();
    if chars.get(from + hashes) != Some(&'"') {
        return None;
    }
    let closes = |rest: &[char]| rest[0] == '"' && rest[1..].iter().take_while(|c| **c == '#').count() >= hashes;
    Some(position(chars, from + hashes + 1, closes) + 1 + hashes)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A word or a mark of the code, with its line.
#[derive(Clone, Debug, PartialEq)]
struct Token {
    text: String,
    line: usize,
}

fn tokens_of(code: &[char]) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < code.len() {
        let word: String = code[at..].iter().take_while(|c| is_word(**c)).collect();
        let is_path_mark = code[at] == ':' && code.get(at + 1) == Some(&':');
        let text = if is_path_mark { "::".to_owned() } else { word };
        let text = if text.is_empty() { code[at].to_string() } else { text };
        at += text.chars().count();
        if text == "\n" {
            line += 1;
        } else if !text.trim().is_empty() {
            tokens.push(Token { text, line });
        }
    }
    tokens
}

/// A path as written after `crate` (or what `super` and `rescind` stand for), with its line.
type Import = (Vec<String>, usize);

/// All paths from the root of the crate, groups taken apart.
fn imports_of(file: &str, tokens: &[Token]) -> Vec<Import> {
    let home = module_path(file);
    let tests_from = line_of_tests(tokens);
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let before = at.checked_sub(1).map(|i| tokens[i].text.as_str());
        let follows_a_path = before == Some("::") && at >= 2 && tokens[at - 2].text.chars().all(is_word);
        if follows_a_path || tokens.get(at + 1).map(|t| t.text.as_str()) != Some("::") {
            continue;
        }
        let from_root = tokens[at].text == "crate" || (file == "src/main.rs" && tokens[at].text == "rescind");
        if from_root {
            leaves(tokens, at + 2, &[], &mut found);
        } else if tokens[at].text == "super" {
            let mut ups = 0;
            let mut next = at;
            while tokens[next].text == "super" && tokens.get(next + 1).is_some_and(|t| t.text == "::") {
                ups += 1;
                next += 2;
            }
            let depth = home.len() + usize::from(tests_from.is_some_and(|line| tokens[at].line >= line));
            if let Some(rest) = depth.checked_sub(ups) {
                leaves(tokens, next, &home[..rest.min(home.len())], &mut found);
            }
        }
    }
    found
}

/// `src/web/oauth/token.rs` is `web::oauth::token`; `mod.rs` is its folder.
fn module_path(file: &str) -> Vec<String> {
    let inner = file.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    inner.split('/').map(str::to_owned).collect()
}

/// The line of `#[cfg(test)]`.
fn line_of_tests(tokens: &[Token]) -> Option<usize> {
    let wanted = ["#", "[", "cfg", "(", "test", ")", "]"];
    tokens.windows(wanted.len()).find(|w| w.iter().map(|t| t.text.as_str()).eq(wanted)).map(|w| w[0].line)
}

/// Collects the paths of a use tree (`a::{b, c::d}`) that begins at `at`; returns where it ends.
fn leaves(tokens: &[Token], at: usize, prefix: &[String], found: &mut Vec<Import>) -> usize {
    let Some(token) = tokens.get(at) else { return at };
    if token.text == "{" {
        let mut next = at + 1;
        while tokens.get(next).is_some_and(|t| t.text != "}") {
            let after = leaves(tokens, next, prefix, found);
            next = if tokens.get(after).is_some_and(|t| t.text == ",") { after + 1 } else { after.max(next + 1) };
        }
        return next + 1;
    }
    let path: Vec<String> = prefix.iter().cloned().chain([token.text.clone()]).collect();
    if tokens.get(at + 1).is_some_and(|t| t.text == "::") {
        return leaves(tokens, at + 2, &path, found);
    }
    found.push((path, token.line));
    let renamed = tokens.get(at + 1).is_some_and(|t| t.text == "as");
    if renamed { at + 3 } else { at + 1 }
}

// ------------------------------------------------------------------------------------------------ the rules

fn breaches(file: &str, source: &str) -> Vec<Breach> {
    let code = code_of(source);
    let tokens = tokens_of(&code);
    let imports = imports_of(file, &tokens);
    let mut found = Vec::new();
    found.extend(against_the_grain(file, &imports));
    found.extend(audiences_that_meet(file, &imports));
    found.extend(foreign_crates(file, &tokens));
    found.extend(engine_branches(file, &code.iter().collect::<String>()));
    found.extend(too_long(file, source, &tokens));
    found.extend(empty_names(file, &tokens));
    found.into_iter().map(|(line, rule)| Breach { file: file.to_owned(), line, rule }).collect()
}

fn room_of(file: &str) -> String {
    module_path(file).into_iter().next().unwrap_or_default()
}

fn against_the_grain(file: &str, imports: &[Import]) -> Vec<(usize, String)> {
    let room = room_of(file);
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![(1, format!("`{room}` is no room of the house: give it a line in the table, or move the file"))];
    };
    if room == "lib" {
        return Vec::new();
    }
    let starts_the_web = STARTS_THE_WEB.iter().any(|path| file.starts_with(path));
    let is_room = |name: &str| ROOMS.iter().any(|(known, _)| *known == name);
    imports
        .iter()
        .filter(|(path, _)| is_room(&path[0]) && path[0] != room)
        .filter(|(path, _)| !(allowed.contains(&path[0].as_str()) || (starts_the_web && path[0] == "web")))
        .map(|(path, line)| (*line, format!("`{room}` may not import `{}`", path[0])))
        .collect()
}

fn audiences_that_meet(file: &str, imports: &[Import]) -> Vec<(usize, String)> {
    let home = module_path(file);
    let Some(own) = home.get(1).filter(|name| home[0] == "web" && AUDIENCES.contains(&name.as_str())) else {
        return Vec::new();
    };
    imports
        .iter()
        .filter(|(path, _)| path[0] == "web" && path.len() > 1 && path[1] != *own)
        .filter(|(path, _)| AUDIENCES.contains(&path[1].as_str()))
        .map(|(path, line)| (*line, format!("the audience `{own}` may not import the audience `{}`", path[1])))
        .collect()
}

fn foreign_crates(file: &str, tokens: &[Token]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let text = |i: Option<usize>| i.and_then(|i| tokens.get(i)).map(|t| t.text.as_str());
        let (before, earlier) = (text(at.checked_sub(1)), text(at.checked_sub(2)));
        let is_inner = before == Some("::") && earlier.is_some_and(|t| t != "use" && t.chars().all(is_word));
        let is_named = matches!(before, Some("use" | "crate")) || (before == Some("{") && earlier == Some("use"));
        let is_crate = is_named || text(Some(at + 1)) == Some("::");
        let Some((_, homes)) = CRATES.iter().find(|(names, _)| names.contains(&token.text.as_str())) else { continue };
        if is_crate && !is_inner && !homes.iter().any(|home| file.starts_with(home)) {
            found.push((token.line, format!("the crate `{}` is used only in {}", token.text, homes.join(", "))));
        }
    }
    found
}

fn engine_branches(file: &str, code: &str) -> Vec<(usize, String)> {
    if ENGINE_FILES.contains(&file) {
        return Vec::new();
    }
    let lines = code.lines().enumerate();
    lines
        .filter_map(|(at, line)| ENGINE_WORDS.iter().find(|word| line.contains(**word)).map(|word| (at + 1, word)))
        .map(|(line, word)| (line, format!("`{word}`: engines are told apart only in {}", ENGINE_FILES.join(", "))))
        .collect()
}

fn too_long(file: &str, source: &str, tokens: &[Token]) -> Vec<(usize, String)> {
    let lines = line_of_tests(tokens).map_or(source.lines().count(), |line| line - 1);
    if lines <= LONGEST_FILE {
        return Vec::new();
    }
    vec![(LONGEST_FILE + 1, format!("{file} has {lines} lines before its tests; {LONGEST_FILE} at most"))]
}

fn empty_names(file: &str, tokens: &[Token]) -> Vec<(usize, String)> {
    let files = module_path(file).into_iter().map(|name| (1, name));
    let modules = tokens.windows(2).filter(|w| w[0].text == "mod").map(|w| (w[1].line, w[1].text.clone()));
    files
        .chain(modules)
        .filter(|(_, name)| EMPTY_NAMES.contains(&name.as_str()))
        .map(|(line, name)| (line, format!("`{name}` says nothing: name the file after its subject")))
        .collect()
}

/// What takes back or narrows, as statements begin, and what must not be overlooked in them.
const TAKES_BACK: [&str; 7] = [
    "UPDATE epochs SET",
    "DELETE FROM epochs",
    "UPDATE sessions SET",
    "DELETE FROM sessions",
    "INTO revoked_tokens",
    "UPDATE clients SET",
    "FROM client_secrets WHERE client_id = $1 AND",
];

/// Functions with such a statement that tell the feed nothing, and why that is right.
const TELLS_NOTHING: [(&str, &str); 8] = [
    ("epochs::hold", "changes nothing"),
    ("sessions::rotate", "an older access token lives until it expires; refresh tokens are judged from the truth"),
    ("sessions::touch", "a time nothing rests on"),
    ("epochs::delete_unraised", "goes with a device that nothing rests on any more"),
    ("expired::delete_expired", "what has expired is dead by its own expiry"),
    ("sessions::sweep_subject", "marks what a told raise has killed"),
    ("sessions::sweep_device", "marks what a told raise has killed"),
    ("sessions::sweep_client", "marks what a told raise has killed"),
];

/// Functions of a store file with a statement that takes back, without a word to the feed.
fn untold(file: &str, source: &str) -> Vec<String> {
    let module = module_path(file).pop().unwrap_or_default();
    let body = |text: &str| text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
    let source = body(source);
    let functions = source.split("async fn ").skip(1);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" \\ ", " ");
    functions
        .filter(|text| TAKES_BACK.iter().any(|begin| words(text).contains(begin)))
        .filter(|text| !text.contains(".tell(") && !text.contains(".tell_all("))
        .map(|text| format!("{module}::{}", text.chars().take_while(|c| is_word(*c)).collect::<String>()))
        .filter(|name| !TELLS_NOTHING.iter().any(|(known, _)| known == name))
        .collect()
}

// ------------------------------------------------------------------------------------------------ the house itself

/// Every Rust file under `src`, as `src/...`, with its text.
fn house() -> Vec<(String, String)> {
    fn walk(folder: &Path, root: &Path, files: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                walk(&path, root, files);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root).expect("a path inside").to_string_lossy().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).expect("a readable file")));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    walk(&root.join("src"), root, &mut files);
    files
}

#[test]
fn the_house_keeps_its_rules() {
    let house = house();
    assert!(house.iter().any(|(file, _)| file == "src/store/engine.rs"), "the source was not found");
    let found: Vec<String> =
        house.iter().flat_map(|(file, source)| breaches(file, source)).map(|breach| breach.to_string()).collect();
    assert!(found.is_empty(), "the house rules are broken:\n{}", found.join("\n"));
}

#[test]
fn sto_05_whatever_takes_back_tells_the_feed() {
    let found: Vec<String> = house()
        .iter()
        .filter(|(file, _)| file.starts_with("src/"))
        .flat_map(|(file, source)| untold(file, source))
        .collect();
    assert!(found.is_empty(), "these take back and tell nobody: {found:?}");
    let planted = [
        "pub async fn f(c: &mut Conn) { c.execute(\"UPDATE epochs SET epoch = 9\", &[]).await }",
        "pub async fn f(c: &mut Conn) { let a = \"UPDATE\n   sessions SET ended_at = $1\"; }",
        "pub async fn f(c: &mut Conn) { c.tell(x) }\npub async fn f() { \"INSERT INTO revoked_tokens\" }",
    ];
    for source in planted {
        assert_eq!(untold("src/store/x.rs", source), ["x::f"], "{source}");
    }
    assert!(untold("src/store/epochs.rs", "async fn hold() { \"UPDATE epochs SET epoch = epoch\" }").is_empty());
}

#[test]
fn the_table_lets_data_go_one_way() {
    for (room, allowed) in ROOMS {
        for other in allowed {
            let back = ROOMS.iter().find(|(name, _)| name == other).map(|(_, rooms)| *rooms);
            assert!(!back.expect("a known room").contains(&room), "{room} and {other} import each other");
        }
    }
}

// ------------------------------------------------------------------------------------------------ planted breaches

/// Asserts that a file with this text is refused at a line, for a reason that contains these words.
fn refused(file: &str, source: &str, line: usize, words: &str) {
    let found: Vec<String> = breaches(file, source).iter().map(ToString::to_string).collect();
    let start = format!("{file}:{line}: ");
    assert!(
        found.iter().any(|breach| breach.starts_with(&start) && breach.contains(words)),
        "{file} was not refused at line {line} for {words:?}, only: {found:?}\n{source}"
    );
}

fn accepted(file: &str, source: &str) {
    let found: Vec<String> = breaches(file, source).iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{found:?}\n{source}");
}

#[test]
fn an_import_against_the_grain_is_caught_however_it_is_written() {
    refused("src/model/customer.rs", "\nuse crate::store::Db;", 2, "`model` may not import `store`");
    refused("src/store/audit.rs", "use crate::{\n    clock::Timestamp,\n    policy::risk,\n};", 3, "`policy`");
    refused("src/store/audit.rs", "use crate::{model::{ids, scope}, secret};", 1, "`secret`");
    refused("src/policy/redirect.rs", "fn f() {\n    crate::service::login::f();\n}", 2, "`service`");
    refused("src/policy/redirect.rs", "use super::super::store::Conn;", 1, "`store`");
    refused("src/policy/mod.rs", "use super::store::Conn;", 1, "`store`");
    refused("src/limits.rs", "use super::app;", 1, "`app`");
    refused("src/secret/seal.rs", "#[cfg(test)]\nmod tests {\n use super::super::super::store::Db;\n}", 3, "`store`");
    refused("src/secret/seal.rs", "pub use crate::policy as p;", 1, "`policy`");
    refused("src/main.rs", "fn main() { rescind::web::start() }", 1, "`main` may not import `web`");
    refused("src/log.rs", "use crate::config::Config;", 1, "`log` may not import `config`");
    refused("src/clock.rs", "type T = Vec<crate::model::ids::StaffId>;", 1, "`clock` may not import `model`");
}

#[test]
fn every_room_is_held_to_its_line_of_the_table() {
    for (room, allowed) in ROOMS.iter().filter(|(room, _)| *room != "lib") {
        let file = format!("src/{room}.rs");
        for (other, _) in ROOMS.iter().filter(|(other, _)| other != room) {
            let source = format!("use crate::{other}::thing;");
            if allowed.contains(other) {
                accepted(&file, &source);
            } else {
                refused(&file, &source, 1, &format!("`{room}` may not import `{other}`"));
            }
        }
    }
}

#[test]
fn only_serve_and_demo_start_the_web() {
    refused("src/cli/client.rs", "use crate::web::routes;", 1, "`cli` may not import `web`");
    accepted("src/cli/serve.rs", "use crate::web::routes;");
    accepted("src/cli/demo/traffic.rs", "use crate::web::routes;");
}

#[test]
fn the_web_never_reads_the_store() {
    refused("src/web/oauth/token.rs", "use crate::store::StoreError;", 1, "`web` may not import `store`");
    accepted("src/web/oauth/token.rs", "use crate::service::refresh;\nuse crate::model::ids::ClientId;");
}

#[test]
fn a_room_that_is_not_in_the_table_is_caught() {
    refused("src/attic/box.rs", "", 1, "`attic` is no room");
}

#[test]
fn audiences_never_meet() {
    refused("src/web/oauth/token.rs", "use crate::web::pages::login;", 1, "may not import the audience `pages`");
    refused("src/web/oauth/token.rs", "use super::super::console;", 1, "`console`");
    refused("src/web/ops.rs", "use crate::web::{guard, api::page};", 1, "`api`");
    refused("src/web/ops.rs", "use super::api;", 1, "`api`");
    accepted("src/web/oauth/token.rs", "use crate::web::{guard::Caller, answer};\nuse super::error;");
    accepted("src/web/mod.rs", "use crate::web::{oauth, pages};");
}

#[test]
fn a_foreign_crate_outside_its_room_is_caught() {
    refused("src/service/login.rs", "use rocket::http::Status;", 1, "`rocket`");
    refused("src/service/login.rs", "#[rocket::async_trait]\nimpl T {}", 1, "`rocket`");
    refused("src/cli/client.rs", "#[macro_use] extern crate rocket;", 1, "`rocket`");
    refused("src/model/ids.rs", "fn f() -> ::sqlx::Error { g() }", 1, "`sqlx`");
    refused("src/service/login.rs", "\nuse {sqlx, std::fmt};", 2, "`sqlx`");
    for name in ["argon2", "rand", "aes_siv", "hkdf", "hmac", "bcrypt"] {
        refused("src/web/pages/login.rs", &format!("use {name}::x;"), 1, &format!("`{name}`"));
        accepted("src/secret/seal.rs", &format!("use {name}::x;"));
    }
    accepted("src/web/pages/login.rs", "use rocket::http::Status;");
    accepted("src/config.rs", "use rocket::figment::Figment;");
    accepted("src/store/engine.rs", "use sqlx::Row;");
    refused("src/service/found.rs", "let c = redis::cmd(\"GET\");", 1, "`redis`");
    accepted("src/service/found.rs", "use crate::cache::redis::Copies;");
    accepted("src/service/login.rs", "use crate::secret::rand::x; let rand = 1; f(rand); a.bcrypt(); if x { rand }");
}

#[test]
fn an_engine_branch_outside_the_engine_is_caught() {
    for word in ENGINE_WORDS {
        refused("src/store/customers.rs", &format!("fn f() {{\n    {word}(x)\n}}"), 2, word);
        accepted("src/store/engine.rs", &format!("fn f() {{ {word}(x) }}"));
        accepted("src/store/migrations.rs", &format!("fn f() {{ {word}(x) }}"));
    }
}

#[test]
fn a_long_file_is_caught_but_its_tests_do_not_count() {
    let lines = |n: usize| "\n".repeat(n);
    refused("src/service/login.rs", &lines(LONGEST_FILE + 1), LONGEST_FILE + 1, "401 lines before its tests");
    accepted("src/service/login.rs", &lines(LONGEST_FILE));
    accepted("src/service/login.rs", &format!("{}#[cfg(test)]\n{}", lines(LONGEST_FILE), lines(300)));
    refused("src/a.rs", &format!("// #[cfg(test)]\n{}", lines(LONGEST_FILE)), LONGEST_FILE + 1, "401 lines");
}

#[test]
fn a_name_that_says_nothing_is_caught() {
    for name in EMPTY_NAMES {
        refused(&format!("src/service/{name}.rs"), "", 1, name);
        refused(&format!("src/service/{name}/mod.rs"), "", 1, name);
        refused(&format!("src/web/{name}/token.rs"), "", 1, name);
        refused("src/service/mod.rs", &format!("\npub mod {name};"), 2, name);
    }
    accepted("src/service/mod.rs", "pub mod login;");
}

#[test]
fn comments_and_texts_are_not_code() {
    accepted("src/model/ids.rs", "//! See [`crate::store`].\n/* use sqlx::X; /* crate::web::y */ Pools::Postgres */");
    accepted("src/model/ids.rs", "const A: &str = \"crate::store \\\" sqlx::X\";");
    accepted("src/model/ids.rs", "const A: &str = r#\"crate::store \" sqlx::X\"#; const B: &[u8] = br\"sqlx::x\";");
    accepted("src/model/ids.rs", "const A: char = '\"'; // crate::store\nconst B: char = '\\''; // sqlx::x");
    refused("src/model/ids.rs", "const A: char = '\"';\nuse sqlx::X; const B: char = '\"';", 2, "`sqlx`");
    refused("src/model/ids.rs", "fn f<'a>(x: &'a str) {}\nuse sqlx::X;", 2, "`sqlx`");
    refused("src/model/ids.rs", "const A: &str = \"// \\\\\"; use sqlx::X;", 1, "`sqlx`");
}
