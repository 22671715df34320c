//! Makes and opens every token Rescind gives out. A token is a sealed reference: `<prefix>_<kind>_<base32>`, where
//! base32 holds the key id and AES-256-SIV (RFC 5297) of session, serial, shape and expiry. Opening one needs no I/O.
//! Genuine is all this room says; whether a reference is expired, ended or revoked is decided elsewhere.

mod kind;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod outside;

use std::fmt;

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use thiserror::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use self::kind::Kind;
use super::base32;
use super::derive::Key64;
use super::keys::{KeyRing, RingKey};
use super::text::SecretText;

/// Session id (16), serial (8), shape (2), expiry (4).
const REFERENCE_BYTES: usize = 16 + 8 + 2 + 4;
/// The synthetic initialisation vector, which is also the proof of origin.
const TAG_BYTES: usize = 16;
/// Key id, tag and the encrypted reference.
const SEALED_BYTES: usize = 1 + TAG_BYTES + REFERENCE_BYTES;

/// What a token refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The session, or whatever else of this kind the token stands for.
    pub session: Uuid,
    /// The generation a rotating token was minted with, or a random number where nothing rotates.
    pub serial: u64,
    /// Which of the session's shapes (scope, audience, confirmation key) an access token has.
    pub shape: u16,
    /// When the token ends, in Unix seconds.
    pub expires_at: u32,
}

impl Reference {
    fn to_bytes(self) -> Zeroizing<[u8; REFERENCE_BYTES]> {
        let mut bytes = Zeroizing::new([0; REFERENCE_BYTES]);
        bytes[..16].copy_from_slice(self.session.as_bytes());
        bytes[16..24].copy_from_slice(&self.serial.to_be_bytes());
        bytes[24..26].copy_from_slice(&self.shape.to_be_bytes());
        bytes[26..].copy_from_slice(&self.expires_at.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (session, rest) = bytes.split_first_chunk()?;
        let (serial, rest) = rest.split_first_chunk()?;
        let (shape, rest) = rest.split_first_chunk()?;

        Some(Self {
            session: Uuid::from_bytes(*session),
            serial: u64::from_be_bytes(*serial),
            shape: u16::from_be_bytes(*shape),
            expires_at: u32::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

/// Why a sealer could not be made.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SealError {
    /// The prefix would not keep tokens readable by machines and people.
    #[error("the token prefix must be 2 to 12 characters of a-z and 0-9 and begin with a letter")]
    Prefix,
}

/// Seals and opens tokens under one prefix with the keys of one ring.
pub struct Sealer {
    prefix: String,
    first: KindKeys,
    others: Vec<KindKeys>,
}

/// What one key of the ring becomes: one key per kind, in the order of [`Kind::ALL`].
struct KindKeys {
    id: u8,
    keys: [Key64; Kind::ALL.len()],
}

impl Sealer {
    /// Derives the keys of all kinds from every key of the ring. The prefix has 2 to 12 characters of `a-z` and `0-9`
    /// and begins with a letter.
    pub fn new(prefix: &str, ring: &KeyRing) -> Result<Self, SealError> {
        if !is_prefix(prefix) {
            return Err(SealError::Prefix);
        }
        let derived = |key: &RingKey| KindKeys {
            id: key.id(),
            keys: Kind::ALL.map(|kind| key.derive64(&format!("seal/{}", kind.code()))),
        };

        Ok(Self {
            prefix: prefix.to_owned(),
            first: derived(ring.first()),
            others: ring.others().iter().map(derived).collect(),
        })
    }

    /// What every token begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The token of this reference, always the same one as long as the ring's first key stays.
    #[must_use]
    pub fn seal(&self, kind: Kind, reference: &Reference) -> SecretText {
        let mut plain = reference.to_bytes();
        let sealed = self
            .first
            .cipher(kind)
            .encrypt_inout_detached(self.context(kind, &[self.first.id]), plain[..].as_mut().into());
        let Ok(tag) = sealed else {
            unreachable!("AES-SIV refuses only more than 126 pieces of associated data");
        };
        let mut bytes = [0; SEALED_BYTES];
        bytes[0] = self.first.id;
        bytes[1..=TAG_BYTES].copy_from_slice(&tag);
        bytes[1 + TAG_BYTES..].copy_from_slice(&plain[..]);

        SecretText::new(format!("{}_{}_{}", self.prefix, kind.code(), base32::encode(&bytes)))
    }

    /// What a genuine token of this kind refers to; `None` for anything else, whatever it is.
    #[must_use]
    pub fn open(&self, kind: Kind, token: &str) -> Option<Reference> {
        let text = self.body(token)?.strip_prefix(kind.code())?;
        self.unseal(kind, text.strip_prefix('_')?)
    }

    /// Opens a genuine token of whichever kind it says it is.
    #[must_use]
    pub fn open_any(&self, token: &str) -> Option<(Kind, Reference)> {
        let (code, text) = self.body(token)?.split_once('_')?;
        let kind = Kind::from_code(code)?;
        Some((kind, self.unseal(kind, text)?))
    }

    /// What follows the prefix and its underscore.
    fn body<'a>(&self, token: &'a str) -> Option<&'a str> {
        token.strip_prefix(&self.prefix)?.strip_prefix('_')
    }

    fn unseal(&self, kind: Kind, text: &str) -> Option<Reference> {
        let bytes = base32::decode::<SEALED_BYTES>(text)?;
        let ([id], sealed) = bytes.split_first_chunk()?;
        let (tag, encrypted) = sealed.split_first_chunk::<TAG_BYTES>()?;
        let keys = self.keys(*id)?;
        let mut plain = Zeroizing::new([0; REFERENCE_BYTES]);
        plain.copy_from_slice(encrypted);
        keys.cipher(kind)
            .decrypt_inout_detached(self.context(kind, &[*id]), plain[..].as_mut().into(), tag.into())
            .ok()?;

        Reference::from_bytes(&plain[..])
    }

    /// The associated data: a token is bound to its prefix, kind and key.
    fn context<'a>(&'a self, kind: Kind, id: &'a [u8; 1]) -> [&'a [u8]; 3] {
        [self.prefix.as_bytes(), kind.code().as_bytes(), id]
    }

    fn keys(&self, id: u8) -> Option<&KindKeys> {
        std::iter::once(&self.first).chain(&self.others).find(|keys| keys.id == id)
    }
}

impl KindKeys {
    /// The cipher can't be kept: using it changes it, it can't be cloned, and a lock would make checks wait. Making it
    /// costs two AES key schedules.
    fn cipher(&self, kind: Kind) -> Aes256Siv {
        Aes256Siv::new((&*self.keys[kind as usize]).into())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

fn is_prefix(text: &str) -> bool {
    (2..=12).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use aes_siv::siv::Aes128Siv;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;
    use uuid::uuid;

    use super::*;

    /// Made by another implementation (Python's `cryptography`: HKDF and AESSIV) from [`ring`] and [`REFERENCE`].
    const GOLDEN_ACCESS: &str = "rsc_at_a5wed253obu25x3qstnqxvwt565txiven6leag5zjt4yebyvidvatl6v5f5farlcy56nqurts72a";
    const GOLDEN_REFRESH: &str = "nyb_rt_a6y2ryivwrcdoetrjm6ehvib46gzr3xlwlf5eac647lcuk363i6z5ksl5d34wg6mup5hvxipbpka";
    const REFERENCE: Reference = Reference {
        session: uuid!("0190a5e0-7c1d-7b3e-8f42-1a2b3c4d5e6f"),
        serial: 0x0102_0304_0506_0708,
        shape: 3,
        expires_at: 1_893_456_000,
    };
    const BODY: usize = "rsc_at_".len();

    fn ring() -> KeyRing {
        let bytes: Vec<u8> = (0..64).collect();
        KeyRing::parse(&format!("7:{}", STANDARD.encode(bytes))).unwrap()
    }

    fn sealer() -> Sealer {
        Sealer::new("rsc", &ring()).unwrap()
    }

    fn hex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn rfc_5297_appendix_a_1() {
        let key = hex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        let data = [hex("101112131415161718191a1b1c1d1e1f2021222324252627")];
        let mut cipher = Aes128Siv::new_from_slice(&key).unwrap();

        assert_eq!(
            cipher.encrypt(&data, &hex("112233445566778899aabbccddee")).unwrap(),
            hex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c")
        );
    }

    #[test]
    fn rfc_5297_appendix_a_2() {
        let key = hex("7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f");
        let data = [
            hex("00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100"),
            hex("102030405060708090a0"),
            hex("09f911029d74e35bd84156c5635688c0"),
        ];
        let plain = b"this is some plaintext to encrypt using SIV-AES";
        let mut cipher = Aes128Siv::new_from_slice(&key).unwrap();

        assert_eq!(
            cipher.encrypt(&data, plain).unwrap(),
            hex("7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17\
                 dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d")
        );
    }

    #[test]
    fn tokens_are_what_another_implementation_makes() {
        let nyb = Sealer::new("nyb", &ring()).unwrap();

        assert_eq!(sealer().seal(Kind::Access, &REFERENCE).expose(), GOLDEN_ACCESS);
        assert_eq!(nyb.seal(Kind::Refresh, &REFERENCE).expose(), GOLDEN_REFRESH);
        assert_eq!(sealer().open(Kind::Access, GOLDEN_ACCESS), Some(REFERENCE));
        assert_eq!(nyb.open_any(GOLDEN_REFRESH), Some((Kind::Refresh, REFERENCE)));
    }

    #[test]
    fn kinds_have_distinct_codes_and_keep_their_places() {
        let codes: HashSet<_> = Kind::ALL.map(Kind::code).into();

        assert_eq!(codes.len(), Kind::ALL.len());
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }

    #[test]
    fn a_token_is_of_one_kind_only() {
        let sealer = sealer();
        for made in Kind::ALL {
            let token = sealer.seal(made, &REFERENCE);
            for asked in Kind::ALL {
                let renamed = token.expose().replacen(made.code(), asked.code(), 1);
                assert_eq!(sealer.open(asked, token.expose()).is_some(), made == asked);
                assert_eq!(sealer.open(asked, &renamed).is_some(), made == asked);
                assert_eq!(sealer.open_any(&renamed).is_some(), made == asked);
            }
        }
    }

    #[test]
    fn another_prefix_or_key_is_refused() {
        let other = Sealer::new("nyb", &ring()).unwrap();
        let same_id = KeyRing::parse(&format!("7:{}", STANDARD.encode([0; 64]))).unwrap();
        let stranger = Sealer::new("rsc", &same_id).unwrap();

        assert_eq!(other.open_any(GOLDEN_ACCESS), None);
        assert_eq!(other.open_any(&GOLDEN_ACCESS.replacen("rsc", "nyb", 1)), None);
        assert_eq!(stranger.open_any(GOLDEN_ACCESS), None);
    }

    #[test]
    fn every_changed_character_is_refused() {
        let sealer = sealer();
        for place in 0..GOLDEN_ACCESS.len() {
            for byte in (0..128).filter(|byte| *byte != GOLDEN_ACCESS.as_bytes()[place]) {
                let mut changed = GOLDEN_ACCESS.as_bytes().to_vec();
                changed[place] = byte;
                let changed = String::from_utf8(changed).unwrap();
                assert_eq!(sealer.open_any(&changed), None, "{changed}");
                assert_eq!(sealer.open(Kind::Access, &changed), None, "{changed}");
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let sealed = base32::decode::<SEALED_BYTES>(&GOLDEN_ACCESS[BODY..]).unwrap();
        for bit in 0..SEALED_BYTES * 8 {
            let mut flipped = sealed;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let token = format!("rsc_at_{}", base32::encode(&flipped));
            assert_eq!(sealer().open_any(&token), None, "{bit}");
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        let (head, body) = GOLDEN_ACCESS.split_at(BODY);
        let (most, last) = body.split_at(body.len() - 1);
        assert_eq!(last, "a", "four stray bits, all zero");
        let wrong = [
            GOLDEN_ACCESS.to_uppercase(),
            format!("{head}{}", body.to_uppercase()),
            format!("{head}{most}b"),
            format!("{head}{most}"),
            format!("{GOLDEN_ACCESS}a"),
            format!("{GOLDEN_ACCESS}="),
            format!("{GOLDEN_ACCESS}===="),
            format!(" {GOLDEN_ACCESS}"),
            format!("{GOLDEN_ACCESS}\n"),
            format!("{head}_{body}"),
            format!("rsc_at{body}"),
            format!("{head}{}é", &body[2..]),
            format!("{head}{}\u{ff41}", &body[3..]),
            head.to_owned(),
            String::new(),
        ];
        for token in wrong {
            assert_eq!(sealer().open(Kind::Access, &token), None, "{token}");
            assert_eq!(sealer().open_any(&token), None, "{token}");
        }
    }

    #[test]
    fn rotation_opens_the_old_and_seals_with_the_new() {
        let old = sealer();
        let rotated_ring = ring().rotated().unwrap();
        let rotated = Sealer::new("rsc", &rotated_ring).unwrap();
        let token = rotated.seal(Kind::Access, &REFERENCE);

        assert_eq!(rotated.open(Kind::Access, GOLDEN_ACCESS), Some(REFERENCE));
        assert_eq!(rotated.open(Kind::Access, token.expose()), Some(REFERENCE));
        assert_eq!(old.open(Kind::Access, token.expose()), None);
        let sealed = base32::decode::<SEALED_BYTES>(&token.expose()[BODY..]).unwrap();
        assert_eq!(sealed[0], rotated_ring.first_id());
    }

    #[test]
    fn prefixes_are_short_and_plain() {
        for good in ["rsc", "a1", "abcdefghijkl"] {
            assert_eq!(Sealer::new(good, &ring()).unwrap().prefix(), good);
        }
        for bad in ["", "a", "abcdefghijklm", "1a", "Rsc", "r_c", "r-c", "rés"] {
            assert_eq!(Sealer::new(bad, &ring()).err(), Some(SealError::Prefix), "{bad}");
        }
    }

    #[test]
    fn a_sealer_is_shared_and_shows_nothing() {
        fn shared<T: Send + Sync + 'static>(_: &T) {}
        shared(&sealer());

        assert_eq!(format!("{:?}", sealer()), "Sealer { prefix: \"rsc\", .. }");
    }

    prop_compose! {
        fn references()(session: u128, serial: u64, shape: u16, expires_at: u32) -> Reference {
            Reference { session: Uuid::from_u128(session), serial, shape, expires_at }
        }
    }

    proptest! {
        #[test]
        fn every_reference_comes_back_from_its_one_token(
            reference in references(),
            kind in prop::sample::select(&Kind::ALL),
        ) {
            let token = sealer().seal(kind, &reference);

            prop_assert!(token.same_as(sealer().seal(kind, &reference).expose()));
            prop_assert_eq!(sealer().open(kind, token.expose()), Some(reference));
            prop_assert_eq!(sealer().open_any(token.expose()), Some((kind, reference)));
        }

        #[test]
        fn different_references_have_different_tokens(one in references(), two in references()) {
            prop_assume!(one != two);
            let tokens = [one, two].map(|reference| sealer().seal(Kind::Access, &reference));

            prop_assert!(!tokens[0].same_as(tokens[1].expose()));
        }

        #[test]
        fn only_what_we_would_have_written_opens(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            text in "(rsc|nyb)_(at|rt|bs|xx)_[a-z2-7]{0,80}|[a-zA-Z2-8=]{0,12}|.{0,80}",
        ) {
            outside::token(&text);
            outside::altered(&bytes);
        }

        #[test]
        fn nothing_foreign_opens_and_nothing_panics(
            noise in "\\PC*",
            body in "[a-z2-7]{76}",
            cut in 0..=GOLDEN_ACCESS.len(),
        ) {
            let sealer = sealer();
            let spliced = format!("{}{noise}{}", &GOLDEN_ACCESS[..cut], &GOLDEN_ACCESS[cut..]);
            for token in [
                noise.clone(),
                format!("rsc_at_{noise}"),
                format!("rsc_{noise}"),
                format!("rsc_at_{body}"),
            ] {
                prop_assert_eq!(sealer.open(Kind::Access, &token), None);
                prop_assert_eq!(sealer.open_any(&token), None);
            }
            prop_assert_eq!(sealer.open_any(&spliced).is_some(), noise.is_empty());
        }
    }
}
