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
use tokio::time::Instant;

use self::options::{Options, USAGE};
use self::report::{Report, Versions};
use self::rig::Making;
use self::rig::redis::Topology;
use self::run::Run;
use crate::support::guardian::{self, Guardian};

/// The longest lease of a node, in seconds: short, so that much happens.
const LEASE: u64 = 3;
/// See `rules::calls::MARGIN`, to which a lease is added.
const QUIET: Duration = Duration::from_secs(14);
/// A run of so many seconds is a long one.
const LONG: u64 = 600;
/// For how long a refresh may be repeated, in seconds.
const GRACE: u64 = 3;

fn main() -> ExitCode {
    let is_asked = |word: String| ["--minutes", "--seconds", "--judge"].contains(&word.as_str());
    if !std::env::args().any(is_asked) {
        // Of a plain `cargo test`, whatever it filters.
        println!("the proof was not asked for: {USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("{wrong}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let guardian = Guardian::begin();
    let runtime = Runtime::new().expect("a runtime");
    runtime.spawn(end_at_a_signal(guardian.folder().to_owned()));
    let is_good = prove(&options, guardian.folder(), runtime.handle());
    runtime.shutdown_timeout(Duration::from_secs(5));
    drop(guardian);
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The guardian ends what runs.
async fn end_at_a_signal(folder: PathBuf) {
    let kind = tokio::signal::unix::SignalKind::terminate();
    let mut terminated = tokio::signal::unix::signal(kind).expect("a signal");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
    guardian::finish(&folder);
    std::process::exit(130);
}

/// Everything that was asked for; whether all of it was as it should be.
fn prove(options: &Options, folder: &Path, handle: &Handle) -> bool {
    if let Some(file) = &options.judge {
        return judge(file);
    }
    let (mut report, mut is_good) = (Report::default(), true);
    for (number, (topology, seconds)) in parts(options).into_iter().enumerate() {
        println!("seed {}, {seconds} s, Redis: {topology:?}", options.seed);
        let making = making(folder, &format!("rig{number}"), topology);
        let (found, is_run_good) = break_everything(options, (making, seconds), handle);
        report.add(found);
        is_good &= is_run_good;
    }
    report.seeds = vec![options.seed];
    #[cfg(feature = "seeded-bugs")]
    {
        report.seeded = seeded::all(options, folder, handle);
    }
    #[cfg(not(feature = "seeded-bugs"))]
    assert_eq!(options.bugs, "none", "seeded bugs are in builds with the feature seeded-bugs");
    if let Some(file) = &options.report {
        report::write(file, &report).expect("the report is written");
    }
    if let Some(file) = &options.append {
        report::append_seeded(file, &report).expect("the report is written");
    }
    is_good && report.is_good()
}

/// What the rules say of a run that was kept.
fn judge(file: &Path) -> bool {
    let (history, windows) = history::History::load(file).expect("a run that was kept");
    let violations = rules::check(&history, &windows);
    for violation in &violations {
        println!("{violation}");
    }
    violations.is_empty()
}

/// How Redis is run, and for how long: a short run has one or the other, as its seed says; a long one is a cluster at its end.
fn parts(options: &Options) -> Vec<(Topology, u64)> {
    let all = options.seconds;
    match (all, options.is_cluster || options.seed.is_multiple_of(4)) {
        (0, _) => Vec::new(),
        (LONG.., _) => vec![(Topology::Sentinels, all - all / 4), (Topology::Cluster, all / 4)],
        (_, true) => vec![(Topology::Cluster, all)],
        (_, false) => vec![(Topology::Sentinels, all)],
    }
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

/// A run with all faults.
fn break_everything(options: &Options, (making, seconds): (Making, u64), handle: &Handle) -> (Report, bool) {
    let run = Run {
        seed: options.seed,
        length: Duration::from_secs(seconds),
        longest: Duration::from_secs(options.longest),
        rest: Duration::from_secs(1),
        look: Duration::from_mins(1),
        ends_at: |_| true,
        making,
        work: clients::Plan {
            seed: options.seed,
            per_second: options.per_second,
            lease: Duration::from_secs(LEASE),
            grace: Duration::from_secs(GRACE),
            ..clients::Plan::default()
        },
        keep: options.keep.clone(),
    };
    let (began, mut faults) = (Instant::now(), 0_usize);
    let mut ran = run.go(handle, |breaking| {
        let name = breaking.once(options.only.as_deref());
        println!("{:8.1} s  {name}", began.elapsed().as_secs_f64());
        faults += 1;
        // Now and then nothing is broken for so long that no 503 is excused any more.
        if faults.is_multiple_of(8) {
            std::thread::sleep(QUIET);
        }
    });
    ran.complaints.extend(ran.too_little(seconds));
    if seconds >= LONG {
        ran.complaints.extend(ran.too_much_excused(Duration::from_secs(seconds)));
    }
    let mut report = Report::of(&ran.history, &ran.windows, &ran.violations);
    report.versions = Versions::read(&ran.postgres);
    report.compared = ran.compared.clone();
    report.remarks.extend(ran.complaints.iter().cloned());
    report.is_complained_of = !ran.complaints.is_empty();
    println!("{} checks, {} other calls, {} faults", ran.history.checks.len(), ran.history.calls.len(), ran.faults());
    if !ran.is_good() {
        ran.tell(&options.keep);
    }
    (report, ran.is_good())
}
