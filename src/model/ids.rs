//! Names of people, clients and incidents. Customers, clients and staff share one namespace (`sub`), so one rule fits all.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to 64 characters out of letters, digits and . _ : @ + - and starts with a letter or digit")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The only way in: 1 to 64 characters of `A-Z a-z 0-9 . _ : @ + -`, the first a letter or digit.
            pub fn parse(text: &str) -> Result<Self, NotAnId> {
                is_id(text).then(|| Self(text.to_owned())).ok_or(NotAnId)
            }

            /// The id as written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<Self, NotAnId> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                Self::parse(text)
            }
        }
    };
}

id!(
    /// A customer's number at the bank, such as `CUST_789456123`; their `sub`.
    CustomerId
);
id!(
    /// A client's or resource server's `client_id`.
    ClientId
);
id!(
    /// A member of staff's user name.
    StaffId
);
id!(
    /// The number of an incident, such as `INC_7K2M9QXA4T`, read out to callers.
    IncidentId
);

fn is_id(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"._:@+-".contains(&c);
    (1..=64).contains(&text.len()) && text.bytes().all(plain) && text.as_bytes()[0].is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_take_what_banks_use_and_nothing_that_could_break_a_line() {
        for good in ["CUST_789456123", "naybitono-mobile", "amina", "a.b@c", "0"] {
            assert!(CustomerId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", " a", "_a", "a b", "a\nb", "a\0", "é", "a/b", "a%20", &"x".repeat(65)] {
            assert!(CustomerId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
