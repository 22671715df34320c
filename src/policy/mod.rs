//! WHAT IS ALLOWED: pure functions, decided by their arguments alone.

pub mod client_rules;
pub mod contrast;
pub mod introspection;
pub mod password_rules;
pub mod phone;
pub mod pkce;
pub mod private_network;
pub mod redirect;
pub mod refresh;
pub mod resource;
pub mod return_to;
pub mod roles;
pub mod scope;
pub mod scope_words;
pub mod throttle;
mod uri;
pub mod verdict;
