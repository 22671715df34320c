//! Values as few bytes: numbers in groups of seven bits, the least first (LEB128), signed ones folded; texts and lists
//! behind their length. Reading takes nothing on trust: whatever does not fit is `None`.

use chrono::DateTime;
use uuid::Uuid;

use crate::clock::Timestamp;

/// Puts values one behind the other.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn unsigned(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }

    /// 0, -1, 1, -2 ... as 0, 1, 2, 3 ...
    pub(super) fn signed(&mut self, value: i64) {
        self.unsigned(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    pub(super) fn count(&mut self, value: usize) {
        self.unsigned(value as u64);
    }

    pub(super) fn text(&mut self, value: &str) {
        self.count(value.len());
        self.0.extend_from_slice(value.as_bytes());
    }

    pub(super) fn id(&mut self, value: Uuid) {
        self.0.extend_from_slice(value.as_bytes());
    }

    pub(super) fn time(&mut self, value: Timestamp) {
        self.signed(value.timestamp_millis());
    }

    pub(super) fn maybe<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.unsigned(value.is_some().into());
        if let Some(value) = value {
            put(self, value);
        }
    }

    pub(super) fn list<T>(&mut self, values: &[T], mut put: impl FnMut(&mut Self, &T)) {
        self.count(values.len());
        for value in values {
            put(self, value);
        }
    }
}

/// Takes values from the front.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// Whether everything was taken.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            let group = u64::from(byte & 0x7F);
            let shifted = group << shift;
            if shifted >> shift != group {
                return None;
            }
            value |= shifted;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let folded = self.unsigned()?;
        Some((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    pub(super) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.unsigned()?).ok()
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = self.count()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    pub(super) fn id(&mut self) -> Option<Uuid> {
        Uuid::from_slice(self.take(16)?).ok()
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        DateTime::from_timestamp_millis(self.signed()?)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.unsigned()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    #[expect(clippy::option_option, reason = "outer: whether it could be read; inner: whether there is one")]
    pub(super) fn maybe<T>(&mut self, take: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.flag()? { take(self).map(Some) } else { Some(None) }
    }

    /// Every element takes a byte at least: a count that can't be true costs nothing.
    pub(super) fn list<T>(&mut self, mut take: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count().filter(|count| *count <= self.0.len())?;
        (0..count).map(|_| take(self)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_small_ones_are_short() {
        for value in [0, 1, -1, 63, -64, 64, 1_800_000_000_000, i64::MAX, i64::MIN] {
            let mut writer = Writer::default();
            writer.signed(value);
            let bytes = writer.into_bytes();
            assert_eq!(bytes.len() == 1, (-64..64).contains(&value), "{value}");
            let mut reader = Reader(&bytes);
            assert_eq!((reader.signed(), reader.is_empty()), (Some(value), true));
        }
        let mut writer = Writer::default();
        writer.unsigned(u64::MAX);
        assert_eq!(Reader(&writer.into_bytes()).unsigned(), Some(u64::MAX));
    }

    #[test]
    fn what_does_not_fit_is_nothing() {
        assert_eq!(Reader(&[0x80]).unsigned(), None, "cut off");
        assert_eq!(Reader(&[0xFF; 11]).unsigned(), None, "endless");
        assert_eq!(Reader(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2]).unsigned(), None, "65 bits");
        assert_eq!(Reader(&[2, b'a']).text(), None);
        assert_eq!(Reader(&[1, 0xFF]).text(), None, "not UTF-8");
        assert_eq!(Reader(&[2]).flag(), None);
        assert_eq!(
            Reader(&[0xFF, 0xFF, 0xFF, 0x7F, 1]).list(Reader::unsigned),
            None,
            "no memory for what is not there"
        );
        assert_eq!(Reader(&[1, 7]).maybe(Reader::unsigned), Some(Some(7)));
        assert_eq!(Reader(&[0; 15]).id(), None);
    }
}
