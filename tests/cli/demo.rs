//! `rescind demo`: what it prints, and the walk that people copy and paste.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::program::{Folder, Program, free_port};

async fn start(folder: &Folder, json: bool) -> Program {
    let port = free_port();
    let text = port.to_string();
    let arguments = ["demo", "--data", "bank", "--port", &text, "--json"];
    let used = if json { &arguments[..] } else { &arguments[..5] };
    folder.start(port, used).ready().await
}

/// Standard output, once something is there: it is printed before the server listens.
async fn printed(server: &Program) -> String {
    while server.printed().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.printed()
}

/// Where a sign-in to the console leads.
async fn console(server: &Program, username: &str, password: &str) -> String {
    let mut browser = Browser::at(&format!("http://localhost:{}", server.port));
    let page = browser.get("/console/login").await;
    let csrf = page.csrf();
    let form = [("csrf_token", csrf.as_str()), ("username", username), ("password", password)];
    let own = [("Sec-Fetch-Site", "same-origin")];
    browser.send(reqwest::Method::POST, "/console/login", &own, Some(&form)).await.location().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_prints_one_object_with_everything_needed_and_runs_on() {
    let folder = Folder::new();
    let server = start(&folder, true).await;
    let text = printed(&server).await;
    assert_eq!(text.lines().count(), 1, "{text}");
    let object: Value = serde_json::from_str(&text).expect("one object");
    let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&object), ["clients", "customer", "staff", "url"]);
    assert_eq!(object["url"], json!(format!("http://localhost:{}", server.port)));
    assert_eq!(object["customer"]["id"], json!("CUST_789456123"));
    assert!(object["customer"]["password"].as_str().is_some_and(|p| p.len() >= 15));
    let staff: Vec<(&str, &str)> = object["staff"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["username"].as_str().unwrap(), one["role"].as_str().unwrap()))
        .collect();
    let expected =
        [("amina", "agent"), ("baraka", "supervisor"), ("chege", "branch"), ("dalia", "admin"), ("eshe", "auditor")];
    assert_eq!(staff, expected);
    for one in object["staff"].as_array().unwrap() {
        let text = |name: &str| one[name].as_str().unwrap().to_owned();
        assert_eq!(console(&server, &text("username"), &text("password")).await, "/console", "{one}");
    }
    let clients: Vec<(&str, bool)> = object["clients"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["client_id"].as_str().unwrap(), one["client_secret"].is_string()))
        .collect();
    assert_eq!(
        clients,
        [("naybitono-mobile", false), ("naybitono-web", true), ("accounts-api", true), ("fraud-desk", true)]
    );
    let secret = object["clients"][2]["client_secret"].as_str().unwrap();
    let seen = server.post("/oauth/introspect", Some(("accounts-api", secret)), &[("token", "x")]).await;
    assert_eq!(seen.body, "{\"active\":false}");
    assert_eq!(server.stop().code, 0);

    // The demo's data is not a bank's.
    let real =
        Folder::new().with("RESCIND_DATABASE_URL", &format!("sqlite:{}/bank/data/rescind.db", folder.path().display()));
    let key =
        |name: &str| std::fs::read_to_string(folder.path().join("bank/keys").join(name)).unwrap().trim().to_owned();
    let real = real
        .with("RESCIND_SECRET_KEY", &key("secret_key"))
        .with("RESCIND_DATA_KEY", &key("data_key"))
        .with("RESCIND_PEPPER", &key("pepper"));
    let refused = real.start(free_port(), &["serve"]).ended();
    assert!(refused.refusal().contains("demo"), "{refused:?}");

    // Starting it again begins anew, under new passwords.
    let again = start(&folder, true).await;
    let second: Value = serde_json::from_str(&printed(&again).await).unwrap();
    assert_eq!(second["customer"]["id"], object["customer"]["id"]);
    assert_ne!(second["customer"]["password"], object["customer"]["password"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_walk_ends_with_everything_dead() {
    let folder = Folder::new();
    let server = start(&folder, false).await;
    let text = printed(&server).await;
    let url = format!("http://localhost:{}", server.port);
    assert!(text.contains(&url) && text.contains("CUST_789456123") && text.contains("baraka"), "{text}");
    assert!(text.contains(&format!("Begin here: sign in at {url}/console as amina")), "{text}");
    assert!(text.contains(&format!("Customer  sign in at {url}/login")), "{text}");
    let walk = text.split_once("second shell:\n\n").expect("the walk").1;
    folder.write("walk.sh", walk);
    let mut bash = Command::new("bash");
    bash.arg("walk.sh").current_dir(folder.path()).env_clear().env("PATH", "/usr/bin:/bin");
    let output = tokio::task::block_in_place(|| bash.output()).expect("bash runs");
    let out = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = out.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 6, "{out}");
    let object = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{out}"));
    assert!(object(lines[0])["access_token"].as_str().is_some_and(|t| t.starts_with("nyb_at_")), "{out}");
    assert_eq!(object(lines[1])["active"], json!(true));
    assert_eq!(object(lines[1])["sub"], json!("CUST_789456123"));
    assert_eq!(object(lines[2])["status"], json!("confirmed"));
    assert!(object(lines[2])["devices"].as_i64() >= Some(3), "iPhone, iPad and the browser of the walk: {out}");
    assert_eq!(lines[3], "{\"active\":false}");
    assert_eq!(object(lines[4])["error"], json!("invalid_grant"));
    assert!(lines[5].starts_with("INC_") && lines[5].ends_with("unlocked CUST_789456123"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn johns_devices_come_out_by_their_names_and_places() {
    let folder = Folder::new();
    let server = start(&folder, true).await;
    printed(&server).await;
    let shell = Folder::new()
        .with("RESCIND_DATABASE_URL", &format!("sqlite:{}/bank/data/rescind.db", folder.path().display()))
        .with("RESCIND_KEYS_FOLDER", &format!("{}/bank/keys", folder.path().display()))
        .with("RESCIND_NETWORKS", "Nairobi CBD=198.51.100.0/26, Home WiFi=203.0.113.16/28");
    let listed = |command: &[&str]| {
        let found = shell.run(&[command, &["--json"]].concat()).json();
        let items = found["items"].as_array().expect("items").clone();
        let mut all: Vec<String> = items
            .iter()
            .map(|item| format!("{}, {}, {}", item["name"].as_str().unwrap(), item["kind"], item["place"]))
            .collect();
        all.sort();
        all
    };
    let johns = ["iPad Air, \"tablet\", \"Home WiFi\"", "iPhone 13 Pro, \"phone\", \"Nairobi CBD\""];
    for command in ["device", "session"] {
        assert_eq!(listed(&[command, "list", "CUST_789456123"]), johns, "{command}");
    }
    let text = shell.run(&["device", "list", "CUST_789456123"]).out;
    assert!(
        text.contains("  iPhone 13 Pro (Nairobi CBD)  last seen ") && text.contains("  iPad Air (Home WiFi)  "),
        "{text}"
    );
    let text = shell.run(&["session", "list", "CUST_789456123"]).out;
    assert!(text.contains("  Naybitono Mobile on iPhone 13 Pro (Nairobi CBD)  since "), "{text}");
    // The others carry all sorts of things, none of them unknown.
    let mut all = std::collections::BTreeSet::new();
    for index in 0..20 {
        all.extend(listed(&["device", "list", &format!("CUST_{}", 100_200_300 + index * 7_919)]));
    }
    assert!(all.len() >= 12 && all.iter().all(|device| !device.contains("nknown")), "{all:#?}");
    assert!(all.iter().any(|device| device.contains("Windows 11, \"computer\"")), "{all:#?}");
}

#[test]
fn a_folder_with_something_else_in_it_is_not_overwritten() {
    let folder = Folder::new().with("RESCIND_DATABASE_URL", "sqlite:bank/data/rescind.db");
    assert_eq!(
        folder.run(&["client", "create", "--id", "real", "--name", "Real", "--type", "resource-server"]).code,
        0
    );
    let ran = folder.run(&["demo", "--data", "bank", "--port", &free_port().to_string()]);
    assert!(ran.refusal().contains("bank"), "{ran:?}");
    assert!(folder.run(&["client", "list"]).out.contains("real"));
}
