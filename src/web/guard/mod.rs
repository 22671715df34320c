//! Who may call, as types; and bytes turned into checked values, so that routes are short.

pub mod bearer;
pub mod body;
pub mod client_hints;
pub mod cookies;
pub mod credentials;
pub mod info;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod outside;
pub mod pairs;
pub mod plain;
pub mod query;
pub mod refusal;
pub mod same_origin;
pub mod staff;
