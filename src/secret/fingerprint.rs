//! Recognises a text that was seen before without keeping it: its fingerprint under a key that is drawn when the process
//! starts and leaves with it. Nobody outside can tell or make a fingerprint, and none is good for another process.

use std::fmt;
use std::hash::{Hash, Hasher};

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use subtle::ConstantTimeEq;

use super::derive::Key64;
use super::random;

/// 16 bytes that stand for a text. Compared in constant time.
#[derive(Clone, Copy)]
pub struct Fingerprint([u8; 16]);

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        u128::from_ne_bytes(self.0).ct_eq(&u128::from_ne_bytes(other.0)).into()
    }
}

impl Eq for Fingerprint {}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(..)")
    }
}

/// Takes fingerprints.
pub struct Fingerprints(Key64);

impl Fingerprints {
    /// Under a key of its own.
    #[must_use]
    pub fn draw() -> Self {
        Self(Key64::new(random::bytes()))
    }

    /// The fingerprint of a text: the S2V of AES-256-SIV (RFC 5297 §2.4), a pseudorandom function, of it alone. Other than
    /// a hash, it is quick on processors without instructions for SHA-2.
    #[must_use]
    pub fn of(&self, text: &str) -> Fingerprint {
        let mut cipher = Aes256Siv::new((&*self.0).into());
        let sealed = cipher.encrypt_inout_detached([text.as_bytes()], (&mut [][..]).into());
        let Ok(tag) = sealed else {
            unreachable!("AES-SIV refuses only more than 126 pieces of associated data");
        };
        Fingerprint(tag.into())
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

    #[test]
    fn the_same_text_has_the_same_fingerprint_and_any_other_another() {
        let own = Fingerprints::draw();
        let text = "Basic YmVuY2gtYXBpOnNlY3JldA==";
        assert!(own.of(text) == own.of(text));
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
