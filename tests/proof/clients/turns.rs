//! What clients do when they do not check: turn by turn, each with its weight.

use std::time::Duration;

use reqwest::Method;

use super::super::dice::Dice;
use super::super::history::{Outcome, Verb};
use super::pool::{Asked, Held};
use super::verbs::Handed;
use super::{Me, NODES};
use crate::support::direct::together;

/// How often a refresh, a lift of a lock or a lockdown is tried again that was not answered.
const TRIES: usize = 4;
/// Sessions there should always be.
const ENOUGH: usize = 256;
/// The most sessions that a customer gets just before they are locked.
const CROWD: usize = 200;

/// What a client may do, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Refresh,
    RefreshTwice,
    RefreshAgain,
    RefreshTooLate,
    Replay,
    RevokeToken,
    RevokeGrant,
    EndSession,
    EndDevice,
    KillNewborn,
    Lockdown,
    Enter,
}

const TURNS: [(Turn, usize); 12] = [
    (Turn::Refresh, 24),
    (Turn::RefreshTwice, 6),
    (Turn::RefreshAgain, 6),
    (Turn::RefreshTooLate, 2),
    (Turn::Replay, 5),
    (Turn::RevokeToken, 6),
    (Turn::RevokeGrant, 7),
    (Turn::EndSession, 7),
    (Turn::EndDevice, 5),
    (Turn::KillNewborn, 6),
    (Turn::Lockdown, 8),
    (Turn::Enter, 24),
];

impl Me {
    fn turn(&mut self) -> Turn {
        let all: usize = TURNS.iter().map(|(_, weight)| weight).sum();
        let mut left = self.dice.below(all);
        for (turn, weight) in TURNS {
            if left < weight {
                return turn;
            }
            left -= weight;
        }
        Turn::Enter
    }

    /// One of the things that are no check.
    pub(super) async fn do_something(&mut self) {
        let customer = u32::try_from(self.dice.below(super::at(self.work.plan.customers))).unwrap_or(0);
        if self.work.plan.pages > 0 && self.dice.once_in((self.work.plan.pages / 10).max(1)) {
            return self.sign_in(customer).await;
        }
        if self.work.pool().sessions() < ENOUGH {
            let count = self.dice.size(16);
            let all = self.enter(customer, count).await;
            return self.hold(all);
        }
        match self.turn() {
            Turn::Lockdown => self.lockdown().await,
            Turn::Enter => {
                let count = self.dice.size(8);
                let all = self.enter(customer, count).await;
                self.hold(all);
            }
            Turn::KillNewborn => self.kill_newborn(customer).await,
            turn => {
                let held = self.work.pool().take(&mut self.dice);
                if let Some(held) = held {
                    self.use_session(turn, held).await;
                }
            }
        }
    }

    async fn use_session(&mut self, turn: Turn, held: Held) {
        match turn {
            Turn::Refresh | Turn::KillNewborn | Turn::Lockdown | Turn::Enter => {
                if let Some(next) = self.rotate(&held).await {
                    self.put_back(next);
                }
            }
            Turn::RefreshTwice => self.refresh_twice(held).await,
            Turn::RefreshAgain => self.refresh_again(held).await,
            Turn::RefreshTooLate => self.refresh_too_late(held).await,
            Turn::Replay => self.replay(held).await,
            Turn::RevokeToken => self.revoke_token(held).await,
            Turn::RevokeGrant | Turn::EndSession | Turn::EndDevice => self.kill(turn, held).await,
        }
    }

    fn put_back(&self, held: Held) {
        self.work.pool().hold(held);
    }

    /// The session with its next pair. What is not answered is tried again, as apps do.
    async fn rotate(&mut self, held: &Held) -> Option<Held> {
        for _ in 0..TRIES {
            let node = self.node();
            match self.refresh(node, (held.session, held.generation), &held.refresh.text).await {
                Ok(handed) => return Some(self.with(held, handed)),
                Err(Outcome::Lost | Outcome::Unconfirmed) => {}
                Err(Outcome::Refused | Outcome::Confirmed | Outcome::Odd(_)) => break,
            }
        }
        self.work.pool().heat(&held.access);
        None
    }

    fn with(&self, held: &Held, handed: Handed) -> Held {
        let mut held = held.clone();
        self.work.pool().handed(handed.access.clone());
        if !held.access.iter().any(|known| known.token == handed.access.token) {
            held.access.push(handed.access);
        }
        // Of an app that is used for hours, the last few are enough.
        if held.access.len() > 8 {
            held.access.remove(0);
        }
        (held.generation, held.refresh) = (handed.generation, handed.refresh);
        held
    }

    /// Two threads of one app refresh at the same moment: one winner, one pair.
    async fn refresh_twice(&mut self, held: Held) {
        let nodes = [self.node(), self.node()];
        let me = &*self;
        let both = nodes.iter().map(|node| me.refresh(*node, (held.session, held.generation), &held.refresh.text));
        let next = together(both).await.into_iter().find_map(Result::ok).map(|handed| self.with(&held, handed));
        match next {
            Some(next) => self.put_back(next),
            None => self.work.pool().heat(&held.access),
        }
    }

    /// The answer was lost in the app: it asks again within the grace, perhaps twice.
    async fn refresh_again(&mut self, held: Held) {
        let Some(next) = self.rotate(&held).await else { return };
        for _ in 0..=self.dice.below(2) {
            let node = self.node();
            let _ = self.refresh(node, (held.session, held.generation), &held.refresh.text).await;
        }
        self.put_back(next);
    }

    /// Somebody asks again when the grace is over: theft.
    async fn refresh_too_late(&mut self, held: Held) {
        let Some(next) = self.rotate(&held).await else { return };
        tokio::time::sleep(self.work.plan.grace + Duration::from_millis(1_500)).await;
        self.steal(&held, &next).await;
    }

    /// A token that is two generations old: theft.
    async fn replay(&mut self, held: Held) {
        let Some(second) = self.rotate(&held).await else { return };
        let Some(third) = self.rotate(&second).await else { return };
        self.steal(&held, &third).await;
    }

    async fn steal(&mut self, old: &Held, newest: &Held) {
        let node = self.node();
        self.work.pool().heat(&newest.access);
        let _ = self.refresh(node, (old.session, old.generation), &old.refresh.text).await;
        self.look_at(&newest.access).await;
    }

    /// At every node, right after what happened to it.
    async fn look_at(&mut self, tokens: &[Asked]) {
        let newest: Vec<Asked> = tokens.iter().rev().take(4).cloned().collect();
        self.check_everywhere(&newest).await;
    }

    /// The app takes one access token back; the session lives on.
    async fn revoke_token(&mut self, held: Held) {
        let Some(token) = held.access.last().cloned() else { return };
        let node = self.node();
        self.work.pool().heat(std::slice::from_ref(&token));
        self.take_back(node, Verb::RevokeToken { token: token.token }, &token.text).await;
        self.look_at(&[token]).await;
        self.put_back(held);
    }

    /// A session ends: by its app, or by the desk, alone or with its device.
    async fn kill(&mut self, turn: Turn, held: Held) {
        let node = self.node();
        self.work.pool().heat(&held.access);
        let session = held.session;
        if turn == Turn::RevokeGrant {
            self.take_back(node, Verb::RevokeGrant { session }, &held.refresh.text).await;
        } else {
            let (verb, path) = match held.device.filter(|_| turn == Turn::EndDevice) {
                Some(device) => (Verb::EndDevice { device }, format!("/api/v1/devices/{}", self.device_id(device))),
                None => (Verb::EndSession { session }, format!("/api/v1/sessions/{}", self.session_id(session))),
            };
            let _ = self.order((node, verb), "ops-desk", (Method::DELETE, &path)).await;
        }
        self.look_at(&held.access).await;
        if self.dice.once_in(4) {
            let node = self.node();
            let _ = self.refresh(node, (session, held.generation), &held.refresh.text).await;
        }
    }

    fn device_id(&self, device: u32) -> uuid::Uuid {
        self.work.recorder.device_id(device).unwrap_or_default()
    }

    fn session_id(&self, session: u32) -> uuid::Uuid {
        self.work.recorder.session_id(session).unwrap_or_default()
    }

    /// A session ends while nodes ask about it for the first time: what they read then must not outlive it.
    async fn kill_newborn(&mut self, customer: u32) {
        let Some(held) = self.enter(customer, 1).await.pop() else { return };
        let turn = [Turn::RevokeGrant, Turn::EndSession, Turn::EndDevice][self.dice.below(3)];
        let (mut other, access) = (self.twin(), held.access.clone());
        let pause = Duration::from_millis(u64::try_from(self.dice.below(8)).unwrap_or(0));
        let asks = async {
            tokio::time::sleep(pause).await;
            other.check_everywhere(&access).await;
        };
        tokio::join!(self.kill(turn, held), asks);
        self.check_everywhere(&access).await;
    }

    /// Does something beside what this one does.
    fn twin(&mut self) -> Self {
        Self { number: self.number, dice: Dice::of(self.dice.roll()), work: self.work.clone() }
    }

    /// A customer is locked with all they have, from one session to a crowd, and unlocked again. At times somebody signs in at
    /// that very moment, or got a code before and redeems it afterwards; and after the unlock they are let in again.
    async fn lockdown(&mut self) {
        let crowd = self.dice.size(CROWD);
        let taken = self.work.pool().take_customer(&mut self.dice);
        let Some((customer, mut gone)) = taken else { return };
        gone.extend(self.enter(customer, crowd).await);
        let access: Vec<Asked> = gone.iter().flat_map(|held| &held.access).cloned().collect();
        let some: Vec<Asked> = (0..8).filter_map(|_| self.dice.one(&access).cloned()).collect();
        let code = if self.with_pages(3) { self.code(customer).await } else { None };
        self.check_everywhere(&some).await;
        self.work.pool().heat(&some);
        self.lock_and_sign_in(customer).await;
        self.check_everywhere(&some).await;
        if self.with_pages(4) {
            self.sign_in(customer).await;
        }
        let lift = format!("/api/v1/customers/{}/unlock", super::customer_name(customer));
        self.insist(Verb::Unlock { customer }, "branch-desk", &lift).await;
        self.check_everywhere(&some[..some.len().min(2)]).await;
        if let Some(code) = code {
            self.redeem(code).await;
        }
        if let Some(held) = gone.first().filter(|_| self.dice.once_in(4)) {
            let node = self.dice.below(NODES);
            let _ = self.refresh(node, (held.session, held.generation), &held.refresh.text).await;
        }
        self.work.pool().give_back(customer);
        let again = self.enter(customer, 1).await;
        let access: Vec<Asked> = again.iter().flat_map(|held| &held.access).cloned().collect();
        self.check_everywhere(&access).await;
        self.hold(again);
    }

    fn with_pages(&mut self, times: usize) -> bool {
        self.work.plan.pages > 0 && self.dice.once_in(times)
    }

    /// The lock, and at times a sign-in that is under way then.
    async fn lock_and_sign_in(&mut self, customer: u32) {
        let lock = format!("/api/v1/customers/{}/lockdown", super::customer_name(customer));
        if !self.with_pages(3) {
            return self.insist(Verb::Lock { customer }, "fraud-desk", &lock).await;
        }
        let mut other = self.twin();
        let pause = Duration::from_millis(u64::try_from(self.dice.below(250)).unwrap_or(0));
        let locks = async {
            tokio::time::sleep(pause).await;
            self.insist(Verb::Lock { customer }, "fraud-desk", &lock).await;
        };
        tokio::join!(locks, other.sign_in(customer));
    }

    /// Until there is a clear answer, but not for ever: whoever comes next finds the customer as they are.
    async fn insist(&mut self, verb: Verb, desk: &'static str, path: &str) {
        for _ in 0..TRIES {
            let node = self.node();
            match self.order((node, verb), desk, (Method::POST, path)).await {
                Some(Outcome::Confirmed | Outcome::Refused) => return,
                Some(Outcome::Unconfirmed | Outcome::Lost | Outcome::Odd(_)) | None => {}
            }
        }
    }
}
