//! Faults of the network.

use std::thread::sleep;
use std::time::Duration;

use tokio::time::Instant;

use super::Breaking;
use crate::rig::link::{AtCommit, Weather};

/// One node's way to PostgreSQL, for a while.
fn postgres(breaking: &mut Breaking<'_>, kind: &str, weather: Weather) {
    let node = breaking.node();
    breaking.during(kind, format!("node {node} and postgres"), |breaking| {
        breaking.rig.wire(node, weather);
        breaking.last(200);
        breaking.rig.wire(node, Weather::Fair);
    });
}

/// One node's ways to Redis, for a while.
fn redis(breaking: &mut Breaking<'_>, kind: &str, weather: Weather) {
    let node = breaking.node();
    breaking.during(kind, format!("node {node} and redis"), |breaking| {
        breaking.rig.copies.set(node, weather);
        breaking.last(200);
        breaking.rig.copies.set(node, Weather::Fair);
    });
}

fn slow(breaking: &mut Breaking<'_>) -> Weather {
    let doublings = breaking.dice.between(0, 8);
    Weather::Slow(Duration::from_millis((5 << doublings) + breaking.dice.between(0, 5)))
}

fn one_way(breaking: &mut Breaking<'_>) -> Weather {
    if breaking.dice.once_in(2) { Weather::NoAnswers } else { Weather::NoQuestions }
}

/// Connections end, and none can be made.
pub fn postgres_cut(breaking: &mut Breaking<'_>) {
    postgres(breaking, "link cut", Weather::Cut);
}

/// Nothing arrives; then everything that was held back does.
pub fn postgres_silent(breaking: &mut Breaking<'_>) {
    postgres(breaking, "link silent", Weather::Silent);
}

/// Questions arrive without answers, or answers without questions.
pub fn postgres_one_way(breaking: &mut Breaking<'_>) {
    let weather = one_way(breaking);
    postgres(breaking, "link one way", weather);
}

/// 5 ms to 1.3 s each way.
pub fn postgres_slow(breaking: &mut Breaking<'_>) {
    let weather = slow(breaking);
    postgres(breaking, "link slow", weather);
}

/// As with PostgreSQL.
pub fn redis_cut(breaking: &mut Breaking<'_>) {
    redis(breaking, "link cut", Weather::Cut);
}

/// As with PostgreSQL.
pub fn redis_silent(breaking: &mut Breaking<'_>) {
    let weather = if breaking.dice.once_in(2) { Weather::Silent } else { one_way(breaking) };
    redis(breaking, "link silent", weather);
}

/// As with PostgreSQL.
pub fn redis_slow(breaking: &mut Breaking<'_>) {
    let weather = slow(breaking);
    redis(breaking, "link slow", weather);
}

/// From the standby to the primary: every commit waits.
pub fn replication_slow(breaking: &mut Breaking<'_>) {
    let weather = slow(breaking);
    breaking.during("link slow", "standby and postgres", |breaking| {
        breaking.rig.databases.replication.set(weather);
        breaking.last(500);
        breaking.rig.databases.replication.set(Weather::Fair);
        breaking.rig.databases.until_both();
    });
}

/// A connection is cut just before a COMMIT arrives, or just before its answer does; several times.
pub fn cut_at_commit(breaking: &mut Breaking<'_>) {
    let node = breaking.node();
    breaking.during("cut at COMMIT", format!("node {node} and postgres"), |breaking| {
        let (began, times) = (Instant::now(), breaking.dice.between(1, 8));
        for _ in 0..times {
            let trap = if breaking.dice.once_in(2) { AtCommit::CutBefore } else { AtCommit::CutAfter };
            breaking.rig.wires[node].at_commit(Some(trap));
            while breaking.rig.wires[node].is_set() && began.elapsed() < Duration::from_secs(5) {
                sleep(Duration::from_millis(5));
            }
        }
        breaking.rig.wires[node].at_commit(None);
    });
}
