//! Histories written by hand, in milliseconds.

use std::ops::Range;

use uuid::Uuid;

use crate::history::{Call, Check, History, Kind, MS, Nanos, Outcome, Said, Session, Token, Verb, Window, at, next};
use crate::rules::{self, Rule};

/// Nodes' lease.
pub const LEASE: u64 = 1_000;
/// The grace of refreshes.
pub const GRACE: u64 = 3_000;
/// When all tokens expire.
pub const EXPIRY: u64 = 600_000;

/// A history in the making.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// What is made.
    pub history: History,
    /// What was broken.
    pub windows: Vec<Window>,
}

/// A span.
pub fn ms(span: &Range<u64>) -> (Nanos, Nanos) {
    (span.start * MS, span.end * MS)
}

impl Story {
    /// Nothing has happened.
    pub fn new() -> Self {
        let history = History { lease: LEASE * MS, grace: GRACE * MS, ..History::default() };
        Self { history, windows: Vec::new() }
    }

    /// A session of a customer, on a device of its own, whose owner proved who they are in a span; its number, and that of
    /// its first access token.
    pub fn session(&mut self, customer: u32, proof: Range<u64>) -> (u32, u32) {
        while next(&self.history.customers) <= customer {
            self.history.customers.push(format!("CUST_{}", self.history.customers.len()));
        }
        let number = next(&self.history.sessions);
        self.history.devices.push(Uuid::from_u128(u128::from(number)));
        let (id, device) = (Uuid::from_u128(u128::from(number)), Some(number));
        self.history.sessions.push(Session { id, customer, device, proof: ms(&proof) });
        (number, self.pair(number, 1).0)
    }

    /// The pair of a generation.
    pub fn pair(&mut self, session: u32, generation: u64) -> (u32, u32) {
        (self.token(Kind::Access, session, generation, EXPIRY), self.token(Kind::Refresh, session, generation, EXPIRY))
    }

    /// A token that expires at a time, in full seconds.
    pub fn token(&mut self, kind: Kind, session: u32, generation: u64, expires: u64) -> u32 {
        let expires_at = u32::try_from(expires / 1_000).unwrap();
        let token = Token { kind, session, generation, shape: 0, expires_at };
        let known = self.history.tokens.iter().position(|known| *known == token);
        known.map_or_else(
            || {
                self.history.tokens.push(token);
                next(&self.history.tokens) - 1
            },
            |known| u32::try_from(known).unwrap(),
        )
    }

    /// A check.
    pub fn check(&mut self, token: u32, node: u8, said: Said, span: Range<u64>) -> &mut Self {
        let (begin, end) = ms(&span);
        self.history.checks.push(Check { token, node, said, begin, end });
        self
    }

    /// Another call.
    pub fn call(&mut self, verb: Verb, outcome: Outcome, span: Range<u64>) -> &mut Self {
        let (begin, end) = ms(&span);
        self.history.calls.push(Call { by: 0, node: 0, verb, begin, end, outcome, gave: None, note: None });
        self.history.calls.sort_by_key(|call| call.begin);
        self
    }

    /// A refresh that gave the next pair.
    pub fn refreshed(&mut self, session: u32, generation: u64, span: Range<u64>) -> &mut Self {
        let gave = self.pair(session, generation + 1);
        self.gave(session, generation, gave, span)
    }

    /// A refresh that gave this pair.
    pub fn gave(&mut self, session: u32, generation: u64, gave: (u32, u32), span: Range<u64>) -> &mut Self {
        let begin = ms(&span).0;
        self.call(Verb::Refresh { session, generation }, Outcome::Confirmed, span);
        let call = self.history.calls.iter_mut().rfind(|call| call.begin == begin && call.gave.is_none()).unwrap();
        call.gave = Some(gave);
        self
    }

    /// A refresh that was refused.
    pub fn refused(&mut self, session: u32, generation: u64, span: Range<u64>) -> &mut Self {
        self.call(Verb::Refresh { session, generation }, Outcome::Refused, span)
    }

    /// Something was broken.
    pub fn broken(&mut self, span: Range<u64>) -> &mut Self {
        let (begin, end) = ms(&span);
        self.windows.push(Window { kind: "kill".to_owned(), target: "node 1".to_owned(), begin, end });
        self
    }

    /// The rules that are broken, each once.
    pub fn verdicts(&self) -> Vec<Rule> {
        let mut found: Vec<Rule> =
            rules::check(&self.history, &self.windows).into_iter().map(|violation| violation.rule).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Exactly this is wrong.
    #[track_caller]
    pub fn is_caught(&self, rule: Rule) {
        assert_eq!(self.verdicts(), [rule], "{:#?}", rules::check(&self.history, &self.windows));
    }

    /// Nothing is wrong.
    #[track_caller]
    pub fn is_fine(&self) {
        assert_eq!(self.verdicts(), [], "{:#?}", rules::check(&self.history, &self.windows));
    }
}

/// The session of a token.
pub fn session_of(story: &Story, token: u32) -> u32 {
    story.history.tokens[at(token)].session
}
