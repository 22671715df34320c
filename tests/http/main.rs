//! Black-box tests over HTTP, on the engine named by `TEST_ENGINE`. Modules mirror `src/web`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "../support/mod.rs"]
mod support;

mod authorize;
mod authorize_errors;
mod client_auth;
mod client_credentials;
mod pkce;
mod races_code;
mod token;
mod token_codes;
mod walk;
