//! Copies shared in real Redis servers: alone, over TLS, in a cluster, behind Sentinels; stopped, frozen, flushed and
//! forged. Whatever happens to Redis, no answer changes. On the engine named by `TEST_ENGINE`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod bank;
mod forged;
mod guesses;
mod limits;
mod limits_nodes;
mod lost;
mod nodes;
mod topologies;
