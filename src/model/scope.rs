//! Scopes (RFC 6749 §3.3): a set of case-sensitive words, kept in the order given, without repeats.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Scopes that open the machine API. They go to `client_credentials` tokens alone, whose audience is then the issuer.
pub const MACHINE_SCOPES: [&str; 6] =
    ["sessions:read", "sessions:revoke", "customers:lock", "customers:unlock", "events:read", "audit:read"];

/// Most characters a scope text may have.
const LONGEST: usize = 1_000;

/// Why a text is not a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope is words of printable ASCII without quote or backslash, separated by single spaces, 1000 characters at most"
)]
pub struct NotAScope;

/// A set of scope words. The empty set is valid and means none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(Vec<String>);

impl Scope {
    /// `scope-token *( SP scope-token )`; a repeated word counts once. The empty text is the empty set.
    pub fn parse(text: &str) -> Result<Self, NotAScope> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.len() > LONGEST {
            return Err(NotAScope);
        }
        let mut words: Vec<String> = Vec::new();
        for word in text.split(' ') {
            if word.is_empty() || !word.bytes().all(is_scope_char) {
                return Err(NotAScope);
            }
            if !words.iter().any(|w| w == word) {
                words.push(word.to_owned());
            }
        }
        Ok(Self(words))
    }

    /// The words in order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether `word` is in the set.
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.0.iter().any(|w| w == word)
    }

    /// Whether every word of this set is also in `other`.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|w| other.has(w))
    }

    /// The words of this set that are also in `other`, in this set's order.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        self.only(|word| other.has(word))
    }

    /// The words that pass a test, in order.
    #[must_use]
    pub fn only(&self, passes: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|w| passes(w)).cloned().collect())
    }

    /// The words of both sets, as many as one may hold: those of this set first.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for word in other.words().filter(|word| !self.has(word)) {
            if all.to_string().len() + 1 + word.len() <= LONGEST {
                all.0.push(word.to_owned());
            }
        }
        all
    }

    /// Whether the set has no words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any word opens the machine API.
    #[must_use]
    pub fn names_a_machine_scope(&self) -> bool {
        self.words().any(|w| MACHINE_SCOPES.contains(&w))
    }

    /// Whether two sets hold the same words, whatever their order.
    #[must_use]
    pub fn same_words(&self, other: &Self) -> bool {
        self.is_within(other) && other.is_within(self)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl TryFrom<String> for Scope {
    type Error = NotAScope;
    fn try_from(text: String) -> Result<Self, NotAScope> {
        Self::parse(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

impl std::str::FromStr for Scope {
    type Err = NotAScope;
    fn from_str(text: &str) -> Result<Self, NotAScope> {
        Self::parse(text)
    }
}

/// `%x21 / %x23-5B / %x5D-7E`.
fn is_scope_char(c: u8) -> bool {
    matches!(c, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_scope_is_read_back_as_it_is_written(text in prop_oneof!["[ab ]{0,12}", "[a-z:/!~ ]{0,30}", ".{0,60}"]) {
            if let Ok(scope) = Scope::parse(&text) {
                let again = Scope::parse(&scope.to_string()).map_err(|error| TestCaseError::fail(error.to_string()))?;
                prop_assert_eq!(&again, &scope);
                let words: std::collections::HashSet<_> = scope.words().collect();
                prop_assert_eq!(words.len(), scope.words().count(), "each word once");
                prop_assert_eq!(words, text.split(' ').filter(|word| !word.is_empty()).collect());
            }
        }
    }

    #[test]
    fn scopes_follow_rfc_6749() {
        let scope = Scope::parse("openid accounts:read openid").unwrap();
        assert_eq!(scope.to_string(), "openid accounts:read");
        assert!(Scope::parse("").unwrap().is_empty());
        for bad in [" ", "a  b", "a ", "a\"b", "a\\b", "a\tb", "é", "a\0"] {
            assert_eq!(Scope::parse(bad), Err(NotAScope), "{bad:?}");
        }
        assert_eq!(Scope::parse(&"a ".repeat(501)), Err(NotAScope));
    }

    #[test]
    fn a_union_is_a_scope_again_however_much_comes_together() {
        let set = |text: &str| Scope::parse(text).unwrap();
        assert_eq!(set("a b").and(&set("b c")).to_string(), "a b c");
        assert_eq!((set("").and(&set("a")), set("a").and(&set(""))), (set("a"), set("a")));
        let long = |letter: &str| set(&format!("{} z{letter}", letter.repeat(900)));
        let both = long("a").and(&long("b"));
        assert_eq!(both.words().map(str::len).collect::<Vec<_>>(), [900, 2, 2], "what does not fit is left out");
        assert_eq!(Scope::parse(&both.to_string()), Ok(both));
    }

    #[test]
    fn sets_compare_by_their_words() {
        let all = Scope::parse("a b c").unwrap();
        let some = Scope::parse("c a").unwrap();
        assert!(some.is_within(&all) && !all.is_within(&some));
        assert_eq!(all.common(&some).to_string(), "a c");
        assert!(some.same_words(&Scope::parse("a c").unwrap()));
    }
}
