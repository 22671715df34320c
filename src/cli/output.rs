//! What commands print: a few lines for people, or one JSON object.

use std::io::Write;

use serde_json::Value;

use super::Failure;

/// Where and how a command answers.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Text, or JSON.
    #[must_use]
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints one object, or its text.
    pub fn say(self, object: &Value, text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{object}")?;
        } else {
            writeln!(out, "{}", plain(text))?;
        }
        Ok(out.flush()?)
    }

    /// Whether JSON was asked for.
    #[must_use]
    pub fn is_json(self) -> bool {
        self.json
    }
}

/// Stored text can't move a terminal's cursor or colour: control characters are left out.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect()
}
