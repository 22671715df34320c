//! Contact details as staff see them: enough to ask the caller about, too little to call or write to.

use crate::model::customer::{Email, Phone};

/// Last digits of a telephone number that are hidden.
const HIDDEN: usize = 3;

/// `+254712345***`.
#[must_use]
pub fn phone(phone: &Phone) -> String {
    let text = phone.as_str();
    let shown = text.len().saturating_sub(HIDDEN);
    format!("{}{}", &text[..shown], "*".repeat(HIDDEN))
}

/// `j***@example.com`; a name of one letter is hidden whole.
#[must_use]
pub fn email(email: &Email) -> String {
    let (name, domain) = email.as_str().split_once('@').unwrap_or((email.as_str(), ""));
    let mut letters = name.chars();
    let first = letters.next().filter(|_| letters.next().is_some());
    let first = first.map(String::from).unwrap_or_default();
    format!("{first}***@{domain}")
}

/// A contact detail of the trail of changes, by its field: `phone`, `email` or anything else, which is shown as it is.
#[must_use]
pub fn contact(field: &str, value: &str) -> String {
    match field {
        "phone" => Phone::from_e164(value).map_or_else(|| "***".to_owned(), |number| phone(&number)),
        "email" => Email::parse(value).map_or_else(|_| "***".to_owned(), |address| email(&address)),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adm_03_contact_details_are_never_whole() {
        for (whole, masked) in [("+254712345678", "+254712345***"), ("+1234567", "+1234***")] {
            assert_eq!(phone(&Phone::from_e164(whole).unwrap()), masked);
            assert_eq!(contact("phone", whole), masked);
        }
        for (whole, masked) in [
            ("john.doe@example.com", "j***@example.com"),
            ("j@example.com", "***@example.com"),
            ("é@example.com", "***@example.com"),
            ("éa@example.com", "é***@example.com"),
        ] {
            assert_eq!(email(&Email::parse(whole).unwrap()), masked);
            assert_eq!(contact("email", whole), masked);
        }
    }

    #[test]
    fn what_cannot_be_read_is_hidden_whole() {
        assert_eq!((contact("phone", "0712"), contact("email", "john")), ("***".to_owned(), "***".to_owned()));
        assert_eq!(contact("name", "John Doe"), "John Doe");
    }
}
