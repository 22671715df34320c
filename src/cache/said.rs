//! The answer that was last made of a copy, kept beside it: what else a check asks for differs in its times alone.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use crate::model::epoch::Level;
use crate::model::scope::Scope;

/// What an answer depends on besides the copy that it was made of, and its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About<'a> {
    /// The scope that the caller is told.
    pub scope: Cow<'a, Scope>,
    /// Which of the session's shapes the token has.
    pub shape: u16,
    /// The restriction.
    pub level: Level,
}

/// The last answer, taken apart around its times. Bounded: one for each copy, and gone with it.
#[derive(Debug, Default)]
pub struct Said(Mutex<Option<Answer>>);

#[derive(Debug)]
struct Answer {
    about: About<'static>,
    head: Box<str>,
    tail: Box<str>,
}

impl Said {
    /// The answer about the same with other times between, if that was the last one.
    #[must_use]
    pub fn again(&self, about: &About<'_>, times: &str) -> Option<String> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Answer { head, tail, .. } = last.as_ref().filter(|last| last.about == *about)?;
        let mut text = String::with_capacity(head.len() + times.len() + tail.len());
        text.push_str(head);
        text.push_str(times);
        text.push_str(tail);
        Some(text)
    }

    /// Keeps an answer in which its times stand once, as they are written there.
    pub fn keep(&self, about: About<'_>, text: &str, times: &str) {
        let Some((head, tail)) = text.split_once(times).filter(|(_, tail)| !tail.contains(times)) else { return };
        let about = About { scope: Cow::Owned(about.scope.into_owned()), ..about };
        let answer = Answer { about, head: head.into(), tail: tail.into() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(scope: &str, shape: u16, level: Level) -> About<'static> {
        About { scope: Cow::Owned(Scope::parse(scope).unwrap()), shape, level }
    }

    #[test]
    fn an_answer_about_the_same_differs_in_its_times_alone() {
        let said = Said::default();
        said.keep(about("a b", 0, Level::None), "{\"x\":1,\"exp\":5,\"y\":2}", ",\"exp\":5,");
        let again = said.again(&about("a b", 0, Level::None), ",\"exp\":77,");
        assert_eq!(again.as_deref(), Some("{\"x\":1,\"exp\":77,\"y\":2}"));
        for other in [about("a", 0, Level::None), about("a b", 1, Level::None), about("a b", 0, Level::Write)] {
            assert_eq!(said.again(&other, ",\"exp\":77,"), None, "{other:?}");
        }
    }

    #[test]
    fn the_last_one_stays_and_one_whose_times_are_not_plain_is_not_kept() {
        let (said, one, other) = (Said::default(), about("a", 0, Level::None), about("b", 0, Level::None));
        said.keep(one.clone(), "<5>", "5");
        said.keep(other.clone(), "(6)", "6");
        assert_eq!((said.again(&one, "7"), said.again(&other, "7").as_deref()), (None, Some("(7)")));
        said.keep(one.clone(), "<5 and 5>", "5");
        said.keep(one.clone(), "<none>", "5");
        assert_eq!(said.again(&one, "7"), None);
    }
}
