//! Keys: where they are made, who may read them, and that replacing one ends nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::database::is_postgres;
use crate::support::program::Folder;

const NAMES: [&str; 3] = ["secret_key", "data_key", "pepper"];

#[test]
fn the_embedded_mode_makes_its_keys_private_and_outside_the_data_folder() {
    let folder = Folder::new();
    let ran = folder.run(&["client", "create", "--id", "x", "--name", "x", "--type", "resource-server"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for name in NAMES {
        assert!(ran.err.contains(&format!("made rescind-keys/{name}")), "it says so: {}", ran.err);
        let path = folder.path().join("rescind-keys").join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        assert!(fs::read_to_string(path).unwrap().len() >= 44, "{name}");
    }
    assert_eq!(fs::metadata(folder.path().join("rescind-keys")).unwrap().permissions().mode() & 0o777, 0o700);
    let inside: Vec<String> = folder.files().into_iter().filter(|file| file.starts_with("rescind-data/")).collect();
    assert!(inside.contains(&"rescind-data/rescind.db".to_owned()), "{inside:?}");
    assert!(!inside.iter().any(|file| NAMES.iter().any(|name| file.contains(name))), "{inside:?}");
    assert_eq!(folder.run(&["client", "list"]).err, "", "it says so once");
}

#[test]
fn a_database_without_its_keys_is_refused_by_name_and_left_as_it_is() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["migrate"]).code, 0);
    assert_eq!(folder.run(&["client", "list"]).code, 0, "a migrated database has its keys");
    let keys = folder.path().join("rescind-keys");
    let database = fs::read(folder.path().join("rescind-data/rescind.db")).unwrap();
    for name in NAMES {
        let text = fs::read_to_string(keys.join(name)).unwrap();
        fs::remove_file(keys.join(name)).unwrap();
        for command in [
            ["serve"].as_slice(),
            &["client", "list"],
            &["keys", "rotate"],
            &["lockdown", "--everyone", "--reason", "x"],
        ] {
            let ran = folder.run(command);
            assert!(ran.refusal().contains(&format!("rescind-keys/{name} is missing")), "{command:?}: {ran:?}");
        }
        assert!(!keys.join(name).exists(), "a new one was made");
        fs::write(keys.join(name), text).unwrap();
    }
    fs::rename(&keys, folder.path().join("elsewhere")).unwrap();
    let ran = folder.run(&["serve"]);
    assert!(ran.refusal().contains("rescind-keys/secret_key is missing"), "{ran:?}");
    assert!(ran.err.contains("rescind-data/rescind.db"), "{ran:?}");
    assert!(!keys.exists());
    assert_eq!(fs::read(folder.path().join("rescind-data/rescind.db")).unwrap(), database);
    fs::rename(folder.path().join("elsewhere"), &keys).unwrap();
    assert_eq!(folder.run(&["client", "list"]).code, 0);
}

#[test]
fn generated_keys_differ_every_time_are_kept_nowhere_and_are_taken_as_settings() {
    let folder = Folder::new();
    let (first, second) = (folder.run(&["keys", "generate"]), folder.run(&["keys", "generate"]));
    assert_eq!((first.code, first.err.as_str(), first.out.lines().count()), (0, "", 3));
    let pair = |text: &str| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
    for (one, other) in first.out.lines().zip(second.out.lines()) {
        assert_eq!(pair(one).0, pair(other).0);
        assert_ne!(pair(one).1, pair(other).1);
    }
    assert_eq!(folder.files(), Vec::<String>::new());
    let folder = first.out.lines().map(pair).fold(folder, |folder, (name, value)| folder.with(&name, &value));
    let ran = folder.run(&["migrate"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert!(!folder.path().join("rescind-keys").exists(), "given keys are not written down");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_02_tokens_sealed_before_a_rotation_still_open() {
    let mut folder = Folder::of_engine().await;
    let bank = folder.enter_bank("CUST_1");
    let server = folder.serve().await;
    let old = server.pair(&bank.customer).await;
    assert!(server.is_active(&bank, &old.access).await);
    assert_eq!(server.stop().code, 0);

    if is_postgres() {
        let ring = folder.run(&["keys", "rotate", "--json"]).json()["RESCIND_SECRET_KEY"].as_str().unwrap().to_owned();
        assert!(ring.starts_with("1:") && ring.contains(",0:"), "the new key is first, the old one is kept");
        folder.set("RESCIND_SECRET_KEY", &ring);
    } else {
        let said = folder.run(&["keys", "rotate", "--json"]).json();
        assert_eq!(said["first"], serde_json::json!(1));
        assert!(!said.to_string().contains("1:"), "no key is shown");
        let path = folder.path().join("rescind-keys/secret_key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(path).unwrap().contains(",0:"));
        assert_eq!(folder.files().iter().filter(|file| file.starts_with("rescind-keys/")).count(), 3);
    }
    let server = folder.serve().await;
    assert!(server.is_active(&bank, &old.access).await);
    let refreshed = crate::support::flow::Pair::of(&server.refresh(&old.refresh).await);
    assert!(server.is_active(&bank, &refreshed.access).await);
    assert_eq!(server.pair(&bank.customer).await.access[..7], old.access[..7]);

    let strange = Folder::new().run(&["keys", "generate", "--json"]).json();
    server.kill();
    folder.set("RESCIND_SECRET_KEY", strange["RESCIND_SECRET_KEY"].as_str().unwrap());
    let server = folder.serve().await;
    assert!(!server.is_active(&bank, &old.access).await, "a ring without the key opens nothing");
}
