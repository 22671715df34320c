//! A sign-in in progress: what was asked at authorize, kept while the person signs in and consents.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::device::DeviceDetails;
use super::epoch::Epochs;
use super::ids::{ClientId, CustomerId};
use super::scope::Scope;
use crate::clock::Timestamp;

/// A proven authorization request: client and redirect URI are registered, scope and resources are allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: ClientId,
    /// Where the answer goes, as sent.
    pub redirect_uri: String,
    /// `state`, returned unchanged.
    pub state: Option<String>,
    /// Scope asked for.
    pub scope: Scope,
    /// Resources asked for, or all of the client's.
    pub resources: Vec<String>,
    /// `code_challenge` (S256).
    pub challenge: String,
    /// `nonce`.
    pub nonce: Option<String>,
    /// `prompt=login`, or `max_age=0`: an earlier sign-in does not count.
    pub fresh_login: bool,
    /// `prompt=consent`: an earlier consent does not count.
    pub fresh_consent: bool,
    /// `max_age`, seconds: how old an earlier sign-in may be.
    pub max_age: Option<i64>,
    /// `login_hint`: pre-fills the form.
    pub login_hint: Option<String>,
    /// `device_id` an app sent.
    pub app_device_id: Option<String>,
    /// What the app said about the device.
    pub device: DeviceDetails,
}

/// A sign-in in progress as stored. Its id is sealed in the login cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// What the cookie refers to.
    pub login_id: Uuid,
    /// What was asked; `None` when someone opened the sign-in page by itself.
    pub request: Option<AuthorizationRequest>,
    /// Global and client epoch at the first statement of the request.
    pub epochs: Epochs,
    /// Who signed in, once somebody has.
    pub browser_session_id: Option<Uuid>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
}

/// A person signed in on the hosted pages, as stored. Its id is sealed in the session cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserSession {
    /// What the cookie refers to.
    pub browser_session_id: Uuid,
    /// Who.
    pub customer_id: CustomerId,
    /// Where.
    pub device_id: Uuid,
    /// When they proved who they are.
    pub auth_at: Timestamp,
    /// Last page shown to them.
    pub last_seen_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// When it was ended, if it was.
    pub ended_at: Option<Timestamp>,
    /// Global, subject and device epoch at the proof.
    pub epochs: Epochs,
}
