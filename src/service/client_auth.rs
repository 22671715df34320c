//! Proving a client at the direct endpoints (OAuth 2.1 §2.4). Unknown client, wrong secret, wrong method and disabled
//! client are one answer, after the same work.

use std::sync::Arc;

use super::audit::{Told, record_alone};
use super::{Fault, allowance};
use crate::app::App;
use crate::cache::near::Copied;
use crate::limits::{Rule, Wait, address_key};
use crate::model::actor::Actor;
use crate::model::audit::Action;
use crate::model::client::AuthMethod;
use crate::secret::client_secret;
use crate::secret::text::SecretText;
use crate::store::clients;
pub use crate::store::clients::KnownClient;

/// What a client sent to prove itself.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nothing at all.
    Nothing,
    /// Its name alone: a public client.
    Name(String),
    /// Name and secret in the `Authorization` header.
    Basic(String, SecretText),
    /// Name and secret in the body.
    Post(String, SecretText),
}

impl Credentials {
    fn name(&self) -> Option<&String> {
        match self {
            Self::Nothing => None,
            Self::Name(id) | Self::Basic(id, _) | Self::Post(id, _) => Some(id),
        }
    }
}

/// The client is proven, or not.
#[derive(Debug)]
pub enum Proof {
    /// Proven, with the epochs read in the same statement.
    Proven(Arc<KnownClient>),
    /// `invalid_client`.
    Refused,
    /// Too many failures from this address or for this client.
    TooMany(Wait),
}

/// Proves a client that wants a token, or says no.
pub async fn prove(app: &App, actor: &Actor, sent: &Credentials) -> Result<Proof, Fault> {
    let Some(id) = sent.name() else { return Ok(Proof::Refused) };
    let known = clients::find_known(&mut app.db.read().await?, id).await?;
    compare(app, actor, sent, known).await
}

/// The same for one that takes something back, or checks: floods of the others do not hold it up.
pub async fn prove_ahead(app: &App, actor: &Actor, sent: &Credentials) -> Result<Proof, Fault> {
    let Some(id) = sent.name() else { return Ok(Proof::Refused) };
    let known = clients::find_known(&mut app.db.read_ahead().await?, id).await?;
    compare(app, actor, sent, known).await
}

async fn compare(app: &App, actor: &Actor, sent: &Credentials, known: Option<KnownClient>) -> Result<Proof, Fault> {
    let id = sent.name().map(String::as_str).unwrap_or_default();
    let secrets = known.as_ref().map_or(&[][..], |known| &known.secrets);
    let secret_fits = fits(sent, secrets);
    match known {
        Some(known) if secret_fits && may_enter(&known, sent) => Ok(Proof::Proven(Arc::new(known))),
        other => refuse(app, actor, id, other.is_some()).await,
    }
}

/// The same for one that checks tokens: by a copy of its record, as long as that is surely what the truth says. Its epochs
/// may be old. Who does not fit the copy is judged by the truth.
pub async fn prove_checker(app: &App, actor: &Actor, sent: &Credentials) -> Result<Proof, Fault> {
    match prove_near(app, sent).await {
        Some(known) => Ok(Proof::Proven(known)),
        None => Box::pin(prove_and_keep(app, sent, prove_ahead(app, actor, sent))).await,
    }
}

/// The same for one that wants a token of its own, by the truth.
pub async fn prove_machine(app: &App, actor: &Actor, sent: &Credentials) -> Result<Proof, Fault> {
    Box::pin(prove_and_keep(app, sent, prove(app, actor, sent))).await
}

/// The client, if a copy of its record proves it. Nothing is born under the epochs of a copy: they may be old.
pub async fn prove_near(app: &App, sent: &Credentials) -> Option<Arc<KnownClient>> {
    let node = &app.checks.node;
    let id = sent.name().filter(|_| app.settings.is_fast)?;
    let copy = app.checks.clients.get(id)?;
    let is_proven = node.is_fresh_soon().await
        && node.view().is_current(copy.as_of, id)
        && fits(sent, &copy.value.secrets)
        && may_enter(&copy.value, sent);
    is_proven.then(|| copy.value.clone())
}

/// Proves by the truth, and keeps what was read as a copy.
async fn prove_and_keep(
    app: &App,
    sent: &Credentials,
    proof: impl Future<Output = Result<Proof, Fault>>,
) -> Result<Proof, Fault> {
    let node = &app.checks.node;
    // Noted before the read is sent.
    let as_of = node.view().as_of().filter(|_| app.settings.is_fast);
    let proof = proof.await?;
    if let (Proof::Proven(known), Some(as_of), Some(id)) = (&proof, as_of, sent.name())
        && node.follows(&known.timeline)
    {
        app.checks.clients.put(id.clone(), Arc::new(Copied::new(known.clone(), as_of)));
    }
    Ok(proof)
}

/// Remembers that a header proved a client, next to the copy of its record that it was proven with: with another record,
/// or when that copy is not what the truth says any more, it proves nothing.
pub fn remember(app: &App, header: &str, known: &Arc<KnownClient>) {
    let Some(copy) = app.checks.clients.get(&known.client.client_id.to_string()) else { return };
    let fingerprint = app.secrets.fingerprints.of(header);
    let is_of = |copy: &Copied<Arc<KnownClient>>| Arc::ptr_eq(&copy.value, known);
    if is_of(&copy) && !app.checks.callers.get(&fingerprint).is_some_and(|before| is_of(&before)) {
        app.checks.callers.put(fingerprint, copy);
    }
}

/// The client that a header proved before, if that still counts: the lease runs, and the view has nothing against the record
/// that it was proven with.
#[must_use]
pub fn remembered(app: &App, header: &str) -> Option<Arc<Copied<Arc<KnownClient>>>> {
    if !app.settings.is_fast {
        return None;
    }
    let caller = app.checks.callers.get(&app.secrets.fingerprints.of(header))?;
    let id = caller.value.client.client_id.as_str();
    let is_current = app.checks.node.ask(|view| view.is_current(caller.as_of, id));
    is_current.is_some_and(|is_current| is_current).then_some(caller)
}

/// Compared also where there is none to compare with: unknown names take as long.
fn fits(sent: &Credentials, secrets: &[Vec<u8>]) -> bool {
    match sent {
        Credentials::Nothing | Credentials::Name(_) => true,
        Credentials::Basic(_, secret) | Credentials::Post(_, secret) => {
            client_secret::matches(secret.expose(), secrets)
        }
    }
}

fn may_enter(known: &KnownClient, sent: &Credentials) -> bool {
    let method_fits = match sent {
        Credentials::Nothing => false,
        Credentials::Name(_) => known.client.auth_method == AuthMethod::None,
        Credentials::Basic(..) => known.client.auth_method == AuthMethod::ClientSecretBasic,
        Credentials::Post(..) => known.client.auth_method == AuthMethod::ClientSecretPost,
    };
    method_fits && known.client.disabled_at.is_none()
}

/// A name is recorded only if it is a client's: anything else may be a secret in the wrong field.
async fn refuse(app: &App, actor: &Actor, id: &str, is_client: bool) -> Result<Proof, Fault> {
    let from = actor.address.map(address_key).unwrap_or_default();
    let claimed = if is_client { id } else { "unknown" };
    if let Err(wait) = allowance::take(app, actor, Rule::FailedClientAuthPerAddress, &from).await {
        return Ok(Proof::TooMany(wait));
    }
    if let Err(wait) = app.limits.take(Rule::FailedClientAuthPerClient, id, app.clock.now()).await {
        app.metrics.limited(Rule::FailedClientAuthPerClient);
        let rule = Rule::FailedClientAuthPerClient.name();
        allowance::tell(app, actor, rule, claimed, Told::refused(Action::RateLimit, "limit", rule).because(claimed))
            .await;
        return Ok(Proof::TooMany(wait));
    }
    record_alone(app, actor, Told::refused(Action::ClientAuthentication, "client", claimed)).await?;
    Ok(Proof::Refused)
}
