//! What must happen to the system so that a bug shows. The first node is the one that it happens to.

use std::thread::sleep;
use std::time::Duration;

use tokio::time::Instant;

use rescind::seeded::Bug;
use rescind::seeded::scenario::Fault;

use crate::breaking::{Breaking, forge_copies, promote_after};
use crate::rig::link::{AtCommit, Weather};
use crate::rig::nodes::NODES;

/// The scene of a bug, to be played again and again.
pub fn of(bug: Bug) -> fn(&mut Breaking<'_>) {
    match bug.scenario().fault {
        Fault::None | Fault::PausePoint | Fault::Embedded => |_| sleep(Duration::from_millis(500)),
        Fault::NodeCutOff => cut_off,
        Fault::SlowNode => slow,
        Fault::NodeRestarted => restarted,
        Fault::CopiesSwapped => swapped,
        Fault::PrimaryKilled => |breaking| promote_after(breaking, Duration::from_secs(2)),
        Fault::CutBeforeCommit => cut_before_commit,
    }
}

/// For longer than a lease.
fn cut_off(breaking: &mut Breaking<'_>) {
    breaking.during("link silent", "node 0 and postgres", |breaking| {
        breaking.rig.wire(0, Weather::Silent);
        sleep(Duration::from_secs(breaking.rig.longest_lease() + 2));
        breaking.rig.wire(0, Weather::Fair);
    });
}

fn slow(breaking: &mut Breaking<'_>) {
    breaking.during("link slow", "node 0 and postgres", |breaking| {
        breaking.rig.wire(0, Weather::Slow(Duration::from_millis(breaking.dice.between(20, 50))));
        sleep(Duration::from_secs(6));
        breaking.rig.wire(0, Weather::Fair);
    });
}

/// Two at once, the third goes on. They end cleanly: a killed one's row would keep all confirmations waiting.
fn restarted(breaking: &mut Breaking<'_>) {
    let spared = breaking.dice.below(NODES);
    breaking.during("node stopped", format!("all but node {spared}"), |breaking| {
        let rig = &*breaking.rig;
        std::thread::scope(|scope| {
            for node in (0..NODES).filter(|node| *node != spared) {
                scope.spawn(move || {
                    let _ = rig.nodes.stop(node);
                    rig.handle.block_on(rig.nodes.start(node));
                });
            }
        });
    });
}

fn restart(breaking: &mut Breaking<'_>, node: usize) {
    breaking.during("node killed", format!("node {node}"), |breaking| {
        breaking.rig.nodes.kill(node);
        breaking.rig.handle.block_on(breaking.rig.nodes.start(node));
    });
}

/// Living sessions' copies under the keys of dead ones; nodes that hold none of their own read them.
fn swapped(breaking: &mut Breaking<'_>) {
    forge_copies(breaking);
    restart(breaking, 0);
}

/// Again and again at the first node.
fn cut_before_commit(breaking: &mut Breaking<'_>) {
    breaking.during("cut at COMMIT", "node 0 and postgres", |breaking| {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(4) {
            if !breaking.rig.wires[0].is_set() {
                breaking.rig.wires[0].at_commit(Some(AtCommit::CutBefore));
            }
            sleep(Duration::from_millis(20));
        }
        breaking.rig.wires[0].at_commit(None);
    });
}
