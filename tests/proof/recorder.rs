//! Where clients write down what they do, all of them into one history. A call is written down before it is sent, so that
//! also what is under way is seen by whoever looks in between.
#![allow(dead_code, reason = "each of the binaries that share it uses a part")]

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rescind::secret::seal::Reference;
use uuid::Uuid;

use super::history::{Call, Check, Clock, History, Kind, NEVER, Nanos, Outcome, Session, Token, Verb, at, next};

/// One history, shared.
pub struct Recorder {
    /// Its clock.
    pub clock: Clock,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    history: History,
    sessions: HashMap<Uuid, u32>,
    tokens: HashMap<Token, u32>,
}

/// A call under way.
#[derive(Clone, Copy, Debug)]
pub struct Open(usize);

/// What came back.
#[derive(Debug, Default)]
pub struct Came {
    /// The pair it gave.
    pub gave: Option<(u32, u32)>,
    /// The incident's number, or why it was odd.
    pub note: Option<String>,
}

impl Recorder {
    /// Nothing has happened yet.
    pub fn new(clock: Clock, lease: Nanos, grace: Nanos) -> Self {
        let history = History { began_ms: clock.began_ms, lease, grace, ..History::default() };
        Self { clock, inner: Mutex::new(Inner { history, ..Inner::default() }) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happened so far.
    pub fn so_far(&self) -> History {
        self.inner().history.clone()
    }

    /// How many checks and how many other calls were written down.
    pub fn counts(&self) -> (usize, usize) {
        let inner = self.inner();
        (inner.history.checks.len(), inner.history.calls.len())
    }

    /// A new customer's number.
    pub fn customer(&self, name: &str) -> u32 {
        let all = &mut self.inner().history.customers;
        all.push(name.to_owned());
        next(all) - 1
    }

    /// A new device's number.
    pub fn device(&self, id: Uuid) -> u32 {
        let all = &mut self.inner().history.devices;
        all.push(id);
        next(all) - 1
    }

    /// A session's number: the same again for the same id.
    pub fn session(&self, session: Session) -> u32 {
        let inner = &mut *self.inner();
        *inner.sessions.entry(session.id).or_insert_with(|| {
            inner.history.sessions.push(session);
            next(&inner.history.sessions) - 1
        })
    }

    /// The number of a session that is known.
    pub fn number_of(&self, id: Uuid) -> Option<u32> {
        self.inner().sessions.get(&id).copied()
    }

    /// The id of a session.
    pub fn session_id(&self, number: u32) -> Option<Uuid> {
        self.inner().history.sessions.get(at(number)).map(|session| session.id)
    }

    /// The id of a device.
    pub fn device_id(&self, number: u32) -> Option<Uuid> {
        self.inner().history.devices.get(at(number)).copied()
    }

    /// The token that refers to this: the same number again for the same. `None`: its session is nobody's here.
    pub fn token(&self, kind: Kind, reference: &Reference) -> Option<u32> {
        let inner = &mut *self.inner();
        let Reference { session, serial: generation, shape, expires_at } = *reference;
        let token = Token { kind, session: *inner.sessions.get(&session)?, generation, shape, expires_at };
        Some(*inner.tokens.entry(token).or_insert_with(|| {
            inner.history.tokens.push(token);
            next(&inner.history.tokens) - 1
        }))
    }

    /// A check that is over.
    pub fn checked(&self, check: Check) {
        self.inner().history.checks.push(check);
    }

    /// The machine was slow by itself.
    pub fn was_slow(&self, begin: Nanos, end: Nanos) {
        self.inner().history.slow.push((begin, end));
    }

    /// A call is about to be sent.
    pub fn begin(&self, by: u16, node: usize, verb: Verb) -> Open {
        let node = u8::try_from(node).unwrap_or(u8::MAX);
        let mut inner = self.inner();
        // Under the lock: so the calls stand in the order in which they began.
        let begin = self.clock.now();
        let outcome = Outcome::Lost;
        inner.history.calls.push(Call { by, node, verb, begin, end: NEVER, outcome, gave: None, note: None });
        Open(inner.history.calls.len() - 1)
    }

    /// Its answer is there, or was given up; when it began and ended.
    pub fn end(&self, open: Open, outcome: Outcome, came: Came) -> (Nanos, Nanos) {
        let end = self.clock.now();
        let mut inner = self.inner();
        let call = &mut inner.history.calls[open.0];
        (call.end, call.outcome, call.gave, call.note) = (end, outcome, came.gave, came.note.map(Into::into));
        (call.begin, end)
    }
}
