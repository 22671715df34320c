//! `rescind client`.
#![allow(clippy::doc_markdown, reason = "these comments are help texts, shown as they are")]

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::Output;
use super::{Failure, input, lockdown, open};
use crate::model::client::{AuthMethod, Client, ClientType, GrantType};
use crate::model::color::Color;
use crate::model::ids::ClientId;
use crate::model::scope::Scope;
use crate::policy::client_rules::{NewClient, check};
use crate::secret::text::SecretText;
use crate::service::client::{self, Registered};
use crate::service::lockdown::Why;
use crate::store::clients;

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register a client or resource server
    #[command(
        after_help = "Example: rescind client create --id shop --name Shop --type confidential \\\n           --redirect-uri https://shop.example/cb --scope \"openid accounts:read\""
    )]
    Create(Box<New>),
    /// List all clients
    #[command(after_help = "Example: rescind client list --json")]
    List,
    /// Show one client
    #[command(after_help = "Example: rescind client show shop")]
    Show {
        /// Its client_id
        id: ClientId,
    },
    /// Make a new secret; the one before stays good until the next rotation
    #[command(after_help = "Example: rescind client rotate-secret shop")]
    RotateSecret {
        /// Its client_id
        id: ClientId,
        /// End the old secret at once
        #[arg(long)]
        end_old: bool,
    },
    /// Disable a client at once and take back everything it holds
    #[command(after_help = "Example: rescind client disable shop --reason \"secret leaked\"")]
    Disable {
        /// Its client_id
        id: ClientId,
        /// Why
        #[arg(long, default_value = "disabled by operator")]
        reason: String,
    },
    /// Enable a client again
    #[command(after_help = "Example: rescind client enable shop")]
    Enable {
        /// Its client_id
        id: ClientId,
    },
}

/// A client to be registered.
#[derive(Debug, Args)]
pub struct New {
    /// client_id
    #[arg(long)]
    id: ClientId,
    /// The name people read
    #[arg(long)]
    name: String,
    /// public, confidential or resource-server
    #[arg(long = "type", value_parser = client_type)]
    kind: ClientType,
    /// Exact redirect URI (repeatable)
    #[arg(long)]
    redirect_uri: Vec<String>,
    /// Scopes, separated by spaces
    #[arg(long, default_value = "")]
    scope: Scope,
    /// authorization_code, refresh_token or client_credentials (repeatable)
    #[arg(long, value_parser = grant_type)]
    grant: Vec<GrantType>,
    /// Resource URI it answers for, or may ask for (repeatable)
    #[arg(long)]
    resource: Vec<String>,
    /// Web origin whose scripts may call us (repeatable)
    #[arg(long)]
    origin: Vec<String>,
    /// client_secret_basic (the default) or client_secret_post
    #[arg(long, value_parser = auth_method)]
    auth_method: Option<AuthMethod>,
    /// Ours: people are not asked for consent
    #[arg(long)]
    first_party: bool,
    /// Its colour on the sign-in and consent pages, such as #0b5c57
    #[arg(long)]
    color: Option<Color>,
}

fn client_type(text: &str) -> Result<ClientType, String> {
    ClientType::from_name(text).ok_or_else(|| "must be public, confidential or resource-server".to_owned())
}

fn grant_type(text: &str) -> Result<GrantType, String> {
    GrantType::from_name(text)
        .ok_or_else(|| "must be authorization_code, refresh_token or client_credentials".to_owned())
}

fn auth_method(text: &str) -> Result<AuthMethod, String> {
    AuthMethod::from_name(text).ok_or_else(|| "must be client_secret_basic or client_secret_post".to_owned())
}

/// Runs one.
pub async fn run(out: Output, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(new) => create(out, *new).await,
        Command::List => list(out).await,
        Command::Show { id } => show(out, &id).await,
        Command::RotateSecret { id, end_old } => {
            let app = open::app().await?;
            answer(out, &id, client::rotate_secret(&app, &open::actor(), &id, end_old).await?)
        }
        Command::Disable { id, reason } => {
            let app = open::app().await?;
            let why = Why::plain(input::reason(&reason)?);
            let taken = client::disable(&app, &open::actor(), &id, &why).await?;
            lockdown::receipt(out, taken, &format!("client {id}"))
        }
        Command::Enable { id } => {
            let app = open::app().await?;
            answer(out, &id, client::enable(&app, &open::actor(), &id).await?)
        }
    }
}

async fn create(out: Output, new: New) -> Result<(), Failure> {
    let app = open::app_or_new().await?;
    let wanted = NewClient {
        client_id: new.id,
        name: new.name,
        kind: new.kind,
        auth_method: new.auth_method,
        redirect_uris: new.redirect_uri,
        scope: new.scope,
        grants: new.grant,
        resources: new.resource,
        origins: new.origin,
        first_party: new.first_party,
        color: new.color,
    };
    let checked = check(wanted, app.clock.now()).map_err(Failure::new)?;
    let done = client::create(&app, &open::actor(), &checked).await?;
    answer(out, &checked.client_id, done)
}

fn answer(out: Output, id: &ClientId, done: Registered) -> Result<(), Failure> {
    match done {
        Registered::Done(None) => out.say(&json!({ "client_id": id }), &format!("client_id: {id}")),
        Registered::Done(Some(secret)) => show_secret(out, id, &secret),
        Registered::Unproven(secret) => {
            show_secret(out, id, &secret)?;
            let what = "the new secret is good, but whether older ones have ended everywhere is not proven";
            Err(Failure::new(format!(
                "{what}: servers that don't hear from the database may take them until their lease ends"
            )))
        }
        Registered::Taken => {
            Err(Failure::new(format!("the name {id} is taken by a client, customer or member of staff")))
        }
        Registered::NotFound => Err(Failure::new(format!("there is no client {id}"))),
        Registered::NoSecret => Err(Failure::new(format!("{id} is public and has no secret"))),
    }
}

fn show_secret(out: Output, id: &ClientId, secret: &SecretText) -> Result<(), Failure> {
    let text = format!("client_id: {id}\nclient_secret: {}\n(shown once)", secret.expose());
    out.say(&json!({ "client_id": id, "client_secret": secret.expose() }), &text)
}

async fn list(out: Output) -> Result<(), Failure> {
    let app = open::app().await?;
    let found = clients::list(&mut app.db.read().await?).await?;
    let lines: Vec<String> = found.iter().map(line).collect();
    out.say(&json!({ "items": found, "next_cursor": null }), &lines.join("\n"))
}

async fn show(out: Output, id: &ClientId) -> Result<(), Failure> {
    let app = open::app().await?;
    let found = clients::find(&mut app.db.read().await?, id.as_str()).await?;
    let client = found.ok_or_else(|| Failure::new(format!("there is no client {id}")))?;
    out.say(&json!(client), &line(&client))
}

fn line(client: &Client) -> String {
    let state = if client.disabled_at.is_some() { "  DISABLED" } else { "" };
    format!("{}  {}  {}  {}{state}", client.client_id, client.kind.as_str(), client.name, client.scope)
}
