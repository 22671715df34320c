//! A session's record as bytes, and back. The session's id is not among them (the key says it and the seal proves it), nor
//! is the address that asked last: no check needs it.

use uuid::Uuid;

use super::bytes::{Reader, Writer};
use crate::cache::near::Copied;
use crate::model::epoch::{Epochs, Level};
use crate::model::ids::ClientId;
use crate::model::scope::Scope;
use crate::model::session::{Record, Rotation, Session, Shape, SubjectKind};
use crate::store::sessions::{MOST_REVOKED, Whole};

/// A record, and the feed number that was surely applied before it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The record.
    pub value: Whole,
    /// The number.
    pub number: i64,
}

/// A copy as bytes.
pub(super) fn write(copy: &Copied<Whole>) -> Vec<u8> {
    let mut to = Writer::default();
    let Record { session, now, global_found, level, token_revoked: _ } = &copy.value.record;
    to.signed(copy.as_of.number);
    put_session(&mut to, session);
    put_epochs(&mut to, now);
    to.unsigned((*global_found).into());
    to.text(level.as_str());
    to.list(&copy.value.revoked, |to, serial| to.signed(*serial));
    to.text(&copy.value.timeline);
    to.into_bytes()
}

/// What [`write()`] wrote about this session; `None` for anything else.
pub(super) fn read(session_id: Uuid, bytes: &[u8]) -> Option<Read> {
    let mut from = Reader(bytes);
    let number = from.signed()?;
    let session = take_session(&mut from, session_id)?;
    let now = take_epochs(&mut from)?;
    let global_found = from.flag()?;
    let level = Level::from_name(from.text()?)?;
    let record = Record { session, now, global_found, level, token_revoked: false };
    let revoked = from.list(Reader::signed).filter(|revoked| revoked.len() <= MOST_REVOKED)?;
    let timeline = from.text()?.to_owned();
    from.is_empty().then_some(Read { value: Whole { record, revoked, is_whole: true, timeline }, number })
}

fn put_session(to: &mut Writer, session: &Session) {
    to.text(session.client_id.as_str());
    to.text(&session.subject_id);
    to.text(session.subject_kind.as_str());
    to.maybe(session.device_id, Writer::id);
    to.maybe(session.consent_id, Writer::id);
    to.text(&session.scope.to_string());
    to.list(&session.resources, |to, uri| to.text(uri));
    to.list(&session.shapes, |to, shape| {
        to.text(&shape.scope.to_string());
        to.list(&shape.audience, |to, uri| to.text(uri));
    });
    to.signed(session.generation);
    to.time(session.rotation.at);
    to.unsigned(session.rotation.shape.into());
    to.time(session.rotation.access_expires_at);
    to.maybe(session.auth_at, Writer::time);
    to.time(session.created_at);
    to.time(session.expires_at);
    to.maybe(session.ended_at, Writer::time);
    put_epochs(to, &session.epochs);
}

fn take_session(from: &mut Reader<'_>, session_id: Uuid) -> Option<Session> {
    let uri = |from: &mut Reader<'_>| from.text().map(str::to_owned);
    let scope = |from: &mut Reader<'_>| Scope::parse(from.text()?).ok();
    Some(Session {
        session_id,
        client_id: ClientId::parse(from.text()?).ok()?,
        subject_id: from.text()?.to_owned(),
        subject_kind: SubjectKind::from_name(from.text()?)?,
        device_id: from.maybe(Reader::id)?,
        consent_id: from.maybe(Reader::id)?,
        scope: scope(from)?,
        resources: from.list(uri)?,
        shapes: from.list(|from| Some(Shape { scope: scope(from)?, audience: from.list(uri)? }))?,
        generation: from.signed()?,
        rotation: Rotation {
            at: from.time()?,
            address: None,
            shape: u16::try_from(from.unsigned()?).ok()?,
            access_expires_at: from.time()?,
        },
        auth_at: from.maybe(Reader::time)?,
        created_at: from.time()?,
        expires_at: from.time()?,
        ended_at: from.maybe(Reader::time)?,
        epochs: take_epochs(from)?,
    })
}

fn put_epochs(to: &mut Writer, epochs: &Epochs) {
    to.signed(epochs.global);
    for epoch in [epochs.client, epochs.subject, epochs.device, epochs.consent] {
        to.maybe(epoch, Writer::signed);
    }
}

fn take_epochs(from: &mut Reader<'_>) -> Option<Epochs> {
    let epoch = |from: &mut Reader<'_>| from.maybe(Reader::signed);
    let global = from.signed()?;
    let (client, subject, device, consent) = (epoch(from)?, epoch(from)?, epoch(from)?, epoch(from)?);
    Some(Epochs { global, client, subject, device, consent })
}

#[cfg(test)]
pub(super) mod tests;
