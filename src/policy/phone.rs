//! Telephone numbers as people write them, brought to E.164 (ITU-T E.164) so that they can be compared.

use phonenumber::country::Id;
use phonenumber::{Mode, PhoneNumber};

use crate::model::customer::Phone;

/// Most characters looked at; the longest number has 15 digits.
const LONGEST: usize = 40;

/// Reads a number in any usual spelling: spaces, dashes, dots, slashes, brackets; `+` or `00` before the country code; or
/// the national form of `country` (ISO 3166 alpha-2). `None` for what is no number that can exist there, has letters, or is
/// over 40 characters.
#[must_use]
pub fn parse(text: &str, country: Option<&str>) -> Option<Phone> {
    let bare = bare(text)?;
    let country: Option<Id> = country.and_then(|code| code.to_ascii_uppercase().parse().ok());
    let international = bare.strip_prefix("00").map(|rest| format!("+{rest}"));
    let mut readings = international.iter().chain([&bare]);

    let number = readings.find_map(|reading| valid(country, reading))?;
    Phone::from_e164(&number.format().mode(Mode::E164).to_string())
}

/// The digits, with a leading `+` if there is one. `None` if anything else than separators is in between.
fn bare(text: &str) -> Option<String> {
    if text.chars().count() > LONGEST {
        return None;
    }
    let is_separator =
        |c: char| c.is_whitespace() || "-.()/\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2212}".contains(c);
    let bare: String = text.chars().filter(|c| !is_separator(*c)).collect();
    let digits = bare.strip_prefix('+').unwrap_or(&bare);
    let plain = !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit());
    plain.then_some(bare)
}

fn valid(country: Option<Id>, text: &str) -> Option<PhoneNumber> {
    phonenumber::parse(country, text).ok().filter(PhoneNumber::is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_usual_spelling_of_a_number_is_the_same_number() {
        for spelling in [
            "+254712345678",
            "+254 712 345 678",
            "+254 (0)712 345678",
            "(+254) 712-345-678",
            "00254712345678",
            "00 254 712 345 678",
            "0712345678",
            "0712 345 678",
            "0712-345-678",
            "0712.345.678",
            "(0712) 345678",
            "0712/345678",
            " 0712345678 ",
            "0712\u{a0}345\u{2011}678",
            "712345678",
            "254712345678",
        ] {
            assert_eq!(
                parse(spelling, Some("KE")).map(|p| p.to_string()).as_deref(),
                Some("+254712345678"),
                "{spelling}"
            );
        }
    }

    #[test]
    fn numbers_of_many_countries() {
        for (text, country, e164) in [
            ("020 7946 0958", "GB", "+442079460958"),
            ("+44 (0)20 7946 0958", "KE", "+442079460958"),
            ("0044 20 7946 0958", "KE", "+442079460958"),
            ("(201) 555-0123", "US", "+12015550123"),
            ("011 44 20 7946 0958", "US", "+442079460958"),
            ("06 698 00000", "IT", "+390669800000"),
            ("030 901820", "DE", "+4930901820"),
            ("0151 23456789", "de", "+4915123456789"),
            ("06 12 34 56 78", "FR", "+33612345678"),
            ("0803 123 4567", "NG", "+2348031234567"),
        ] {
            assert_eq!(parse(text, Some(country)).map(|p| p.to_string()).as_deref(), Some(e164), "{text}");
        }
    }

    #[test]
    fn a_national_number_needs_a_country() {
        assert_eq!(parse("0712345678", None), None);
        assert_eq!(parse("0712345678", Some("XX")), None);
        assert_eq!(parse("+254712345678", None), Phone::from_e164("+254712345678"));
        assert_eq!(parse("00254712345678", None), Phone::from_e164("+254712345678"));
    }

    #[test]
    fn what_is_no_number_is_none() {
        let long = format!("+254{}712345678", " ".repeat(40));
        for text in
            ["", " ", "+", "++254712345678", "0", "00", "+254", "+2547123", "0712345678x1", "John", "CUST_789456123"]
        {
            assert_eq!(parse(text, Some("KE")), None, "{text}");
        }
        for text in [&long, "a@b.example", "+999123456789", "07123456789012345", "tel:+254712345678", "0712;345678"] {
            assert_eq!(parse(text, Some("KE")), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn odd_input_never_panics(text in ".{0,60}", country in proptest::option::of(".{0,3}")) {
            let _ = parse(&text, country.as_deref());
        }

        #[test]
        fn odd_digits_never_panic_and_results_are_stable(text in "(\\+|00|011|000|0)?[0-9 ()-]{0,30}", country in "KE|US|GB|IT|AR|BR|XX") {
            if let Some(phone) = parse(&text, Some(&country)) {
                prop_assert_eq!(parse(phone.as_str(), None), Some(phone));
            }
        }
    }
}
