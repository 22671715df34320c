//! What must hold of values in Redis, whatever stands there: only what was sealed with our key about this session opens, and
//! what a release before this one may have sealed is read whole or not at all.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::{Uuid, uuid};

use super::record::{self, Read};
use super::sealed;
use crate::cache::near::Copied;
use crate::model::feed::{AsOf, History};
use crate::secret::copies::CopySealer;
use crate::secret::keys::KeyRing;

/// The session that is asked about.
const SESSION: Uuid = uuid!("0190a5e0-7c1d-7b3e-8f42-1a2b3c4d5e6f");

/// Under a key that everybody knows, so that an input means the same in every run.
static SEALER: LazyLock<CopySealer> = LazyLock::new(|| {
    let bytes: Vec<u8> = (0..64).collect();
    let ring = KeyRing::parse(&format!("7:{}", STANDARD.encode(bytes)));
    ring.map_or_else(|_| panic!("a ring"), |ring| CopySealer::new(&ring))
});

/// Whatever stands in Redis.
pub(crate) fn copies(bytes: &[u8]) {
    let read = record::read(SESSION, bytes);
    if let Some(read) = &read {
        is_read_whole(read, bytes);
    }
    let here = history("1");
    if let Some(opened) = sealed::open(&SEALER, &here, SESSION, bytes) {
        assert_eq!(sealed::close(&SEALER, &here, &copied(&opened)).as_deref(), Some(bytes), "a forged value opens");
    }
    opens_where_it_was_sealed(read, bytes);
}

/// What is written of it anew is read as the same, and no longer; cut off or longer it is nothing.
fn is_read_whole(read: &Read, bytes: &[u8]) {
    let again = record::write(&copied(read));
    assert_eq!(record::read(SESSION, &again).as_ref(), Some(read));
    assert!(again.len() <= bytes.len(), "{read:?}");
    assert_eq!(record::read(SESSION, &bytes[..bytes.len() - 1]), None);
    assert_eq!(record::read(SESSION, &[bytes, &[0]].concat()), None);
}

/// The bytes as a plain record that was sealed with our key.
fn opens_where_it_was_sealed(read: Option<Read>, plain: &[u8]) {
    let here = history("1");
    let value = sealed::value_of(&SEALER, &here, SESSION, plain);
    assert_eq!(sealed::open(&SEALER, &here, SESSION, &value), read.filter(|_| value.len() <= sealed::MOST));
    assert_eq!(sealed::open(&SEALER, &history("2"), SESSION, &value), None);
    assert_eq!(sealed::open(&SEALER, &here, Uuid::nil(), &value), None);
    // One bit, which the bytes themselves choose.
    let (mut forged, chosen) = (value, plain.iter().fold(0_usize, |sum, byte| sum * 31 % 8_191 + usize::from(*byte)));
    let bit = chosen % (forged.len() * 8);
    forged[bit / 8] ^= 1 << (bit % 8);
    assert_eq!(sealed::open(&SEALER, &here, SESSION, &forged), None, "bit {bit}");
}

fn history(timeline: &str) -> History {
    History { timeline: timeline.to_owned(), incarnation: "A".to_owned() }
}

fn copied(read: &Read) -> Copied<crate::store::sessions::Whole> {
    Copied::new(read.value.clone(), AsOf { life: 0, number: read.number })
}
