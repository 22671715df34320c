//! The checker, checked: small histories written by hand, each wrong in one way and found, beside a near miss that passes;
//! and the linear rules against the full search. Needs no server.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests stop where they are surprised")]
#![allow(dead_code, reason = "the proof uses more of its parts than this")]

#[path = "../dice.rs"]
mod dice;
#[path = "../history.rs"]
mod history;
#[path = "../linear.rs"]
mod linear;
#[path = "../report.rs"]
mod report;
#[path = "../rules/mod.rs"]
mod rules;

mod kills;
mod parts;
mod refreshes;
mod reports;
mod searched;
mod story;
mod unsure;
