//! A string that must not be seen: passwords, tokens, keys on their way in or out.
//! It can't be printed, serialised or compared by accident, and its memory is wiped when it goes.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// An owned secret string. `Debug` prints `[secret]`; there is no `Display`, no `Serialize` and no `==`.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes the text over. A borrowed string is copied; wiping the original stays the caller's business.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether both are the same bytes. Takes the same time wherever they differ; only a different length shows.
    #[must_use]
    pub fn same_as(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::SecretText;

    #[test]
    fn debug_shows_nothing() {
        let secret = SecretText::from("hunter2");

        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "[secret] Some(\n    [secret],\n)");
        assert_eq!(secret.clone().expose(), "hunter2");
    }

    #[test]
    fn same_as_tells_equal_from_different() {
        let secret = SecretText::new("hunter2");

        assert!(secret.same_as("hunter2"));
        for other in ["hunter3", "hunter", "hunter22", "", "Hunter2"] {
            assert!(!secret.same_as(other), "{other}");
        }
    }
}
