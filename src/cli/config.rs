//! `rescind config`.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::Failure;
use super::output::Output;
use crate::config::Settings;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check all settings and print those in force, without secrets
    #[command(after_help = "Example: rescind config check")]
    Check,
}

/// Runs one.
pub fn run(out: Output, command: &Command) -> Result<(), Failure> {
    let Command::Check = command;
    let settings = Settings::load()?;
    let lines = settings.lines();
    let text: Vec<String> = lines.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let object: Map<String, Value> = lines.into_iter().map(|(name, value)| (name, json!(value))).collect();
    out.say(&Value::Object(object), &text.join("\n"))
}
