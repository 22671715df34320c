//! Anti-forgery tokens of forms: a keyed hash of the session (or sign-in) the form was shown to. Nothing is stored.
//! A token only says that the form is ours; who may do what is decided elsewhere.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use uuid::Uuid;

use super::base32;
use super::derive::{Key64, hmac};
use super::keys::KeyRing;

/// Makes and checks form tokens.
pub struct Csrf {
    first: Key64,
    others: Vec<Key64>,
}

impl Csrf {
    /// Derives its keys from the ring.
    #[must_use]
    pub fn new(ring: &KeyRing) -> Self {
        Self {
            first: ring.first().derive64("csrf"),
            others: ring.others().iter().map(|key| key.derive64("csrf")).collect(),
        }
    }

    /// The token for this session: HMAC-SHA256 under the ring's first key, 52 characters of lower-case base32.
    #[must_use]
    pub fn token(&self, id: &Uuid) -> String {
        base32::encode(&hmac(&self.first, [id.as_bytes()]))
    }

    /// Whether any key of the ring made this token for this session, so that rotation does not break open pages.
    /// Takes the same time for every well-formed token.
    #[must_use]
    pub fn is_genuine(&self, id: &Uuid, token: &str) -> bool {
        let Some(presented) = base32::decode::<32>(token) else {
            return false;
        };
        let genuine = std::iter::once(&self.first)
            .chain(&self.others)
            .map(|key| hmac(key, [id.as_bytes()]).ct_eq(&presented))
            .fold(Choice::from(0), |any, this| any | this);

        genuine.into()
    }
}

impl fmt::Debug for Csrf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Csrf").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use uuid::{Uuid, uuid};

    use super::{Csrf, KeyRing};

    const SESSION: Uuid = uuid!("0190a5e0-7c1d-7b3e-8f42-1a2b3c4d5e6f");

    #[test]
    fn a_token_is_what_another_implementation_makes() {
        let bytes: Vec<u8> = (0..64).collect();
        let ring = KeyRing::parse(&format!("7:{}", STANDARD.encode(bytes))).unwrap();

        assert_eq!(Csrf::new(&ring).token(&SESSION), "davov4azcgpiyjleojfrw77b3kl5nfknravya2zgwmbetugdrika");
    }

    #[test]
    fn a_token_is_good_for_its_own_session_only() {
        let csrf = Csrf::new(&KeyRing::generate());
        let token = csrf.token(&SESSION);

        assert!(csrf.is_genuine(&SESSION, &token));
        assert!(!csrf.is_genuine(&Uuid::nil(), &token));
        assert!(!Csrf::new(&KeyRing::generate()).is_genuine(&SESSION, &token));
    }

    #[test]
    fn only_the_one_spelling_is_genuine() {
        let csrf = Csrf::new(&KeyRing::generate());
        let token = csrf.token(&SESSION);

        for wrong in ["", "é", &token.to_uppercase(), &token[1..], &format!("{token}a")] {
            assert!(!csrf.is_genuine(&SESSION, wrong), "{wrong}");
        }
    }

    #[test]
    fn an_open_page_survives_rotation() {
        let ring = KeyRing::generate();
        let rotated = Csrf::new(&ring.rotated().unwrap().rotated().unwrap());
        let token = Csrf::new(&ring).token(&SESSION);

        assert!(rotated.is_genuine(&SESSION, &token));
        assert_ne!(rotated.token(&SESSION), token);
    }
}
