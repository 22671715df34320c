//! Customers who sign in, refresh, take back and are locked, one thing after the other; and what that means for whoever looks
//! at a later moment: what is surely so, what surely not, and what was under way.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use tokio::task::block_in_place;

use super::watched::{Moment, Watched};
use crate::proof::dice::Dice;
use crate::support::PASSWORD;
use crate::support::flow::{Pair, VERIFIER};
use crate::support::program::{Bank, Program};

/// What somebody did. Sessions by number, in the order in which they came.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Signed in, and got a code.
    SignedIn,
    /// Got the first pair of a new session.
    Began(Pair),
    /// Got the next pair.
    Refreshed(usize, Pair),
    /// Took back the last access token.
    TookBackAccess(usize),
    /// Took back the refresh token, and so the session.
    TookBackSession(usize),
    /// Was locked, as this incident.
    Locked(String),
    /// Was unlocked.
    Unlocked,
}

/// It, and when: the log as it was before it was asked for, and after its answer was there.
#[derive(Clone, Debug)]
pub struct Note {
    deed: Deed,
    /// Before.
    pub sent: Moment,
    /// After.
    pub told: Moment,
}

impl Note {
    /// Whether it is a lockdown.
    pub fn is_lock(&self) -> bool {
        matches!(self.deed, Deed::Locked(_))
    }
}

/// One customer's life. Whatever is asked for is answered before the next is.
#[derive(Debug)]
pub struct Person {
    /// Their id.
    pub customer: String,
    /// What they did.
    pub notes: Vec<Note>,
}

/// Whether something is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sure {
    /// It is.
    Yes,
    /// It was under way.
    Unsure,
    /// It is not.
    No,
}

/// A session as it must stand.
#[derive(Clone, Debug)]
pub struct Stand {
    /// Access tokens, and whether they are good.
    pub access: Vec<(String, Sure)>,
    /// The last refresh token, and whether it is the last one.
    pub refresh: (String, Sure),
    /// Whether the session goes on.
    pub live: Sure,
}

/// A customer as they must stand.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Their sessions.
    pub sessions: Vec<Stand>,
    /// The lockdown in force, and whether it surely is.
    pub locked: Option<(String, Sure)>,
    /// Audit rows that must be there, by action.
    pub rows: BTreeMap<&'static str, i64>,
    /// Incidents that must be there.
    pub incidents: Vec<String>,
}

impl Person {
    /// How they stand at a moment. What was asked for and not answered by then may have been done or not.
    pub fn at(&self, moment: Moment) -> Standing {
        let mut standing = Standing::default();
        for note in self.notes.iter().filter(|note| note.sent <= moment) {
            standing.take(&note.deed, note.told <= moment);
        }
        standing
    }
}

impl Standing {
    fn take(&mut self, deed: &Deed, is_told: bool) {
        let no = if is_told { Sure::No } else { Sure::Unsure };
        let sure = if is_told { Sure::Yes } else { Sure::Unsure };
        if is_told {
            for action in actions(deed) {
                *self.rows.entry(action).or_insert(0) += 1;
            }
        }
        match deed {
            Deed::Began(pair) if is_told => self.sessions.push(Stand {
                access: vec![(pair.access.clone(), Sure::Yes)],
                refresh: (pair.refresh.clone(), Sure::Yes),
                live: Sure::Yes,
            }),
            // Nobody has seen its tokens.
            Deed::SignedIn | Deed::Began(_) => {}
            Deed::Refreshed(at, pair) if is_told => {
                self.sessions[*at].access.push((pair.access.clone(), Sure::Yes));
                self.sessions[*at].refresh = (pair.refresh.clone(), Sure::Yes);
            }
            Deed::Refreshed(at, _) => self.sessions[*at].refresh.1 = Sure::Unsure,
            Deed::TookBackAccess(at) => self.sessions[*at].access.last_mut().expect("one").1 = no,
            Deed::TookBackSession(at) => self.sessions[*at].live = no,
            Deed::Locked(incident) => {
                for session in self.sessions.iter_mut().filter(|session| session.live == Sure::Yes) {
                    session.live = no;
                }
                self.locked = Some((incident.clone(), sure));
                self.incidents.extend(is_told.then(|| incident.clone()));
            }
            Deed::Unlocked => self.locked = self.locked.take().filter(|_| !is_told).map(|(id, _)| (id, Sure::Unsure)),
        }
    }
}

/// The audit rows that it writes.
fn actions(deed: &Deed) -> &'static [&'static str] {
    match deed {
        Deed::SignedIn => &["sign_in", "code_issue"],
        Deed::Began(_) => &["code_redeem"],
        Deed::Refreshed(..) => &["refresh"],
        Deed::TookBackAccess(_) | Deed::TookBackSession(_) => &["token_revoke"],
        Deed::Locked(_) => &["lockdown"],
        Deed::Unlocked => &["unlock"],
    }
}

/// Lets one live for so many sign-ins. The last thing is a lockdown that stays.
pub async fn live(watched: &Watched, server: &Program, bank: &Bank, (mut dice, rounds): (Dice, usize)) -> Person {
    let mut me =
        Living { watched, server, bank, person: Person { customer: bank.customer.clone(), notes: Vec::new() } };
    for round in 1..=rounds {
        let (mut pair, session) = (me.sign_in().await, round - 1);
        for _ in 0..dice.between(1, 3) {
            pair = me.refresh(session, &pair).await;
        }
        match dice.below(4) {
            _ if round == rounds => me.lock().await,
            0 => me.take_back(&pair.access, Deed::TookBackAccess(session)).await,
            1 => me.take_back(&pair.refresh, Deed::TookBackSession(session)).await,
            2 => {
                me.lock().await;
                me.unlock();
            }
            _ => {}
        }
    }
    me.person
}

struct Living<'a> {
    watched: &'a Watched,
    server: &'a Program,
    bank: &'a Bank,
    person: Person,
}

impl Living<'_> {
    /// The answer is there, whole.
    fn note(&mut self, sent: Moment, deed: Deed) {
        let told = self.watched.now();
        self.person.notes.push(Note { deed, sent, told });
    }

    async fn sign_in(&mut self) -> Pair {
        let sent = self.watched.now();
        let seen = self.server.code(&self.bank.customer, PASSWORD).await;
        let code = seen.answer("code").unwrap_or_else(|| panic!("no code: {seen:?}"));
        self.note(sent, Deed::SignedIn);
        let grant = [("grant_type", "authorization_code"), ("client_id", "naybitono-mobile")];
        let form = [grant[0], grant[1], ("code", &code), ("code_verifier", VERIFIER)];
        let sent = self.watched.now();
        let pair = Pair::of(&self.server.post("/oauth/token", None, &form).await);
        self.note(sent, Deed::Began(pair.clone()));
        assert!(self.server.is_active(self.bank, &pair.access).await);
        pair
    }

    async fn refresh(&mut self, session: usize, pair: &Pair) -> Pair {
        let sent = self.watched.now();
        let next = Pair::of(&self.server.refresh(&pair.refresh).await);
        self.note(sent, Deed::Refreshed(session, next.clone()));
        next
    }

    async fn take_back(&mut self, token: &str, deed: Deed) {
        let sent = self.watched.now();
        let form = [("token", token), ("client_id", "naybitono-mobile")];
        let seen = self.server.post("/oauth/revoke", None, &form).await;
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
        self.note(sent, deed);
    }

    async fn lock(&mut self) {
        let sent = self.watched.now();
        let seen = self.server.lock(self.bank).await;
        assert_eq!((seen.status, &seen.json()["status"]), (StatusCode::OK, &"confirmed".into()), "{}", seen.body);
        self.note(sent, Deed::Locked(seen.json()["incident_id"].as_str().expect("an incident").to_owned()));
    }

    /// By a command, which writes to the same file beside the server.
    fn unlock(&mut self) {
        let sent = self.watched.now();
        let command = ["unlock", &self.bank.customer, "--reason", "identity checked"];
        let ran = block_in_place(|| self.watched.folder.run(&command));
        assert_eq!(ran.code, 0, "{ran:?}");
        self.note(sent, Deed::Unlocked);
    }
}
