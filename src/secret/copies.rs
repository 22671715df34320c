//! Seals what leaves the process as a copy: AES-256-SIV (RFC 5297) under a key of its own, bound to whatever the caller
//! says it is about. Deterministic: the same copy sealed twice is the same bytes, which tells a reader that nothing
//! changed, and nothing else.

use std::fmt;

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use zeroize::Zeroizing;

use super::derive::Key64;
use super::keys::KeyRing;

/// The synthetic initialisation vector, which is also the proof of origin.
const TAG_BYTES: usize = 16;
/// What a key is derived for.
const USE: &str = "copies";

/// Seals and opens copies with the keys of one ring.
pub struct CopySealer {
    first: (u8, Key64),
    others: Vec<(u8, Key64)>,
}

impl CopySealer {
    /// Derives its keys from the ring.
    #[must_use]
    pub fn new(ring: &KeyRing) -> Self {
        Self {
            first: (ring.first().id(), ring.first().derive64(USE)),
            others: ring.others().iter().map(|key| (key.id(), key.derive64(USE))).collect(),
        }
    }

    /// Key id, tag, encrypted bytes. `about`: at most 100 pieces that must be the same when it is opened.
    #[must_use]
    pub fn seal(&self, about: &[&[u8]], plain: &[u8]) -> Vec<u8> {
        let (id, key) = &self.first;
        let mut bytes = Vec::with_capacity(1 + TAG_BYTES + plain.len());
        bytes.push(*id);
        bytes.extend_from_slice(&[0; TAG_BYTES]);
        bytes.extend_from_slice(plain);
        let mut cipher = Aes256Siv::new((&**key).into());
        let sealed = cipher.encrypt_inout_detached(context(about, &[*id]), bytes[1 + TAG_BYTES..].as_mut().into());
        let Ok(tag) = sealed else {
            unreachable!("AES-SIV refuses only more than 126 pieces of associated data");
        };
        bytes[1..=TAG_BYTES].copy_from_slice(&tag);
        bytes
    }

    /// What was sealed about the same; `None` for anything else, whatever it is.
    #[must_use]
    pub fn open(&self, about: &[&[u8]], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let ([id], rest) = sealed.split_first_chunk()?;
        let (tag, encrypted) = rest.split_first_chunk::<TAG_BYTES>()?;
        let (_, key) = std::iter::once(&self.first).chain(&self.others).find(|(known, _)| known == id)?;
        let mut plain = Zeroizing::new(encrypted.to_vec());
        let mut cipher = Aes256Siv::new((&**key).into());
        cipher.decrypt_inout_detached(context(about, &[*id]), plain[..].as_mut().into(), tag.into()).ok()?;
        Some(plain)
    }
}

/// The associated data: what it is about, and the key.
fn context<'a>(about: &'a [&'a [u8]], id: &'a [u8; 1]) -> impl Iterator<Item = &'a [u8]> {
    about.iter().copied().chain([&id[..]])
}

impl fmt::Debug for CopySealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopySealer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: &[&[u8]] = &[b"session", b"life"];

    #[test]
    fn what_was_sealed_opens_about_the_same_and_under_the_same_ring_only() {
        let ring = KeyRing::generate();
        let key = CopySealer::new(&ring);
        let sealed = key.seal(ABOUT, b"a copy");
        let open = |key: &CopySealer, about: &[&[u8]]| key.open(about, &sealed).map(|plain| plain.to_vec());
        assert_eq!(open(&key, ABOUT), Some(b"a copy".to_vec()));
        assert_eq!(open(&key, &[b"session", b"lifE"]), None);
        assert_eq!(open(&key, &[b"sessionl", b"ife"]), None, "pieces are not run together");
        assert_eq!(open(&key, &[b"session"]), None);
        assert_eq!(open(&CopySealer::new(&KeyRing::generate()), ABOUT), None);
        assert!(!sealed.windows(4).any(|bytes| bytes == b"copy"));
        assert_eq!(key.open(ABOUT, b""), None);
        assert_eq!(key.open(ABOUT, &key.seal(ABOUT, b"")).map(|plain| plain.len()), Some(0));
    }

    #[test]
    fn a_rotated_ring_opens_what_the_old_one_sealed() {
        let ring = KeyRing::generate();
        let rotated = CopySealer::new(&ring.rotated().unwrap());
        assert!(rotated.open(ABOUT, &CopySealer::new(&ring).seal(ABOUT, b"x")).is_some());
        assert!(CopySealer::new(&ring).open(ABOUT, &rotated.seal(ABOUT, b"x")).is_none());
    }

    #[test]
    fn sto_10_no_flipped_bit_opens() {
        let key = CopySealer::new(&KeyRing::generate());
        let sealed = key.seal(ABOUT, b"forty-two");
        for bit in 0..sealed.len() * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(ABOUT, &forged), None, "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert_eq!(key.open(ABOUT, &sealed[..len]), None, "cut to {len}");
        }
    }
}
