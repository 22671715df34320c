//! The ring of keys that seal tokens: the first seals, all open, so that a key can be replaced without a pause.
//! A key is never used itself, only what is derived from it for one purpose.

use std::fmt;

use base64::Engine;
use zeroize::Zeroizing;

use super::{BASE64, KeyError, decode};
use crate::secret::derive::{Key64, hkdf};
use crate::secret::random;
use crate::secret::text::SecretText;

/// Keys of 64 bytes with ids from 0 to 255, never empty. The first seals, all open.
#[derive(Clone)]
pub struct KeyRing {
    first: RingKey,
    others: Vec<RingKey>,
}

/// One key of a ring.
#[derive(Clone)]
pub(in crate::secret) struct RingKey {
    id: u8,
    bytes: Zeroizing<[u8; 64]>,
}

impl KeyRing {
    /// Reads `base64` (key id 0) or `id:base64,id:base64`: distinct keys of 64 bytes under distinct ids, white space
    /// ignored.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if !text.contains([':', ',']) {
            return Ok(Self::of(RingKey::parse(0, text)?));
        }
        let mut pieces = text.split(',');
        let mut ring = Self::of(RingKey::parse_pair(pieces.next().unwrap_or_default())?);
        for piece in pieces {
            ring.push(RingKey::parse_pair(piece)?)?;
        }

        Ok(ring)
    }

    /// A ring of one new random key with id 0.
    #[must_use]
    pub fn generate() -> Self {
        Self::of(RingKey::generate(0))
    }

    /// The form `id:base64,id:base64` that [`KeyRing::parse`] reads, also for a ring of one.
    #[must_use]
    pub fn to_text(&self) -> SecretText {
        let mut text = Zeroizing::new(String::new());
        // Reserved at once, so that growing leaves no copies behind: 3 + 1 + 88 + 1 characters per key.
        text.reserve(93 * (1 + self.others.len()));
        for key in self.keys() {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(&key.id.to_string());
            text.push(':');
            text.push_str(&Zeroizing::new(BASE64.encode(*key.bytes)));
        }

        SecretText::new(std::mem::take(&mut *text))
    }

    /// The same ring with a new random key in front, under the next free id after the first (255 is followed by 0).
    pub fn rotated(&self) -> Result<Self, KeyError> {
        let id = (1..=u8::MAX)
            .map(|step| self.first.id.wrapping_add(step))
            .find(|id| self.ids().all(|used| used != *id))
            .ok_or(KeyError::Full)?;

        Ok(Self { first: RingKey::generate(id), others: self.keys().cloned().collect() })
    }

    /// The id of the key that seals.
    #[must_use]
    pub fn first_id(&self) -> u8 {
        self.first.id
    }

    /// All ids, the sealing one first.
    pub fn ids(&self) -> impl Iterator<Item = u8> {
        self.keys().map(|key| key.id)
    }

    /// The key for one use, by HKDF-SHA256 (RFC 5869) from the key with this id; `None` if the ring lacks it.
    #[must_use]
    pub fn derive64(&self, id: u8, label: &str) -> Option<Zeroizing<[u8; 64]>> {
        self.keys().find(|key| key.id == id).map(|key| key.derive64(label))
    }

    /// The key that seals.
    pub(in crate::secret) fn first(&self) -> &RingKey {
        &self.first
    }

    /// The keys that only open.
    pub(in crate::secret) fn others(&self) -> &[RingKey] {
        &self.others
    }

    fn keys(&self) -> impl Iterator<Item = &RingKey> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn of(first: RingKey) -> Self {
        let others = Vec::new();
        Self { first, others }
    }

    fn push(&mut self, key: RingKey) -> Result<(), KeyError> {
        for known in self.keys() {
            if known.id == key.id {
                return Err(KeyError::RepeatedId(key.id));
            }
            if known.bytes == key.bytes {
                return Err(KeyError::RepeatedKey(known.id, key.id));
            }
        }
        self.others.push(key);

        Ok(())
    }
}

impl RingKey {
    /// The number that tokens carry to say which key sealed them.
    pub(in crate::secret) fn id(&self) -> u8 {
        self.id
    }

    /// The key for the use that `label` names.
    pub(in crate::secret) fn derive64(&self, label: &str) -> Key64 {
        hkdf(&*self.bytes, &[b"rescind/ring/", &[self.id], b"/", label.as_bytes()])
    }

    fn generate(id: u8) -> Self {
        let bytes = Zeroizing::new(random::bytes());
        Self { id, bytes }
    }

    fn parse_pair(text: &str) -> Result<Self, KeyError> {
        let (id, key) = text.split_once(':').ok_or(KeyError::Id)?;
        let id = id.trim();
        let number = id.parse::<u8>().map_err(|_| KeyError::Id)?;
        // `+7` and `007` are numbers to the parser, but second spellings of the same id.
        if number.to_string() != id {
            return Err(KeyError::Id);
        }

        Self::parse(number, key)
    }

    fn parse(id: u8, text: &str) -> Result<Self, KeyError> {
        let decoded = decode(text)?;
        let bytes = <[u8; 64]>::try_from(decoded.as_slice())
            .map_err(|_| KeyError::Length { wanted: "64", found: decoded.len() })?;

        Ok(Self { id, bytes: Zeroizing::new(bytes) })
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<u8> = self.ids().collect();
        f.debug_struct("KeyRing").field("ids", &ids).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(byte: u8) -> String {
        BASE64.encode([byte; 64])
    }

    #[test]
    fn a_bare_key_has_id_0() {
        let ring = KeyRing::parse(&text_of(9)).unwrap();

        assert_eq!(ring.ids().collect::<Vec<_>>(), [0]);
        assert_eq!(ring.to_text().expose(), format!("0:{}", text_of(9)));
    }

    #[test]
    fn a_ring_keeps_its_order_through_its_text() {
        let text = format!("7:{},0:{},255:{}", text_of(1), text_of(2), text_of(3));
        let ring = KeyRing::parse(&text).unwrap();

        assert_eq!(ring.first_id(), 7);
        assert_eq!(ring.ids().collect::<Vec<_>>(), [7, 0, 255]);
        assert_eq!(ring.to_text().expose(), text);
        assert_eq!(KeyRing::parse(&format!(" {}\n", text.replace(',', ", "))).unwrap().to_text().expose(), text);
    }

    #[test]
    fn wrong_rings_are_refused() {
        let (one, two) = (text_of(1), text_of(2));
        let short = BASE64.encode([1; 63]);
        let wanted = "64";
        let cases = [
            (String::new(), KeyError::Empty),
            ("1:".into(), KeyError::Empty),
            (format!("1:{one},"), KeyError::Id),
            (format!(",1:{one}"), KeyError::Id),
            (format!("{one},{two}"), KeyError::Id),
            (format!("256:{one}"), KeyError::Id),
            (format!("+1:{one}"), KeyError::Id),
            (format!("01:{one}"), KeyError::Id),
            (format!(":{one}"), KeyError::Id),
            (format!("1:2:{one}"), KeyError::NotBase64),
            (format!("1:{one},1:{two}"), KeyError::RepeatedId(1)),
            (format!("1:{one},2:{one}"), KeyError::RepeatedKey(1, 2)),
            (short, KeyError::Length { wanted, found: 63 }),
        ];
        for (text, error) in cases {
            assert_eq!(KeyRing::parse(&text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn rotation_puts_a_new_key_first_and_keeps_the_old() {
        let ring = KeyRing::parse(&format!("254:{},255:{},0:{}", text_of(1), text_of(2), text_of(3))).unwrap();
        let rotated = ring.rotated().unwrap();

        assert_eq!(rotated.ids().collect::<Vec<_>>(), [1, 254, 255, 0]);
        assert_eq!(rotated.derive64(255, "x"), ring.derive64(255, "x"));
        assert_ne!(rotated.derive64(1, "x"), ring.rotated().unwrap().derive64(1, "x"));
    }

    #[test]
    fn a_full_ring_can_not_rotate() {
        let mut ring = KeyRing::generate();
        for _ in 1..=255 {
            ring = ring.rotated().unwrap();
        }

        assert_eq!(ring.ids().count(), 256);
        assert_eq!(ring.rotated().unwrap_err(), KeyError::Full);
    }

    #[test]
    fn derived_keys_differ_by_id_and_label() {
        let ring = KeyRing::generate().rotated().unwrap();

        assert!(ring.derive64(0, "a").is_some());
        assert!(ring.derive64(2, "a").is_none());
        assert_ne!(ring.derive64(0, "a"), ring.derive64(1, "a"));
        assert_ne!(ring.derive64(0, "a"), ring.derive64(0, "b"));
    }

    #[test]
    fn debug_shows_ids_only() {
        let ring = KeyRing::parse(&text_of(1)).unwrap();

        assert_eq!(format!("{ring:?}"), "KeyRing { ids: [0], .. }");
    }
}
