//! Recognises a text that was seen before without keeping it: its fingerprint under a key that is drawn when the process
//! starts and leaves with it. Nobody outside can tell or make a fingerprint, and none is good for another process.

use std::fmt;
use std::hash::{Hash, Hasher};

use siphasher::sip128::SipHasher24;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::random;

/// 16 bytes that stand for a text. Compared in constant time.
#[derive(Clone, Copy)]
pub struct Fingerprint(u128);

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Fingerprint {}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.0);
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}

/// Takes fingerprints.
pub struct Fingerprints(Zeroizing<[u8; 16]>);

impl Fingerprints {
    /// Under a key of its own.
    #[must_use]
    pub fn draw() -> Self {
        Self(Zeroizing::new(random::bytes()))
    }

    /// The fingerprint of a text: SipHash-2-4 with 128 bits (Aumasson and Bernstein 2012), a pseudorandom function made for
    /// short texts. Whoever does not know the key can only guess, each time anew.
    #[must_use]
    pub fn of(&self, text: &str) -> Fingerprint {
        Fingerprint(SipHasher24::new_with_key(&self.0).hash(text.as_bytes()).as_u128())
    }
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprints(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the authors' own test vectors (github.com/veorq/SipHash, `vectors.h`), and the first of them.
    const KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    const EMPTY: [u8; 16] =
        [0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93];

    #[test]
    fn the_same_text_has_the_same_fingerprint_and_any_other_another() {
        let own = Fingerprints::draw();
        let text = "Basic YmVuY2gtYXBpOnNlY3JldA==";
        assert!(own.of(text) == own.of(text));
        assert_eq!(Fingerprints(Zeroizing::new(KEY)).of("").0.to_le_bytes(), EMPTY, "as the paper's authors have it");
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] ^= 1;
            assert!(own.of(text) != own.of(str::from_utf8(&changed).unwrap()), "{at}");
            assert!(own.of(text) != own.of(&text[..at]), "{at}");
        }
        assert!(own.of(text) != own.of(&format!("{text}\0")));
    }

    #[test]
    fn another_process_takes_others_and_none_is_shown() {
        let (own, other) = (Fingerprints::draw(), Fingerprints::draw());
        assert!(own.of("a") != other.of("a"));
        assert_eq!(format!("{own:?} {:?}", own.of("a")), "Fingerprints(..) Fingerprint(..)");
    }
}
