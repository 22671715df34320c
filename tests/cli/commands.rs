//! What all commands have in common: help with an example, exit codes, one line on standard error, JSON.

use serde_json::{Value, json};

use crate::support::PASSWORD;
use crate::support::program::Folder;

/// The commands of this release, as the docs name them.
const COMMANDS: [&str; 35] = [
    "serve",
    "demo",
    "migrate",
    "client create",
    "client list",
    "client show",
    "client rotate-secret",
    "client disable",
    "client enable",
    "customer create",
    "customer show",
    "customer find",
    "customer update",
    "customer password",
    "customer disable",
    "customer enable",
    "customer import",
    "staff create",
    "staff list",
    "staff disable",
    "staff reset",
    "session list",
    "session revoke",
    "device list",
    "device revoke",
    "lockdown",
    "unlock",
    "audit export",
    "backup",
    "restored",
    "keys generate",
    "keys rotate",
    "config check",
    "health",
    "completions",
];

/// The names under `Commands:` of a help text.
fn named_in(help: &str) -> Vec<String> {
    let rest = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    let lines = rest.lines().take_while(|line| line.starts_with("  "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_command_is_there_and_shows_an_example() {
    let folder = Folder::new();
    let help = |words: &[&str]| {
        let ran = folder.run(&[words, &["--help"]].concat());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{words:?}");
        ran.out
    };
    let mut found = Vec::new();
    for name in named_in(&help(&[])) {
        if name == "help" {
            continue;
        }
        let below: Vec<String> = named_in(&help(&[&name])).into_iter().filter(|word| word != "help").collect();
        if below.is_empty() {
            found.push(name);
        } else {
            found.extend(below.iter().map(|word| format!("{name} {word}")));
        }
    }
    let mut expected = COMMANDS.map(str::to_owned).to_vec();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    for name in &found {
        let words: Vec<&str> = name.split(' ').collect();
        let text = help(&words);
        let example = text.lines().find(|line| line.starts_with("Example: ")).unwrap_or_default();
        assert!(example.contains(&format!("rescind {name}")), "{name} has no example of itself:\n{text}");
        assert!(text.contains("--json"), "{name}");
    }
    assert_eq!(folder.files(), Vec::<String>::new(), "help made files");
}

#[test]
fn wrong_usage_is_exit_code_2_and_touches_nothing() {
    let folder = Folder::new();
    let wrong: [&[&str]; 14] = [
        &[],
        &["fly"],
        &["client"],
        &["client", "create"],
        &["client", "create", "--id", "a b", "--name", "x", "--type", "public"],
        &["client", "create", "--id", "a", "--name", "x", "--type", "secret"],
        &["client", "create", "--id", "a", "--name", "x", "--type", "confidential", "--secret", "s"],
        &["client", "create", "--id", "a", "--name", "x", "--type", "confidential", "--grant", "password"],
        &["customer", "create", "--id", "a", "--name", "x", "--password", "s"],
        &["staff", "create", "--username", "amina", "--role", "boss"],
        &["lockdown", "--reason", "x"],
        &["lockdown", "CUST_1"],
        &["lockdown", "CUST_1", "--everyone", "--reason", "x"],
        &["session", "revoke", "not-a-uuid", "--reason", "x"],
    ];
    for arguments in wrong {
        let ran = folder.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}: {ran:?}");
        assert!(!ran.err.is_empty(), "{arguments:?} says nothing");
    }
    assert_eq!(folder.files(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_exit_code_1_and_one_line_that_names_it() {
    let folder = Folder::of_engine().await;
    let id = "01920f6e-0000-7000-8000-000000000000";
    let missing: [(&[&str], &str); 18] = [
        (&["client", "show", "nobody"], "nobody"),
        (&["client", "rotate-secret", "nobody"], "nobody"),
        (&["client", "disable", "nobody"], "nobody"),
        (&["client", "enable", "nobody"], "nobody"),
        (&["customer", "show", "nobody"], "nobody"),
        (&["customer", "update", "nobody", "--name", "x"], "nobody"),
        (&["customer", "disable", "nobody"], "nobody"),
        (&["customer", "enable", "nobody"], "nobody"),
        (&["customer", "import", "nothing.ndjson"], "nothing.ndjson"),
        (&["staff", "disable", "nobody"], "nobody"),
        (&["session", "list", "nobody"], "nobody"),
        (&["session", "revoke", id, "--reason", "x"], id),
        (&["device", "list", "nobody"], "nobody"),
        (&["device", "revoke", id, "--reason", "x"], id),
        (&["lockdown", "nobody", "--reason", "x"], "nobody"),
        (&["lockdown", "--client", "nobody", "--reason", "x"], "nobody"),
        (&["unlock", "nobody", "--reason", "x"], "nobody"),
        (&["health", "--address", "127.0.0.1:1"], "127.0.0.1:1"),
    ];
    for (arguments, name) in missing {
        let ran = folder.run(arguments);
        assert!(ran.refusal().contains(name), "{arguments:?}: {ran:?}");
    }
    for (arguments, name) in [(["customer", "password", "nobody"], "nobody"), (["staff", "reset", "nobody"], "nobody")]
    {
        assert!(folder.run_with(&arguments, PASSWORD).refusal().contains(name));
    }
    for reason in ["", "line\nbreak", &"x".repeat(201)] {
        assert!(folder.run(&["lockdown", "nobody", "--reason", reason]).refusal().contains("--reason"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_answer_in_text_or_in_one_json_object() {
    let folder = Folder::of_engine().await;
    let bank = folder.enter_bank("CUST_1");
    let staff = ["staff", "create", "--username", "amina", "--role", "agent", "--json"];
    assert_eq!(folder.run_with(&staff, PASSWORD).json(), json!({ "username": "amina" }));
    let list = folder.run(&["staff", "list", "--json"]).json();
    assert_eq!(list["items"][0]["username"], json!("amina"));
    assert_eq!((&list["items"][0]["role"], &list["next_cursor"]), (&json!("agent"), &Value::Null));
    assert_eq!(folder.run(&["staff", "disable", "amina", "--json"]).json(), json!({ "username": "amina" }));
    assert!(folder.run(&["staff", "list"]).out.contains("amina  agent  DISABLED"));
    assert_eq!(folder.run_with(&["staff", "reset", "amina"], PASSWORD).out, "username: amina\n");
    assert!(!folder.run(&["staff", "list"]).out.contains("DISABLED"));

    let locked = folder.run(&["lockdown", &bank.customer, "--reason", "phone stolen", "--json"]).json();
    let incident = locked["incident_id"].as_str().unwrap();
    assert_eq!(locked["status"], json!("confirmed"));
    assert_eq!((&locked["committed"], &locked["durable"]), (&json!(true), &json!("local")));
    assert_eq!((&locked["sessions_ended"], &locked["devices"], &locked["nodes"]), (&json!(0), &json!(0), &json!(1)));
    assert!(locked["confirmed_in_ms"].as_i64() >= Some(0));
    assert!(incident.starts_with("INC_") && incident.len() == 14, "{incident}");
    let again = folder.run(&["lockdown", &bank.customer, "--reason", "again", "--json"]).json();
    assert_eq!(again["incident_id"], json!(incident), "already locked is the same incident");
    assert!(folder.run(&["customer", "show", &bank.customer]).out.contains("restriction: full"));

    let unlocked = folder.run(&["unlock", &bank.customer, "--reason", "seen in branch", "--json"]).json();
    assert_eq!(unlocked, json!({ "incident_id": incident, "status": "unlocked" }));
    assert!(folder.run(&["unlock", &bank.customer, "--reason", "x"]).refusal().contains("is not locked"));
    assert!(folder.run(&["customer", "show", &bank.customer]).out.contains("restriction: none"));
    for all in [["--client", "naybitono-mobile"].as_slice(), &["--everyone"]] {
        let ran = folder.run(&[&["lockdown", "--reason", "leak"], all].concat());
        assert!(ran.code == 0 && ran.out.contains("CONFIRMED"), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_by_a_command_is_in_the_audit_trail_under_the_operators_account() {
    let folder = Folder::of_engine().await.with("USER", "wanjiku");
    let bank = folder.enter_bank("CUST_1");
    folder.run(&["lockdown", &bank.customer, "--reason", "phone stolen"]);
    folder.run(&["unlock", &bank.customer, "--reason", "seen in branch"]);
    let ran = folder.run(&["audit", "export"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let rows: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    let has = |action: &str, outcome: &str, target: &str| {
        let fits = |row: &&Value| row["action"] == *action && row["outcome"] == *outcome && row["target_id"] == *target;
        rows.iter().find(fits).unwrap_or_else(|| panic!("no {action} {outcome} {target}: {}", ran.out)).clone()
    };
    has("client_write", "done", "accounts-api");
    has("customer_write", "done", "CUST_1");
    has("lockdown", "done", "CUST_1");
    let unlock = has("unlock", "alarm", "CUST_1");
    assert_eq!((&unlock["actor_kind"], &unlock["actor_id"]), (&json!("shell"), &json!("wanjiku")));
    has("audit_read", "done", "*");
    let of_nobody = folder.run(&["audit", "export", "--customer", "CUST_2"]);
    assert_eq!((of_nobody.code, of_nobody.out.as_str()), (0, ""));
    let of_one = folder.run(&["audit", "export", "--customer", "CUST_1"]);
    assert!(of_one.out.lines().count() >= 3, "{of_one:?}");
    assert!(of_one.out.lines().all(|line| line.contains("\"customer_id\":\"CUST_1\"")));
}

#[test]
fn completions_name_the_commands() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = folder.run(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        assert!(ran.out.contains("rotate-secret") && ran.out.contains("lockdown"), "{shell}");
    }
    assert_eq!(folder.run(&["completions", "abacus"]).code, 2);
    let script = folder.run(&["completions", "bash"]).out;
    folder.write("complete.sh", &script);
    let checked = std::process::Command::new("bash").arg("-n").arg(folder.path().join("complete.sh")).status();
    assert!(checked.unwrap().success(), "bash can't read its completions");
}

#[test]
fn a_command_in_the_wrong_folder_says_so_and_makes_nothing() {
    let folder = Folder::new();
    let id = "01920f6e-0000-7000-8000-000000000000";
    let commands: [&[&str]; 14] = [
        &["client", "list"],
        &["client", "show", "x"],
        &["client", "rotate-secret", "x"],
        &["client", "disable", "x"],
        &["customer", "show", "x"],
        &["staff", "list"],
        &["session", "list", "x"],
        &["device", "revoke", id, "--reason", "x"],
        &["lockdown", "x", "--reason", "x"],
        &["lockdown", "--everyone", "--reason", "x"],
        &["unlock", "x", "--reason", "x"],
        &["audit", "export"],
        &["backup", "copy.db"],
        &["restored"],
    ];
    for arguments in commands {
        let ran = folder.run(arguments);
        assert!(ran.refusal().contains("there is no database rescind-data/rescind.db"), "{arguments:?}: {ran:?}");
        assert_eq!(folder.files(), Vec::<String>::new(), "{arguments:?}");
    }
}
