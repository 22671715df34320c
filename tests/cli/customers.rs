//! `rescind customer`: passwords from standard input, imports all or nothing.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::PASSWORD;
use crate::support::program::{Folder, Program};

/// bcrypt and argon2id (without pepper, as another system made it) of [`PASSWORD`].
const BCRYPT: &str = "$2b$05$Nq7vB2mX4kLw9ZrTyHcDfO4Lu7N2H2PHJrO8tCvEqAZXFu5/P45um";
const ARGON2: &str = "$argon2id$v=19$m=8192,t=2,p=1$aW1wb3J0ZWQtc2FsdC0xNg$OkI3lVd/NxnM15GGc53jrk5QwVnjqDSnH6u+WPSy7T0";

fn import(folder: &Folder, lines: &[String]) -> crate::support::program::Ran {
    folder.write("customers.ndjson", &lines.join("\n"));
    folder.run(&["customer", "import", "customers.ndjson", "--json"])
}

fn line(id: &str, hash: Option<&str>) -> String {
    json!({ "id": id, "name": "Imported", "email": null, "phone": "+254712345678", "password_hash": hash }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_with_a_bad_line_names_it_by_number_and_imports_nobody() {
    let folder = Folder::of_engine().await;
    let bad = [
        "{".to_owned(),
        "[]".to_owned(),
        json!({ "id": "CUST_9" }).to_string(),
        json!({ "id": "CUST 9", "name": "x" }).to_string(),
        json!({ "id": "CUST_9", "name": "" }).to_string(),
        json!({ "id": "CUST_9", "name": "x", "email": "not an address" }).to_string(),
        json!({ "id": "CUST_9", "name": "x", "phone": "12" }).to_string(),
        json!({ "id": "CUST_9", "name": "x", "password": "plain" }).to_string(),
        json!({ "id": "CUST_9", "name": "x", "password_hash": "5f4dcc3b5aa765d61d8327deb882cf99" }).to_string(),
        json!({ "id": "CUST_9", "name": "x", "password_hash": "$2b$99$x" }).to_string(),
    ];
    for text in &bad {
        let ran = import(&folder, &[line("CUST_1", None), String::new(), text.clone(), line("CUST_2", None)]);
        let refusal = ran.refusal();
        assert!(refusal.contains("nothing was imported: line 3: "), "{text}: {refusal}");
        assert_eq!(refusal.matches("line ").count(), 1, "{refusal}");
    }
    let all = import(&folder, &vec!["{".to_owned(); 12]);
    assert!(all.refusal().contains("line 10: ") && all.refusal().contains("and 2 more"), "{all:?}");
    let twice = import(&folder, &[line("CUST_1", None), line("CUST_2", None), line("CUST_1", None)]);
    assert!(twice.refusal().contains("line 3: the name CUST_1 is taken"), "{twice:?}");
    for id in ["CUST_1", "CUST_2", "CUST_9"] {
        assert!(folder.run(&["customer", "show", id]).refusal().contains(id));
    }
    let done = import(&folder, &[line("CUST_1", None), line("CUST_2", Some(BCRYPT))]);
    assert_eq!(done.json(), json!({ "imported": 2 }));
    let piped = folder.run_with(&["customer", "import", "-"], &line("CUST_3", None));
    assert_eq!((piped.code, piped.out.as_str()), (0, "Imported 1 customers.\n"));
    let shown = folder.run(&["customer", "show", "CUST_2", "--json"]);
    assert_eq!(shown.code, 0);
    assert!(!shown.out.contains("$2b$") && !shown.out.contains("password_hash"), "{shown:?}");
}

/// The stored hash of a customer.
async fn db_hash(folder: &Folder, id: &str) -> String {
    let db = rescind::store::Db::open(&folder.database_url()).await.expect("database");
    let mut conn = db.read().await.expect("connection");
    let sql = "SELECT password_hash FROM customers WHERE customer_id = $1";
    let found: Option<String> = conn.value(sql, &[&id]).await.expect("read");
    drop(conn);
    db.close().await;
    found.expect("a hash")
}

async fn sign_in(server: &Program, id: &str, password: &str) -> StatusCode {
    server.code(id, password).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_03_imported_hashes_let_their_owners_in_and_become_ours() {
    let folder = Folder::of_engine().await;
    folder.enter_bank("CUST_1");
    let done = import(&folder, &[line("CUST_B", Some(BCRYPT)), line("CUST_A", Some(ARGON2)), line("CUST_N", None)]);
    assert_eq!(done.json(), json!({ "imported": 3 }));
    let server = folder.serve().await;
    for (id, old) in [("CUST_B", BCRYPT), ("CUST_A", ARGON2)] {
        assert_eq!(sign_in(&server, id, "meadow-lantern-48-quarry-viola").await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(db_hash(&folder, id).await, old, "a wrong password upgrades nothing");
        assert_eq!(sign_in(&server, id, PASSWORD).await, StatusCode::SEE_OTHER);
        let new = db_hash(&folder, id).await;
        assert!(new.starts_with("$argon2id$v=19$m=19456,t=2,p=1,keyid="), "{new}");
        assert_eq!(sign_in(&server, id, PASSWORD).await, StatusCode::SEE_OTHER, "the new hash is of the same password");
        assert_eq!(db_hash(&folder, id).await, new, "ours is not upgraded again");
    }
    assert_eq!(sign_in(&server, "CUST_N", "").await, StatusCode::UNPROCESSABLE_ENTITY, "no hash, no sign-in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_comes_from_standard_input_less_one_newline() {
    let folder = Folder::of_engine().await;
    folder.enter_bank("CUST_0");
    let create = |id: &str, typed: &str| folder.run_with(&["customer", "create", "--id", id, "--name", "John"], typed);
    assert!(create("CUST_1", "").refusal().contains("standard input"));
    for (id, typed) in [("CUST_1", "tail-newline-38-quarry\n"), ("CUST_2", "tail-newline-38-quarry\r\n")] {
        assert_eq!(create(id, typed).code, 0);
    }
    assert_eq!(create("CUST_3", "tail-newline-38-quarry  \n").code, 0);
    let server = folder.serve().await;
    for id in ["CUST_1", "CUST_2"] {
        assert_eq!(sign_in(&server, id, "tail-newline-38-quarry").await, StatusCode::SEE_OTHER, "{id}");
    }
    assert_eq!(sign_in(&server, "CUST_3", "tail-newline-38-quarry").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(sign_in(&server, "CUST_3", "tail-newline-38-quarry  ").await, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_01_pwd_02_weak_passwords_are_refused_wherever_one_is_set() {
    let folder = Folder::of_engine().await;
    let bank = folder.enter_bank("CUST_1");
    let long = "quarry-violin-".repeat(80);
    let weak = ["short-one-1234", "passwordpassword", "aaaaaaaaaaaaaaaaaaaa", "qwertyuiop123456", &long];
    for password in weak {
        let create = ["customer", "create", "--id", "CUST_2", "--name", "John Doe"];
        let reset = ["customer", "password", &bank.customer];
        let staff = ["staff", "create", "--username", "amina", "--role", "agent"];
        for arguments in [create.as_slice(), &reset, &staff] {
            let ran = folder.run_with(arguments, password);
            assert!(ran.refusal().contains("assword"), "{arguments:?} took {password}: {ran:?}");
            assert!(!ran.err.contains(password), "the password is repeated");
        }
    }
    let own = folder.run_with(&["customer", "password", "CUST_1"], "CUST_1 John Doe Rescind");
    assert!(own.refusal().contains("your own details"), "{own:?}");
    assert!(folder.run(&["customer", "show", "CUST_2"]).refusal().contains("CUST_2"));
    assert_eq!(folder.run(&["staff", "list", "--json"]).json()["items"], json!([]));
    let server = folder.serve().await;
    assert_eq!(sign_in(&server, &bank.customer, PASSWORD).await, StatusCode::SEE_OTHER, "the old password stands");
}

#[tokio::test(flavor = "multi_thread")]
async fn pwd_02_a_breached_password_is_refused_wherever_one_is_set() {
    let mut folder = Folder::of_engine().await;
    let breached = "correct-meadow-stapler-91-battery";
    let sums = [
        "0000000000000000000000000000000000000001",
        "56DC79DEC8688BD40B28FDC55C37693B2C44B347",
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
    ];
    for list in [sums.join("\n"), format!("{}:17\r\n", sums.join(":3\r\n"))] {
        folder.write("breached.txt", &list);
        folder.set("RESCIND_BREACHED_PASSWORDS", "breached.txt");
        let create = ["customer", "create", "--id", "CUST_2", "--name", "John Doe"];
        let staff = ["staff", "create", "--username", "amina", "--role", "agent"];
        for arguments in [create.as_slice(), &staff] {
            let ran = folder.run_with(arguments, breached);
            assert!(ran.refusal().contains("breach"), "{ran:?}");
        }
    }
    let create = ["customer", "create", "--id", "CUST_2", "--name", "John Doe"];
    assert_eq!(folder.run_with(&create, PASSWORD).code, 0, "others are taken");
    assert!(folder.run_with(&["customer", "password", "CUST_2"], breached).refusal().contains("breach"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_03_disabling_or_a_new_password_ends_everything_and_enabling_lets_in_again() {
    let folder = Folder::of_engine().await;
    let bank = folder.enter_bank("CUST_1");
    let server = folder.serve().await;
    let pair = server.pair(&bank.customer).await;
    assert!(server.is_active(&bank, &pair.access).await);
    assert_eq!(folder.run(&["customer", "disable", "CUST_1", "--json"]).json(), json!({ "customer_id": "CUST_1" }));
    assert!(!server.is_active(&bank, &pair.access).await);
    assert_eq!(server.refresh(&pair.refresh).await.error(), "invalid_grant");
    assert_eq!(sign_in(&server, "CUST_1", PASSWORD).await, StatusCode::FORBIDDEN);
    assert_eq!(folder.run(&["customer", "enable", "CUST_1"]).code, 0);
    assert!(!server.is_active(&bank, &pair.access).await, "what was dead stays dead");
    let pair = server.pair(&bank.customer).await;
    let new = "harbour-whistle-27-copper-lantern";
    assert_eq!(folder.run_with(&["customer", "password", "CUST_1"], new).code, 0);
    assert!(!server.is_active(&bank, &pair.access).await);
    assert_eq!(sign_in(&server, "CUST_1", PASSWORD).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(sign_in(&server, "CUST_1", new).await, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn contact_details_change_one_by_one() {
    let folder = Folder::of_engine().await.with("RESCIND_PHONE_COUNTRY", "KE");
    folder.enter_bank("CUST_1");
    let change = |more: &[&str]| folder.run(&[&["customer", "update", "CUST_1"], more].concat());
    assert_eq!(change(&["--email", "John.Doe@example.com", "--phone", "0712 345 678"]).code, 0);
    let shown = folder.run(&["customer", "show", "CUST_1"]).out;
    assert!(shown.contains("email: John.Doe@example.com") && shown.contains("phone: +254712345678"), "{shown}");
    assert_eq!(change(&["--email", ""]).code, 0);
    let shown = folder.run(&["customer", "show", "CUST_1"]).out;
    assert!(shown.contains("email: -") && shown.contains("phone: +254712345678"), "{shown}");
    assert!(change(&["--phone", "call me"]).refusal().contains("telephone"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_found_by_what_they_say_and_changed_details_keep_their_times() {
    let folder = Folder::of_engine().await;
    let john = json!({ "id": "CUST_1", "name": "John Doe", "email": "John@example.com", "phone": "+254712345678" });
    let jane = json!({ "id": "CUST_2", "name": "Jane Doe" });
    assert_eq!(import(&folder, &[john.to_string(), jane.to_string()]).json()["imported"], 2);
    let found = |words: &str| {
        let items = folder.run(&["customer", "find", words, "--json"]).json()["items"].clone();
        let ids = items.as_array().unwrap().iter().map(|one| one["customer_id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    for words in ["CUST_1", "john@EXAMPLE.com", "+254 712 345-678", "  JOHN  d", "john"] {
        assert_eq!(found(words), ["CUST_1"], "{words}");
    }
    assert_eq!(found("j"), ["CUST_2", "CUST_1"], "by name");
    assert_eq!(found("doe"), [] as [&str; 0], "a name is found by its beginning");

    assert_eq!(folder.run(&["customer", "update", "CUST_1", "--phone", "+254710000001"]).code, 0);
    let shown = folder.run(&["customer", "show", "CUST_1", "--json"]).json();
    let last = &shown["contact_changes"][0];
    assert_eq!((&last["field"], &last["old_value"]), (&json!("phone"), &json!("+254712345678")), "{shown}");
    assert_eq!(last["new_value"], "+254710000001");
    assert!(last["changed_by"].as_str().unwrap().starts_with("shell:") && last["changed_at"].is_string());
    assert_eq!(found("+254710000001"), ["CUST_1"]);
}
