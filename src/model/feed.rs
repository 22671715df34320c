//! The feed: everything that takes back or narrows, in the order of commits. Whoever keeps copies in memory reads it.

use uuid::Uuid;

use super::epoch::{EpochKind, Level};

/// One thing that was taken back or narrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An epoch was raised: what was born below it is dead.
    Raised {
        /// Of what.
        kind: EpochKind,
        /// Of whom or which.
        id: String,
        /// The new epoch.
        epoch: i64,
    },
    /// A subject's restriction was changed.
    Level {
        /// Whose.
        subject: String,
        /// The new one.
        level: Level,
    },
    /// A token session was ended.
    Ended {
        /// Which.
        session: Uuid,
    },
    /// One access token was taken back.
    Token {
        /// Of which session.
        session: Uuid,
        /// Its serial.
        serial: i64,
    },
    /// A client's record or secrets were changed.
    Client {
        /// Which.
        client: String,
    },
}

/// An item with the number of the transaction that told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// From 1, without order among the items of one number.
    pub number: i64,
    /// What happened.
    pub item: Item,
}

/// A point in the feed. Numbers of different timelines (histories of the database) say nothing about each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Everything up to here.
    pub number: i64,
    /// Of this history.
    pub timeline: String,
}

/// What one read of the feed found, in one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The last number there is, and the history it belongs to.
    pub mark: Mark,
    /// Entries up to here are gone from the feed.
    pub trimmed: i64,
    /// After which number it was read.
    pub after: i64,
    /// Which life of the data this is: drawn anew after a backup was restored.
    pub incarnation: String,
    /// What was told after the number asked for.
    pub entries: Vec<Entry>,
}

/// What a view had applied, in one of its lives, before a copy was read. A view that was dropped begins another life:
/// numbers of different lives say nothing about each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// Which life of the view of this process.
    pub life: u64,
    /// Up to which feed number.
    pub number: i64,
}

/// Which history of the database and which life of the data a feed number belongs to: for any other it says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The history the database writes.
    pub timeline: String,
    /// The life of the data: never empty.
    pub incarnation: String,
}
