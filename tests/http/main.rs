//! Black-box tests over HTTP, on the engine named by `TEST_ENGINE`. Modules mirror `src/web`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod cookies;
mod cors;
mod envelope;
mod errors;
mod forms;
mod logs;
mod metadata;
mod outages;
mod pages;
mod proxies;
mod surface;
mod surface_raw;
mod walk;
