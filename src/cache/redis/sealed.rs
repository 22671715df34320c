//! A copy as Redis holds it: a version byte, and the sealed record. The seal proves who made it, of which session, in which
//! history of the database and which life of its data. What does not open is nothing.

use uuid::Uuid;

use super::record::{self, Read};
use crate::cache::near::Copied;
use crate::model::feed::History;
use crate::secret::copies::CopySealer;
use crate::seeded::{Bug, has};
use crate::store::sessions::Whole;

/// How records are written in this release.
const VERSION: u8 = 1;
/// Most bytes of a value. A session with the most shapes and the longest scopes fits several times over.
pub(super) const MOST: usize = 64 * 1024;

/// The value for a copy; `None` for one that is not for others: incomplete, or too large.
pub(super) fn close(sealer: &CopySealer, history: &History, copy: &Copied<Whole>) -> Option<Vec<u8>> {
    if !copy.value.is_whole {
        return None;
    }
    let value = value_of(sealer, history, copy.value.record.session.session_id, &record::write(copy));
    (value.len() <= MOST).then_some(value)
}

/// The value for what was written about a session.
pub(super) fn value_of(sealer: &CopySealer, history: &History, session: Uuid, plain: &[u8]) -> Vec<u8> {
    let mut value = vec![VERSION];
    if has(Bug::RedisUnsealed) {
        value.extend(plain);
    } else {
        value.extend(sealer.seal(&about(&session, history), plain));
    }
    value
}

/// The record in a value, if one of ours made it about this session in this history.
pub(super) fn open(sealer: &CopySealer, history: &History, session: Uuid, value: &[u8]) -> Option<Read> {
    let ([VERSION], rest) = value.split_first_chunk::<1>()? else { return None };
    if value.len() > MOST {
        return None;
    }
    if has(Bug::RedisUnsealed) {
        return record::read(session, rest);
    }
    record::read(session, &sealer.open(&about(&session, history), rest)?)
}

fn about<'a>(session: &'a Uuid, history: &'a History) -> [&'a [u8]; 5] {
    [b"session", &[VERSION], session.as_bytes(), history.timeline.as_bytes(), history.incarnation.as_bytes()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::tests::{copy, one};
    use super::*;
    use crate::secret::keys::KeyRing;

    fn history(timeline: &str, incarnation: &str) -> History {
        History { timeline: timeline.to_owned(), incarnation: incarnation.to_owned() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn sto_01_a_copy_opens_for_its_session_key_history_and_life_alone(copy in copy(), bit in any::<prop::sample::Index>()) {
            let sealer = CopySealer::new(&KeyRing::generate());
            let (id, here) = (copy.value.record.session.session_id, history("1", "A"));
            let value = close(&sealer, &here, &copy).expect("small enough");
            prop_assert_eq!(open(&sealer, &here, id, &value).expect("ours").value, copy.value.clone());

            for other in [history("2", "A"), history("1", "B"), history("", "A"), history("1A", "")] {
                prop_assert_eq!(open(&sealer, &other, id, &value), None);
            }
            prop_assert_eq!(open(&sealer, &here, Uuid::from_u128(id.as_u128() ^ 1), &value), None);
            prop_assert_eq!(open(&CopySealer::new(&KeyRing::generate()), &here, id, &value), None);
            let (mut forged, bit) = (value.clone(), bit.index(value.len() * 8));
            forged[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(open(&sealer, &here, id, &forged), None);
            prop_assert_eq!(open(&sealer, &here, id, &value[..value.len() - 1]), None);
        }
    }

    #[test]
    fn sto_10_what_is_too_large_or_incomplete_is_neither_written_nor_read() {
        let mut one = one();
        let (sealer, here) = (CopySealer::new(&KeyRing::generate()), history("1", "A"));
        one.value.is_whole = false;
        assert_eq!(close(&sealer, &here, &one), None);
        one.value.is_whole = true;
        one.value.record.session.resources = vec!["x".repeat(MOST)];
        assert_eq!(close(&sealer, &here, &one), None);
        let id = one.value.record.session.session_id;
        let mut large = vec![VERSION];
        large.extend(sealer.seal(&about(&id, &here), &record::write(&one)));
        assert_eq!(open(&sealer, &here, id, &large), None, "genuine, and too large all the same");
        for value in [&b""[..], &[VERSION], &[0], &[VERSION + 1; 300]] {
            assert_eq!(open(&sealer, &here, id, value), None);
        }
    }

    #[test]
    fn an_older_version_is_nothing() {
        let one = one();
        let (sealer, here) = (CopySealer::new(&KeyRing::generate()), history("1", "A"));
        let id = one.value.record.session.session_id;
        for version in [VERSION - 1, VERSION + 1] {
            // As that release would have sealed it.
            let about: [&[u8]; 5] = [b"session", &[version], id.as_bytes(), b"1", b"A"];
            let bytes = sealer.seal(&about, &record::write(&one));
            for front in [version, VERSION] {
                let value = [&[front], bytes.as_slice()].concat();
                assert_eq!(open(&sealer, &here, id, &value), None);
            }
        }
    }
}
