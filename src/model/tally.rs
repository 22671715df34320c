//! What is counted by the minute.

use chrono::{DurationRound, TimeDelta};

use crate::clock::Timestamp;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tally {
    /// Answers of the token endpoint with tokens.
    TokensIssued,
    /// Answers of the token endpoint that refused.
    TokensRefused,
    /// Sessions that lived in that minute: no sum, the last count stands.
    SessionsLiving,
}

impl Tally {
    /// The name in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TokensIssued => "tokens_issued",
            Self::TokensRefused => "tokens_refused",
            Self::SessionsLiving => "sessions_living",
        }
    }
}

/// The minute an instant falls into.
#[must_use]
pub fn minute(at: Timestamp) -> Timestamp {
    at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_no_seconds() {
        for (text, whole) in [
            ("2026-11-20T12:20:59.999Z", "2026-11-20T12:20:00Z"),
            ("2026-11-20T12:20:00Z", "2026-11-20T12:20:00Z"),
            ("1969-12-31T23:59:30Z", "1969-12-31T23:59:00Z"),
        ] {
            assert_eq!(minute(text.parse().unwrap()), whole.parse::<Timestamp>().unwrap());
        }
    }
}
