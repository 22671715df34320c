//! Registering and changing clients.

use super::Fault;
use super::audit::{Told, record, record_alone};
use super::lockdown::{self, Why};
use super::taking_back::Taken;
use crate::app::App;
use crate::metrics::label::TakenBack;
use crate::model::actor::Actor;
use crate::model::audit::Action;
use crate::model::client::Client;
use crate::model::ids::ClientId;
use crate::secret::text::SecretText;
use crate::secret::{client_secret, random};
use crate::store::{Conn, StoreError, clients};

/// What came of it.
#[derive(Debug)]
pub enum Registered {
    /// Done; the secret, shown once, where there is one.
    Done(Option<SecretText>),
    /// The secret is good, but an older one may still be.
    Unproven(SecretText),
    /// A customer, client or member of staff has that name.
    Taken,
    /// There is no such client.
    NotFound,
    /// A public client has no secret.
    NoSecret,
}

/// Registers a client; confidential ones and resource servers get a secret.
pub async fn create(app: &App, actor: &Actor, client: &Client) -> Result<Registered, Fault> {
    let mut tx = app.db.begin().await?;
    match clients::insert(&mut tx, client).await {
        Ok(()) => {}
        Err(StoreError::Taken) => return Ok(Registered::Taken),
        Err(error) => return Err(error.into()),
    }
    let secret = if client.has_secret() { Some(new_secret(app, &mut tx, &client.client_id).await?) } else { None };
    tell(app, &mut tx, actor, &client.client_id, "registered").await?;
    tx.commit().await?;
    Ok(Registered::Done(secret))
}

/// Makes a new secret; the one before stays good, older ones end. `end_old`: the one before ends too.
pub async fn rotate_secret(app: &App, actor: &Actor, id: &ClientId, end_old: bool) -> Result<Registered, Fault> {
    let mut tx = app.db.begin().await?;
    let Some(client) = clients::find(&mut tx, id.as_str()).await? else { return Ok(Registered::NotFound) };
    if !client.has_secret() {
        return Ok(Registered::NoSecret);
    }
    let secret = new_secret(app, &mut tx, id).await?;
    if end_old {
        clients::end_old_secrets(&mut tx, id).await?;
    }
    tell(app, &mut tx, actor, id, "secret rotated").await?;
    let (watch, told) = (app.clock.start(), tx.commit_told().await?);
    let proven = app.checks.node.confirm(told).await;
    app.metrics.took_back(TakenBack::Account, proven.is_ok().then(|| watch.elapsed()));
    // Whatever the proof says, the new secret is stored, and this is the only time it is shown.
    match proven {
        Ok(_) => Ok(Registered::Done(Some(secret))),
        Err(error) => {
            tracing::error!(%error, client_id = %id, "the end of older secrets could not be proven");
            Ok(Registered::Unproven(secret))
        }
    }
}

/// Disables a client: refused at once, and everything it holds is taken back.
pub async fn disable(app: &App, actor: &Actor, id: &ClientId, why: &Why) -> Result<Taken, Fault> {
    Ok(lockdown::disable_client(app, actor, id, why).await)
}

/// Enables a client again; what was taken back stays dead.
pub async fn enable(app: &App, actor: &Actor, id: &ClientId) -> Result<Registered, Fault> {
    let mut tx = app.db.begin().await?;
    if !clients::set_disabled(&mut tx, id, None).await? {
        return Ok(Registered::NotFound);
    }
    tell(app, &mut tx, actor, id, "enabled").await?;
    tx.commit().await?;
    Ok(Registered::Done(None))
}

async fn new_secret(app: &App, tx: &mut Conn, id: &ClientId) -> Result<SecretText, StoreError> {
    let now = app.clock.now();
    let secret = client_secret::generate(&app.settings.token_prefix);
    clients::add_secret(tx, id, random::id(now), &client_secret::digest(secret.expose()), now).await?;
    Ok(secret)
}

async fn tell(app: &App, tx: &mut Conn, actor: &Actor, id: &ClientId, what: &str) -> Result<(), StoreError> {
    record(app, tx, actor, Told::done(Action::ClientWrite, "client", id).because(what)).await
}

/// All clients. Recorded.
pub async fn list(app: &App, actor: &Actor) -> Result<Vec<Client>, Fault> {
    record_alone(app, actor, Told::done(Action::SettingsRead, "client", "*")).await?;
    Ok(clients::list(&mut app.db.read().await?).await?)
}

/// A web origin that some enabled client registered (for CORS preflights).
pub async fn knows_origin(app: &App, origin: &str) -> Result<bool, Fault> {
    Ok(clients::any_has_origin(&mut app.db.read().await?, origin).await?)
}
