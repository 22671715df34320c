//! Bugs on purpose, each driven by the scenario that it names itself: every one must be caught in its time. A checker that
//! lets one of them pass proves nothing.

mod embedded;
mod late;
mod scenes;

use std::path::Path;
use std::time::Duration;

use rescind::seeded::Bug;
use rescind::seeded::scenario::{Fault, Scenario, Seen};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::clients;
use crate::dice::Dice;
use crate::options::Options;
use crate::report::Seeded;
use crate::rig::Making;
use crate::rig::nodes::Own;
use crate::rig::redis::Topology;
use crate::rules::Rule;
use crate::run::Run;

/// How long clients work before the first scene.
const WARM: Duration = Duration::from_secs(6);

/// Tries those that were asked for; what became of each.
pub fn all(options: &Options, folder: &Path, handle: &Handle) -> Vec<Seeded> {
    let mut tried = Vec::new();
    for bug in chosen(options) {
        let length = Duration::from_secs(options.bug_seconds);
        let folder = crate::new_folder(folder, bug.name());
        let caught = match bug.scenario().fault {
            Fault::Embedded => handle.block_on(embedded::is_caught(bug, length)),
            Fault::PausePoint => late::is_caught(making(bug, folder), handle, length),
            _ => run(bug, making(bug, folder), (options, handle)),
        };
        match &caught {
            Some((after, rule)) => {
                println!("{}: caught after {:.1} s: {}", bug.name(), after.as_secs_f64(), rule.words());
            }
            None => println!("{}: ESCAPED for {length:?}", bug.name()),
        }
        tried.push(Seeded { name: bug.name().to_owned(), caught });
    }
    tried
}

/// The bugs that are asked for: three of them follow from the seed.
fn chosen(options: &Options) -> Vec<Bug> {
    let mut left = Bug::ALL.to_vec();
    match options.bugs.as_str() {
        "none" => Vec::new(),
        "all" => left,
        "three" => {
            let mut dice = Dice::of(options.seed);
            (0..3).map(|_| left.remove(dice.below(left.len()))).collect()
        }
        name => {
            let bug = Bug::from_name(name).unwrap_or_else(|| panic!("no seeded bug is called {name}"));
            vec![bug]
        }
    }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// A rig whose nodes have the bug and its settings, or the first of them.
fn making(bug: Bug, folder: std::path::PathBuf) -> Making {
    let Scenario { on_one_node, settings, .. } = bug.scenario();
    let mut first: Own = settings.iter().map(|(name, value)| pair(name, value)).collect();
    first.push(pair("RESCIND_SEEDED_BUG", bug.name()));
    let mut others = if on_one_node { Vec::new() } else { first.clone() };
    if on_one_node || bug == Bug::ShortestLease {
        others.retain(|(name, _)| name != "RESCIND_LEASE");
        others.push(pair("RESCIND_LEASE", "1"));
    }
    let lease = lease_of(&first).max(lease_of(&others));
    let settings = vec![pair("RESCIND_REFRESH_GRACE_SECONDS", &crate::GRACE.to_string())];
    Making { folder, topology: Topology::Sentinels, lease, settings, own: [first, others.clone(), others] }
}

fn number(own: &Own, name: &str, default: u64) -> u64 {
    own.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.parse().ok()).unwrap_or(default)
}

fn lease_of(own: &Own) -> u64 {
    number(own, "RESCIND_LEASE", 2)
}

/// What a bug is caught by: what its scenario says is seen, and nothing else. Silence catches none: a machine that is busy may be
/// silent, too.
fn shows(seen: Seen) -> fn(Rule) -> bool {
    match seen {
        // A pair of a dead session is what its next check would show.
        Seen::ActiveAfterKill => |rule| {
            let in_checks = [Rule::ActiveAfterConfirmed, Rule::ActiveAfterInactive].contains(&rule);
            in_checks || [Rule::Forgotten, Rule::Branch].contains(&rule)
        },
        Seen::LateAnswer => |rule| rule == Rule::Late,
        Seen::FalseInactive => |rule| [Rule::FalseInactive, Rule::FalseRefusal].contains(&rule),
        Seen::TwoPairs | Seen::RefreshAfterGrace => |rule| rule == Rule::Branch,
    }
}

/// Clients at work, and the fault that the bug needs, until the rules say that something is wrong.
fn run(bug: Bug, mut making: Making, (options, handle): (&Options, &Handle)) -> Option<(Duration, Rule)> {
    let grace = number(&making.own[0], "RESCIND_REFRESH_GRACE_SECONDS", crate::GRACE);
    let lease = making.lease;
    for own in &mut making.own {
        if !own.iter().any(|(name, _)| name == "RESCIND_LEASE") {
            own.push(pair("RESCIND_LEASE", &lease.to_string()));
        }
    }
    let run = Run {
        seed: options.seed,
        length: Duration::from_secs(options.bug_seconds),
        longest: Duration::from_secs(2),
        rest: Duration::from_millis(500),
        look: Duration::from_secs(2),
        ends_at: shows(bug.scenario().seen),
        making,
        work: clients::Plan {
            seed: options.seed,
            per_second: options.per_second,
            lease: Duration::from_secs(lease),
            grace: Duration::from_secs(grace),
            ..clients::Plan::default()
        },
        keep: options.keep.clone(),
    };
    let scene = scenes::of(bug);
    let began = Instant::now();
    let mut is_warm = false;
    let ran = run.go(handle, |breaking| {
        // Nothing can be killed, and no node has copies, before clients have something in their hands.
        if !std::mem::replace(&mut is_warm, true) {
            std::thread::sleep(WARM);
        }
        scene(breaking);
    });
    for complaint in &ran.complaints {
        println!("    {complaint}");
    }
    let shows = shows(bug.scenario().seen);
    for other in ran.violations.iter().filter(|violation| !shows(violation.rule)).take(3) {
        println!("    also: {other}");
    }
    let found = ran.violations.iter().find(|violation| shows(violation.rule))?;
    println!("    {} violations, the first: {found}", ran.violations.len());
    Some((ran.seen_after.unwrap_or_else(|| began.elapsed()), found.rule))
}
