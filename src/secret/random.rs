//! The only place that draws randomness. Everything here comes from the generator that the operating system seeds;
//! nothing may be made predictable, not even for tests.

use chrono::{DateTime, Utc};
use rand::Rng;
use uuid::{Builder, Uuid};

/// Crockford's base32 (crockford.com/base32.html): no I, L, O or U, so that it survives being read over the phone.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn fill(buffer: &mut [u8]) {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may draw")]
    rand::rng().fill_bytes(buffer);
}

/// `N` uniform bytes, fit for keys and salts.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut drawn = [0; N];
    fill(&mut drawn);
    drawn
}

/// A uniform number of 63 bits: the top bit is clear, so that it fits a signed BIGINT.
#[must_use]
pub fn serial() -> u64 {
    u64::from_be_bytes(bytes()) >> 1
}

/// A `UUIDv7` (RFC 9562 section 5.7): `now` in milliseconds, then 74 random bits. Times before 1970 count as 1970.
#[must_use]
pub fn id(now: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &bytes()).into_uuid()
}

/// `n` characters of upper-case Crockford base32, 5 bits each, for numbers that people read to one another.
#[must_use]
pub fn letters(n: usize) -> String {
    let mut drawn = vec![0; n];
    fill(&mut drawn);
    letters_of(&drawn)
}

/// One such character per byte: its low five bits, which are uniform if the byte is, because 32 divides 256.
#[must_use]
pub fn letters_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(CROCKFORD[usize::from(byte & 31)])).collect()
}

/// A password to print once: five groups of five lower-case characters joined by `-`, 125 bits in 29 characters.
#[must_use]
pub fn passphrase() -> String {
    let groups: [String; 5] = std::array::from_fn(|_| letters(5).to_ascii_lowercase());
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use chrono::DateTime;

    use super::*;

    #[test]
    fn serials_fit_a_signed_number_and_use_its_top_bit() {
        let drawn: Vec<u64> = (0..200).map(|_| serial()).collect();

        assert!(drawn.iter().all(|serial| i64::try_from(*serial).is_ok()));
        assert!(drawn.iter().any(|serial| serial >> 62 == 1));
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), 200);
    }

    #[test]
    fn ids_are_version_7_and_sort_by_time() {
        let early = DateTime::from_timestamp_millis(1_800_000_000_000).unwrap();
        let late = DateTime::from_timestamp_millis(1_800_000_000_001).unwrap();

        assert_eq!(id(early).get_version_num(), 7);
        assert_eq!(id(early).as_bytes()[..6], 1_800_000_000_000_u64.to_be_bytes()[2..]);
        assert!(id(early) < id(late));
        assert_ne!(id(early), id(early));
    }

    #[test]
    fn an_id_before_1970_is_still_an_id() {
        assert_eq!(id(DateTime::UNIX_EPOCH).as_bytes()[..6], [0; 6]);
        assert_eq!(id(DateTime::<Utc>::MIN_UTC).as_bytes()[..6], [0; 6]);
    }

    #[test]
    fn letters_use_all_of_the_alphabet_and_nothing_else() {
        let drawn = letters(4000);
        let seen: HashSet<u8> = drawn.bytes().collect();

        assert_eq!(drawn.len(), 4000);
        assert_eq!(seen, CROCKFORD.iter().copied().collect());
        assert_eq!(letters(0), "");
    }

    #[test]
    fn a_passphrase_is_five_readable_groups() {
        let phrase = passphrase();

        assert_eq!(phrase.split('-').map(str::len).collect::<Vec<_>>(), [5; 5]);
        assert!(!phrase.contains(|c: char| c.is_ascii_uppercase() || "ilou".contains(c)));
        assert_ne!(phrase, passphrase());
    }
}
