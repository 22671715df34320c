//! The proof: everything is broken on purpose while clients work, and what they were told is held against the promises.
//!
//! `cargo test --test proof -- --minutes 3 --seed 1`; `tests/run proof` and `tests/run faults` say more.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests stop where they are surprised")]

#[allow(dead_code, reason = "a part is used here")]
#[path = "../faults/fleet.rs"]
mod fleet;
#[path = "../support/mod.rs"]
mod support;

mod dice;
mod rig;

use rig::redis::Topology;
use rig::{Making, Rig};
use std::time::Instant;
use support::guardian::Guardian;

fn main() {
    let guardian = Guardian::begin();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = guardian.folder().join("rig");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o711)).expect("opened");
    let began = Instant::now();
    let topology = if std::env::args().any(|a| a == "--cluster") { Topology::Cluster } else { Topology::Sentinels };
    let making = Making { folder, topology, lease: 3, settings: Vec::new() };
    let mut rig = Rig::start(making, runtime.handle().clone());
    println!("up in {:?}", began.elapsed());
    for round in 0..5 {
        let began = Instant::now();
        rig.databases.promote();
        rig.lead_to_the_primary();
        println!("{round} promoted {:?}", began.elapsed());
        rig.databases.rebuild();
        println!("{round} rebuilt {:?}", began.elapsed());
        println!("ready {:?}", rig.until_ready());
    }
    rig.copies.until_healed();
    println!("primaries {:?}", rig.copies.primaries());
}
