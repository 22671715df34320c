//! The proof: everything is broken on purpose while clients work, and what they were told is held against the promises.
//! `tests/run proof` is the size for every commit, `tests/run faults --minutes N` the long one.
//!
//! 1. `rig/`: three serving nodes, PostgreSQL with a synchronous standby, Redis; every way between them is a link;
//! 2. `breaking/`: the faults, each in a window on the run's clock;
//! 3. `clients/`: sixty-four clients, and `recorder.rs`, which writes down what they were told into a `history.rs`;
//! 4. `rules/`, `ledger.rs`, `linear.rs`: what must be so;
//! 5. `seeded/`: bugs on purpose, each of which must be caught.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests stop where they are surprised")]

#[path = "../support/mod.rs"]
mod support;

mod breaking;
mod clients;
mod dice;
mod history;
mod ledger;
mod linear;
mod options;
mod recorder;
mod report;
mod rig;
mod rules;
mod run;
#[cfg(feature = "seeded-bugs")]
mod seeded;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};

use self::options::{Options, USAGE};
use self::report::{Report, Versions};
use self::rig::Making;
use self::rig::redis::Topology;
use self::run::Run;
use crate::support::guardian::Guardian;

/// The longest lease of a node, in seconds: short, so that much happens.
const LEASE: u64 = 3;
/// For how long a refresh may be repeated, in seconds.
const GRACE: u64 = 3;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("{wrong}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let guardian = Guardian::begin();
    let runtime = Runtime::new().expect("a runtime");
    runtime.spawn(end_at_a_signal());
    let is_good = prove(&options, guardian.folder(), runtime.handle());
    runtime.shutdown_timeout(Duration::from_secs(5));
    drop(guardian);
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The guardian ends what runs.
async fn end_at_a_signal() {
    let kind = tokio::signal::unix::SignalKind::terminate();
    let mut terminated = tokio::signal::unix::signal(kind).expect("a signal");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
    std::process::exit(130);
}

/// Everything that was asked for; whether all of it was as it should be.
fn prove(options: &Options, folder: &Path, handle: &Handle) -> bool {
    let mut report = Report { seeds: vec![options.seed], ..Report::default() };
    let mut is_good = true;
    if options.seconds > 0 {
        let (found, is_run_good) = break_everything(options, folder, handle);
        report = found;
        is_good &= is_run_good;
    }
    #[cfg(feature = "seeded-bugs")]
    {
        report.seeded = seeded::all(options, folder, handle);
    }
    #[cfg(not(feature = "seeded-bugs"))]
    assert_eq!(options.bugs, "none", "seeded bugs are in builds with the feature seeded-bugs");
    if let Some(file) = &options.report {
        report::write(file, &report).expect("the report is written");
    }
    is_good && report.is_good()
}

/// How a rig is made for a run, in a folder of its own.
fn making(folder: &Path, name: &str, topology: Topology) -> Making {
    let folder = new_folder(folder, name);
    let settings = vec![("RESCIND_REFRESH_GRACE_SECONDS".to_owned(), GRACE.to_string())];
    Making { folder, topology, lease: LEASE, settings, own: Default::default() }
}

/// An empty folder, that the account of PostgreSQL may go through.
fn new_folder(folder: &Path, name: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder.join(name);
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o711)).expect("opened");
    folder
}

/// The run with all faults.
fn break_everything(options: &Options, folder: &Path, handle: &Handle) -> (Report, bool) {
    let topology = if options.is_cluster { Topology::Cluster } else { Topology::Sentinels };
    let run = Run {
        seed: options.seed,
        length: Duration::from_secs(options.seconds),
        longest: Duration::from_secs(options.longest),
        rest: Duration::from_secs(3),
        look: Duration::from_mins(1),
        making: making(folder, "rig", topology),
        work: clients::Plan {
            seed: options.seed,
            per_second: options.per_second,
            lease: Duration::from_secs(LEASE),
            grace: Duration::from_secs(GRACE),
            ..clients::Plan::default()
        },
    };
    let began = std::time::Instant::now();
    let ran = run.go(handle, |breaking| {
        let name = breaking.once(options.only.as_deref());
        println!("{:8.1} s  {name}", began.elapsed().as_secs_f64());
    });
    let mut report = Report::of(&ran.history, &ran.windows, &ran.violations);
    report.seeds = vec![options.seed];
    report.versions = Versions::read(&ran.postgres);
    report.compared = ran.compared.clone();
    report.remarks.extend(ran.complaints.iter().cloned());
    println!("{} checks, {} other calls, {} faults", ran.history.checks.len(), ran.history.calls.len(), ran.faults());
    if !ran.is_good() {
        ran.tell(&options.keep);
    }
    (report, ran.is_good())
}
