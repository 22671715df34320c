//! Labels and all the values they can take. A value that is not listed here cannot be counted.

use std::fmt;

use crate::limits::Rule;
use crate::model::audit::Action;

/// A label.
pub trait Label: Copy + fmt::Debug + 'static {
    /// Its name.
    const NAME: &'static str;

    /// The names of all its values, in order.
    fn values() -> &'static [&'static str];

    /// The place of this value among them.
    fn place(self) -> usize;
}

/// No label at all.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Label for Alone {
    const NAME: &'static str = "";

    fn values() -> &'static [&'static str] {
        &[""]
    }

    fn place(self) -> usize {
        0
    }
}

/// An enumeration as a label: its values in the order of their names.
macro_rules! label {
    ($(#[$about:meta])* $type:ident $label:literal { $($(#[$meaning:meta])* $value:ident $name:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type {
            $($(#[$meaning])* $value,)*
        }

        impl Label for $type {
            const NAME: &'static str = $label;

            fn values() -> &'static [&'static str] {
                &[$($name,)*]
            }

            fn place(self) -> usize {
                self as usize
            }
        }
    };
}

label! {
    /// How a check was answered.
    Answer "answer" {
        /// The token is good.
        Active "active",
        /// It is not.
        Inactive "inactive",
        /// The caller is not proven, or the request is malformed.
        Refused "refused",
        /// The caller may not ask.
        Forbidden "forbidden",
        /// The caller asks too often.
        Limited "limited",
        /// It cannot be said for certain.
        Unavailable "unavailable",
    }
}

label! {
    /// Where the record behind a token was looked for.
    Path "path" {
        /// In the database, because checks are set to.
        Plain "plain",
        /// In this process.
        Near "near",
        /// In Redis.
        Redis "redis",
        /// In the database, because no copy said enough.
        Truth "truth",
    }
}

label! {
    /// What the token endpoint was asked by.
    Grant "grant" {
        /// `authorization_code`.
        AuthorizationCode "authorization_code",
        /// `refresh_token`.
        RefreshToken "refresh_token",
        /// `client_credentials`.
        ClientCredentials "client_credentials",
        /// Anything else, or nothing.
        Other "other",
    }
}

label! {
    /// Why the token endpoint gave out nothing: the code of the answer, but for too many requests and our own failures,
    /// which share one there.
    Refusal "error" {
        /// `invalid_request`.
        InvalidRequest "invalid_request",
        /// `invalid_client`.
        InvalidClient "invalid_client",
        /// `invalid_grant`.
        InvalidGrant "invalid_grant",
        /// `invalid_scope`.
        InvalidScope "invalid_scope",
        /// `invalid_target`.
        InvalidTarget "invalid_target",
        /// `unauthorized_client`.
        UnauthorizedClient "unauthorized_client",
        /// `unsupported_grant_type`.
        UnsupportedGrantType "unsupported_grant_type",
        /// Too many requests.
        Limited "limited",
        /// Nothing could be said for certain.
        Unavailable "unavailable",
        /// Any other code.
        Other "other",
    }
}

label! {
    /// Who signs in.
    Person "who" {
        /// On the hosted pages.
        Customer "customer",
        /// At the console.
        Staff "staff",
    }
}

label! {
    /// What came of a try to sign in.
    SignIn "outcome" {
        /// Signed in.
        Welcome "welcome",
        /// Unknown name or wrong password.
        Refused "refused",
        /// Right password, but locked or disabled.
        Restricted "restricted",
        /// Too many tries.
        Limited "limited",
        /// Something changed meanwhile.
        Stale "stale",
        /// The queue for password hashes is full.
        Busy "busy",
        /// Something we rely on failed.
        Failed "failed",
    }
}

label! {
    /// What was taken back.
    TakenBack "kind" {
        /// A customer was locked down.
        Customer "customer",
        /// Everything of a client.
        Client "client",
        /// Everything of everybody.
        Everyone "everyone",
        /// A device.
        Device "device",
        /// A session.
        Session "session",
        /// One token or grant, by its client.
        Token "token",
        /// What was given for a code or refresh token that came again.
        Replay "replay",
        /// What rested on a password, a secret or an account that was changed.
        Account "account",
    }
}

label! {
    /// Whether it was proven that no check can overlook it.
    Proven "status" {
        /// It was.
        Confirmed "confirmed",
        /// It was not.
        Unconfirmed "unconfirmed",
    }
}

label! {
    /// Why a body or form was refused.
    FormRefusal "reason" {
        /// Damaged, doubled or misplaced parameters, no JSON, a body that broke off.
        Malformed "malformed",
        /// Another media type.
        WrongType "wrong_type",
        /// Too large.
        TooLarge "too_large",
        /// Not there in time.
        TooSlow "too_slow",
        /// Sent by another site.
        ForeignOrigin "foreign_origin",
        /// Without the right anti-forgery token.
        Forged "forged",
    }
}

label! {
    /// How a connection to the database is asked for.
    Lane "lane" {
        /// To read.
        Read "read",
        /// To read for a check, or to take something back.
        Ahead "ahead",
        /// To write.
        Write "write",
        /// To take something back: before everybody else.
        First "first",
        /// For a lease or a confirmation.
        Pulse "pulse",
        /// To write what may be said again.
        Light "light",
    }
}

impl Label for Rule {
    const NAME: &'static str = "rule";

    fn values() -> &'static [&'static str] {
        const NAMES: [&str; Rule::ALL.len()] = {
            let mut names = [""; Rule::ALL.len()];
            let mut at = 0;
            while at < names.len() {
                names[at] = Rule::ALL[at].name();
                at += 1;
            }
            names
        };
        &NAMES
    }

    fn place(self) -> usize {
        self as usize
    }
}

/// Actions that a server can be alarmed by; any other is counted as the last. (Commands in a shell alarm, too, but nobody
/// scrapes them.)
const ALARMS: [Action; 8] = [
    Action::CodeReplay,
    Action::Refresh,
    Action::RefreshRetry,
    Action::RefreshReuse,
    Action::GenerationAhead,
    Action::TokenRevoke,
    Action::TokenGuessing,
    Action::ChallengeReuse,
];

impl Label for Action {
    const NAME: &'static str = "action";

    fn values() -> &'static [&'static str] {
        const NAMES: [&str; ALARMS.len() + 1] = {
            let mut names = ["other"; ALARMS.len() + 1];
            let mut at = 0;
            while at < ALARMS.len() {
                names[at] = ALARMS[at].as_str();
                at += 1;
            }
            names
        };
        &NAMES
    }

    fn place(self) -> usize {
        ALARMS.iter().position(|alarm| *alarm == self).unwrap_or(ALARMS.len())
    }
}

impl Grant {
    /// Of `grant_type` as sent.
    #[must_use]
    pub fn of(sent: Option<&str>) -> Self {
        match sent {
            Some("authorization_code") => Self::AuthorizationCode,
            Some("refresh_token") => Self::RefreshToken,
            Some("client_credentials") => Self::ClientCredentials,
            Some(_) | None => Self::Other,
        }
    }
}

impl TakenBack {
    /// Of an incident's kind of target.
    #[must_use]
    pub fn of(kind: &str) -> Self {
        match kind {
            "customer" => Self::Customer,
            "client" => Self::Client,
            "everyone" => Self::Everyone,
            "device" => Self::Device,
            _ => Self::Session,
        }
    }
}

impl Refusal {
    /// Of a code of the answer (RFC 6749 §5.2).
    #[must_use]
    pub fn of(code: &str) -> Self {
        match code {
            "invalid_request" => Self::InvalidRequest,
            "invalid_client" => Self::InvalidClient,
            "invalid_grant" => Self::InvalidGrant,
            "invalid_scope" => Self::InvalidScope,
            "invalid_target" => Self::InvalidTarget,
            "unauthorized_client" => Self::UnauthorizedClient,
            "unsupported_grant_type" => Self::UnsupportedGrantType,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_counted_under_its_own_name() {
        for rule in Rule::ALL {
            assert_eq!(Rule::values()[rule.place()], rule.name());
        }
    }

    #[test]
    fn an_alarm_is_counted_under_its_name_and_anything_else_as_other() {
        for action in ALARMS {
            assert_eq!(Action::values()[action.place()], action.as_str());
        }
        assert_eq!(Action::values()[Action::SignIn.place()], "other");
    }

    #[test]
    fn every_code_has_its_name() {
        for code in &Refusal::values()[..7] {
            assert_eq!(Refusal::values()[Refusal::of(code).place()], *code);
        }
        for kind in &TakenBack::values()[..5] {
            assert_eq!(TakenBack::values()[TakenBack::of(kind).place()], *kind);
        }
    }
}
