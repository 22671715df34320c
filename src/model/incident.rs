//! Incidents: one for every lockdown and revocation made by staff, machine or command. The receipt is read to the caller.

use serde::Serialize;
use uuid::Uuid;

use super::ids::{ClientId, CustomerId, IncidentId};
use crate::clock::Timestamp;

/// What is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every device of one customer, and new sign-ins are refused until unlocked.
    Customer(CustomerId),
    /// Every token of one client.
    Client(ClientId),
    /// Everybody.
    Everyone,
    /// One device of a customer.
    Device(Uuid),
    /// One token session.
    Session(Uuid),
}

impl Target {
    /// The kind's name in the table.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Customer(_) => "customer",
            Self::Client(_) => "client",
            Self::Everyone => "everyone",
            Self::Device(_) => "device",
            Self::Session(_) => "session",
        }
    }

    /// The id in the table.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Customer(id) => id.to_string(),
            Self::Client(id) => id.to_string(),
            Self::Everyone => "*".to_owned(),
            Self::Device(id) | Self::Session(id) => id.to_string(),
        }
    }
}

/// Why something was taken back: 1 to 200 characters, no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Reason(String);

impl Reason {
    /// The only way in; white space at the ends is dropped.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An incident as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// Its number.
    pub incident_id: IncidentId,
    /// `customer`, `client`, `everyone`, `device` or `session`.
    pub target_kind: String,
    /// Whose, or which.
    pub target_id: String,
    /// Whose account it touches, where a customer's is touched.
    pub customer_id: Option<CustomerId>,
    /// Who opened it, as `kind:name`.
    pub opened_by: String,
    /// Why.
    pub reason: String,
    /// Free words.
    pub note: Option<String>,
    /// Live sessions it ended.
    pub sessions_ended: i64,
    /// Devices they were on.
    pub devices: i64,
    /// What was born below this epoch of the target is dead; 0 where no epoch was raised.
    pub epoch: i64,
    /// When.
    pub opened_at: Timestamp,
    /// The first proof, if it was written down.
    pub proof: Option<Proof>,
    /// When it was closed, if it was.
    pub closed_at: Option<Timestamp>,
    /// Who closed it, as `kind:name`.
    pub closed_by: Option<String>,
    /// Why it was closed.
    pub close_reason: Option<String>,
}

/// How an incident was first confirmed: the figures that were read out then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// When.
    pub at: Timestamp,
    /// From the request to the proof.
    pub in_ms: i64,
    /// Serving nodes it was proven on.
    pub nodes: i64,
    /// Where it was safe.
    pub durable: Durability,
}

/// Where a confirmed revocation is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On this database machine's disk.
    Local,
    /// On a synchronous standby too.
    Standby,
}

impl Durability {
    /// The name in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Standby => "standby",
        }
    }

    /// Reads the name in the table.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        [Self::Local, Self::Standby].into_iter().find(|durable| durable.as_str() == text)
    }
}

/// What is read out to the caller: proven, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// From now on no check calls a covered token active.
    Confirmed {
        /// The incident.
        incident: IncidentId,
        /// Where it is safe.
        durable: Durability,
        /// Live sessions it ended.
        sessions_ended: i64,
        /// Devices they were on.
        devices: i64,
        /// Serving nodes it was proven on.
        nodes: i64,
        /// From the request to the proof.
        confirmed_in_ms: i64,
    },
    /// Not proven: tokens may be dead already or may live. Repeating is safe.
    Unconfirmed {
        /// The incident, whether or not it was stored.
        incident: IncidentId,
        /// `true`: stored, but not proven everywhere. `false`: not known whether it was stored.
        committed: bool,
    },
}

impl Receipt {
    /// Whether it says that it was proven.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        matches!(self, Self::Confirmed { .. })
    }

    /// The same proof with what was counted afterwards.
    #[must_use]
    pub fn with_counts(self, sessions: i64, on_devices: i64) -> Self {
        match self {
            Self::Confirmed { incident, durable, nodes, confirmed_in_ms, .. } => Self::Confirmed {
                incident,
                durable,
                sessions_ended: sessions,
                devices: on_devices,
                nodes,
                confirmed_in_ms,
            },
            Self::Unconfirmed { .. } => self,
        }
    }

    /// The receipt as machines read it: `confirmed` with what was proven, or `unconfirmed` and whether it was stored.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Confirmed { incident, durable, sessions_ended, devices, nodes, confirmed_in_ms } => {
                serde_json::json!({
                    "incident_id": incident,
                    "status": "confirmed",
                    "committed": true,
                    "durable": durable,
                    "sessions_ended": sessions_ended,
                    "devices": devices,
                    "nodes": nodes,
                    "confirmed_in_ms": confirmed_in_ms,
                })
            }
            Self::Unconfirmed { incident, committed } => {
                let committed = if *committed { serde_json::json!(true) } else { serde_json::json!("unknown") };
                serde_json::json!({ "incident_id": incident, "status": "unconfirmed", "committed": committed })
            }
        }
    }
}

/// Most characters of a note.
const NOTE: usize = 2_000;

/// Free words about an incident: nothing but white space is none; too many characters are an error.
pub fn note(words: Option<String>) -> Result<Option<String>, NoteTooLong> {
    match words.filter(|text| !text.trim().is_empty()) {
        Some(text) if text.chars().count() > NOTE => Err(NoteTooLong),
        kept => Ok(kept),
    }
}

/// A note is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a note is at most 2000 characters")]
pub struct NoteTooLong;
