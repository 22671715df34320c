//! Proof Key for Code Exchange (RFC 7636), S256 only: whether a code comes back from the program that asked for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Characters of an S256 challenge: 32 bytes in base64url without padding.
const CHALLENGE_LENGTH: usize = 43;

/// Whether a text can be an S256 challenge (RFC 7636 §4.2): 43 characters of base64url, no padding, no stray bits at the
/// end.
#[must_use]
pub fn is_challenge(text: &str) -> bool {
    text.len() == CHALLENGE_LENGTH && URL_SAFE_NO_PAD.decode(text).is_ok()
}

/// Whether a text can be a verifier (RFC 7636 §4.1): 43 to 128 characters out of letters, digits and `- . _ ~`.
#[must_use]
pub fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-._~".contains(&c))
}

/// Whether the verifier is the one the challenge was made from (RFC 7636 §4.6). False for what cannot be a verifier.
/// Takes the same time wherever the two differ.
#[must_use]
pub fn matches(verifier: &str, challenge: &str) -> bool {
    let made = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    is_verifier(verifier) && bool::from(made.as_bytes().ct_eq(challenge.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn pkc_01_a_challenge_is_43_canonical_base64url_characters() {
        assert!(is_challenge(CHALLENGE));
        let stray_bits = format!("{}N", &CHALLENGE[..42]);
        let plus = CHALLENGE.replace('-', "+");
        let padded = format!("{CHALLENGE}=");
        let padded_inside = format!("{}=", &CHALLENGE[..42]);
        let short = &CHALLENGE[..42];
        let long = format!("{CHALLENGE}A");
        let wide = format!("{}é", &CHALLENGE[..41]);
        for bad in ["", short, &long, &padded, &padded_inside, &plus, &stray_bits, &wide] {
            assert!(!is_challenge(bad), "{bad:?}");
        }
    }

    #[test]
    fn pkc_02_a_verifier_is_43_to_128_unreserved_characters() {
        for good in [VERIFIER, &"a".repeat(43), &"~._-".repeat(32)] {
            assert!(is_verifier(good), "{good}");
        }
        let (space, accent) = (format!("{VERIFIER} "), format!("{VERIFIER}é"));
        for bad in ["", &"a".repeat(42), &"a".repeat(129), &"+".repeat(43), &"=".repeat(43), &space, &accent] {
            assert!(!is_verifier(bad), "{bad:?}");
        }
    }

    #[test]
    fn pkc_02_only_the_right_verifier_matches() {
        assert!(matches(VERIFIER, CHALLENGE));
        assert!(!matches(&VERIFIER.replace('k', "l"), CHALLENGE));
        assert!(!matches(&VERIFIER.to_uppercase(), CHALLENGE));
        assert!(!matches(CHALLENGE, CHALLENGE), "a challenge repeated is the plain method");
        assert!(!matches(VERIFIER, ""));
        assert!(!matches(VERIFIER, &CHALLENGE[..42]));
    }

    #[test]
    fn pkc_02_a_verifier_out_of_shape_never_matches_its_own_challenge() {
        for odd in ["short".to_owned(), "a".repeat(129), "+".repeat(50)] {
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(odd.as_bytes()));
            assert!(!matches(&odd, &challenge), "{odd}");
        }
    }
}
