use chrono::DateTime;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;
use crate::cache::redis::outside;
use crate::clock::Timestamp;
use crate::model::feed::AsOf;

fn time() -> impl Strategy<Value = Timestamp> {
    (0_i64..4_102_444_800_000).prop_map(|ms| DateTime::from_timestamp_millis(ms).unwrap())
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn scope() -> impl Strategy<Value = Scope> {
    "([a-z:]{1,9}( [a-z:]{1,9}){0,3})?".prop_map(|text| Scope::parse(&text).unwrap())
}

fn uris() -> impl Strategy<Value = Vec<String>> {
    vec("https://[a-zé]{1,12}/[a-z]{0,9}", 0..3)
}

fn epochs() -> impl Strategy<Value = Epochs> {
    let one = || of(any::<i64>());
    (any::<i64>(), one(), one(), one(), one()).prop_map(|(global, client, subject, device, consent)| Epochs {
        global,
        client,
        subject,
        device,
        consent,
    })
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    vec((scope(), uris()).prop_map(|(scope, audience)| Shape { scope, audience }), 0..17)
}

fn rotation() -> impl Strategy<Value = Rotation> {
    (time(), any::<u16>(), time()).prop_map(|(at, shape, access_expires_at)| Rotation {
        at,
        address: None,
        shape,
        access_expires_at,
    })
}

fn session() -> impl Strategy<Value = Session> {
    let names = ("[A-Za-z0-9][A-Za-z0-9._:@+-]{0,63}", "[A-Za-z0-9][A-Za-z0-9._-]{0,63}", any::<bool>());
    let ids = (uuid(), of(uuid()), of(uuid()));
    let grant = (scope(), uris(), shapes(), any::<i64>(), rotation());
    let times = (of(time()), time(), time(), of(time()));
    (names, ids, grant, times, epochs()).prop_map(|(names, ids, grant, times, epochs)| Session {
        session_id: ids.0,
        client_id: ClientId::parse(&names.0).unwrap(),
        subject_id: names.1,
        subject_kind: if names.2 { SubjectKind::Customer } else { SubjectKind::Service },
        device_id: ids.1,
        consent_id: ids.2,
        scope: grant.0,
        resources: grant.1,
        shapes: grant.2,
        generation: grant.3,
        rotation: grant.4,
        auth_at: times.0,
        created_at: times.1,
        expires_at: times.2,
        ended_at: times.3,
        epochs,
    })
}

prop_compose! {
    /// Any copy a view could have made.
    pub(in crate::cache::redis) fn copy()(
        session in session(),
        now in epochs(),
        global_found in any::<bool>(),
        level in prop_oneof![Just(Level::None), Just(Level::Payments), Just(Level::Write), Just(Level::Full)],
        revoked in vec(any::<i64>(), 0..=MOST_REVOKED),
        number in any::<i64>(),
        timeline in "[0-9A-F]{8}|file",
    ) -> Copied<Whole> {
        let record = Record { session, now, global_found, level, token_revoked: false };
        Copied::new(Whole { record, revoked, is_whole: true, timeline }, AsOf { life: 3, number })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn sto_10_whatever_was_written_is_read_again(copy in copy()) {
        let read = read(copy.value.record.session.session_id, &write(&copy));
        let Read { value, number } = read.expect("readable");
        prop_assert_eq!(value, copy.value);
        prop_assert_eq!(number, copy.as_of.number);
    }

    #[test]
    fn sto_10_what_is_cut_or_longer_is_nothing(copy in copy(), cut in any::<prop::sample::Index>()) {
        let (id, mut bytes) = (copy.value.record.session.session_id, write(&copy));
        prop_assert_eq!(read(id, &bytes[..cut.index(bytes.len())]), None);
        bytes.push(0);
        prop_assert_eq!(read(id, &bytes), None);
    }

    #[test]
    fn sto_10_whatever_bytes_there_are_they_are_read_whole_or_not_at_all(
        bytes in vec(any::<u8>(), 0..400),
        copy in copy(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        outside::copies(&bytes);
        let mut near = write(&copy);
        for (place, byte) in changes {
            let place = place.index(near.len());
            near[place] = byte;
        }
        outside::copies(&near);
    }
}

/// The same copy every time.
pub(in crate::cache::redis) fn one() -> Copied<Whole> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    copy().new_tree(&mut runner).unwrap().current()
}

#[test]
fn the_last_address_stays_at_home() {
    let mut one = one();
    one.value.record.session.rotation.address = Some("192.0.2.77".to_owned());
    let bytes = write(&one);
    assert!(!bytes.windows(10).any(|window| window == b"192.0.2.77"));
    let read = read(one.value.record.session.session_id, &bytes).unwrap();
    assert_eq!(read.value.record.session.rotation.address, None);
}
