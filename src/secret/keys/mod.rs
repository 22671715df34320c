//! The three secrets an operator keeps: the ring that seals tokens, the data key and the pepper.
//! They arrive as text from the settings, are used only through derived keys, and never show in an error or a log.

mod ring;

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use thiserror::Error;
use zeroize::Zeroizing;

pub use self::ring::KeyRing;
pub(super) use self::ring::RingKey;
use super::derive::{hkdf, hmac};
use super::random;
use super::text::SecretText;

/// Padding is written, but not asked for: tools differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a key was refused. The messages say lengths and key ids, never key material.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// Nothing but white space.
    #[error("the key is empty")]
    Empty,
    /// Not RFC 4648 base64 (the standard alphabet, with or without padding).
    #[error("the key is not base64")]
    NotBase64,
    /// Base64 of the wrong number of bytes.
    #[error("the key must be {wanted} bytes long, not {found}")]
    Length {
        /// What is allowed, in words.
        wanted: &'static str,
        /// How many bytes there were.
        found: usize,
    },
    /// A key of a ring without an id, or an id that is not a plain decimal number from 0 to 255.
    #[error("a key of a ring is written id:base64, with an id from 0 to 255")]
    Id,
    /// The same id twice.
    #[error("the key id {0} is used twice")]
    RepeatedId(u8),
    /// The same key under two ids.
    #[error("the key ids {0} and {1} have the same key")]
    RepeatedKey(u8, u8),
    /// A ring of 256 keys can't get another one.
    #[error("the ring is full: all 256 key ids are in use")]
    Full,
}

/// Protects data at rest (TOTP seeds, signing keys): 32 to 64 bytes, used only through [`DataKey::derive64`].
#[derive(Clone)]
pub struct DataKey(Zeroizing<Vec<u8>>);

impl DataKey {
    /// Reads base64 of 32 to 64 bytes; white space is ignored.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        decode_32_to_64(text).map(Self)
    }

    /// A new random key of 32 bytes.
    #[must_use]
    pub fn generate() -> Self {
        Self(random_32())
    }

    /// The base64 that [`DataKey::parse`] reads.
    #[must_use]
    pub fn to_text(&self) -> SecretText {
        SecretText::new(BASE64.encode(&*self.0))
    }

    /// The key for one use, by HKDF-SHA256 (RFC 5869); `label` names the use.
    #[must_use]
    pub fn derive64(&self, label: &str) -> Zeroizing<[u8; 64]> {
        hkdf(&self.0, &[b"rescind/data/", label.as_bytes()])
    }
}

/// What must be known besides the database to try passwords against it: 32 to 64 bytes.
#[derive(Clone)]
pub struct Pepper(Zeroizing<Vec<u8>>);

impl Pepper {
    /// Reads base64 of 32 to 64 bytes; white space is ignored.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        decode_32_to_64(text).map(Self)
    }

    /// A new random pepper of 32 bytes.
    #[must_use]
    pub fn generate() -> Self {
        Self(random_32())
    }

    /// The base64 that [`Pepper::parse`] reads.
    #[must_use]
    pub fn to_text(&self) -> SecretText {
        SecretText::new(BASE64.encode(&*self.0))
    }

    /// HMAC-SHA256 of `value` under a key that only `label` uses. Lets a table count names it must not contain.
    #[must_use]
    pub fn keyed_hash(&self, label: &str, value: &str) -> [u8; 32] {
        hmac(&self.derive64("hash/", label), [value])
    }

    /// The key for one use; the room's own uses and the labels of callers lie under different headings.
    pub(super) fn derive64(&self, heading: &str, label: &str) -> Zeroizing<[u8; 64]> {
        hkdf(&self.0, &[b"rescind/pepper/", heading.as_bytes(), label.as_bytes()])
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([secret])")
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper([secret])")
    }
}

fn random_32() -> Zeroizing<Vec<u8>> {
    let drawn = Zeroizing::new(random::bytes::<32>());
    Zeroizing::new(drawn.to_vec())
}

fn decode_32_to_64(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let bytes = decode(text)?;
    if (32..=64).contains(&bytes.len()) {
        Ok(bytes)
    } else {
        Err(KeyError::Length { wanted: "32 to 64", found: bytes.len() })
    }
}

/// Reads base64, ignoring white space (`openssl rand -base64 64` breaks its line). The decoder's error is dropped: it
/// quotes the input.
fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut compact = Zeroizing::new(String::with_capacity(text.len()));
    compact.extend(text.split_ascii_whitespace());
    if compact.is_empty() {
        return Err(KeyError::Empty);
    }

    BASE64.decode(compact.as_bytes()).map(Zeroizing::new).map_err(|_| KeyError::NotBase64)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn a_generated_key_survives_its_text() {
        let pepper = Pepper::generate();
        let again = Pepper::parse(pepper.to_text().expose()).unwrap();
        assert_eq!(again.keyed_hash("a", "b"), pepper.keyed_hash("a", "b"));

        let key = DataKey::generate();
        let again = DataKey::parse(key.to_text().expose()).unwrap();
        assert_eq!(again.derive64("a"), key.derive64("a"));
        assert_ne!(key.derive64("a"), key.derive64("b"));
        assert_ne!(key.derive64("a"), DataKey::generate().derive64("a"));
    }

    #[test]
    fn lengths_from_32_to_64_are_read() {
        for length in [32, 48, 64] {
            assert!(Pepper::parse(&BASE64.encode(vec![1; length])).is_ok());
        }
        for found in [1, 31, 65] {
            let wanted = "32 to 64";
            assert_eq!(DataKey::parse(&BASE64.encode(vec![1; found])).err(), Some(KeyError::Length { wanted, found }));
        }
    }

    #[test]
    fn padding_is_optional_and_line_breaks_are_ignored() {
        let text = BASE64.encode([7; 32]);
        let broken = format!(" {}\n{}\r\n", &text[..20], &text[20..]);

        for spelling in [text.trim_end_matches('='), &broken] {
            assert_eq!(Pepper::parse(spelling).unwrap().to_text().expose(), text);
        }
    }

    #[test]
    fn nothing_of_a_bad_key_is_repeated() {
        let error = DataKey::parse("s3cr3t!s3cr3t").unwrap_err();

        assert_eq!(error, KeyError::NotBase64);
        assert_eq!(error.to_string(), "the key is not base64");
        assert_eq!(Pepper::parse(" \n").unwrap_err(), KeyError::Empty);
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?} {:?}", DataKey::generate(), Pepper::generate()), "DataKey([secret]) Pepper([secret])");
    }

    #[test]
    fn a_keyed_hash_is_what_another_implementation_makes() {
        let bytes: Vec<u8> = (0..32).collect();
        let pepper = Pepper::parse(&BASE64.encode(bytes)).unwrap();

        assert_eq!(
            HEXLOWER.encode(&pepper.keyed_hash("throttle", "amina")),
            "6dd136e4908dca05e898dbd7f9f44c370be429d5f293140dcd342d28031cbe1a"
        );
        assert_ne!(pepper.keyed_hash("throttle", "amina"), pepper.keyed_hash("other", "amina"));
    }
}
