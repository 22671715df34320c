//! The log: one JSON object per line on standard error (plain text on a terminal). Only our own lines go below `warn`,
//! because libraries at trace level print what they carry. Panics are logged by place, never by message.

use std::io::IsTerminal;

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging at a level. Does nothing if a log is already set up.
pub fn start(level: Level) {
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("rescind", level)
        // Rocket's warnings quote request lines; we answer and log those cases ourselves.
        .with_target("rocket", LevelFilter::OFF)
        // sqlx warns about slow statements with their text; ours hold no values, but they are not news.
        .with_target("sqlx", LevelFilter::ERROR);
    // Rocket's macros speak under the names of our modules with `::_` behind them.
    let no_macros = filter_fn(|about| !about.target().ends_with("::_"));
    // Filters of the whole log, not of one layer: those remember a library's mere question whether a line would be
    // written, and then lose the next line of the thread.
    let filtered = tracing_subscriber::registry().with(targets).with(no_macros);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        filtered.with(lines.compact()).try_init()
    } else {
        filtered.with(lines.json().flatten_event(true).with_current_span(false).with_span_list(false)).try_init()
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            tracing::error!(target: "rescind", place, "a task panicked");
        }));
    }
}
