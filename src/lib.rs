//! Rescind: an OAuth 2.1 authorization server whose tokens can be taken back at once.
//!
//! This file is the map. The walks, room by room:
//! - **Introspection**: `web/resource/introspect` -> `service/introspect` (`secret/seal` opens the token, `cache` has a
//!   copy or `store/sessions` is the truth, `policy/verdict` judges) -> JSON.
//! - **Sign-in and code**: `web/oauth/authorize` -> `service/authorize` -> `web/pages/login` -> `service/login` ->
//!   `service/consent` -> `service/code` -> back to the client.
//! - **Tokens**: `web/oauth/token` -> `service/code`, `service/refresh` or `service/client_credentials`.
//! - **Staff**: `web/console/login` -> `service/staff_session`; each page: `web/guard/staff` -> `policy/roles`.
//! - **Finding the caller**: `web/console/search` -> `service/search`; `web/console/customer` -> `service/caller`.
//! - **Lockdown**: `web/console/lockdown`, `web/api/lockdown` or `cli/lockdown` -> `service/lockdown` -> `service/taking_back` -> a receipt.
//! - **Monitoring**: `web/ops/metrics` -> `service/measures` -> `metrics`, and what other rooms keep of themselves.
//! - **After a backup was restored**: `cli/restored` -> `service/restored`: everything given out before is dead.
//!
//! Imports go one way: `cli -> web -> service -> app -> {limits, activity, place} -> store -> model`; `service ->
//! {policy, secret}`.

pub mod activity;
pub mod app;
pub mod cache;
pub mod cli;
pub mod clock;
pub mod config;
pub mod files;
pub mod jobs;
pub mod limits;
pub mod log;
pub mod metrics;
pub mod model;
#[cfg(any(test, feature = "fuzzing"))]
pub mod outside;
pub mod place;
pub mod policy;
pub mod secret;
pub mod seeded;
pub mod service;
pub mod store;
pub mod view;
pub mod web;
