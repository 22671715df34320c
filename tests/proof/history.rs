//! What happened in a run: every call with its begin and end on one monotonic clock, and the windows in which something was
//! broken on purpose. Knows nothing of right or wrong: that is for `rules`. No token's text is kept, only what it refers to.
//!
//! Whoever begins a run makes one [`Clock`] and gives it to the clients and to whoever breaks things. [`History::save`] and
//! [`History::load`] keep a run as JSON; [`History::about`] is the small part of it that one session lives in.
#![allow(dead_code, reason = "each of the binaries that share it uses a part")]

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

/// Nanoseconds since the run began.
pub type Nanos = u64;
/// What never ended.
pub const NEVER: Nanos = Nanos::MAX;
/// A second.
pub const SECOND: Nanos = 1_000_000_000;
/// A millisecond.
pub const MS: Nanos = 1_000_000;

/// The one clock of a run.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
    /// The wall clock when the run began: Unix milliseconds. Only expiry is judged by it.
    pub began_ms: i64,
}

impl Clock {
    /// The run begins now.
    pub fn start() -> Self {
        Self { began: Instant::now(), began_ms: rescind::clock::Clock::default().now().timestamp_millis() }
    }

    /// How far the run is.
    pub fn now(&self) -> Nanos {
        Nanos::try_from(self.began.elapsed().as_nanos()).unwrap_or(NEVER)
    }
}

/// Something was broken on purpose, until it had been healed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// What was done, such as `kill`.
    pub kind: String,
    /// To what, such as `node 1`.
    pub target: String,
    /// Just before it was begun.
    pub begin: Nanos,
    /// Just after it was healed; [`NEVER`] while it lasts.
    pub end: Nanos,
}

/// Tokens that end together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: Uuid,
    /// Whose, by number.
    pub customer: u32,
    /// The device it is on, by number, if that is known.
    pub device: Option<u32>,
    /// The call that proved who it was: epochs were read somewhere between its begin and its end.
    pub proof: (Nanos, Nanos),
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// An access token.
    Access,
    /// A refresh token.
    Refresh,
}

/// A token, as it refers to its session: two texts that refer to the same are the same text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Token {
    /// What it is for.
    pub kind: Kind,
    /// Of which session, by number.
    pub session: u32,
    /// Its generation.
    pub generation: u64,
    /// Its shape.
    pub shape: u16,
    /// Unix seconds.
    pub expires_at: u32,
}

/// What a check was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// Active.
    Active,
    /// Not active.
    Inactive,
    /// 503: it can't be said now.
    Unsure,
    /// There was no answer in time.
    Lost,
    /// What no check should get.
    Odd(u16),
}

/// A check. There are millions: it is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which token.
    pub token: u32,
    /// Whom it was asked.
    pub node: u8,
    /// The answer.
    pub said: Said,
    /// Just before it was sent.
    pub begin: Nanos,
    /// Just after the answer was there.
    pub end: Nanos,
}

/// What was asked for, other than a check. Customers, devices, sessions and tokens by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verb {
    /// A page was opened.
    Page,
    /// A password was sent; what was confirmed gave a code, and wrote the consent.
    SignIn { customer: u32 },
    /// A code was exchanged; what was confirmed gave a pair.
    Exchange { customer: u32 },
    /// Sessions were written as sign-ins write them, in one transaction.
    Enter { customer: u32 },
    /// A refresh token of this generation was exchanged.
    Refresh { session: u32, generation: u64 },
    /// An access token was taken back by its client.
    RevokeToken { token: u32 },
    /// A refresh token was taken back by its client, and so its whole session.
    RevokeGrant { session: u32 },
    /// A session was ended by the desk.
    EndSession { session: u32 },
    /// A device was taken out by the desk.
    EndDevice { device: u32 },
    /// A customer was locked.
    Lock { customer: u32 },
    /// A customer was unlocked.
    Unlock { customer: u32 },
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Done, and said so.
    Confirmed,
    /// 503: done or not, it was not proven.
    Unconfirmed,
    /// Refused, in the words that are meant for that.
    Refused,
    /// No answer in time, or none yet.
    Lost,
    /// What nobody should get: 500, 401, 404.
    Odd(u16),
}

/// A call that may change something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Who asked, by number.
    pub by: u16,
    /// Whom.
    pub node: u8,
    /// For what.
    pub verb: Verb,
    /// Just before it was sent.
    pub begin: Nanos,
    /// Just after the answer was there, or was given up; [`NEVER`] while it is under way.
    pub end: Nanos,
    /// What came of it.
    pub outcome: Outcome,
    /// The access and the refresh token it gave.
    pub gave: Option<(u32, u32)>,
    /// The incident's number, or why it was odd.
    pub note: Option<Box<str>>,
}

/// All of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The wall clock at nanosecond 0: Unix milliseconds.
    pub began_ms: i64,
    /// How long nodes may answer without the database.
    pub lease: Nanos,
    /// For how long a public client may repeat a refresh.
    pub grace: Nanos,
    /// Names of customers.
    pub customers: Vec<String>,
    /// Ids of devices.
    pub devices: Vec<Uuid>,
    /// Sessions.
    pub sessions: Vec<Session>,
    /// Tokens.
    pub tokens: Vec<Token>,
    /// Checks, in the order in which they ended.
    pub checks: Vec<Check>,
    /// All other calls, in the order in which they began.
    pub calls: Vec<Call>,
    /// When the machine was slow by itself.
    pub slow: Vec<(Nanos, Nanos)>,
}

/// Into a vector, by number.
pub fn at(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The number of a vector's next.
pub fn next<T>(all: &[T]) -> u32 {
    u32::try_from(all.len()).unwrap_or(u32::MAX)
}

impl History {
    /// The run's moment of a wall clock's.
    pub fn moment_of(&self, unix_ms: i64) -> Nanos {
        Nanos::try_from(unix_ms - self.began_ms).map_or(0, |ms| ms.saturating_mul(MS))
    }

    /// When a token ends.
    pub fn expiry(&self, token: &Token) -> Nanos {
        self.moment_of(i64::from(token.expires_at) * 1_000)
    }

    /// Whose session a call touches, if it touches one customer's: by number.
    pub fn customer_of(&self, verb: Verb) -> Option<u32> {
        let of = |session: u32| self.sessions.get(at(session)).map(|session| session.customer);
        match verb {
            Verb::Page => None,
            Verb::SignIn { customer }
            | Verb::Exchange { customer }
            | Verb::Enter { customer }
            | Verb::Lock { customer }
            | Verb::Unlock { customer } => Some(customer),
            Verb::Refresh { session, .. } | Verb::RevokeGrant { session } | Verb::EndSession { session } => of(session),
            Verb::RevokeToken { token } => self.tokens.get(at(token)).and_then(|token| of(token.session)),
            Verb::EndDevice { device } => {
                self.sessions.iter().find(|session| session.device == Some(device)).map(|session| session.customer)
            }
        }
    }

    /// What one session lives in: the checks of its tokens, and every call that touches its customer. Nothing else is kept,
    /// but numbers stay what they are: what nobody refers to any more is made empty at the end of each list.
    pub fn about(&self, session: u32) -> Self {
        let customer = self.sessions.get(at(session)).map(|session| session.customer);
        let touches = |call: &&Call| customer.is_some() && self.customer_of(call.verb) == customer;
        let is_own = |check: &&Check| self.tokens.get(at(check.token)).is_some_and(|token| token.session == session);
        let mut part = self.clone();
        part.checks = self.checks.iter().filter(is_own).copied().collect();
        part.calls = self.calls.iter().filter(touches).cloned().collect();
        let asked = part.checks.iter().map(|check| check.token);
        let gave = part.calls.iter().filter_map(|call| call.gave).flat_map(|(access, refresh)| [access, refresh]);
        let taken = part.calls.iter().filter_map(|call| match call.verb {
            Verb::RevokeToken { token } => Some(token),
            _ => None,
        });
        let tokens = asked.chain(gave).chain(taken).max().map_or(0, |token| at(token) + 1);
        part.tokens.truncate(tokens);
        let of_tokens = part.tokens.iter().map(|token| token.session);
        let named = part.calls.iter().filter_map(|call| match call.verb {
            Verb::Refresh { session, .. } | Verb::RevokeGrant { session } | Verb::EndSession { session } => {
                Some(session)
            }
            _ => None,
        });
        let sessions = of_tokens.chain(named).chain([session]).max().map_or(0, |session| at(session) + 1);
        part.sessions.truncate(sessions);
        part
    }

    /// Writes it down, with the windows.
    pub fn save(&self, file: &Path, windows: &[Window]) -> std::io::Result<()> {
        serde_json::to_writer(BufWriter::new(File::create(file)?), &(self, windows)).map_err(Into::into)
    }

    /// Reads what [`History::save`] wrote.
    pub fn load(file: &Path) -> std::io::Result<(Self, Vec<Window>)> {
        serde_json::from_reader(BufReader::new(File::open(file)?)).map_err(Into::into)
    }
}
