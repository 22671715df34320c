//! Epochs: the numbers whose raising takes everything back. A session remembers those of its ancestors at its birth;
//! an ancestor whose current epoch differs, or is missing, means dead.

use serde::{Deserialize, Serialize};

/// What an epoch belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EpochKind {
    /// Everybody: one row.
    Global,
    /// One client.
    Client,
    /// One customer, member of staff or service: a `sub`.
    Subject,
    /// One device.
    Device,
    /// One consent of a customer to a client.
    Consent,
}

impl EpochKind {
    /// The name in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Client => "client",
            Self::Subject => "subject",
            Self::Device => "device",
            Self::Consent => "consent",
        }
    }
}

/// How far a subject is restricted. Only `Full` is the lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// No restriction.
    #[default]
    None,
    /// No payments: tokens live on and say so.
    Payments,
    /// Nothing is written: tokens live on and say so.
    Write,
    /// Emergency lockdown: everything is dead and sign-in is refused.
    Full,
}

impl Level {
    /// The name in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Payments => "payments",
            Self::Write => "write",
            Self::Full => "full",
        }
    }

    /// Reads the name in the table.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        [Self::None, Self::Payments, Self::Write, Self::Full].into_iter().find(|level| level.as_str() == text)
    }
}

/// Epochs of the ancestors of something, as they were when the proof of identity began. `None`: it has no such ancestor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epochs {
    /// Epoch of everybody.
    pub global: i64,
    /// Epoch of the client.
    pub client: Option<i64>,
    /// Epoch of the subject.
    pub subject: Option<i64>,
    /// Epoch of the device.
    pub device: Option<i64>,
    /// Epoch of the consent.
    pub consent: Option<i64>,
}
