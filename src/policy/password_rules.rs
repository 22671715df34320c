//! Which new passwords are taken (NIST SP 800-63B §3.1.1): long ones that are neither known nor about the person. No rule
//! asks for digits or symbols, and nothing is cut or altered.

use data_encoding::HEXUPPER;
use sha1::{Digest as _, Sha1};

/// Fewest characters (Unicode code points) of a password that is the only proof.
const SHORTEST: usize = 15;

/// Most bytes; more are refused before anything is computed over them.
const LONGEST: usize = 1_024;

/// Guesses an attacker who knows the common words, names, dates, keyboard rows and this person's own words must need. At
/// 10^10 (zxcvbn's "very unguessable") common passwords made longer by repeats, years or rows fail, while four ordinary
/// words together pass with orders of magnitude to spare.
const FEWEST_GUESSES: u64 = 10_000_000_000;

/// Characters whose guesses are counted. More would only raise the count, at a cost that grows with the square.
const COUNTED: usize = 100;

/// Fewest different characters left once the person's own words are taken away.
const FEWEST_LEFT: usize = 4;

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefusal {
    /// Under 15 characters.
    #[error("Please choose a password of at least 15 characters. Four or five words in a row are easy to remember.")]
    TooShort,
    /// Over 1,024 bytes.
    #[error("This password is too long. Please choose one of at most 1,024 characters.")]
    TooLong,
    /// With a NUL character.
    #[error(
        "This password contains a character that cannot be used. Please type it without special control characters."
    )]
    Nul,
    /// Known, or quickly guessed.
    #[error("This password is easy to guess. Please choose one made of several unrelated words.")]
    Guessable,
    /// Little more than the person's own name, number or address.
    #[error(
        "This password is made of your own details or of few different characters. Please choose something nobody can know about you."
    )]
    AboutYou,
    /// In the list of breached passwords.
    #[error("This password is in a list of breached passwords. Please choose one you have used nowhere else.")]
    Breached,
}

/// Whether a new password is taken. `context`: what is known of the person and the place: customer id, name, e-mail
/// address, phone, name of the bank; compared whole and in parts, without regard to case.
///
/// Refuses what takes under 10^10 guesses, and what leaves under 4 different characters when all the words of the context
/// are taken away.
pub fn check(password: &str, context: &[&str]) -> Result<(), PasswordRefusal> {
    if password.len() > LONGEST {
        return Err(PasswordRefusal::TooLong);
    }
    if password.chars().count() < SHORTEST {
        return Err(PasswordRefusal::TooShort);
    }
    if password.contains('\0') {
        return Err(PasswordRefusal::Nul);
    }
    let words = context_words(context);
    if is_about(password, &words) {
        return Err(PasswordRefusal::AboutYou);
    }
    if guesses(password, &words) < FEWEST_GUESSES {
        return Err(PasswordRefusal::Guessable);
    }
    Ok(())
}

/// The line of the downloadable lists of breached passwords: SHA-1 of the UTF-8 bytes in upper-case hex, 40 characters.
/// For searching such lists only; it protects nothing.
#[must_use]
pub fn sha1_line(password: &str) -> String {
    HEXUPPER.encode(&Sha1::digest(password.as_bytes()))
}

/// The context in lower case, whole and in parts, without empty words and repeats, the longest first. Long numbers also
/// without their country code: the last nine digits.
fn context_words(context: &[&str]) -> Vec<String> {
    let mut words = vec!["rescind".to_owned()];
    for text in context {
        let text = text.to_lowercase();
        let parts: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
        words.extend(parts.iter().map(|part| (*part).to_owned()));
        words.extend(parts.iter().filter_map(|part| last_digits(part)));
        words.push(parts.concat());
        words.push(text);
    }
    words.retain(|word| !word.is_empty());
    words.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    words.dedup();
    words
}

fn last_digits(part: &str) -> Option<String> {
    let numeric = part.len() > 9 && part.bytes().all(|c| c.is_ascii_digit());
    numeric.then(|| part[part.len() - 9..].to_owned())
}

/// Whether fewer than [`FEWEST_LEFT`] different letters, digits or signs are left without the context's words. Words of one
/// or two letters stay: they are in everything.
fn is_about(password: &str, words: &[String]) -> bool {
    let mut left = password.to_lowercase();
    for word in words.iter().filter(|word| word.chars().count() >= 3) {
        left = left.replace(word.as_str(), " ");
    }
    let mut different: Vec<char> = left.chars().filter(|c| !c.is_whitespace()).collect();
    different.sort_unstable();
    different.dedup();
    different.len() < FEWEST_LEFT
}

fn guesses(password: &str, words: &[String]) -> u64 {
    let counted: String = password.chars().take(COUNTED).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    zxcvbn::zxcvbn(&counted, &words).guesses()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JOHN: [&str; 5] = ["CUST_789456123", "John Doe", "johnd@mail.example", "+254712345678", "Naybitono Bank"];

    #[test]
    fn pwd_01_lengths_are_counted_in_characters_and_capped_in_bytes() {
        use PasswordRefusal::{Nul, TooLong, TooShort};
        let varied: String = (0..342).filter_map(|n| char::from_u32(0x4e00 + n * n % 10_007)).collect();
        let (fits, too_long) = (&varied[..1_023], &varied[..1_026]);
        for (password, result) in [
            ("", Err(TooShort)),
            ("xkvq mzjw pfhd", Err(TooShort)),
            ("xkvq mzjw pfhdy", Ok(())),
            ("жук лёд мёд чай", Ok(())),
            ("жук лёд мёд ча", Err(TooShort)),
            (fits, Ok(())),
            (too_long, Err(TooLong)),
            ("xkvq mzjw\0 pfhdy", Err(Nul)),
            ("  xkvq mzjw pfhd  ", Ok(())),
        ] {
            assert_eq!(check(password, &JOHN), result, "{password:?}");
        }
    }

    #[test]
    fn pwd_02_ordinary_passphrases_pass() {
        for password in [
            "correct horse battery staple",
            "tin cup walk blue",
            "river candle orbit maple",
            "green apple tree house",
            "my dog likes cheese",
            "chai mandazi asubuhi njema",
            "john likes wet gravel roads",
            "qT7$wz!Lm2#Vp9&",
        ] {
            assert_eq!(check(password, &JOHN), Ok(()), "{password}");
        }
    }

    #[test]
    fn pwd_02_known_and_guessable_passwords_are_refused() {
        for password in [
            "passwordpassword1",
            "123456789012345",
            "qwertyuiopasdfgh",
            "Password123456!",
            "P@ssw0rdP@ssw0rd",
            "iloveyou12345678",
            "letmeinletmein123",
            "administrator123",
            "1q2w3e4r5t6y7u8i",
            "abcdefghijklmnop",
            "liverpoolfc2024!",
        ] {
            assert_eq!(check(password, &JOHN), Err(PasswordRefusal::Guessable), "{password}");
        }
    }

    #[test]
    fn pwd_02_passwords_made_of_the_persons_own_words_are_refused() {
        for password in [
            "johndoe johndoe1",
            "JohnDoe_JohnDoe1",
            "CUST_789456123CUST_789456123",
            "cust789456123!!",
            "naybitonobank12",
            "rescindrescind1",
            "johnd@mail.example",
            "+254712345678+254712345678",
            "0712345678 0712345678",
            "aaaaaaaaaaaaaaab",
            "abcabcabcabcabcabc",
        ] {
            assert_eq!(check(password, &JOHN), Err(PasswordRefusal::AboutYou), "{password}");
        }
        assert_eq!(check("naybitonojohn1987!", &JOHN), Err(PasswordRefusal::Guessable));
    }

    #[test]
    fn pwd_02_what_is_about_one_person_is_fine_for_another() {
        let password = "wanjikumuthoniotieno";
        assert!(check(password, &["Wanjiku Muthoni Otieno"]).is_err());
        assert_eq!(check(password, &JOHN), Ok(()));
    }

    #[test]
    fn odd_context_changes_nothing() {
        assert_eq!(check("river candle orbit maple", &["", " ", "a", "-", "é"]), Ok(()));
        assert_eq!(check("river candle orbit maple", &[]), Ok(()));
    }

    #[test]
    fn pwd_02_breached_lists_have_upper_case_sha1() {
        assert_eq!(sha1_line("password"), "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
        assert_eq!(sha1_line(""), "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn odd_input_never_panics(password in ".{0,120}", context in ".{0,30}") {
            let _ = check(&password, &[&context]);
        }
    }
}
