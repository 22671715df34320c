//! Whether a token is alive, from one read of the truth: its session, the epochs of its ancestors then and now, and the
//! time. Unequal or missing means dead, in both directions: an epoch that went back is a store that went back.

use crate::clock::{Timestamp, unix_seconds};
use crate::model::epoch::{Epochs, Level};
use crate::model::session::Record;

/// What is known of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Alive, with the restriction of its subject: never [`Level::Full`].
    Alive(Level),
    /// Dead, for whatever reason; the reason is nobody's business.
    Dead,
}

/// Judges a token of `record`'s session. `token_expires_at`: Unix seconds sealed in the token, reached means dead, without
/// leeway (RFC 7662 §4). `shape`: index of an access token's shape, `None` for refresh tokens.
#[must_use]
pub fn judge(record: &Record, token_expires_at: u32, shape: Option<u16>, now: Timestamp) -> Verdict {
    let session = &record.session;
    let in_time = unix_seconds(now) < token_expires_at && now < session.expires_at;
    let current = record.global_found && epochs_current(&session.epochs, &record.now);
    let shaped = shape.is_none_or(|index| usize::from(index) < session.shapes.len());
    let taken_back = session.ended_at.is_some() || record.token_revoked;

    match record.level {
        level @ (Level::None | Level::Payments | Level::Write) if in_time && current && shaped && !taken_back => {
            Verdict::Alive(level)
        }
        Level::None | Level::Payments | Level::Write | Level::Full => Verdict::Dead,
    }
}

/// Whether the epochs something was born with are those of now. Only the ancestors it has (`Some` at birth) are compared;
/// one that is missing now is not current.
#[must_use]
pub fn epochs_current(birth: &Epochs, now: &Epochs) -> bool {
    let same = |birth: Option<i64>, now: Option<i64>| birth.is_none() || birth == now;
    birth.global == now.global
        && same(birth.client, now.client)
        && same(birth.subject, now.subject)
        && same(birth.device, now.device)
        && same(birth.consent, now.consent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::ClientId;
    use crate::model::scope::Scope;
    use crate::model::session::{Rotation, Session, Shape, SubjectKind};
    use chrono::{DateTime, TimeDelta};
    use uuid::Uuid;

    const EXPIRY: u32 = 1_800_000_900;

    type Change = fn(&mut Record);
    type Field = fn(&mut Epochs) -> &mut Option<i64>;

    fn now() -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn all_sevens() -> Epochs {
        Epochs { global: 7, client: Some(7), subject: Some(7), device: Some(7), consent: Some(7) }
    }

    fn shape() -> Shape {
        Shape { scope: Scope::parse("openid").unwrap(), audience: vec![] }
    }

    fn record() -> Record {
        let session = Session {
            session_id: Uuid::from_u128(1),
            client_id: ClientId::parse("app").unwrap(),
            subject_id: "CUST_1".to_owned(),
            subject_kind: SubjectKind::Customer,
            device_id: Some(Uuid::from_u128(2)),
            consent_id: Some(Uuid::from_u128(3)),
            scope: Scope::parse("openid").unwrap(),
            resources: vec![],
            shapes: vec![shape(), shape()],
            generation: 3,
            rotation: Rotation { at: now(), address: None, shape: 0, access_expires_at: now() },
            auth_at: Some(now()),
            created_at: now(),
            expires_at: now() + TimeDelta::days(30),
            ended_at: None,
            epochs: all_sevens(),
        };
        Record { session, now: all_sevens(), global_found: true, level: Level::None, token_revoked: false }
    }

    fn judged(change: impl Fn(&mut Record)) -> Verdict {
        let mut record = record();
        change(&mut record);
        judge(&record, EXPIRY, Some(1), now())
    }

    #[test]
    fn a_token_with_everything_in_order_is_alive_and_says_its_restriction() {
        assert_eq!(judged(|_| {}), Verdict::Alive(Level::None));
        assert_eq!(judged(|r| r.level = Level::Payments), Verdict::Alive(Level::Payments));
        assert_eq!(judged(|r| r.level = Level::Write), Verdict::Alive(Level::Write));
    }

    #[test]
    fn each_single_fact_kills() {
        let facts: [(&str, Change); 6] = [
            ("ended", |r| r.session.ended_at = Some(now())),
            ("ended in the future", |r| r.session.ended_at = Some(now() + TimeDelta::hours(1))),
            ("locked", |r| r.level = Level::Full),
            ("token taken back", |r| r.token_revoked = true),
            ("global row missing", |r| r.global_found = false),
            ("no shapes", |r| r.session.shapes.clear()),
        ];
        for (name, change) in facts {
            assert_eq!(judged(change), Verdict::Dead, "{name}");
        }
    }

    #[test]
    fn every_ancestor_kills_in_both_directions_and_when_missing() {
        for epoch in [6, 8, i64::MIN, i64::MAX] {
            assert_eq!(judged(|r| r.now.global = epoch), Verdict::Dead, "global {epoch}");
        }
        let ancestors: [(&str, Field); 4] = [
            ("client", |e| &mut e.client),
            ("subject", |e| &mut e.subject),
            ("device", |e| &mut e.device),
            ("consent", |e| &mut e.consent),
        ];
        for (name, field) in ancestors {
            for epoch in [Some(6), Some(8), None] {
                assert_eq!(judged(|r| *field(&mut r.now) = epoch), Verdict::Dead, "{name} {epoch:?}");
                assert_eq!(
                    judged(|r| *field(&mut r.session.epochs) = epoch.or(Some(9))),
                    Verdict::Dead,
                    "{name} {epoch:?}"
                );
            }
            for epoch in [Some(6), Some(8), None] {
                let without = |r: &mut Record| {
                    *field(&mut r.session.epochs) = None;
                    *field(&mut r.now) = epoch;
                };
                assert_eq!(judged(without), Verdict::Alive(Level::None), "no {name} at birth, {epoch:?} now");
            }
        }
    }

    #[test]
    fn int_10_expiry_reached_is_dead_without_leeway() {
        let at = |seconds, ms: u32| DateTime::from_timestamp(seconds, ms * 1_000_000).unwrap();
        let (expiry, alive) = (i64::from(EXPIRY), Verdict::Alive(Level::None));
        for (when, verdict) in [
            (at(expiry - 1, 0), alive),
            (at(expiry - 1, 999), alive),
            (at(expiry, 0), Verdict::Dead),
            (at(expiry, 1), Verdict::Dead),
            (at(expiry + 1, 0), Verdict::Dead),
        ] {
            assert_eq!(judge(&record(), EXPIRY, Some(0), when), verdict, "{when}");
        }
    }

    #[test]
    fn ref_08_a_session_ends_at_its_own_expiry() {
        for (left, verdict) in [(1, Verdict::Alive(Level::None)), (0, Verdict::Dead), (-1, Verdict::Dead)] {
            let expires_at = now() + TimeDelta::milliseconds(left);
            assert_eq!(judged(|r| r.session.expires_at = expires_at), verdict, "{left} ms left");
        }
    }

    #[test]
    fn a_shape_the_session_lacks_is_dead() {
        let judged = |shape| judge(&record(), EXPIRY, shape, now());
        assert_eq!(judged(Some(0)), Verdict::Alive(Level::None));
        assert_eq!(judged(Some(1)), Verdict::Alive(Level::None));
        assert_eq!(judged(Some(2)), Verdict::Dead);
        assert_eq!(judged(Some(u16::MAX)), Verdict::Dead);
        assert_eq!(judged(None), Verdict::Alive(Level::None));
    }
}
