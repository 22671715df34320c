//! RFC 4648 base32 in exactly one spelling: lower case, no padding, stray bits zero.

use data_encoding::BASE32_NOPAD;

/// Writes `bytes` in lower case without padding: eight characters per five bytes, rounded up.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = BASE32_NOPAD.encode(bytes);
    text.make_ascii_lowercase();
    text
}

/// Reads exactly `N` bytes, or `None` for anything that [`encode`] would not have written.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = |byte: &u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
    if text.len() != BASE32_NOPAD.encode_len(N) || !text.as_bytes().iter().all(lower) {
        return None;
    }
    let mut bytes = [0; N];
    BASE32_NOPAD.decode_mut(text.to_ascii_uppercase().as_bytes(), &mut bytes).ok()?;

    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn the_vectors_of_rfc_4648_section_10_hold() {
        assert_eq!(encode(b"foob"), "mzxw6yq");
        assert_eq!(decode::<4>("mzxw6yq"), Some(*b"foob"));
        assert_eq!(encode(b"foobar"), "mzxw6ytboi");
        assert_eq!(decode::<6>("mzxw6ytboi"), Some(*b"foobar"));
    }

    #[test]
    fn only_one_spelling_is_read() {
        for wrong in ["MZXW6YQ", "mzxw6yr", "mzxw6y", "mzxw6yqa", "mzxw6yq=", "mzxw6y1", "mzxw6é", ""] {
            assert_eq!(decode::<4>(wrong), None, "{wrong}");
        }
    }
}
