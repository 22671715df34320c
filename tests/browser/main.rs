//! Real Chromium against the real pages, on the engine named by `TEST_ENGINE`: what a person sees, by mouse, by keyboard,
//! without script, on a phone and on a desk.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests measure how long they wait, to catch what hangs")]

#[path = "../support/mod.rs"]
mod support;

mod chromium;
mod console;
mod console_customer;
mod console_hostile;
mod console_lockdown;
mod driver;
mod hosted;
mod keyboard;
mod look;
mod person;
mod promises;
mod rig;
mod screenshots;
mod sink;
mod wire;
