//! `rescind staff`.

use clap::Subcommand;
use serde_json::json;

use super::output::Output;
use super::{Failure, input, open};
use crate::model::ids::StaffId;
use crate::model::staff::{Role, Staff};
use crate::service::staff::{self, Entered};
use crate::store;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Enter a member of staff; the password is read from standard input
    #[command(after_help = "Example: rescind staff create --username amina --role agent < password")]
    Create {
        /// User name
        #[arg(long)]
        username: StaffId,
        /// agent, supervisor, branch, admin or auditor
        #[arg(long, value_parser = role)]
        role: Role,
    },
    /// List all staff
    #[command(after_help = "Example: rescind staff list")]
    List,
    /// Disable a member of staff at once
    #[command(after_help = "Example: rescind staff disable amina")]
    Disable {
        /// User name
        username: StaffId,
    },
    /// Set a new password (standard input) and enable again
    #[command(after_help = "Example: rescind staff reset amina < password")]
    Reset {
        /// User name
        username: StaffId,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::from_name(text).ok_or_else(|| "must be agent, supervisor, branch, admin or auditor".to_owned())
}

/// Runs one.
pub async fn run(out: Output, command: Command) -> Result<(), Failure> {
    let is_first = matches!(command, Command::Create { .. });
    let app = if is_first { open::app_or_new().await? } else { open::app().await? };
    let actor = open::actor();
    match command {
        Command::Create { username, role } => {
            let password = input::secret("Password")?;
            let new = Staff { username: username.clone(), role, created_at: app.clock.now(), disabled_at: None };
            answer(out, &username, staff::create(&app, &actor, &new, &password).await?)
        }
        Command::List => {
            let found = store::staff::list(&mut app.db.read().await?).await?;
            let state = |one: &Staff| if one.disabled_at.is_some() { "  DISABLED" } else { "" };
            let lines = found.iter().map(|one| format!("{}  {}{}", one.username, one.role.as_str(), state(one)));
            let text = lines.collect::<Vec<_>>().join("\n");
            out.say(&json!({ "items": found, "next_cursor": null }), &text)
        }
        Command::Disable { username } => answer(out, &username, staff::disable(&app, &actor, &username).await?),
        Command::Reset { username } => {
            let password = input::secret("New password")?;
            answer(out, &username, staff::reset(&app, &actor, &username, &password).await?)
        }
    }
}

fn answer(out: Output, username: &StaffId, done: Entered) -> Result<(), Failure> {
    match done {
        Entered::Done => out.say(&json!({ "username": username }), &format!("username: {username}")),
        Entered::Taken => {
            Err(Failure::new(format!("the name {username} is taken by a client, customer or member of staff")))
        }
        Entered::NotFound => Err(Failure::new(format!("there is no member of staff {username}"))),
        Entered::Password(refusal) => Err(Failure::new(refusal)),
    }
}
