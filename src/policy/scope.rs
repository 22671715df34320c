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

/// Most scopes a person is shown a box for; with more, it is all or nothing.
const MOST_BOXES: usize = 50;

/// The scopes a person may leave out when a client asks: all but `openid`, without which nobody would be signed in. Where
/// only one word is asked for there is nothing to choose: yes or no is the choice.
#[must_use]
pub fn optional(asked: &Scope) -> Vec<&str> {
    let count = asked.words().count();
    if !(2..=MOST_BOXES).contains(&count) {
        return Vec::new();
    }
    asked.words().filter(|word| *word != "openid").collect()
}

/// What is granted when a person leaves some of the [`optional`] words out; `None` if nothing is left. Never more than asked.
#[must_use]
pub fn picked(asked: &Scope, is_ticked: impl Fn(&str) -> bool) -> Option<Scope> {
    let optional = optional(asked);
    let granted = asked.only(|word| !optional.contains(&word) || is_ticked(word));
    (!granted.is_empty() || asked.is_empty()).then_some(granted)
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
    fn ui_08_a_person_grants_all_or_fewer_but_never_nothing_and_never_more() {
        let all = "openid accounts:read payments:write";
        for (asked, optional_words, ticked, granted) in [
            (all, vec!["accounts:read", "payments:write"], vec!["payments:write"], Some("openid payments:write")),
            (all, vec!["accounts:read", "payments:write"], vec!["payments:write", "accounts:read"], Some(all)),
            (all, vec!["accounts:read", "payments:write"], vec![], Some("openid")),
            (all, vec!["accounts:read", "payments:write"], vec!["admin"], Some("openid")),
            ("a b", vec!["a", "b"], vec!["b"], Some("b")),
            ("a b", vec!["a", "b"], vec![], None),
            ("a b", vec!["a", "b"], vec!["A", "c"], None),
            ("a openid", vec!["a"], vec![], Some("openid")),
            ("openid", vec![], vec![], Some("openid")),
            ("a", vec![], vec![], Some("a")),
            ("", vec![], vec![], Some("")),
        ] {
            let asked = Scope::parse(asked).unwrap();
            assert_eq!(optional(&asked), optional_words, "{asked}");
            let found = picked(&asked, |word| ticked.contains(&word));
            assert_eq!(found.map(|s| s.to_string()).as_deref(), granted, "{asked} with {ticked:?}");
        }
        let many = (0..51).map(|n| format!("s{n}")).collect::<Vec<_>>().join(" ");
        let many = Scope::parse(&many).unwrap();
        assert_eq!((optional(&many).len(), picked(&many, |_| false)), (0, Some(many.clone())), "all or nothing");
    }

    #[test]
    fn nothing_registered_grants_nothing() {
        assert_eq!(choose(&Scope::default(), None), Ok(Scope::default()));
        assert_eq!(choose(&Scope::default(), Some("openid")), Err(ScopeRefusal::InvalidScope));
    }
}
