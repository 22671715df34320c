//! WHAT COMES FROM OUTSIDE: the parsers of what anybody may send, and what must hold of each, whatever is sent. In no release:
//! the targets in `fuzz/` call these, and a test reads every input in `fuzz/seeds`. What holds stands beside the parsers, where
//! their property tests use it too. A second, independent reading says what should have been read.
#![allow(clippy::missing_panics_doc, reason = "that is how they say that something does not hold")]

use std::net::IpAddr;

use crate::cache;
use crate::policy::redirect;
use crate::secret::seal;
use crate::web::{api, guard};

/// Panics if something does not hold of these bytes.
pub type Holds = fn(&[u8]);

/// Every parser: the name of its target, and what must hold of any bytes.
pub const PARSERS: [(&str, Holds); 8] = [
    ("pairs", pairs),
    ("basic", basic),
    ("redirect", redirect),
    ("token", token),
    ("cookies", cookies),
    ("json", json),
    ("proxies", proxies),
    ("copies", copies),
];

/// A form or a query.
pub fn pairs(bytes: &[u8]) {
    text(bytes, guard::outside::pairs);
}

/// An `Authorization` header.
pub fn basic(bytes: &[u8]) {
    text(bytes, guard::outside::basic);
}

/// A registered redirect URI, and on the next line the one that is asked for.
pub fn redirect(bytes: &[u8]) {
    text(bytes, |text| {
        let (registered, asked) = text.split_once('\n').unwrap_or((text, text));
        redirect::outside::redirect(registered, asked);
    });
}

/// A token as it was sent; and a genuine one, made and then altered as the bytes say.
pub fn token(bytes: &[u8]) {
    text(bytes, seal::outside::token);
    seal::outside::altered(bytes);
}

/// `Cookie` headers, a line for each.
pub fn cookies(bytes: &[u8]) {
    text(bytes, guard::outside::cookies);
}

/// A body of the machine API.
pub fn json(bytes: &[u8]) {
    text(bytes, api::outside::json);
}

/// On the first line who is connected, on the second the configured proxies, then the lines of a header.
pub fn proxies(bytes: &[u8]) {
    text(bytes, |text| {
        let mut lines = text.split('\n');
        let peer = lines.next().and_then(|line| line.parse::<IpAddr>().ok());
        let (Some(peer), Some(trusted)) = (peer, lines.next()) else { return };
        guard::outside::proxies(peer, trusted, &lines.collect::<Vec<_>>());
    });
}

/// A value in Redis: as it stands there, and as what is sealed in it.
pub fn copies(bytes: &[u8]) {
    cache::redis::outside::copies(bytes);
}

/// Headers and bodies that are no UTF-8 are refused before they are looked at.
fn text(bytes: &[u8], holds: impl Fn(&str)) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        holds(text);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// What a folder of `fuzz` holds, sorted.
    fn listed(folder: &str) -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn every_input_that_was_kept_is_read_as_it_should_be() {
        for (name, holds) in PARSERS {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
            let seeds = listed(&format!("seeds/{name}"));
            assert!(seeds.len() > 2, "{name} has few seeds: {seeds:?}");
            for seed in seeds {
                println!("{name}/{seed}");
                holds(&fs::read(folder.join(seed)).unwrap());
            }
        }
    }

    #[test]
    fn every_parser_has_a_target() {
        let named = |ending: &str| PARSERS.map(|(name, _)| format!("{name}{ending}")).into();
        assert_eq!(listed("targets"), named(".rs"));
        assert_eq!(listed("seeds"), named(""));
        assert_eq!(listed("words"), named(""));
        let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/Cargo.toml")).unwrap();
        for (name, _) in PARSERS {
            assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"targets/{name}.rs\"")), "{name}");
        }
    }
}
