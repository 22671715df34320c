//! This process, as the system sees it.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

use super::page::Page;

/// Writes the facts on a page.
pub(super) fn write(page: &mut Page, started_at: u32) {
    page.gauges(
        "rescind_build",
        "Always 1; the version is in the label",
        vec![(vec![("version", env!("CARGO_PKG_VERSION"))], 1)],
    );
    page.seconds_now("process_start_time", "When the process started, Unix time", started_at.into());
    page.count_seconds("process_cpu", "Time of processors used", cpu_seconds());
    if let Some(bytes) = resident_bytes() {
        page.bytes("process_resident_memory", "Memory in use", bytes);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a quarter of a nanosecond after three months is precise enough")]
fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// Linux tells; elsewhere nobody does.
fn resident_bytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}
