//! What this node knows to have been taken back: everything the feed said since number `low`. Pure: no clock, no await.
//! A copy read before an entry was applied is overruled by it; a copy older than `low` is refused, because what would
//! overrule it may be forgotten. Forgetting is raising `low`, and nothing else.

use std::collections::HashMap;
use std::hash::Hash;

use uuid::Uuid;

use crate::model::epoch::{EpochKind, Level};
use crate::model::feed::{AsOf, Entry, History, Item, Tail};
use crate::model::session::Session;
use crate::seeded::{Bug, has};

/// What a view says about a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nothing against it. A restriction that is newer than the copy's, if there is one.
    Clear(Option<Level>),
    /// Taken back since.
    Dead,
    /// The copy says nothing any more: ask the truth.
    Old,
}

/// A value and the number that told it.
type Told<T> = (T, i64);

/// The view.
#[derive(Debug, Default)]
pub struct View {
    life: u64,
    is_loaded: bool,
    applied: i64,
    low: i64,
    most: usize,
    timeline: String,
    incarnation: String,
    global: Option<Told<i64>>,
    clients: HashMap<String, Told<i64>>,
    subjects: HashMap<String, Told<i64>>,
    devices: HashMap<Uuid, Told<i64>>,
    consents: HashMap<Uuid, Told<i64>>,
    levels: HashMap<String, Told<Level>>,
    ended: HashMap<Uuid, i64>,
    tokens: HashMap<(Uuid, i64), i64>,
    records: HashMap<String, i64>,
}

/// Puts in what is not older; of one number the last counts.
fn put<K: Eq + Hash, V>(map: &mut HashMap<K, Told<V>>, key: K, value: V, number: i64) {
    let known = map.get(&key).map_or(0, |told| told.1);
    if number >= known {
        map.insert(key, (value, number));
    }
}

impl View {
    /// An empty view in its first life, of at most so many entries.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { life: 1, most: most.max(1), ..Self::default() }
    }

    /// Forgets everything and begins another life: no copy of before is good for anything.
    pub fn drop_all(&mut self) {
        *self = Self { life: self.life + 1, most: self.most, ..Self::default() };
    }

    /// Up to where it has applied the feed; `None` before the first tail.
    #[must_use]
    pub fn applied(&self) -> Option<i64> {
        self.is_loaded.then_some(self.applied)
    }

    /// What a copy read from now on may be marked with; `None` before the first tail.
    #[must_use]
    pub fn as_of(&self) -> Option<AsOf> {
        self.is_loaded.then_some(AsOf { life: self.life, number: self.applied })
    }

    /// Where it stands, loaded or not: a tail is read from there, and belongs to no other life.
    #[must_use]
    pub fn standing(&self) -> AsOf {
        AsOf { life: self.life, number: self.applied }
    }

    /// Whether a reading was of the history that this view follows: a server that was the primary once may still answer.
    #[must_use]
    pub fn follows(&self, timeline: &str) -> bool {
        self.is_loaded && self.timeline == timeline
    }

    /// Which history its numbers belong to, for copies that leave this process; `None` before the first tail, and where this
    /// life of the data has no name to tell it from another.
    #[must_use]
    pub fn history(&self) -> Option<History> {
        let is_named = self.is_loaded && !self.incarnation.is_empty();
        is_named.then(|| History { timeline: self.timeline.clone(), incarnation: self.incarnation.clone() })
    }

    /// What a copy may be marked with that was read in a history after somebody had applied a number: by whom and when
    /// does not matter, as long as nothing lies between that number and what this view knows. `None`: it is good for
    /// nothing here. A higher number than what was applied here is refused, too: it can't be told from one of a future that
    /// was lost.
    #[must_use]
    pub fn adopt(&self, history: &History, number: i64) -> Option<AsOf> {
        let is_ours = self.history().is_some_and(|own| own == *history);
        (is_ours && (self.low..=self.applied).contains(&number)).then_some(AsOf { life: self.life, number })
    }

    /// The history of the database that its first tail was of; empty before.
    #[must_use]
    pub fn timeline(&self) -> &str {
        &self.timeline
    }

    /// How many entries it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clients.len()
            + self.subjects.len()
            + self.devices.len()
            + self.consents.len()
            + self.levels.len()
            + self.ended.len()
            + self.tokens.len()
            + self.records.len()
            + usize::from(self.global.is_some())
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Applies a tail that was read from [`View::applied`] or earlier. False: it is of another history or another life of
    /// the data than what is known, nothing was applied, and everything must be dropped.
    #[must_use]
    pub fn apply(&mut self, tail: &Tail) -> bool {
        if self.is_loaded && (tail.mark.timeline != self.timeline || tail.incarnation != self.incarnation) {
            return false;
        }
        // Before the first tail everything up to where it begins is unknown; later only if this node lagged behind it.
        if !self.is_loaded {
            self.low = self.low.max(tail.after);
        }
        if !self.is_loaded || self.applied < tail.trimmed {
            self.low = self.low.max(tail.trimmed);
        }
        for entry in &tail.entries {
            self.enter(entry);
        }
        self.applied = self.applied.max(tail.mark.number);
        if !self.is_loaded {
            self.timeline.clone_from(&tail.mark.timeline);
            self.incarnation.clone_from(&tail.incarnation);
            self.is_loaded = true;
        }
        if self.len() > self.most {
            self.forget_half();
        }
        true
    }

    fn enter(&mut self, entry: &Entry) {
        let number = entry.number;
        match &entry.item {
            Item::Raised { kind, id, epoch } => self.raise(*kind, id, *epoch, number),
            Item::Level { subject, level } => put(&mut self.levels, subject.clone(), *level, number),
            Item::Ended { session } => keep_latest(&mut self.ended, *session, number),
            Item::Token { session, serial } => keep_latest(&mut self.tokens, (*session, *serial), number),
            Item::Client { client } => keep_latest(&mut self.records, client.clone(), number),
        }
    }

    fn raise(&mut self, kind: EpochKind, id: &str, epoch: i64, number: i64) {
        match (kind, Uuid::parse_str(id)) {
            (EpochKind::Global, _) => self.global = self.global.max(Some((epoch, number))),
            (EpochKind::Client, _) => keep_greatest(&mut self.clients, id.to_owned(), epoch, number),
            (EpochKind::Subject, _) => keep_greatest(&mut self.subjects, id.to_owned(), epoch, number),
            (EpochKind::Device, Ok(id)) => keep_greatest(&mut self.devices, id, epoch, number),
            (EpochKind::Consent, Ok(id)) => keep_greatest(&mut self.consents, id, epoch, number),
            // An id that is no UUID is no session's device or consent.
            (EpochKind::Device | EpochKind::Consent, Err(_)) => {}
        }
    }

    /// Raises `low` to the middle of what is known, and forgets what lies below.
    fn forget_half(&mut self) {
        let mut numbers: Vec<i64> = self.numbers().collect();
        let middle = numbers.len() / 2;
        let (_, cut, _) = numbers.select_nth_unstable(middle);
        let cut = *cut;
        self.low = self.low.max(cut);
        self.global = self.global.filter(|told| told.1 > cut);
        self.clients.retain(|_, told| told.1 > cut);
        self.subjects.retain(|_, told| told.1 > cut);
        self.devices.retain(|_, told| told.1 > cut);
        self.consents.retain(|_, told| told.1 > cut);
        self.levels.retain(|_, told| told.1 > cut);
        self.ended.retain(|_, number| *number > cut);
        self.tokens.retain(|_, number| *number > cut);
        self.records.retain(|_, number| *number > cut);
    }

    fn numbers(&self) -> impl Iterator<Item = i64> + '_ {
        let of_epochs = self.clients.values().chain(self.subjects.values());
        let of_ids = self.devices.values().chain(self.consents.values());
        let told = of_epochs.chain(of_ids).chain(&self.global).map(|told| told.1);
        let plain = self.ended.values().chain(self.tokens.values()).chain(self.records.values()).copied();
        told.chain(self.levels.values().map(|told| told.1)).chain(plain)
    }

    /// What is known about a session whose copy was alive when it was read, and about one access token of it.
    #[must_use]
    pub fn judge(&self, copy: AsOf, session: &Session, serial: i64) -> Sight {
        if !self.remembers(copy) {
            return Sight::Old;
        }
        let newer = |number: Option<&i64>| number.is_some_and(|number| *number > copy.number);
        let id = session.session_id;
        if self.is_raised(session) || newer(self.ended.get(&id)) || newer(self.tokens.get(&(id, serial))) {
            return Sight::Dead;
        }
        match self.levels.get(&session.subject_id) {
            // What was born before the lock is dead by its epoch. This was born later, and the lock may be lifted.
            Some((Level::Full, number)) if *number > copy.number => Sight::Old,
            Some((level, number)) if *number > copy.number => Sight::Clear(Some(*level)),
            Some(_) | None => Sight::Clear(None),
        }
    }

    /// Whether the copy of a client's record is still what the truth says.
    #[must_use]
    pub fn is_current(&self, copy: AsOf, client: &str) -> bool {
        self.remembers(copy) && self.records.get(client).is_none_or(|number| *number <= copy.number)
    }

    fn remembers(&self, copy: AsOf) -> bool {
        self.is_loaded && copy.life == self.life && copy.number >= self.low
    }

    /// Only a greater epoch kills: the copy was read when all were equal.
    fn is_raised(&self, session: &Session) -> bool {
        let birth = &session.epochs;
        let above = |now: Option<&Told<i64>>, birth: Option<i64>| {
            now.is_some_and(|(epoch, _)| birth.is_some_and(|birth| is_above(*epoch, birth)))
        };
        above(self.global.as_ref(), Some(birth.global))
            || above(self.clients.get(session.client_id.as_str()), birth.client)
            || above(self.subjects.get(&session.subject_id), birth.subject)
            || above(session.device_id.and_then(|id| self.devices.get(&id)), birth.device)
            || above(session.consent_id.and_then(|id| self.consents.get(&id)), birth.consent)
    }
}

fn is_above(epoch: i64, birth: i64) -> bool {
    if has(Bug::EpochOffByOne) {
        return epoch > birth + 1;
    }
    if has(Bug::NewbornKilled) {
        return epoch >= birth;
    }
    epoch > birth
}

/// Epochs are only ever raised.
fn keep_greatest<K: Eq + Hash>(map: &mut HashMap<K, Told<i64>>, key: K, epoch: i64, number: i64) {
    let known = map.entry(key).or_insert((epoch, number));
    *known = (known.0.max(epoch), known.1.max(number));
}

fn keep_latest<K: Eq + Hash>(map: &mut HashMap<K, i64>, key: K, number: i64) {
    let known = map.entry(key).or_insert(number);
    *known = number.max(*known);
}

#[cfg(test)]
mod tests;
