//! Authorization codes: what a code refers to. The code itself is stored nowhere.

use uuid::Uuid;

use super::epoch::Epochs;
use super::ids::{ClientId, CustomerId};
use super::scope::Scope;
use crate::clock::Timestamp;

/// An issued code as stored; it becomes the session of the same id when it is redeemed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The id of the session it will become; what the code refers to.
    pub session_id: Uuid,
    /// The client it was issued to.
    pub client_id: ClientId,
    /// The redirect URI it went to.
    pub redirect_uri: String,
    /// S256 challenge.
    pub challenge: String,
    /// `nonce`, for the ID token.
    pub nonce: Option<String>,
    /// Granted scope.
    pub scope: Scope,
    /// Granted resources.
    pub resources: Vec<String>,
    /// Who granted it.
    pub customer_id: CustomerId,
    /// Where.
    pub device_id: Uuid,
    /// The consent it rests on.
    pub consent_id: Uuid,
    /// When the customer proved who they are.
    pub auth_at: Timestamp,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it can no longer be redeemed.
    pub expires_at: Timestamp,
    /// Wrong verifiers so far.
    pub tries: i64,
    /// When it was redeemed, if it was.
    pub redeemed_at: Option<Timestamp>,
    /// Epochs handed down.
    pub epochs: Epochs,
}
