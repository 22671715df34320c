//! Of a build without the feature: no bug, no pause, no setting of that name.

use std::future::{Ready, ready};
use std::time::Duration;

use uuid::Uuid;

use super::Bug;

/// Whether this build can be told to make mistakes.
pub const IS_BUILT_IN: bool = false;

/// Whether a bug is to be made: never.
#[must_use]
pub const fn has(_bug: Bug) -> bool {
    false
}

/// Whether this is a setting of ours: none is.
pub const fn accepts(_name: &str, _value: &str) -> Result<bool, String> {
    Ok(false)
}

/// Takes our settings: there are none.
pub const fn begin(_pairs: &[(String, String)]) {}

/// Whether this build may serve: it may.
#[must_use]
pub const fn is_told() -> bool {
    true
}

/// The chosen bug: none.
#[must_use]
pub const fn name_chosen() -> &'static str {
    ""
}

/// Stops the process at times: never.
pub const fn pause() {}

/// Waits as on a slow link: not at all.
pub fn linger(_time: Duration) -> Ready<()> {
    ready(())
}

/// Whether it is the turn of every other: never.
#[must_use]
pub const fn is_every_other() -> bool {
    false
}

/// Whether an answer is kept: none is.
#[must_use]
pub const fn was_good(_session: Uuid) -> bool {
    false
}

/// Keeps an answer: not here.
pub const fn note_good(_session: Uuid) {}
