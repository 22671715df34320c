//! Which scope is granted (RFC 6749 §3.3 and §6): never more than registered, never more than granted before.

use crate::model::scope::Scope;

/// Why the scope asked for is not granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeRefusal {
    /// Malformed, or a word beyond what may be asked for: `invalid_scope`.
    #[error("the requested scope is malformed or exceeds what this client may have")]
    InvalidScope,
}

/// The scope of a new grant: what is asked for if the client registered every word of it; all it registered when none is
/// asked for. An empty parameter counts as none (RFC 6749 §3.1).
pub fn choose(registered: &Scope, asked: Option<&str>) -> Result<Scope, ScopeRefusal> {
    let Some(asked) = asked.filter(|text| !text.is_empty()) else { return Ok(registered.clone()) };
    let asked = Scope::parse(asked).map_err(|_| ScopeRefusal::InvalidScope)?;
    if asked.is_within(registered) { Ok(asked) } else { Err(ScopeRefusal::InvalidScope) }
}

/// The scope of an access token made at refresh: what is asked for if the grant has every word of it; all of the grant when
/// none is asked for (RFC 6749 §6).
pub fn narrow(granted: &Scope, asked: Option<&str>) -> Result<Scope, ScopeRefusal> {
    choose(granted, asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ref_02_a_scope_only_narrows() {
        let all = Scope::parse("openid accounts:read payments:write").unwrap();
        for (asked, granted) in [
            (None, Some("openid accounts:read payments:write")),
            (Some(""), Some("openid accounts:read payments:write")),
            (Some("openid"), Some("openid")),
            (Some("payments:write openid"), Some("payments:write openid")),
            (Some("openid openid"), Some("openid")),
            (Some("openid admin"), None),
            (Some("OPENID"), None),
            (Some("accounts:*"), None),
            (Some("accounts"), None),
            (Some(" "), None),
            (Some("openid  accounts:read"), None),
            (Some("openid\naccounts:read"), None),
            (Some("\"openid\""), None),
        ] {
            for rule in [choose, narrow] {
                assert_eq!(rule(&all, asked).ok().map(|s| s.to_string()).as_deref(), granted, "{asked:?}");
            }
        }
    }

    #[test]
    fn nothing_registered_grants_nothing() {
        assert_eq!(choose(&Scope::default(), None), Ok(Scope::default()));
        assert_eq!(choose(&Scope::default(), Some("openid")), Err(ScopeRefusal::InvalidScope));
    }
}
