//! What was handed out, and what every check must therefore say: judged by what was surely so when it began, and still so when
//! its answer was there.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::StatusCode;

use crate::fleet::{Fleet, NODES};
use crate::support::flow::Pair;

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stand {
    /// Nobody has ended it.
    Live,
    /// Its end was asked for, and not confirmed yet: nobody knows.
    Ending,
    /// Its end was confirmed.
    Ended,
}

/// A session whose tokens were handed out.
#[derive(Debug)]
pub struct Handed {
    stand: AtomicU8,
    tokens: Mutex<(Vec<String>, String)>,
}

impl Handed {
    /// How it stands now.
    pub fn stand(&self) -> Stand {
        match self.stand.load(Ordering::SeqCst) {
            0 => Stand::Live,
            1 => Stand::Ending,
            _ => Stand::Ended,
        }
    }

    /// From now on it stands so.
    pub fn set(&self, stand: Stand) {
        self.stand.store(stand as u8, Ordering::SeqCst);
    }

    /// A further pair was handed out.
    pub fn add(&self, pair: Pair) {
        let mut tokens = self.tokens.lock().expect("lock");
        tokens.0.push(pair.access);
        tokens.1 = pair.refresh;
    }

    /// One of its access tokens, older or newer.
    pub fn access(&self, any: usize) -> String {
        let tokens = self.tokens.lock().expect("lock");
        tokens.0[any % tokens.0.len()].clone()
    }

    /// Its refresh token.
    pub fn refresh(&self) -> String {
        self.tokens.lock().expect("lock").1.clone()
    }
}

/// Every session that was handed out, and how often a check was judged.
#[derive(Debug, Default)]
pub struct Ledger {
    sessions: Mutex<Vec<Arc<Handed>>>,
    /// Checks of sessions that were surely alive, and of ones that were surely not.
    pub judged: [AtomicUsize; 2],
}

impl Ledger {
    /// Enters a session.
    pub fn enter(&self, pair: Pair) -> Arc<Handed> {
        let handed = Handed { stand: AtomicU8::new(0), tokens: Mutex::new((vec![pair.access], pair.refresh)) };
        let handed = Arc::new(handed);
        self.sessions.lock().expect("lock").push(handed.clone());
        handed
    }

    /// All sessions.
    pub fn all(&self) -> Vec<Arc<Handed>> {
        self.sessions.lock().expect("lock").clone()
    }

    /// How many checks were judged so far.
    pub fn judgements(&self) -> usize {
        self.judged.iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    /// Asks one node about a session; false if it is unsure or silent. A wrong answer ends the test.
    pub async fn check(&self, fleet: &Fleet, node: usize, handed: &Handed, any: usize) -> bool {
        let (token, before) = (handed.access(any), handed.stand());
        let Some(seen) = fleet.ask(fleet.check(node, &token)).await else { return false };
        let after = handed.stand();
        if seen.status == StatusCode::SERVICE_UNAVAILABLE {
            return false;
        }
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
        let is_active = seen.json()["active"] == true;
        if before == Stand::Ended {
            assert!(!is_active, "active after its end was confirmed, on node {}: {}", node % NODES, seen.body);
            self.judged[1].fetch_add(1, Ordering::SeqCst);
        } else if after == Stand::Live {
            assert!(is_active, "a good token is called dead by node {}: {}", node % NODES, seen.body);
            self.judged[0].fetch_add(1, Ordering::SeqCst);
        }
        true
    }

    /// Afterwards: every session that nobody ended works on every node and can be refreshed, every other one is dead
    /// everywhere. How many of each.
    pub async fn settle(&self, fleet: &Fleet) -> [usize; 2] {
        let mut counts = [0, 0];
        for (number, handed) in self.all().into_iter().enumerate() {
            assert_ne!(handed.stand(), Stand::Ending, "an end was never confirmed");
            for node in 0..NODES {
                assert!(self.check(fleet, node, &handed, usize::MAX).await, "node {node} is unsure at rest");
            }
            let seen = fleet.ask(refresh(fleet, number, &handed.refresh())).await.expect("an answer");
            if handed.stand() == Stand::Live {
                handed.add(Pair::of(&seen));
                assert!(self.check(fleet, number + 1, &handed, usize::MAX).await, "unsure at rest");
                counts[0] += 1;
            } else {
                assert_eq!((seen.status, seen.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"));
                counts[1] += 1;
            }
        }
        counts
    }
}

/// A refresh by the app.
pub fn refresh(fleet: &Fleet, node: usize, token: &str) -> reqwest::RequestBuilder {
    let form = [("grant_type", "refresh_token"), ("client_id", "naybitono-mobile"), ("refresh_token", token)];
    fleet.form(node, "/oauth/token", &form)
}
