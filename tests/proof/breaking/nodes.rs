//! Faults of serving nodes.

use std::thread::sleep;
use std::time::Duration;

use tokio::time::Instant;

use rustix::process::Signal;

use super::Breaking;

/// Killed, and started again with a lease of another length.
pub fn killed(breaking: &mut Breaking<'_>) {
    let node = breaking.node();
    breaking.during("node killed", format!("node {node}"), |breaking| {
        breaking.rig.nodes.kill(node);
        if breaking.dice.once_in(2) {
            breaking.last(50);
        }
        breaking.rig.draw_lease(node, &mut breaking.dice);
        breaking.rig.handle.block_on(breaking.rig.nodes.start(node));
    });
}

/// Told to stop, as for an upgrade, and started again.
pub fn stopped(breaking: &mut Breaking<'_>) {
    let node = breaking.node();
    breaking.during("node stopped", format!("node {node}"), |breaking| {
        if let Some(end) = breaking.rig.nodes.stop(node)
            && (end.0 != 0 || !end.1.contains("\"message\":\"stopped\""))
        {
            breaking.complaints.push(format!("node {node} did not stop cleanly: {end:?}"));
        }
        breaking.rig.draw_lease(node, &mut breaking.dice);
        breaking.rig.handle.block_on(breaking.rig.nodes.start(node));
    });
}

/// Frozen.
pub fn frozen(breaking: &mut Breaking<'_>) {
    let node = breaking.node();
    breaking.during("node frozen", format!("node {node}"), |breaking| {
        breaking.rig.nodes.signal(node, Signal::STOP);
        breaking.last(100);
        breaking.rig.nodes.signal(node, Signal::CONT);
    });
}

/// Stops itself again and again between a verdict and its answer, for about as long as a lease. Only a build with seeded bugs
/// can do that; others serve on, and it is a stop without harm.
pub fn paused(breaking: &mut Breaking<'_>) {
    if !cfg!(feature = "seeded-bugs") {
        return frozen(breaking);
    }
    let (node, one_in) = (breaking.node(), breaking.dice.between(20, 200).to_string());
    breaking.during("node paused before answers", format!("node {node}"), |breaking| {
        breaking.rig.nodes.set_own(node, "RESCIND_SEEDED_PAUSE", &one_in);
        breaking.rig.nodes.kill(node);
        breaking.rig.nodes.begin(node);
        let (began, length) = (Instant::now(), Duration::from_secs(10));
        while began.elapsed() < length {
            if breaking.rig.nodes.is_frozen(node) {
                let pause = breaking.dice.between(50, 3_500);
                sleep(Duration::from_millis(pause));
                breaking.rig.nodes.signal(node, Signal::CONT);
            }
            sleep(Duration::from_millis(10));
        }
        breaking.rig.nodes.set_own(node, "RESCIND_SEEDED_PAUSE", "");
        breaking.rig.nodes.kill(node);
        breaking.rig.handle.block_on(breaking.rig.nodes.start(node));
    });
}
