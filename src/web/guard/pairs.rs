//! Raw urlencoded pairs, strictly: repeated parameters, broken escapes, control characters and invalid UTF-8 are
//! refused; empty values are absent; unknown names are ignored. Never the framework's lenient forms.

/// Parameters that may be repeated (RFC 8707 §2).
const REPEATABLE: [&str; 1] = ["resource"];

/// Most parameters of one request. Each is compared with all before it, so thousands would cost seconds.
const MOST: usize = 100;

/// Fields that hold what people type as a secret: any character but NUL.
const FREE: [&str; 1] = ["password"];

/// Why pairs were refused. Fixed words, fit for `error_description`.
pub type Malformed = &'static str;

/// Decoded pairs without empty values; no name twice, except those that may be.
#[derive(Clone, Debug, Default)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Decodes `application/x-www-form-urlencoded` text (WHATWG URL §5.1, strictly).
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut all: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if all.len() == MOST {
                return Err("There are too many parameters");
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            let plain = |text: &str| !text.chars().any(char::is_control);
            let fits = if FREE.contains(&name.as_str()) { !value.contains('\0') } else { plain(&value) };
            if !fits || !plain(&name) {
                return Err("A parameter holds a control character");
            }
            if !REPEATABLE.contains(&name.as_str()) && all.iter().any(|(known, _)| *known == name) {
                return Err("A parameter was sent twice");
            }
            all.push((name, value));
        }
        Ok(Self(all.into_iter().filter(|(_, value)| !value.is_empty()).collect()))
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter, owned.
    #[must_use]
    pub fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// All values of a parameter that may be repeated.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }

    /// Whether a parameter was sent with a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names sent.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// `+` and `%XX`, whole escapes only, UTF-8 only.
pub fn decode(text: &str) -> Result<String, Malformed> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (rest.next().and_then(hex), rest.next().and_then(hex)) {
                (Some(high), Some(low)) => high << 4 | low,
                (_, _) => return Err("A parameter holds a broken escape"),
            },
            plain => plain,
        });
    }
    String::from_utf8(bytes).map_err(|_| "A parameter is not UTF-8")
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Text as clients send it, as they should not, and as nobody does.
        #[test]
        fn http_05_07_what_is_read_is_what_a_second_parser_reads(
            text in prop_oneof![
                "([a-z_]{0,3}=?(%[0-9a-fA-F]{2}|[+a-z%&=]){0,6}&?){0,8}",
                "((resource|password|p%61ssword|a|%61|é)=(%0[0ad]|%7f|%c2%85|%C3%A9|\n|\u{7f}|b){0,2}&){0,4}",
                ".{0,80}",
            ],
        ) {
            crate::web::guard::outside::pairs(&text);
        }

        #[test]
        fn what_a_client_encodes_is_read_back(
            sent in proptest::collection::btree_map("\\PC{1,12}", "\\PC{1,30}", 0..8),
        ) {
            let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&sent).finish();
            let pairs = Pairs::parse(&text).map_err(TestCaseError::fail)?;
            let read: Vec<_> = pairs.iter().collect();
            let expected: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn http_05_a_repeated_parameter_is_refused_but_resource_is_not() {
        assert!(Pairs::parse("a=1&a=2").is_err());
        assert!(Pairs::parse("a=1&a=").is_err(), "an empty repetition is one too");
        assert!(Pairs::parse("a=1&%61=1").is_err(), "escaped names are names");
        assert_eq!(Pairs::parse("resource=x&resource=y").unwrap().all("resource"), ["x", "y"]);
    }

    #[test]
    fn a_hundred_parameters_are_read_and_one_more_is_refused() {
        let many = |n: usize| (0..n).map(|i| format!("p{i}=")).collect::<Vec<_>>().join("&");
        assert!(Pairs::parse(&many(100)).is_ok());
        assert!(Pairs::parse(&many(101)).is_err());
    }

    #[test]
    fn http_06_empty_is_absent_and_unknown_names_pass() {
        let pairs = Pairs::parse("scope=&x=1&y").unwrap();
        assert!(!pairs.has("scope") && !pairs.has("y") && pairs.has("x"));
    }

    #[test]
    fn http_07_broken_text_is_refused() {
        for bad in ["a=%00", "a=%0a", "a=%7f", "a=%c2%85", "a=%ff", "a=%ed%a0%80", "a=%4", "a=%", "a=%zz", "%00=a"] {
            assert!(Pairs::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Pairs::parse("password=a%0ab").unwrap().get("password"), Some("a\nb"));
        assert!(Pairs::parse("password=a%00b").is_err());
        assert_eq!(Pairs::parse("a=b+c%2B%C3%A9").unwrap().get("a"), Some("b c+é"));
    }
}
