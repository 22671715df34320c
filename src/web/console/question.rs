//! The question before something is taken back or lifted: whose, why, and one press. The key is made with the form, so
//! that a second press, or a reload, is the same request.

use super::super::Shared;
use super::error::ConsoleError;
use crate::limits::Rule;
use crate::model::incident::{Reason, note};
use crate::secret::random;
use crate::service::caller;
use crate::service::lockdown::Why;
use crate::web::guard::pairs::Pairs;
use crate::web::guard::staff::Staff;

/// Longest note that the form takes.
const LONGEST_NOTE: usize = 500;

/// A form that asks why.
#[derive(Clone)]
pub struct Form {
    /// Where it is sent.
    pub action: String,
    /// Anti-forgery token.
    pub csrf: String,
    /// Idempotency key.
    pub key: String,
    /// The incident it is about, if it is about one.
    pub incident: Option<String>,
    /// Reasons to choose from.
    pub reasons: &'static [&'static str],
    /// The reason that was chosen.
    pub chosen: String,
    /// The note that was typed.
    pub note: String,
    /// What is wrong.
    pub problem: Option<&'static str>,
    /// Words of the button.
    pub button: &'static str,
    /// Words of the button after it was pressed.
    pub busy: &'static str,
    /// Class of the button.
    pub style: &'static str,
}

/// Where a form goes and what it offers.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Reasons to choose from.
    pub reasons: &'static [&'static str],
    /// Words of the button.
    pub button: &'static str,
    /// Words of the button after it was pressed.
    pub busy: &'static str,
    /// Class of the button: `danger` takes something away.
    pub style: &'static str,
}

impl Form {
    /// A new form with a key of its own.
    #[must_use]
    pub fn new(staff: &Staff, kind: Kind, action: String) -> Self {
        Self {
            action,
            csrf: staff.csrf.clone(),
            key: random::letters(26),
            incident: None,
            reasons: kind.reasons,
            chosen: String::new(),
            note: String::new(),
            problem: None,
            button: kind.button,
            busy: kind.busy,
            style: kind.style,
        }
    }

    /// The same form with what was sent, to be pressed again.
    #[must_use]
    pub fn filled(self, sent: &Pairs) -> Self {
        let text = |name: &str| sent.owned(name).unwrap_or_default();
        let key = sent.owned("key").filter(|key| is_key(key)).unwrap_or(self.key);
        Self { chosen: text("reason"), note: text("note"), key, ..self }
    }

    /// The same form, saying what is wrong.
    #[must_use]
    pub fn refused(self, problem: &'static str) -> Self {
        Self { problem: Some(problem), ..self }
    }

    /// Why, as it was sent: one of the reasons offered, with the form's key.
    pub fn why(&self, sent: &Pairs) -> Result<Why, &'static str> {
        let offered = sent.get("reason").filter(|reason| self.reasons.contains(reason));
        let reason = offered.and_then(Reason::parse).ok_or("Please choose why.")?;
        let words = sent.owned("note");
        if words.as_ref().is_some_and(|words| words.chars().count() > LONGEST_NOTE) {
            return Err("The note is too long: please shorten it.");
        }
        let note = note(words).map_err(|_| "The note is too long: please shorten it.")?;
        let key = sent.owned("key").filter(|key| is_key(key)).ok_or("Please open the page again.")?;
        Ok(Why { reason, note, key: Some(key) })
    }
}

/// A question names the customer, so it is limited like a look-up, but counted on its own: whoever searched a lot can lock.
pub async fn may_ask(app: &Shared, staff: &Staff) -> Result<(), ConsoleError> {
    caller::take(app, &staff.actor, Rule::AskPerStaff).await.map_err(|wait| ConsoleError::too_many(&wait))
}

/// A key as [`Form::new`] makes it.
fn is_key(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}
