//! What scopes mean, in words a customer understands. A word without a line here is shown by its name.

/// A scope as people read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeWords {
    /// What it lets an application do.
    pub title: &'static str,
    /// The same, closer.
    pub detail: &'static str,
    /// Whether it can move money.
    pub moves_money: bool,
}

/// Scope, what it lets an application do, closer, whether it moves money.
const TABLE: [(&str, &str, &str, bool); 12] = [
    ("openid", "Know that it is you", "Your customer number, and when you signed in.", false),
    ("profile", "See your name", "Your name as the bank knows it.", false),
    ("email", "See your e-mail address", "The address the bank writes to.", false),
    ("phone", "See your phone number", "The number the bank calls.", false),
    ("offline_access", "Stay connected", "Also when you are not using it.", false),
    ("accounts:read", "See your accounts", "Balances and what went in and out.", false),
    ("cards:read", "See your cards", "Which you have and what was paid with them.", false),
    ("cards:write", "Change your cards", "Block them and change their limits.", false),
    ("payments:read", "See your payments", "Also those that are still to come.", false),
    ("payments:write", "Pay from your accounts", "Send money to others in your name.", true),
    ("transfers:write", "Move your money", "Between your accounts and to others.", true),
    ("beneficiaries:write", "Change whom you pay", "Add and remove people you send money to.", true),
];

/// The words for a scope, if there are any.
#[must_use]
pub fn words(scope: &str) -> Option<ScopeWords> {
    let found = TABLE.iter().find(|(word, ..)| *word == scope);
    found.map(|(_, title, detail, moves_money)| ScopeWords { title, detail, moves_money: *moves_money })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scope::{MACHINE_SCOPES, Scope};

    #[test]
    fn known_scopes_have_words_and_others_none() {
        assert_eq!(words("payments:write").map(|w| (w.title, w.moves_money)), Some(("Pay from your accounts", true)));
        assert_eq!(words("accounts:read").map(|w| w.moves_money), Some(false));
        for other in ["", "PAYMENTS:WRITE", "payments", "payments:write ", "accounts:*"] {
            assert_eq!(words(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_table_names_scopes_people_can_be_asked_for_once_each() {
        for (at, (word, title, detail, _)) in TABLE.iter().enumerate() {
            assert!(Scope::parse(word).is_ok_and(|scope| scope.words().count() == 1), "{word}");
            assert!(!MACHINE_SCOPES.contains(word), "{word} never comes to people");
            assert!(TABLE[at + 1..].iter().all(|(other, other_title, ..)| other != word && other_title != title));
            assert!(!title.ends_with('.') && detail.ends_with('.'), "{word}");
        }
    }
}
