//! `rescind session` and `rescind device`.

use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use super::output::Output;
use super::{Failure, input, lockdown, open};
use crate::model::ids::CustomerId;
use crate::service::lockdown::{self as taking, Why};
use crate::service::sessions::{self, Cursor};

/// The commands over sessions.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// List a customer's live sessions
    #[command(after_help = "Example: rescind session list CUST_789456123")]
    List {
        /// Whose
        customer: CustomerId,
    },
    /// End one session
    #[command(after_help = "Example: rescind session revoke 01920f6e-... --reason \"lost laptop\"")]
    Revoke {
        /// Its id
        id: Uuid,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// The commands over devices.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// List a customer's devices
    #[command(after_help = "Example: rescind device list CUST_789456123")]
    List {
        /// Whose
        customer: CustomerId,
    },
    /// End everything on a device
    #[command(after_help = "Example: rescind device revoke 01920f6e-... --reason \"lost phone\"")]
    Revoke {
        /// Its id
        id: Uuid,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// Runs a command over sessions.
pub async fn run_sessions(out: Output, command: SessionCommand) -> Result<(), Failure> {
    let app = open::app().await?;
    let actor = open::actor();
    match command {
        SessionCommand::List { customer } => {
            let mut all = Vec::new();
            let mut next = Some(Cursor::start());
            while let Some(after) = next {
                let page = sessions::list(&app, &actor, &customer, after, 200).await?;
                let (items, more) = page.ok_or_else(|| Failure::new(format!("there is no customer {customer}")))?;
                all.extend(items);
                next = more;
            }
            let lines = all.iter().map(|s| {
                let device =
                    s.name.as_ref().map(|name| format!(" on {name}{}", near(s.place.as_ref()))).unwrap_or_default();
                format!("{}  {}{device}  since {}  {}", s.session_id, s.client_name, s.created_at, s.scope)
            });
            let text = lines.collect::<Vec<_>>().join("\n");
            out.say(&json!({ "items": all, "next_cursor": null }), &text)
        }
        SessionCommand::Revoke { id, reason } => {
            let why = Why::plain(input::reason(&reason)?);
            lockdown::receipt(out, taking::session(&app, &actor, id, &why).await, &format!("session {id}"))
        }
    }
}

/// Runs a command over devices.
pub async fn run_devices(out: Output, command: DeviceCommand) -> Result<(), Failure> {
    let app = open::app().await?;
    let actor = open::actor();
    match command {
        DeviceCommand::List { customer } => {
            let found = sessions::devices(&app, &actor, &customer).await?;
            let all = found.ok_or_else(|| Failure::new(format!("there is no customer {customer}")))?;
            let lines = all.iter().map(|d| {
                let place = near(d.place.as_ref());
                format!("{}  {}{place}  last seen {}", d.device.device_id, d.name, d.device.last_seen_at)
            });
            let text = lines.collect::<Vec<_>>().join("\n");
            out.say(&json!({ "items": all, "next_cursor": null }), &text)
        }
        DeviceCommand::Revoke { id, reason } => {
            let why = Why::plain(input::reason(&reason)?);
            lockdown::receipt(out, taking::device(&app, &actor, id, &why).await, &format!("device {id}"))
        }
    }
}

/// A place in brackets, if it is known.
fn near(place: Option<&String>) -> String {
    place.map(|place| format!(" ({place})")).unwrap_or_default()
}
