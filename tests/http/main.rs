//! Black-box tests over HTTP, on the engine named by `TEST_ENGINE`. Modules mirror `src/web`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod cors;
mod envelope;
mod metadata;
mod proxies;
mod surface;
mod surface_raw;
mod walk;
