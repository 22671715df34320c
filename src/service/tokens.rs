//! What the token endpoint gives out, and why it refuses. Tokens are sealed here, after their record was committed.

use super::Fault;
use crate::app::App;
use crate::clock::{Timestamp, unix_seconds};
use crate::model::session::Session;
use crate::secret::seal::{Kind, Reference};
use crate::secret::text::SecretText;
use crate::store::StoreError;

/// A successful answer (RFC 6749 §5.1).
#[derive(Clone, Debug)]
pub struct Tokens {
    /// `access_token`.
    pub access: SecretText,
    /// `expires_in`, seconds.
    pub expires_in: i64,
    /// `refresh_token`.
    pub refresh: Option<SecretText>,
    /// `scope`.
    pub scope: String,
}

/// Why the token endpoint refuses (RFC 6749 §5.2, RFC 8707 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRefusal {
    /// The code or refresh token is not good, or no longer.
    InvalidGrant,
    /// More scope than granted, or more shapes than a session may have.
    InvalidScope,
    /// A resource that was not granted.
    InvalidTarget,
    /// The client may not do this.
    UnauthorizedClient,
    /// A replay was seen, but it could not be proven that its tokens are dead.
    Unconfirmed,
}

/// No tokens: refused, or a fault.
#[derive(Debug)]
pub enum TokenError {
    /// Refused.
    Refused(TokenRefusal),
    /// Something we rely on failed.
    Fault(Fault),
}

impl From<TokenRefusal> for TokenError {
    fn from(refusal: TokenRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for TokenError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        Self::Fault(Fault::Store(error))
    }
}

/// Seals the pair of a session's current generation: a pure function of the session row, so that a retry gets it again.
#[must_use]
pub fn current_pair(app: &App, session: &Session, may_refresh: bool, now: Timestamp) -> Tokens {
    let rotation = &session.rotation;
    let serial = u64::try_from(session.generation).unwrap_or(0);
    let access = Reference {
        session: session.session_id,
        serial,
        shape: rotation.shape,
        expires_at: unix_seconds(rotation.access_expires_at),
    };
    let refresh = Reference { shape: 0, expires_at: unix_seconds(session.expires_at), ..access };
    let scope = session.shapes.get(usize::from(rotation.shape)).map(|shape| shape.scope.to_string());
    Tokens {
        access: app.secrets.sealer.seal(Kind::Access, &access),
        expires_in: (i64::from(access.expires_at) - now.timestamp()).max(0),
        refresh: may_refresh.then(|| app.secrets.sealer.seal(Kind::Refresh, &refresh)),
        scope: scope.unwrap_or_default(),
    }
}
