//! The contract of the store: what every function in `src/store` promises, tested on both engines. One file here for
//! each file there.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails says so by panicking")]

mod audit;
mod backup;
mod browser_sessions;
mod clean_up;
mod clients;
mod codes;
mod consents;
mod coverage;
mod customers;
mod device_activity;
mod devices;
mod engine;
mod engines;
mod epochs;
mod facts;
mod feed;
mod hints;
mod idempotency;
mod incidents;
mod logins;
mod lookups;
mod migrations;
mod nodes;
mod revoked_tokens;
mod samples;
mod seen;
mod sessions;
mod staff;
mod staff_sessions;
mod subjects;
mod tallies;
mod throttles;
mod together;
mod turns;
mod view;
