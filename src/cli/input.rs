//! What commands read: secrets from standard input, without echo on a terminal.

use std::io::{IsTerminal, Read};

use super::Failure;
use crate::model::incident::Reason;
use crate::secret::text::SecretText;

/// Most that is read as a secret.
const LONGEST: u64 = 4_096;

/// A secret: typed unseen on a terminal, else all of standard input less one trailing newline.
pub fn secret(prompt: &str) -> Result<SecretText, Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(SecretText::from(rpassword::prompt_password(format!("{prompt}: "))?));
    }
    let mut text = String::new();
    std::io::stdin().take(LONGEST).read_to_string(&mut text)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        Err(Failure::new("the password is read from standard input, which is empty"))
    } else {
        Ok(SecretText::from(text))
    }
}

/// A reason as typed.
pub fn reason(text: &str) -> Result<Reason, Failure> {
    Reason::parse(text).ok_or_else(|| Failure::new("--reason is 1 to 200 characters without control characters"))
}
