//! The promises under faults: a database that is cut off, refuses, hangs, dies at COMMIT, is locked, broken or unsafe.
//! What is special to PostgreSQL runs where that is the engine under test, and so for SQLite.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests stop where they are surprised")]

#[path = "../support/mod.rs"]
mod support;

mod broken;
mod commit;
mod fleet;
mod floods;
mod least_privilege;
mod ledger;
mod load;
mod locked;
mod nodes;
mod outage;
mod power;
#[allow(dead_code, reason = "the proof uses more of its parts than this")]
mod proof;
mod proxy;
mod redis_faults;
mod rolling;
mod three;
mod unsafe_settings;
mod upgrade;
