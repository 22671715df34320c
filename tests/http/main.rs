//! Black-box tests over HTTP, on the engine named by `TEST_ENGINE`. Modules mirror `src/web`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests measure how long they wait, to catch what hangs")]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod api;
mod at_once;
mod attacks;
mod audit;
mod audit_failure;
mod authorize;
mod authorize_errors;
mod clean_up;
mod client_auth;
mod client_credentials;
mod consent;
mod console_customers;
mod console_large;
mod console_lists;
mod console_lockdown;
mod console_login;
mod console_overview;
mod console_places;
mod console_reads;
mod console_roles;
mod console_sessions;
mod cookies;
mod cors;
mod devices;
mod devices_seen;
mod devices_used;
mod envelope;
mod errors;
mod fast;
mod forms;
mod introspect;
mod introspect_callers;
mod lockdown;
mod logs;
mod metadata;
mod metrics;
mod metrics_docs;
mod metrics_readers;
mod openapi;
mod outages;
mod pages;
mod passwords;
mod pkce;
mod places;
mod proxies;
mod races_code;
mod races_refresh;
mod rates;
mod receipts;
mod refresh;
mod refresh_reuse;
mod revoke;
mod same_answers;
mod secrecy;
mod surface;
mod surface_raw;
mod throttling;
mod token;
mod token_codes;
mod walk;
