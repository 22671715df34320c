//! Wrong settings: one line that names the setting, exit code 1, and nothing is made or written.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use crate::support::database::is_postgres;
use crate::support::program::Folder;

/// A setting, and a word that the line must have besides its name.
const WRONG: [(&str, &str, &str); 70] = [
    ("RESCIND_SEEDED_BUG", "feed-by-id", "unknown"),
    ("RESCIND_SEEDED_PAUSE", "1", "unknown"),
    ("RESCIND_ISUER", "http://localhost:8000", "unknown"),
    ("RESCIND_DATABASE", "sqlite:x.db", "unknown"),
    ("RESCIND_PEPPER_FILES", "x", "unknown"),
    ("RESCIND_NAME_FILE", "x", "unknown"),
    ("ROCKET_PROT", "8000", "unknown"),
    ("ROCKET_DATABASES", "{}", "unknown"),
    ("RESCIND_DATABASE_URL", "mysql://localhost/x", "postgres://"),
    ("RESCIND_DATABASE_URL", "", "postgres://"),
    ("RESCIND_DATABASE_URL", "postgres://u:hunter2@[::bad/x", ""),
    ("RESCIND_REDIS_URL", "localhost:6379", "redis://"),
    ("RESCIND_REDIS_URL", "unix:///run/redis.sock", "redis+sentinel://"),
    ("RESCIND_REDIS_URL", "redis://u:hunter2@[::bad", "URL"),
    ("RESCIND_REDIS_URL", "redis://u:hunter2@a,v:hunter2@b", "several hosts"),
    ("RESCIND_REDIS_URL", "redis+sentinel://u:hunter2@a:26379", "name of the master"),
    ("RESCIND_REDIS_URL", "rediss://u:hunter2@a?ca=no-such-ca.pem", "no-such-ca.pem"),
    ("RESCIND_REDIS_URL", "redis://u:hunter2@a?insecure=hunter2", "parameter"),
    ("RESCIND_REDIS_URL_FILE", "no-such-file", "no-such-file"),
    ("RESCIND_ISSUER", "http://id.bank.example", "https"),
    ("RESCIND_ISSUER", "http://192.0.2.1:8000", "https"),
    ("RESCIND_ISSUER", "https://id.bank.example/", "slash"),
    ("RESCIND_ISSUER", "https://id.bank.example/auth", "path"),
    ("RESCIND_ISSUER", "https://ID.bank.example", "lower case"),
    ("RESCIND_ISSUER", "ftp://localhost", "https"),
    ("RESCIND_ISSUER", "not a url", "URL"),
    ("RESCIND_SECRET_KEY", "c2hvcnQ=", "64"),
    ("RESCIND_SECRET_KEY", "not base64!", "base64"),
    ("RESCIND_DATA_KEY", "c2hvcnQ=", "32"),
    ("RESCIND_PEPPER", "c2hvcnQ=", "32"),
    ("RESCIND_SECRET_KEY_FILE", "no-such-file", "no-such-file"),
    ("RESCIND_TOKEN_PREFIX", "Naybitono", "a-z"),
    ("RESCIND_TOKEN_PREFIX", "x", "2 to 12"),
    ("RESCIND_TRUSTED_PROXIES", "10.0.0.0/33", "networks"),
    ("RESCIND_NETWORKS", "Home WiFi=198.51.100.0/33", "Home WiFi=198.51.100.0/33"),
    ("RESCIND_NETWORKS", "Office=192.0.2.0/24, 10.20.0.0/16", "NAME=NETWORK"),
    ("RESCIND_NETWORKS", "=192.0.2.0/24", "name"),
    ("RESCIND_PLACES_FILE", "no-such-places.mmdb", "no-such-places.mmdb"),
    ("RESCIND_PLACES_FILE", "/", "directory"),
    ("RESCIND_TIME_ZONE", "Mars/Olympus", "Africa/Nairobi"),
    ("RESCIND_PHONE_COUNTRY", "ke", "KE"),
    ("RESCIND_SUPPORT_PHONE", "call us", "telephone number"),
    ("RESCIND_SUPPORT_PHONE", "+1", "telephone number"),
    ("RESCIND_BREACHED_PASSWORDS", "no-such-list", "no-such-list"),
    ("RESCIND_ACCESS_TOKEN_MINUTES", "0", "1 to 60"),
    ("RESCIND_ACCESS_TOKEN_MINUTES", "61", "1 to 60"),
    ("RESCIND_ACCESS_TOKEN_MINUTES", "ten", "1 to 60"),
    ("RESCIND_SESSION_DAYS", "366", "1 to 365"),
    ("RESCIND_REFRESH_GRACE_SECONDS", "-1", "0 to 60"),
    ("RESCIND_STAFF_HOURS", "25", "1 to 24"),
    ("RESCIND_STAFF_IDLE_MINUTES", "1", "2 to 60"),
    ("RESCIND_STAFF_SESSIONS", "0", "1 to 20"),
    ("RESCIND_CONSOLE_HOST", "https://console.bank.example", "host name"),
    ("RESCIND_CONSOLE_HOST", "console.bank.example:8443", "host name"),
    ("RESCIND_LIMIT_SCALE", "0", "1 to"),
    ("RESCIND_HASH_THREADS", "1.5", "0 to 256"),
    ("RESCIND_CHECKS", "quick", "fast or plain"),
    ("RESCIND_LEASE", "31", "1 to 30"),
    ("RESCIND_NEAR_CACHE", "10", "100 to"),
    ("RESCIND_METRICS_ADDRESS", "127.0.0.1", "a port"),
    ("RESCIND_METRICS_ADDRESS", "127.0.0.1:0", "a port"),
    ("RESCIND_METRICS_ADDRESS", "localhost:9464", "an address"),
    ("RESCIND_METRICS_ADDRESS", "9464", "an address"),
    ("RESCIND_LOG", "loud", "trace"),
    ("ROCKET_PORT", "99999", ""),
    ("ROCKET_PORT", "eighty", ""),
    ("ROCKET_ADDRESS", "localhost", ""),
    ("ROCKET_WORKERS", "many", ""),
    ("ROCKET_LIMITS", "{form=", ""),
    ("ROCKET_TLS", "{certs=\"no-cert\",key=\"no-key\"}", "no-cert"),
];

/// Commands that must all refuse; `config check` is there to say so before anything is started.
fn refuses(folder: &Folder, name: &str, word: &str) {
    let before = folder.files();
    for command in [["serve"].as_slice(), &["config", "check"], &["client", "list"], &["migrate"]] {
        let ran = folder.run(command);
        let line = ran.refusal();
        assert!(line.contains(name) && line.contains(word), "{command:?} {name}: {line}");
        assert!(!line.contains("hunter2"), "a password is shown: {line}");
        assert_eq!(folder.files(), before, "{command:?} {name} made a file");
    }
}

#[test]
fn a_wrong_setting_stops_the_start_with_one_line_that_names_it() {
    for (name, value, word) in WRONG {
        // The issuer is given, so that no other setting is looked at on its way.
        let folder = Folder::new().with("RESCIND_ISSUER", "http://localhost:8000").with(name, value);
        refuses(&folder, name, word);
    }
}

#[test]
fn an_issuer_is_needed_where_strangers_can_reach_the_server() {
    for address in ["0.0.0.0", "192.0.2.1", "::"] {
        refuses(&Folder::new().with("ROCKET_ADDRESS", address), "RESCIND_ISSUER", "loopback");
    }
    for address in ["127.0.0.1", "127.8.8.8", "::1"] {
        let ran = Folder::new().with("ROCKET_ADDRESS", address).run(&["config", "check"]);
        assert!(ran.out.contains("RESCIND_ISSUER=http://localhost:8000\n"), "{ran:?}");
    }
}

#[test]
fn a_wrong_rocket_toml_stops_the_start_with_one_line_that_names_the_key() {
    let wrong = [
        ("[default]\nadress = \"127.0.0.1\"\n", "adress"),
        ("[default.rescind]\nisuer = \"x\"\n", "isuer"),
        ("[release.rescind]\ndatabse_url = \"x\"\n[debug.rescind]\ndatabse_url = \"x\"\n", "databse_url"),
        ("[default]\nrescind = 1\n", "rescind"),
        ("[default.rescind]\nhosts = [\"a\"]\n", "hosts"),
        ("[default.rescind]\naccess_token_minutes = 61\n", "RESCIND_ACCESS_TOKEN_MINUTES"),
        ("[default\n", "Rocket.toml"),
        ("[default]\nport = \"x\"\n", "port"),
    ];
    for (text, word) in wrong {
        let folder = Folder::new().with("RESCIND_ISSUER", "http://localhost:8000");
        folder.write("Rocket.toml", text);
        let ran = folder.run(&["serve"]);
        assert!(ran.refusal().to_lowercase().contains(&word.to_lowercase()), "{text}: {ran:?}");
        assert_eq!(folder.files(), ["Rocket.toml"], "{text}");
    }
}

#[test]
fn a_places_file_that_is_none_stops_the_start() {
    let folder = Folder::new().with("RESCIND_PLACES_FILE", "places.mmdb");
    folder.write("places.mmdb", "<html>Please sign in to download</html>");
    refuses(&folder, "RESCIND_PLACES_FILE", "places.mmdb");
}

#[test]
fn networks_are_one_line_or_a_table_of_rocket_toml() {
    let expected = "Branch Westlands=10.20.0.0/16, Home WiFi=198.51.100.0/24";
    let line = Folder::new().with("RESCIND_NETWORKS", "Branch Westlands = 10.20.0.0/16,Home WiFi=198.51.100.0/24");
    let table = Folder::new();
    table.write(
        "Rocket.toml",
        "[default.rescind.networks]\n\"Home WiFi\" = \"198.51.100.0/24\"\n\"Branch Westlands\" = \"10.20.0.0/16\"\n",
    );
    for folder in [line, table] {
        assert_eq!(folder.run(&["config", "check", "--json"]).json()["RESCIND_NETWORKS"], expected);
    }
    for (text, word) in [
        ("networks = [\"a\"]", "networks"),
        ("networks = { a = [\"192.0.2.0/24\"] }", "networks"),
        ("networks = { a = \"192.0.2.0/33\" }", "a=192.0.2.0/33"),
        ("name = { a = \"b\" }", "name"),
    ] {
        let folder = Folder::new();
        folder.write("Rocket.toml", &format!("[default.rescind]\n{text}\n"));
        assert!(folder.run(&["config", "check"]).refusal().contains(word), "{text}");
    }
}

#[test]
fn a_key_given_twice_is_refused_whichever_comes_first() {
    let folder = Folder::new().with("RESCIND_PEPPER", "x").with("RESCIND_PEPPER_FILE", "pepper");
    folder.write("pepper", "x");
    refuses(&folder, "RESCIND_PEPPER", "twice");
}

#[test]
fn settings_come_from_rocket_toml_and_the_environment_wins() {
    let folder = Folder::new().with("RESCIND_NAME", "From the environment");
    folder.write("Rocket.toml", "[default]\nport = 8123\n[default.rescind]\nname = \"File\"\nsession_days = 7\n");
    let ran = folder.run(&["config", "check", "--json"]).json();
    assert_eq!(ran["RESCIND_NAME"], "From the environment");
    assert_eq!(ran["RESCIND_SESSION_DAYS"], "7");
    assert_eq!(ran["RESCIND_ISSUER"], "http://localhost:8123");
    assert_eq!(folder.files(), ["Rocket.toml"]);
}

#[test]
fn config_check_shows_no_secret() {
    let keys = Folder::new().run(&["keys", "generate", "--json"]).json();
    let names = ["RESCIND_SECRET_KEY", "RESCIND_DATA_KEY", "RESCIND_PEPPER"];
    let key = |name: &str| keys[name].as_str().unwrap().to_owned();
    let urls = [
        "postgres://rescind:hunter2@db.example/rescind",
        "postgres://db.example/rescind?user=rescind&password=hunter2",
        "postgres://db.example/rescind?password=hunter2&sslmode=require",
        "postgresql://rescind:hunter2@db.example:5432/rescind?application_name=x",
    ];
    for url in urls {
        let folder =
            names.iter().fold(Folder::new().with("RESCIND_DATABASE_URL", url), |f, name| f.with(name, &key(name)));
        for more in [[].as_slice(), &["--json"]] {
            let ran = folder.run(&[&["config", "check"], more].concat());
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
            assert!(!ran.out.contains("hunter2") && ran.out.contains("db.example"), "{}", ran.out);
            for name in names {
                assert!(!ran.out.contains(&key(name)) && ran.out.contains(name), "{}", ran.out);
            }
        }
        assert_eq!(folder.files(), Vec::<String>::new());
    }
}

#[test]
fn sto_10_the_address_of_redis_is_shown_without_its_password_and_may_stand_in_a_file() {
    let shown = "rediss://rescind:***@a.example:6379,b.example:7000";
    let url = "rediss://rescind:hunter2@a.example,b.example:7000";
    let given = Folder::new().with("RESCIND_REDIS_URL", url);
    let by_file = Folder::new().with("RESCIND_REDIS_URL_FILE", "redis-url");
    by_file.write("redis-url", &format!("{url}\n"));
    for folder in [given, by_file] {
        let ran = folder.run(&["config", "check", "--json"]);
        assert_eq!(ran.json()["RESCIND_REDIS_URL"], shown);
        assert!(!ran.out.contains("hunter2"));
    }
}

#[test]
fn postgresql_needs_its_keys_given_and_the_missing_one_is_named() {
    let keys = Folder::new().run(&["keys", "generate", "--json"]).json();
    let names = ["RESCIND_SECRET_KEY", "RESCIND_DATA_KEY", "RESCIND_PEPPER"];
    for missing in names {
        let folder = Folder::new().with("RESCIND_DATABASE_URL", "postgres://127.0.0.1:1/x");
        let given = names.iter().filter(|name| **name != missing);
        let folder = given.fold(folder, |folder, name| folder.with(name, keys[name].as_str().unwrap()));
        for command in [["serve"].as_slice(), &["client", "list"]] {
            let ran = folder.run(command);
            assert!(ran.refusal().contains(&format!("{missing} is not set")), "{ran:?}");
            assert!(ran.err.contains("rescind keys generate"), "it says what to do: {ran:?}");
        }
        assert_eq!(folder.files(), Vec::<String>::new());
    }
}

#[test]
fn an_unreachable_database_is_named() {
    let keys = Folder::new().run(&["keys", "generate", "--json"]).json();
    let names = ["RESCIND_SECRET_KEY", "RESCIND_DATA_KEY", "RESCIND_PEPPER"];
    let folder = Folder::new().with("RESCIND_DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/x");
    let folder = names.iter().fold(folder, |folder, name| folder.with(name, keys[name].as_str().unwrap()));
    let blocked = Folder::new().with("RESCIND_DATABASE_URL", "sqlite:blocked/rescind.db");
    blocked.write("blocked", "a file where a folder should be");
    for folder in [folder, blocked] {
        for command in [["serve"].as_slice(), &["client", "list"], &["migrate"]] {
            let ran = folder.run(command);
            let line = ran.err.lines().last().unwrap_or_default();
            assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
            assert!(line.contains("RESCIND_DATABASE_URL") && !ran.err.contains("hunter2"), "{command:?}: {ran:?}");
        }
    }
}

/// Marks the database as one of a release far ahead.
async fn db_make_newer(url: &str) {
    let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (901, 'later', TRUE, $CHECKSUM, 0)";
    if url.starts_with("sqlite:") {
        let mut conn = SqliteConnection::connect(url).await.unwrap();
        conn.execute(AssertSqlSafe(sql.replace("$CHECKSUM", "x'00'"))).await.unwrap();
        conn.close().await.unwrap();
    } else {
        let mut conn = PgConnection::connect(url).await.unwrap();
        conn.execute(AssertSqlSafe(sql.replace("$CHECKSUM", "'\\x00'"))).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_later_release_is_refused_and_left_as_it_is() {
    let folder = Folder::of_engine().await;
    let rows = async || crate::canaries::db_dump(&folder.database_url()).await;
    db_make_newer(&folder.database_url()).await;
    let before = rows().await;
    let create = ["client", "create", "--id", "x", "--name", "x", "--type", "resource-server"];
    for command in [["serve"].as_slice(), &["migrate"], &create] {
        let ran = folder.run(command);
        assert!(ran.refusal().contains("release 9"), "{command:?}: {ran:?}");
    }
    assert_eq!(rows().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_on_postgresql_wait_for_the_operator_to_migrate() {
    if !is_postgres() {
        return;
    }
    let keys = Folder::new().run(&["keys", "generate", "--json"]).json();
    let database = crate::support::database::TestDatabase::postgres().await;
    let folder = ["RESCIND_SECRET_KEY", "RESCIND_DATA_KEY", "RESCIND_PEPPER"]
        .iter()
        .fold(Folder::new(), |folder, name| folder.with(name, keys[name].as_str().unwrap()))
        .with("RESCIND_DATABASE_URL", &database.url);
    assert!(folder.run(&["client", "list"]).refusal().contains("rescind migrate"));
    assert_eq!(crate::canaries::db_dump(&database.url).await, "", "a command made tables");
    assert_eq!(folder.run(&["migrate"]).code, 0);
    assert_eq!(folder.run(&["migrate"]).out, "The database is up to date.\n");
    assert_eq!(folder.run(&["client", "list"]).code, 0);
}
