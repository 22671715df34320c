//! The proof: everything is broken on purpose while clients work, and what they were told is held against the promises.
//!
//! `cargo test --test proof -- --minutes 3 --seed 1`; `tests/run proof` and `tests/run faults` say more.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests stop where they are surprised")]

#[path = "../support/mod.rs"]
mod support;

mod breaking;
mod dice;
mod history;
mod rig;

use rig::redis::Topology;
use rig::{Making, Rig};
use std::time::{Duration, Instant};
use support::guardian::Guardian;

fn main() {
    let guardian = Guardian::begin();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = guardian.folder().join("rig");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o711)).expect("opened");
    let began = Instant::now();
    let args: Vec<String> = std::env::args().collect();
    let topology = if args.iter().any(|a| a == "--cluster") { Topology::Cluster } else { Topology::Sentinels };
    let making = Making { folder, topology, lease: 3, settings: Vec::new() };
    let mut rig = Rig::start(making, runtime.handle().clone());
    println!("up in {:?}", began.elapsed());
    let mut breaking = breaking::Breaking {
        rig: &mut rig,
        dice: dice::Dice::of(7),
        clock: history::Clock::start(),
        windows: Default::default(),
        longest: Duration::from_secs(2),
        complaints: Vec::new(),
    };
    for fault in &breaking::ALL {
        if args.len() > 1 && !args.iter().any(|a| a == "--cluster" || a == fault.name) {
            continue;
        }
        let began = Instant::now();
        breaking.once(Some(fault.name));
        println!("{:30} {:?} {:?}", fault.name, began.elapsed(), breaking.complaints);
    }
    drop(rig);
}
