//! Black-box tests over HTTP, on the engine named by `TEST_ENGINE`. Modules mirror `src/web`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod attacks;
mod authorize;
mod authorize_errors;
mod client_auth;
mod client_credentials;
mod cors;
mod envelope;
mod metadata;
mod pkce;
mod proxies;
mod races_code;
mod surface;
mod surface_raw;
mod token;
mod token_codes;
mod walk;
