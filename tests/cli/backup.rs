//! `rescind backup` beside a running server, and `rescind restored` after going back to it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::support::PASSWORD;
use crate::support::browser::Browser;
use crate::support::database::is_postgres;
use crate::support::flow::{Pair, VERIFIER, authorize_path};
use crate::support::program::{Bank, Folder, Program};

const CUSTOMER: &str = "CUST_1";

/// A browser in which the customer is signed in, and one in which a member of staff is.
async fn browsers(server: &Program) -> [Browser; 2] {
    let (mut customer, mut staff) = (Browser::at(&server.url("")), Browser::at(&server.url("")));
    customer.get(&authorize_path("naybitono-mobile", &[])).await;
    let page = customer.get("/login").await;
    customer.type_password(&page, CUSTOMER, PASSWORD).await;
    staff.staff_sign_in("amina", PASSWORD).await;
    [customer, staff]
}

/// Whether the same browsers are signed in, at a server that may have another port.
async fn are_signed_in(server: &Program, browsers: &[Browser; 2]) -> [bool; 2] {
    let mut found = [false; 2];
    for ((browser, path), found) in browsers.iter().zip(["/account", "/console"]).zip(&mut found) {
        let mut same = Browser::at(&server.url(""));
        same.cookies.clone_from(&browser.cookies);
        *found = same.get(path).await.status == 200;
    }
    found
}

async fn redeem(server: &Program, code: &str) -> String {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "naybitono-mobile"),
        ("code", code),
        ("code_verifier", VERIFIER),
    ];
    server.post("/oauth/token", None, &form).await.error()
}

async fn is_dead(server: &Program, bank: &Bank, pair: &Pair) {
    assert!(!server.is_active(bank, &pair.access).await);
    assert_eq!(server.refresh(&pair.refresh).await.error(), "invalid_grant");
}

/// Puts the copy in the place of the embedded database, as the documents say.
fn go_back(folder: &Folder) {
    let data = folder.path().join("rescind-data");
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(data.join(format!("rescind.db{ending}")));
    }
    fs::copy(folder.path().join("copy.db"), data.join("rescind.db")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_05_after_restored_nothing_given_out_before_lives_and_signing_in_works() {
    let folder = Folder::of_engine().await;
    let bank = folder.enter_bank(CUSTOMER);
    assert_eq!(folder.run_with(&["staff", "create", "--username", "amina", "--role", "agent"], PASSWORD).code, 0);
    let server = folder.serve().await;
    let (before, signed_in) = (server.pair(CUSTOMER).await, browsers(&server).await);
    let code = server.code(CUSTOMER, PASSWORD).await.answer("code").unwrap();
    if !is_postgres() {
        assert_eq!(folder.run(&["backup", "copy.db"]).code, 0);
    }
    let (between, since) = (server.pair(CUSTOMER).await, browsers(&server).await);
    server.stop();
    if !is_postgres() {
        go_back(&folder);
        let server = folder.serve().await;
        assert!(server.is_active(&bank, &before.access).await, "without it, what was given out before lives again");
        assert_eq!(are_signed_in(&server, &signed_in).await, [true, true]);
        let refused = folder.run(&["restored"]);
        assert!(refused.refusal().contains("stop the server first"), "{refused:?}");
        server.stop();
        go_back(&folder);
    }
    let ran = folder.run(&["restored", "--json"]).json();
    assert_eq!((&ran["status"], &ran["committed"]), (&json!("confirmed"), &json!(true)), "{ran}");
    let staff = if is_postgres() { 2 } else { 1 };
    assert_eq!((&ran["sessions_ended"], &ran["staff_signed_out"]), (&json!(staff), &json!(staff)), "{ran}");

    let server = folder.serve().await;
    for pair in [&before, &between] {
        is_dead(&server, &bank, pair).await;
    }
    assert_eq!(redeem(&server, &code).await, "invalid_grant");
    assert_eq!(are_signed_in(&server, &signed_in).await, [false, false]);
    assert_eq!(are_signed_in(&server, &since).await, [false, false]);
    let new = server.pair(CUSTOMER).await;
    assert!(server.is_active(&bank, &new.access).await);
    let anew = browsers(&server).await;
    assert_eq!(are_signed_in(&server, &anew).await, [true, true]);
    server.stop();

    let told = folder.run(&["audit", "export"]).out;
    let row = told.lines().find(|line| line.contains("a backup was restored")).expect("an audit row");
    assert!(row.contains("\"outcome\":\"alarm\"") && row.contains(ran["incident_id"].as_str().unwrap()), "{row}");

    let again = folder.run(&["restored"]);
    assert!(again.code == 0 && again.out.contains("CONFIRMED") && again.out.contains("Lock again"), "{again:?}");
    let server = folder.serve().await;
    is_dead(&server, &bank, &new).await;
    assert!(server.is_active(&bank, &server.pair(CUSTOMER).await.access).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_private_checked_and_replaces_nothing() {
    if is_postgres() {
        let folder = Folder::of_engine().await;
        let ran = folder.run(&["backup", "copy.db"]);
        assert!(ran.refusal().contains("pg_dump") && ran.refusal().contains("pg_basebackup"), "{ran:?}");
        assert!(!folder.files().iter().any(|file| file.contains("copy")));
        return;
    }
    let folder = Folder::of_engine().await;
    folder.enter_bank(CUSTOMER);
    let server = folder.serve().await;
    let (path, ran) = (folder.path().join("copy.db"), folder.run(&["backup", "copy.db", "--json"]).json());
    let found = fs::metadata(&path).unwrap();
    assert_eq!((found.permissions().mode() & 0o777, &ran["file"]), (0o600, &json!("copy.db")));
    assert_eq!(ran["bytes"].as_u64(), Some(found.len()));
    let bytes = fs::read(&path).unwrap();
    server.pair(CUSTOMER).await;
    let again = folder.run(&["backup", "copy.db"]);
    assert!(again.refusal().contains("copy.db is there already"), "{again:?}");
    assert!(folder.run(&["backup", "rescind-data/rescind.db"]).refusal().contains("is there already"));
    assert!(folder.run(&["backup", "nowhere/copy.db"]).refusal().contains("nowhere/copy.db"));
    assert_eq!(fs::read(&path).unwrap(), bytes, "the first is as it was");

    folder.write("other.db.part", "cut off");
    assert!(folder.run(&["backup", "other.db"]).refusal().contains("other.db.part is there"));
    let left: Vec<String> = folder.files().into_iter().filter(|file| !file.contains('/')).collect();
    assert_eq!(left, ["copy.db", "other.db.part"], "nothing half made is left");
    assert!(folder.run(&["backup", "third.db"]).out.contains("keys are not in it"));
}
