//! Black-box tests over HTTP, on the engine named by `TEST_ENGINE`. Modules mirror `src/web`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panic, as tests do")]

#[path = "../support/mod.rs"]
mod support;

mod api;
mod audit;
mod audit_failure;
mod introspect;
mod introspect_callers;
mod lockdown;
mod openapi;
mod races_refresh;
mod receipts;
mod refresh;
mod refresh_reuse;
mod revoke;
mod walk;
