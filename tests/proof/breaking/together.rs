//! Faults that meet: what a node does not hear while the database changes hands.

use rustix::process::Signal;

use super::Breaking;
use crate::rig::link::Weather;

/// A node hears nothing while the standby takes over, and on: what it knew, and what it holds connections to, is past.
pub fn cut_off_while_promoted(breaking: &mut Breaking<'_>) {
    let node = breaking.node();
    let weather = [Weather::Silent, Weather::NoAnswers, Weather::Cut][breaking.dice.below(3)];
    breaking.during("cut off while promoted", format!("node {node}"), |breaking| {
        breaking.rig.wire(node, weather);
        breaking.last(100);
        breaking.promote();
        breaking.rig.databases.rebuild();
        breaking.last(100);
        breaking.rig.wire(node, Weather::Fair);
    });
}

/// A node sleeps while the standby takes over.
pub fn frozen_while_promoted(breaking: &mut Breaking<'_>) {
    let node = breaking.node();
    breaking.during("frozen while promoted", format!("node {node}"), |breaking| {
        breaking.rig.nodes.signal(node, Signal::STOP);
        breaking.promote();
        breaking.rig.databases.rebuild();
        breaking.last(100);
        breaking.rig.nodes.signal(node, Signal::CONT);
    });
}
