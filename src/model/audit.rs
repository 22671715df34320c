//! The audit trail: who did what to whom, when, from where, with what result. Rows are only ever added.

use serde::Serialize;
use uuid::Uuid;

use super::actor::Actor;
use crate::clock::Timestamp;

/// What happened. The name is the row's `action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A try to sign in.
    SignIn,
    /// A sign-out.
    SignOut,
    /// A consent given or refused.
    Consent,
    /// A code was issued.
    CodeIssue,
    /// A code was presented.
    CodeRedeem,
    /// A used code came again.
    CodeReplay,
    /// Tokens for a client's own use (counted).
    TokenIssue,
    /// A refresh token was exchanged.
    Refresh,
    /// The same successor pair was handed out again.
    RefreshRetry,
    /// An old refresh token came back.
    RefreshReuse,
    /// A generation that was never committed here.
    GenerationAhead,
    /// A client failed to prove itself.
    ClientAuthentication,
    /// A token was taken back by its client.
    TokenRevoke,
    /// A session was ended.
    SessionRevoke,
    /// A device was taken out.
    DeviceRevoke,
    /// A client's tokens, or everybody's, were taken back.
    MassRevoke,
    /// Emergency lockdown of a customer.
    Lockdown,
    /// The lockdown was lifted.
    Unlock,
    /// A customer's data was read.
    CustomerRead,
    /// The audit trail was read.
    AuditRead,
    /// A customer was entered or changed.
    CustomerWrite,
    /// A client was registered or changed.
    ClientWrite,
    /// A member of staff was entered or changed.
    StaffWrite,
    /// A member of staff tried to sign in to the console.
    StaffSignIn,
    /// A member of staff signed out, or an older sign-in of theirs was ended.
    StaffSignOut,
    /// The console refused something: wrong role, a foreign form, a forged one.
    ConsoleRefuse,
    /// Incidents were read.
    IncidentRead,
    /// The list of staff or of clients was read.
    SettingsRead,
    /// A limit was hit.
    RateLimit,
    /// Many tokens that do not unseal came from one caller.
    TokenGuessing,
    /// One PKCE challenge came in many requests.
    ChallengeReuse,
}

impl Action {
    /// The name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignOut => "sign_out",
            Self::Consent => "consent",
            Self::CodeIssue => "code_issue",
            Self::CodeRedeem => "code_redeem",
            Self::CodeReplay => "code_replay",
            Self::TokenIssue => "token_issue",
            Self::Refresh => "refresh",
            Self::RefreshRetry => "refresh_retry",
            Self::RefreshReuse => "refresh_reuse",
            Self::GenerationAhead => "generation_ahead",
            Self::ClientAuthentication => "client_authentication",
            Self::TokenRevoke => "token_revoke",
            Self::SessionRevoke => "session_revoke",
            Self::DeviceRevoke => "device_revoke",
            Self::MassRevoke => "mass_revoke",
            Self::Lockdown => "lockdown",
            Self::Unlock => "unlock",
            Self::CustomerRead => "customer_read",
            Self::AuditRead => "audit_read",
            Self::CustomerWrite => "customer_write",
            Self::ClientWrite => "client_write",
            Self::StaffWrite => "staff_write",
            Self::StaffSignIn => "staff_sign_in",
            Self::StaffSignOut => "staff_sign_out",
            Self::ConsoleRefuse => "console_refuse",
            Self::IncidentRead => "incident_read",
            Self::SettingsRead => "settings_read",
            Self::RateLimit => "rate_limit",
            Self::TokenGuessing => "token_guessing",
            Self::ChallengeReuse => "challenge_reuse",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Refused, as it should be.
    Refused,
    /// Something an operator should look at.
    Alarm,
}

impl Outcome {
    /// The name in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Alarm => "alarm",
        }
    }
}

/// A row about to be written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id, in order of time.
    pub audit_id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who, from where, in which request.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// To whom or what: kind and id.
    pub target: (&'static str, String),
    /// Whose account it touches, where a customer's is touched.
    pub customer_id: Option<String>,
    /// Why, in a few words of ours or the reason an operator gave. Never a token or secret.
    pub reason: Option<String>,
}

/// A row as read back.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its id, in order of time.
    pub audit_id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Kind of who did it.
    pub actor_kind: String,
    /// Who did it.
    pub actor_id: String,
    /// What.
    pub action: String,
    /// How it ended.
    pub outcome: String,
    /// Kind of what it was done to.
    pub target_kind: String,
    /// What it was done to.
    pub target_id: String,
    /// Whose account it touches.
    pub customer_id: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// With which program.
    pub agent: Option<String>,
    /// In which request.
    pub request_id: String,
}

/// Which rows are wanted; `None`: whatever it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Of one customer.
    pub customer: Option<&'a str>,
    /// Of one action.
    pub action: Option<&'a str>,
}
