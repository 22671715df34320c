//! The two keyed functions everything here is built from: HKDF-SHA256 (RFC 5869) and HMAC-SHA256 (RFC 2104).
//! Neither can fail: the types carry the lengths that could be wrong.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A derived key: one block of SHA-256, and twice the 32 bytes that AES-256 takes.
pub(super) type Key64 = Zeroizing<[u8; 64]>;

/// Derives a key from `material` for the use that the parts of `info` name together. No salt.
pub(super) fn hkdf(material: &[u8], info: &[&[u8]]) -> Key64 {
    let mut key = Key64::new([0; 64]);
    let expanded = Hkdf::<Sha256>::new(None, material).expand_multi_info(info, key.as_mut());
    if expanded.is_err() {
        unreachable!("64 bytes are two of the 255 blocks that HKDF may give");
    }

    key
}

/// HMAC-SHA256 under `key` of the pieces, one after the other, as if they were one message.
pub(super) fn hmac<P: AsRef<[u8]>>(key: &Key64, pieces: impl IntoIterator<Item = P>) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new((&**key).into());
    for piece in pieces {
        mac.update(piece.as_ref());
    }

    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::{Key64, hkdf, hmac};

    #[test]
    fn rfc_5869_test_case_3_without_salt_or_info() {
        // The RFC asks for 42 bytes; HKDF output is a stream, so they begin ours.
        let key = hkdf(&[0x0b; 22], &[]);

        assert_eq!(
            HEXLOWER.encode(&key[..42]),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        );
    }

    #[test]
    fn rfc_4231_test_case_1_in_pieces() {
        // HMAC pads its key with zeros to 64 bytes, which is what the 20-byte key of the RFC becomes.
        let mut key = Key64::new([0; 64]);
        key[..20].fill(0x0b);

        assert_eq!(
            HEXLOWER.encode(&hmac(&key, ["Hi ", "There"])),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }
}
