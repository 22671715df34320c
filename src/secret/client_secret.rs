//! Secrets of confidential clients: made here, shown once, kept as SHA-256.
//! A plain hash is enough because a secret has 256 random bits; passwords people choose go to `password`.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::text::SecretText;
use super::{base32, random};

/// A new secret: `<prefix>_cs_` and 32 random bytes as 52 characters of lower-case base32.
#[must_use]
pub fn generate(prefix: &str) -> SecretText {
    let drawn = Zeroizing::new(random::bytes::<32>());
    let text = Zeroizing::new(base32::encode(&*drawn));
    SecretText::new(format!("{prefix}_cs_{}", *text))
}

/// SHA-256 of the whole secret, prefix included: what may be stored.
#[must_use]
pub fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Whether the secret belongs to one of the stored digests. Compares with every entry, and with a dummy when there is
/// none, so that the time tells neither which one matched nor that the client has no secret.
#[must_use]
pub fn matches(presented: &str, digests: &[Vec<u8>]) -> bool {
    let presented = digest(presented);
    // Nothing that can be found hashes to zeros; the outcome is discarded all the same.
    let dummy = presented.ct_eq(&[0; 32]) & Choice::from(0);
    let found = digests.iter().map(|stored| presented.as_slice().ct_eq(stored)).fold(dummy, |any, this| any | this);

    found.into()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::{digest, generate, matches};

    #[test]
    fn a_secret_is_recognisable_and_random() {
        let secret = generate("rsc");
        let random = secret.expose().strip_prefix("rsc_cs_").unwrap();

        assert_eq!(random.len(), 52);
        assert!(random.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')));
        assert!(!secret.same_as(generate("rsc").expose()));
    }

    #[test]
    fn the_digest_is_sha_256() {
        assert_eq!(HEXLOWER.encode(&digest("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_secret_matches_any_of_several_digests() {
        let stored: Vec<Vec<u8>> = ["a", "b", "c"].map(|s| digest(s).to_vec()).into();

        for secret in ["a", "b", "c"] {
            assert!(matches(secret, &stored), "{secret}");
        }
        assert!(!matches("d", &stored));
        assert!(!matches("", &stored));
    }

    #[test]
    fn broken_or_missing_digests_match_nothing() {
        assert!(!matches("a", &[]));
        assert!(!matches("a", &[vec![], vec![0; 32], digest("a")[..31].to_vec()]));
    }
}
