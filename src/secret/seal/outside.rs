//! What must hold of token strings, whatever is sent: only what we would have written opens, and every letter counts.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use data_encoding::BASE32_NOPAD;

use super::{KeyRing, Kind, REFERENCE_BYTES, Reference, SEALED_BYTES, Sealer, base32};

/// Under a key that everybody knows, so that an input means the same in every run.
static SEALER: LazyLock<Sealer> = LazyLock::new(|| {
    let bytes: Vec<u8> = (0..64).collect();
    let ring = KeyRing::parse(&format!("7:{}", STANDARD.encode(bytes)));
    let sealer = ring.ok().and_then(|ring| Sealer::new("rsc", &ring).ok());
    sealer.unwrap_or_else(|| panic!("a ring and a prefix"))
});

/// Whatever is sent as a token.
pub(crate) fn token(text: &str) {
    let opened = SEALER.open_any(text);
    if let Some((kind, reference)) = opened {
        assert_eq!(SEALER.seal(kind, &reference).expose(), text);
    }
    for kind in Kind::ALL {
        let of_kind = opened.filter(|(known, _)| *known == kind).map(|(_, reference)| reference);
        assert_eq!(SEALER.open(kind, text), of_kind, "{text:?}");
    }
    let body = text.rsplit('_').next().unwrap_or_default();
    base32_reads::<SEALED_BYTES>(body);
    base32_reads::<32>(body);
    base32_reads::<5>(body);
    base32_reads::<4>(body);
    base32_reads::<3>(body);
    base32_reads::<2>(body);
    base32_reads::<1>(body);
}

/// As another decoder does, which knows capitals alone.
fn base32_reads<const N: usize>(text: &str) {
    let is_small = !text.contains(|c: char| c.is_ascii_uppercase());
    let second = BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok().filter(|_| is_small);
    let read = base32::decode::<N>(text);
    assert_eq!(read.map(|bytes| bytes.to_vec()), second.filter(|bytes| bytes.len() == N), "{text:?}");
    if let Some(bytes) = read {
        assert_eq!(base32::encode(&bytes), text);
    }
}

/// A genuine token of what the first bytes say, altered as the others do: each two name a place and what stands there then.
pub(crate) fn altered(bytes: &[u8]) {
    let Some(([kind], rest)) = bytes.split_first_chunk() else { return };
    let Some((referred, edits)) = rest.split_first_chunk::<REFERENCE_BYTES>() else { return };
    let kind = Kind::ALL[usize::from(*kind) % Kind::ALL.len()];
    let Some(reference) = Reference::from_bytes(referred) else { panic!("thirty bytes refer to something") };
    let genuine = SEALER.seal(kind, &reference);
    token(genuine.expose());
    assert_eq!(SEALER.open_any(genuine.expose()), Some((kind, reference)));

    let mut changed = genuine.expose().as_bytes().to_vec();
    for edit in edits.chunks_exact(2) {
        let place = usize::from(edit[0]) % changed.len();
        changed[place] = edit[1] & 127;
    }
    let Ok(changed) = String::from_utf8(changed) else { panic!("ASCII is text") };
    assert_eq!(SEALER.open_any(&changed).is_some(), genuine.same_as(&changed), "{changed:?}");
    token(&changed);
}
