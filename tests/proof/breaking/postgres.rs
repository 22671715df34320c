//! Faults of PostgreSQL and its standby.

use std::thread::sleep;
use std::time::Duration;

use super::Breaking;
use crate::rig::link::Weather;

/// Killed, and started again as what it was.
pub fn killed(breaking: &mut Breaking<'_>) {
    breaking.during("postgres killed", "primary", |breaking| {
        breaking.rig.databases.restart();
        breaking.rig.databases.until_both();
    });
}

/// Frozen.
pub fn frozen(breaking: &mut Breaking<'_>) {
    breaking.during("postgres frozen", "primary", |breaking| {
        breaking.rig.databases.primary().freeze();
        breaking.last(100);
        breaking.rig.databases.primary().thaw();
        breaking.rig.databases.until_both();
    });
}

/// The primary is killed, the standby takes over, and what was the primary becomes the standby.
pub fn promoted(breaking: &mut Breaking<'_>) {
    breaking.during("postgres promoted", "standby", |breaking| {
        breaking.promote();
        if breaking.dice.once_in(2) {
            // Nobody to wait for yet: no commit is acknowledged.
            breaking.last(100);
        }
        breaking.rig.databases.rebuild();
    });
}

/// The standby hears nothing from the primary for a while: nothing may be confirmed. Then it takes over.
pub fn promoted_lagging(breaking: &mut Breaking<'_>) {
    let lag = breaking.span(300);
    promoted_after(breaking, lag);
}

/// The same after so long. What was under way on the network never arrives: one that was frozen would find it in its buffers.
pub fn promoted_after(breaking: &mut Breaking<'_>, lag: Duration) {
    breaking.during("postgres promoted after its standby had lagged", "standby", |breaking| {
        breaking.rig.databases.replication.set(Weather::Silent);
        sleep(lag);
        breaking.rig.databases.replication.set(Weather::Cut);
        breaking.promote();
        breaking.rig.databases.replication.set(Weather::Fair);
        breaking.rig.databases.rebuild();
    });
}

/// The standby hears nothing for a while: commits hang.
pub fn standby_lost(breaking: &mut Breaking<'_>) {
    breaking.during("standby lost", "standby", |breaking| {
        breaking.rig.databases.standby().freeze();
        breaking.last(500);
        breaking.rig.databases.standby().thaw();
        breaking.rig.databases.until_both();
    });
}

/// The standby is killed and started again.
pub fn standby_killed(breaking: &mut Breaking<'_>) {
    breaking.during("standby killed", "standby", |breaking| {
        breaking.rig.databases.standby().kill();
        breaking.last(100);
        breaking.rig.databases.standby().start();
        breaking.rig.databases.until_both();
    });
}

/// Somebody holds the locks that everybody needs, until every connection waits.
pub fn locks_held(breaking: &mut Breaking<'_>) {
    let table = ["sessions", "epochs", "feed_state", "nodes"][breaking.dice.below(4)];
    breaking.during("locks held", table, |breaking| {
        let seconds = breaking.span(200).min(Duration::from_secs(8)).as_secs_f64();
        let sql =
            format!("DO $$ BEGIN LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; PERFORM pg_sleep({seconds:.3}); END $$");
        let _ = breaking.rig.databases.ask_rescind(&sql);
    });
}

/// No file may grow, as on a full disk: a limit on the size of files stands for it. The server gives up where it cannot write
/// its log, and is started again when there is room.
pub fn disk_full(breaking: &mut Breaking<'_>) {
    breaking.during("disk full", "primary", |breaking| {
        // Log files are of 16 MiB: sometimes it lasts until the next of them, sometimes not for one commit.
        let bytes = 1 << breaking.dice.between(16, 23);
        breaking.rig.databases.primary().limit_files(Some(bytes));
        breaking.last(300);
        breaking.rig.databases.primary().limit_files(None);
        if !breaking.rig.databases.primary().is_running() {
            breaking.rig.databases.restart();
        }
        breaking.rig.databases.until_both();
    });
}

/// Every connection is ended by an administrator.
pub fn connections_ended(breaking: &mut Breaking<'_>) {
    breaking.during("connections ended", "primary", |breaking| {
        let times = breaking.dice.between(1, 5);
        for _ in 0..times {
            let sql = "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE datname = 'rescind'";
            let port = breaking.rig.databases.primary_port();
            let _ = breaking.rig.databases.ask(port, sql);
            breaking.last(20);
        }
    });
}

impl Breaking<'_> {
    /// Kills the primary, and leads everybody to the standby that took over.
    pub fn promote(&mut self) {
        self.rig.databases.promote();
        self.rig.lead_to_the_primary();
    }
}
