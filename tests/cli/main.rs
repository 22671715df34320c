//! The real program, run as an operator runs it: in an empty folder, on the engine named by `TEST_ENGINE`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests stop where they are surprised")]

#[path = "../support/mod.rs"]
mod support;

mod backup;
mod canaries;
mod clients;
mod commands;
mod crash;
mod customers;
mod demo;
mod keys;
mod serving;
mod settings;
