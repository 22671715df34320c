//! Token sessions: what access and refresh tokens refer to. A row has constant size, however often it is refreshed.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::epoch::{Epochs, Level};
use super::ids::ClientId;
use super::scope::Scope;
use crate::clock::Timestamp;

/// Most shapes one session may have; a further one is refused with `invalid_scope`.
pub const MOST_SHAPES: usize = 16;

/// What an access token may do: the part of an answer that can differ between tokens of one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Granted scope.
    pub scope: Scope,
    /// Granted audience: resource URIs, exactly as granted; empty means a token without audience.
    pub audience: Vec<String>,
}

impl Shape {
    /// Whether two shapes grant the same, whatever the order.
    #[must_use]
    pub fn grants_the_same_as(&self, other: &Self) -> bool {
        let within = |a: &[String], b: &[String]| a.iter().all(|x| b.contains(x));
        self.scope.same_words(&other.scope)
            && within(&self.audience, &other.audience)
            && within(&other.audience, &self.audience)
    }
}

/// Whose session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// A customer who signed in.
    Customer,
    /// A client on its own behalf (`client_credentials`).
    Service,
}

impl SubjectKind {
    /// The name in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Service => "service",
        }
    }

    /// Reads the name in the table.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        [Self::Customer, Self::Service].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The last rotation of a session's refresh token: what a retried refresh is answered from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// When the current generation was made.
    pub at: Timestamp,
    /// The address that asked.
    pub address: Option<String>,
    /// The shape of the access token made then.
    pub shape: u16,
    /// When that access token expires.
    pub access_expires_at: Timestamp,
}

/// A token session as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What tokens refer to; `sid`.
    pub session_id: Uuid,
    /// The client it was granted to.
    pub client_id: ClientId,
    /// Customer id, or client id of a service; `sub`.
    pub subject_id: String,
    /// Whose session it is.
    pub subject_kind: SubjectKind,
    /// The device it lives on, if it has one.
    pub device_id: Option<Uuid>,
    /// The consent it rests on, if it has one.
    pub consent_id: Option<Uuid>,
    /// Scope of the grant; refresh may narrow, never widen.
    pub scope: Scope,
    /// Resources of the grant.
    pub resources: Vec<String>,
    /// Shapes of its access tokens, by index; only appended.
    pub shapes: Vec<Shape>,
    /// Current refresh generation, from 1.
    pub generation: i64,
    /// The rotation that made the current generation.
    pub rotation: Rotation,
    /// When the customer proved who they are; `None` for services.
    pub auth_at: Option<Timestamp>,
    /// When it was granted.
    pub created_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// When it was ended, if it was.
    pub ended_at: Option<Timestamp>,
    /// Epochs at birth.
    pub epochs: Epochs,
}

impl Session {
    /// Whose account it is, if it is a customer's.
    #[must_use]
    pub fn customer_id(&self) -> Option<&str> {
        (self.subject_kind == SubjectKind::Customer).then_some(self.subject_id.as_str())
    }
}

/// What the truth said of a session at one moment, in one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The session.
    pub session: Session,
    /// Epochs of its ancestors now; `None` where a row is missing.
    pub now: Epochs,
    /// Whether the global row was found at all.
    pub global_found: bool,
    /// Restriction of the subject now.
    pub level: Level,
    /// Whether the one access token asked about was taken back on its own.
    pub token_revoked: bool,
}

impl Record {
    /// The same as a refresh token sees it: single access tokens are taken back by serial, and it is none of them.
    #[must_use]
    pub fn of_refresh_token(&self) -> Self {
        Self { token_revoked: false, ..self.clone() }
    }
}
