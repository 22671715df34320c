//! `rescind audit`.

use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use super::output::Output;
use super::{Failure, open};
use crate::model::audit::Action;
use crate::service::audit::{Told, record_alone};
use crate::store;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the audit trail as JSON lines, oldest first
    #[command(after_help = "Example: rescind audit export --customer CUST_1 > audit.ndjson")]
    Export {
        /// Of one customer only
        #[arg(long)]
        customer: Option<String>,
    },
}

/// Runs one.
pub async fn run(_out: Output, command: Command) -> Result<(), Failure> {
    let Command::Export { customer } = command;
    let app = open::app().await?;
    record_alone(&app, &open::actor(), Told::done(Action::AuditRead, "audit", customer.as_deref().unwrap_or("*")))
        .await?;
    let lines = Output::new(true);
    let mut after = Uuid::nil();
    loop {
        let page = store::audit::list(&mut app.db.read().await?, customer.as_deref(), after, 500).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.audit_id;
        for row in &page {
            lines.say(&json!(row), "")?;
        }
    }
}
