//! `rescind lockdown` and `rescind unlock`: works beside a running server, whose next check says no.

use clap::Args;
use serde_json::json;

use super::output::Output;
use super::{Failure, input, open};
use crate::model::ids::{ClientId, CustomerId};
use crate::model::incident::{Durability, Receipt, note};
use crate::service::lockdown::{self, Why};
use crate::service::taking_back::Taken;
use crate::service::unlock::{self, Request, Unlocked};

/// What is taken back.
#[derive(Debug, Args)]
pub struct LockdownOptions {
    /// The customer to lock
    #[arg(required_unless_present_any = ["client", "everyone"], conflicts_with_all = ["client", "everyone"])]
    customer: Option<CustomerId>,
    /// Everything a client holds
    #[arg(long, conflicts_with = "everyone")]
    client: Option<ClientId>,
    /// Everything of everybody
    #[arg(long)]
    everyone: bool,
    /// Why
    #[arg(long)]
    reason: String,
    /// Free words
    #[arg(long)]
    note: Option<String>,
}

/// Whose lockdown is lifted.
#[derive(Debug, Args)]
pub struct UnlockOptions {
    /// The customer
    customer: CustomerId,
    /// Why
    #[arg(long)]
    reason: String,
    /// Free words
    #[arg(long)]
    note: Option<String>,
}

/// Takes back.
pub async fn lock(out: Output, options: LockdownOptions) -> Result<(), Failure> {
    let why =
        Why { reason: input::reason(&options.reason)?, note: note(options.note).map_err(Failure::new)?, key: None };
    let app = open::app().await?;
    let actor = open::actor();
    let (taken, name) = match (options.customer, options.client) {
        (Some(customer), _) => (lockdown::lock(&app, &actor, &customer, &why).await, format!("customer {customer}")),
        (None, Some(client)) => (lockdown::client(&app, &actor, &client, &why).await, format!("client {client}")),
        (None, None) => (lockdown::everyone(&app, &actor, &why).await, "everyone".to_owned()),
    };
    receipt(out, taken, &name)
}

/// Lifts a lockdown.
pub async fn unlock(out: Output, options: UnlockOptions) -> Result<(), Failure> {
    let reason = input::reason(&options.reason)?;
    let app = open::app().await?;
    let customer = options.customer;
    let request = Request {
        customer: customer.clone(),
        incident: None,
        reason,
        note: note(options.note).map_err(Failure::new)?,
        approved_by: None,
        key: None,
    };
    match unlock::unlock(&app, &open::actor(), &request).await? {
        Unlocked::Done(incident) => {
            let object = json!({ "incident_id": incident, "status": "unlocked" });
            out.say(&object, &format!("{incident}: unlocked {customer}"))
        }
        Unlocked::NotFound => Err(Failure::new(format!("there is no customer {customer}"))),
        Unlocked::NotLocked | Unlocked::Another => Err(Failure::new(format!("{customer} is not locked"))),
        Unlocked::KeyReused | Unlocked::NotApproved => Err(Failure::new("not approved")),
    }
}

/// Prints a receipt. Unconfirmed is a failure: it must be repeated.
pub fn receipt(out: Output, taken: Taken, name: &str) -> Result<(), Failure> {
    match taken {
        Taken::NotFound => Err(Failure::new(format!("there is no {name}"))),
        Taken::KeyReused => Err(Failure::new("the idempotency key was used for another request")),
        Taken::Receipt(receipt) => {
            let text = words(&receipt);
            if matches!(receipt, Receipt::Confirmed { .. }) {
                return out.say(&receipt.json(), &text);
            }
            if out.is_json() {
                out.say(&receipt.json(), "")?;
            }
            Err(Failure::new(text))
        }
    }
}

/// A receipt in one line.
pub fn words(receipt: &Receipt) -> String {
    match receipt {
        Receipt::Confirmed { incident, durable, sessions_ended, devices, confirmed_in_ms, .. } => {
            let safe = match durable {
                Durability::Local => "on this database's disk",
                Durability::Standby => "on the standby too",
            };
            format!(
                "{incident}: CONFIRMED in {confirmed_in_ms} ms, safe {safe}. Sessions ended: {sessions_ended}, on devices: {devices}."
            )
        }
        Receipt::Unconfirmed { incident, .. } => {
            format!("{incident}: UNCONFIRMED: tokens may still be alive; repeat the command")
        }
    }
}
