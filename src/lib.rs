//! Rescind: an OAuth 2.1 authorization server whose tokens can be taken back at once.

pub mod clock;
pub mod limits;
pub mod model;
pub mod policy;
pub mod secret;
pub mod store;
