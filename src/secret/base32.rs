//! RFC 4648 base32 in exactly one spelling: lower case, no padding, stray bits zero.

use data_encoding::BASE32_NOPAD;

/// Writes `bytes` in lower case without padding: eight characters per five bytes, rounded up.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = BASE32_NOPAD.encode(bytes);
    text.make_ascii_lowercase();
    text
}

/// What a byte stands for: five bits, or a number above them for one that [`encode`] does not write.
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let (mut values, mut value) = ([u8::MAX; 256], 0);
    while value < 32 {
        values[if value < 26 { b'a' + value } else { b'2' + value - 26 } as usize] = value;
        value += 1;
    }
    values
}

/// Reads exactly `N` bytes, or `None` for anything that [`encode`] would not have written. Eight characters at a time:
/// every check reads a token.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != BASE32_NOPAD.encode_len(N) {
        return None;
    }
    let mut bytes = [0; N];
    let ((eights, rest), (fives, last)) = (text.as_bytes().as_chunks::<8>(), bytes.as_chunks_mut::<5>());
    let mut odd = 0;
    for (from, into) in eights.iter().zip(fives) {
        (*into, odd) = five(*from, odd);
    }
    let mut padded = [b'a'; 8];
    padded[..rest.len()].copy_from_slice(rest);
    let whole;
    (whole, odd) = five(padded, odd);
    let (whole, stray) = whole.split_at(last.len());
    last.copy_from_slice(whole);
    (odd < 32 && stray.iter().all(|byte| *byte == 0)).then_some(bytes)
}

/// The five bytes of eight characters; `odd` becomes 32 or more, and stays so, if one of them stands for nothing.
fn five(text: [u8; 8], mut odd: u8) -> ([u8; 5], u8) {
    let mut held = 0_u64;
    for byte in text {
        let value = VALUES[usize::from(byte)];
        odd |= value;
        held = held << 5 | u64::from(value & 31);
    }
    let [_, _, _, forty @ ..] = held.to_be_bytes();
    (forty, odd)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn what_is_read_is_what_would_have_been_written(bytes: [u8; 13], at in 0..21_usize, odd: u8) {
            let text = encode(&bytes);
            prop_assert_eq!(decode::<13>(&text), Some(bytes));
            let mut changed = text.clone().into_bytes();
            changed[at] = odd & 127;
            let changed = String::from_utf8(changed).unwrap();
            prop_assert!(decode::<13>(&changed).is_none_or(|read| encode(&read) == changed));
        }
    }
}
