//! Customers: the people who sign in. Contact details are kept as typed and as compared.

use std::fmt;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use super::epoch::Level;
use super::ids::CustomerId;
use crate::clock::Timestamp;

/// Why contact details were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// No name, or with control characters, or over 200 characters.
    #[error("a name is 1 to 200 characters without control characters")]
    Name,
    /// Not an e-mail address.
    #[error("an e-mail address has one @, a name before it and a domain after it, 254 characters at most")]
    Email,
}

/// A person's name as they write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PersonName(String);

impl PersonName {
    /// 1 to 200 characters, no control characters, white space at the ends dropped.
    pub fn parse(text: &str) -> Result<Self, ContactError> {
        let text = text.trim();
        let fits = (1..=200).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned())).ok_or(ContactError::Name)
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As compared in searches.
    #[must_use]
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

/// An e-mail address. Compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// One `@` with something on both sides, no spaces or control characters, 254 characters at most.
    pub fn parse(text: &str) -> Result<Self, ContactError> {
        let text = text.trim();
        let clean = text.len() <= 254 && !text.chars().any(|c| c.is_control() || c.is_whitespace());
        let mut halves = text.split('@');
        let shaped = matches!((halves.next(), halves.next(), halves.next()), (Some(a), Some(b), None) if !a.is_empty() && !b.is_empty());
        (clean && shaped).then(|| Self(text.to_owned())).ok_or(ContactError::Email)
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As compared.
    #[must_use]
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

/// A telephone number in E.164 form, such as `+254712345678`. Made by `policy::phone`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Phone(String);

impl Phone {
    /// Wraps a text that is already E.164 (`+` and 7 to 15 digits).
    #[must_use]
    pub fn from_e164(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| Self(text.to_owned()))
    }

    /// E.164.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A customer as stored, without the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// Their number at the bank; their `sub`.
    pub customer_id: CustomerId,
    /// Their name.
    pub name: PersonName,
    /// Their e-mail address.
    pub email: Option<Email>,
    /// Their telephone number.
    pub phone: Option<Phone>,
    /// When they were entered here.
    pub created_at: Timestamp,
    /// When sign-in was disabled, if it is.
    pub disabled_at: Option<Timestamp>,
}

/// A line of a search: a customer and how far they are restricted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The customer.
    pub customer: Customer,
    /// Restriction now.
    pub level: Level,
}

/// One changed contact detail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContactChange {
    /// Its id, in order of time.
    pub change_id: Uuid,
    /// `name`, `email` or `phone`.
    pub field: String,
    /// Before.
    pub old_value: Option<String>,
    /// After.
    pub new_value: Option<String>,
    /// Who, as `kind:name`.
    pub changed_by: String,
    /// When.
    pub changed_at: Timestamp,
}

/// The form in which names, addresses and ids are compared: NFKC, lower case, single spaces.
#[must_use]
pub fn fold(text: &str) -> String {
    let lower = text.nfkc().collect::<String>().to_lowercase();
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contact_details_are_checked_where_they_come_in() {
        assert!(PersonName::parse("  John Doe ").is_ok_and(|n| n.as_str() == "John Doe"));
        assert!(PersonName::parse("a\nb").is_err() && PersonName::parse(" ").is_err());
        assert!(Email::parse("john@example.com").is_ok());
        for bad in ["", "john", "@b", "a@", "a@b@c", "a b@c", "a@b\0"] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Phone::from_e164("+254712345678").is_some());
        assert!(Phone::from_e164("0712345678").is_none());
    }

    #[test]
    fn folding_makes_spellings_equal() {
        assert_eq!(fold("  JOHN   Doe"), "john doe");
        assert_eq!(fold("ＪＯＨＮ"), "john");
    }
}
