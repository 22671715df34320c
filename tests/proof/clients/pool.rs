//! What clients share: the tokens they may ask about, the sessions they may use, the customers they may lock.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::dice::Dice;

/// Tokens that are remembered to be asked about, newest last.
const REMEMBERED: usize = 4_096;
/// Tokens that were just killed, or are being killed.
const HOT: usize = 384;
/// Sessions that clients use.
const SESSIONS: usize = 2_048;

/// A token to ask about.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its number.
    pub token: u32,
    /// Its text.
    pub text: Arc<str>,
}

/// A session as its app knows it.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its number.
    pub session: u32,
    /// Whose, by number.
    pub customer: u32,
    /// The device it is on, by number.
    pub device: Option<u32>,
    /// Its access tokens, newest last.
    pub access: Vec<Asked>,
    /// The generation of `refresh`.
    pub generation: u64,
    /// Its refresh token.
    pub refresh: Asked,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Pool {
    tokens: VecDeque<Asked>,
    hot: VecDeque<Asked>,
    held: Vec<Held>,
    free: Vec<u32>,
}

fn push(all: &mut VecDeque<Asked>, most: usize, new: Asked) {
    if all.len() == most {
        all.pop_front();
    }
    all.push_back(new);
}

impl Pool {
    /// Customers that may be locked.
    pub fn of(customers: Vec<u32>) -> Self {
        Self { free: customers, ..Self::default() }
    }

    /// A token was handed out.
    pub fn handed(&mut self, token: Asked) {
        push(&mut self.tokens, REMEMBERED, token);
    }

    /// A token is being killed, or was: it is asked about more often for a while.
    pub fn heat(&mut self, tokens: &[Asked]) {
        for token in tokens {
            push(&mut self.hot, HOT, token.clone());
        }
    }

    /// Every token that is remembered.
    pub fn remembered(&self) -> Vec<Asked> {
        self.tokens.iter().chain(&self.hot).cloned().collect()
    }

    /// A token to ask about: mostly a new one, often one that was just killed, sometimes any.
    pub fn pick(&self, dice: &mut Dice) -> Option<Asked> {
        let newest =
            |all: &VecDeque<Asked>, back: usize| all.len().checked_sub(1 + back).and_then(|at| all.get(at)).cloned();
        let picked = match dice.below(8) {
            0 => newest(&self.tokens, dice.below(self.tokens.len())),
            1..=3 => newest(&self.hot, dice.size(HOT) - 1),
            _ => newest(&self.tokens, dice.size(self.tokens.len().clamp(1, REMEMBERED)) - 1),
        };
        picked.or_else(|| self.tokens.back().cloned())
    }

    /// A session is there to be used (again).
    pub fn hold(&mut self, held: Held) {
        if self.held.len() < SESSIONS {
            self.held.push(held);
        }
    }

    /// How many sessions there are to use.
    pub fn sessions(&self) -> usize {
        self.held.len()
    }

    /// A session to use. Now and then two clients get the same one: then one of them has an old refresh token.
    pub fn take(&mut self, dice: &mut Dice) -> Option<Held> {
        let at = dice.below(self.held.len());
        if dice.once_in(16) {
            return self.held.get(at).cloned();
        }
        (at < self.held.len()).then(|| self.held.swap_remove(at))
    }

    /// A customer to lock, and the sessions of theirs that will be gone. To be given back.
    pub fn take_customer(&mut self, dice: &mut Dice) -> Option<(u32, Vec<Held>)> {
        let at = dice.below(self.free.len());
        let customer = (at < self.free.len()).then(|| self.free.swap_remove(at))?;
        Some((customer, self.take_those_of(customer)))
    }

    /// The sessions of one customer, to be used by nobody else any more.
    pub fn take_those_of(&mut self, customer: u32) -> Vec<Held> {
        let (gone, stay) = std::mem::take(&mut self.held).into_iter().partition(|held| held.customer == customer);
        self.held = stay;
        gone
    }

    /// A customer may be locked again.
    pub fn give_back(&mut self, customer: u32) {
        self.free.push(customer);
    }
}
