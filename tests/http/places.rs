//! Coarse places: named networks, a file in MaxMind's format, and what is said where neither knows.

use std::path::{Path, PathBuf};

use rescind::place::Places;
use rescind::place::networks::NamedNetwork;
use serde_json::json;

use crate::support::mmdb;

/// A file in a folder of its own, gone when dropped.
struct File(tempfile::TempDir);

impl File {
    fn with(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("places.mmdb"), bytes).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("places.mmdb")
    }
}

fn kenya() -> Vec<u8> {
    mmdb::write(
        "GeoLite2-City",
        &[
            ("198.51.100.0/24", mmdb::city("Nairobi", "Kenya", "KE")),
            ("192.0.2.0/24", mmdb::country("Uganda", "UG")),
            ("203.0.113.0/25", json!({ "city": { "names": { "en": "Nowhere" } } })),
            ("203.0.113.128/26", json!({ "country": { "iso_code": "TZ" } })),
            ("203.0.113.192/26", json!({ "city": { "names": { "de": "Stadt" } } })),
            ("2001:db8:1::/48", mmdb::city("Kisumu", "Kenya", "KE")),
            ("2001:db8:2::/48", mmdb::city("a\u{202e}b\u{7}", "Kenya", "K\u{200f}E")),
        ],
    )
}

fn networks(text: &str) -> Vec<NamedNetwork> {
    text.split(", ").map(|one| NamedNetwork::parse(one).expect("a named network")).collect()
}

fn open(networks: &[NamedNetwork], file: Option<&Path>) -> Places {
    Places::open(networks, file).expect("places")
}

fn all(places: &Places, expected: &[(&str, Option<&str>)]) {
    for (address, place) in expected {
        assert_eq!(places.of(Some(address)).as_deref(), *place, "{address}");
    }
}

#[test]
fn the_smallest_named_network_wins() {
    let places = open(
        &networks(
            "Bank=10.0.0.0/8, Branch Westlands=10.20.0.0/16, Teller 3=10.20.0.9, Bank=2001:db8::/32, Lobby=10.20.8.0/24",
        ),
        None,
    );
    all(
        &places,
        &[
            ("10.1.2.3", Some("Bank")),
            ("10.20.3.4", Some("Branch Westlands")),
            ("10.20.8.200", Some("Lobby")),
            ("10.20.0.9", Some("Teller 3")),
            ("10.20.0.10", Some("Branch Westlands")),
            ("::ffff:10.20.0.9", Some("Teller 3")),
            ("2001:db8::1", Some("Bank")),
            ("2001:db9::1", None),
            ("11.0.0.1", None),
        ],
    );
}

#[test]
fn without_a_name_or_a_file_only_private_addresses_say_anything() {
    all(
        &Places::default(),
        &[
            ("127.0.0.1", Some("This machine")),
            ("127.8.8.8", Some("This machine")),
            ("::1", Some("This machine")),
            ("10.0.0.1", Some("Private network")),
            ("172.16.0.1", Some("Private network")),
            ("192.168.1.1", Some("Private network")),
            ("169.254.1.1", Some("Private network")),
            ("fd00::1", Some("Private network")),
            ("fe80::1", Some("Private network")),
            ("172.32.0.1", None),
            ("100.64.0.1", None),
            ("8.8.8.8", None),
            ("2600::1", None),
            ("not an address", None),
            ("", None),
            ("10.0.0.1:80", None),
        ],
    );
    assert_eq!(Places::default().of(None), None);
}

#[test]
fn a_file_gives_city_and_country_in_english() {
    let file = File::with(&kenya());
    let places = open(&networks("Home WiFi=198.51.100.64/26"), Some(&file.path()));
    all(
        &places,
        &[
            ("198.51.100.1", Some("Nairobi, KE")),
            ("198.51.100.65", Some("Home WiFi")),
            ("::ffff:198.51.100.1", Some("Nairobi, KE")),
            ("192.0.2.9", Some("Uganda")),
            ("203.0.113.1", Some("Nowhere")),
            ("203.0.113.129", Some("TZ")),
            ("203.0.113.193", None),
            ("2001:db8:1::9", Some("Kisumu, KE")),
            ("2001:db8:2::9", Some("ab, KE")),
            ("2001:db8:3::9", None),
            ("8.8.8.8", None),
            ("192.168.1.1", Some("Private network")),
        ],
    );
    assert!(!format!("{places:?}").contains("Nairobi"), "a log line does not get the file");
}

#[test]
fn a_file_that_is_missing_damaged_or_about_something_else_is_refused() {
    let other =
        mmdb::write("GeoLite2-ASN", &[("192.0.2.0/24", json!({ "autonomous_system_organization": "Example" }))]);
    let empty = mmdb::write("GeoLite2-City", &[]);
    let whole = kenya();
    let cut = whole[..whole.len() / 2].to_vec();
    // The tree's first record leads behind the end of the file.
    let mut astray = whole.clone();
    astray[..6].copy_from_slice(&[0xff; 6]);
    for (bytes, word) in [
        (b"not a database".to_vec(), "MaxMind"),
        (Vec::new(), "MaxMind"),
        (cut, "MaxMind"),
        (astray, "damaged"),
        (other, "no cities"),
        (empty, "no cities"),
    ] {
        let file = File::with(&bytes);
        let why = Places::open(&[], Some(&file.path())).expect_err(word);
        assert!(why.contains(word) && why.contains("places.mmdb") && why.lines().count() == 1, "{word}: {why}");
    }
    let why = Places::open(&[], Some(Path::new("/no/such/places.mmdb"))).expect_err("no file");
    assert!(why.contains("/no/such/places.mmdb") && why.contains("No such file"), "{why}");
    let folder = tempfile::tempdir().unwrap();
    assert!(Places::open(&[], Some(folder.path())).is_err(), "a folder is no file");
}

#[test]
fn a_wrong_named_network_is_refused_by_its_words() {
    for (text, word) in [
        ("192.0.2.0/24", "NAME=NETWORK"),
        ("Home=", "network"),
        ("Home=192.0.2.0/33", "192.0.2.0/33"),
        ("Home=192.0.2", "network"),
        ("Home=home", "network"),
        ("=192.0.2.0/24", "1 to 40"),
        ("a\u{202e}b=192.0.2.0/24", "1 to 40"),
        (&format!("{}=192.0.2.0/24", "x".repeat(41)), "1 to 40"),
    ] {
        let why = NamedNetwork::parse(text).expect_err(text);
        assert!(why.contains(word), "{text}: {why}");
    }
    for text in ["Home WiFi=198.51.100.0/24", "x=192.0.2.1/32", "Büro=2001:db8::/32"] {
        assert_eq!(NamedNetwork::parse(text).unwrap().text(), text);
    }
    assert_eq!(NamedNetwork::parse(" Home = 192.0.2.1 ").unwrap().text(), "Home=192.0.2.1/32");
}
