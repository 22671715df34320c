//! The `client_credentials` grant (OAuth 2.1 §4.2): one standing session per client and shape, a random serial per token,
//! no row per token. Audited as counts per minute. Where the session is near, a token costs no statement.

use std::sync::Arc;

use uuid::Uuid;

use super::audit::{Told, record};
use super::found;
use super::tokens::{TokenError, TokenRefusal, Tokens};
use crate::app::App;
use crate::cache::near::Copied;
use crate::clock::{Timestamp, unix_seconds};
use crate::model::actor::{Actor, Who};
use crate::model::audit::Action;
use crate::model::client::{ClientType, GrantType};
use crate::model::epoch::EpochKind;
use crate::model::session::{Rotation, Session, Shape, SubjectKind};
use crate::policy::verdict::{Verdict, judge};
use crate::policy::{resource, scope};
use crate::secret::seal::{Kind, Reference};
use crate::secret::{client_secret, random};
use crate::store::clients::KnownClient;
use crate::store::{epochs, sessions};

/// How long a standing session is used for new tokens.
const LIFE: chrono::TimeDelta = chrono::TimeDelta::days(1);

/// What a client asks for: scope and resources.
pub type Asked<'a> = (Option<&'a str>, &'a [String]);

/// A session that stands for a client's own tokens of one shape.
pub struct Standing {
    session_id: Uuid,
    shape: Shape,
}

/// Gives a client a token of its own. `known` comes from the truth: a session may be born under its epochs.
pub async fn issue(app: &App, actor: &Actor, known: &KnownClient, asked: Asked<'_>) -> Result<Tokens, TokenError> {
    let shape = choose_shape(app, known, asked)?;
    let expires_at = app.clock.now() + app.settings.lifetimes.access;
    let session_id = standing(app, actor, known, &shape, expires_at).await?.session_id;
    let standing = Standing { session_id, shape };
    keep(app, known, &standing, expires_at).await;
    Ok(mint(app, known, standing))
}

/// The session for what a client asks for, if it is near and good by what is near: the same that a check of its tokens rests
/// on. Nothing is born here, so that `known` may be a copy.
pub fn near(app: &App, known: &KnownClient, asked: Asked<'_>) -> Option<Standing> {
    let shape = choose_shape(app, known, asked).ok()?;
    let session_id = app.checks.standing.get(&name(known, &shape))?.value;
    let now = app.clock.now();
    let until = now + app.settings.lifetimes.access;
    let token = reference(session_id, until);
    let found = found::fitting(app, &token, 0)?;
    let session = &found.record().session;
    let is_it = session.client_id == known.client.client_id && session.shapes.first() == Some(&shape);
    let is_alive = matches!(judge(found.record(), token.expires_at, Some(0), now), Verdict::Alive(_));
    let is_long = session.expires_at >= until;
    let is_good = matches!(found.standing(app, 0), found::Standing::Good(_));
    (is_it && is_alive && is_long && is_good).then_some(Standing { session_id, shape })
}

/// A token with a serial of its own.
pub fn mint(app: &App, known: &KnownClient, standing: Standing) -> Tokens {
    app.activity.count_token(known.client.client_id.as_str());
    let expires_at = app.clock.now() + app.settings.lifetimes.access;
    let token = Reference { serial: random::serial(), ..reference(standing.session_id, expires_at) };
    Tokens {
        access: app.secrets.sealer.seal(Kind::Access, &token),
        expires_in: app.settings.lifetimes.access.num_seconds(),
        refresh: None,
        scope: standing.shape.scope.to_string(),
    }
}

fn reference(session: Uuid, expires_at: Timestamp) -> Reference {
    Reference { session, serial: 0, shape: 0, expires_at: unix_seconds(expires_at) }
}

/// Keeps which session it is, and a copy of its record, read anew. What fails is tried again with the next token.
async fn keep(app: &App, known: &KnownClient, standing: &Standing, expires_at: Timestamp) {
    let Some(as_of) = app.checks.node.view().as_of().filter(|_| app.settings.is_fast) else { return };
    let token = reference(standing.session_id, expires_at);
    if found::fitting(app, &token, 0).is_none() && Box::pin(found::find(app, &token, 0)).await.is_err() {
        return;
    }
    let copy = Copied::new(standing.session_id, as_of);
    app.checks.standing.put(name(known, &standing.shape), Arc::new(copy));
}

/// What a standing session is kept under: no client id, scope word or resource has a line's end in it.
fn name(known: &KnownClient, shape: &Shape) -> String {
    let (id, scope) = (known.client.client_id.as_str(), shape.scope.to_string());
    [id, &scope, &shape.audience.join("\n")].join("\n")
}

/// Machine scopes make the issuer the audience; otherwise the resources asked for, or all of the client's.
fn choose_shape(app: &App, known: &KnownClient, asked: Asked<'_>) -> Result<Shape, TokenRefusal> {
    let client = &known.client;
    if client.kind != ClientType::Confidential || !client.may_use(GrantType::ClientCredentials) {
        return Err(TokenRefusal::UnauthorizedClient);
    }
    let scope = scope::choose(&client.scope, asked.0).map_err(|_| TokenRefusal::InvalidScope)?;
    let issuer = [app.settings.issuer.clone()];
    let allowed: &[String] = if scope.names_a_machine_scope() { &issuer } else { &client.resources };
    let audience = resource::choose(allowed, asked.1).map_err(|_| TokenRefusal::InvalidTarget)?;
    Ok(Shape { scope, audience })
}

/// The client's live session for a shape, born under the epochs that authenticated it; a new one if there is none.
async fn standing(
    app: &App,
    actor: &Actor,
    known: &KnownClient,
    shape: &Shape,
    until: Timestamp,
) -> Result<Session, TokenError> {
    let client_id = &known.client.client_id;
    let key = standing_key(shape);
    let found = sessions::find_standing(&mut app.db.read().await?, client_id, &key, &known.epochs, until).await?;
    if let Some(session) = found {
        return Ok(session);
    }
    let mut tx = app.db.begin().await?;
    // Of many first requests at once, one makes the row and the others find it.
    epochs::hold(&mut tx, EpochKind::Client, client_id.as_str()).await?;
    if let Some(session) = sessions::find_standing(&mut tx, client_id, &key, &known.epochs, until).await? {
        return Ok(session);
    }
    let session = new_standing(app, known, shape);
    sessions::insert(&mut tx, &session, Some(&key)).await?;
    let told = Told::done(Action::TokenIssue, "session", session.session_id).because(shape.scope.to_string());
    record(app, &mut tx, &actor.as_who(Who::Client(client_id.clone())), told).await?;
    tx.commit().await?;
    Ok(session)
}

fn new_standing(app: &App, known: &KnownClient, shape: &Shape) -> Session {
    let (now, client_id) = (app.clock.now(), &known.client.client_id);
    Session {
        session_id: random::id(now),
        client_id: client_id.clone(),
        subject_id: client_id.to_string(),
        subject_kind: SubjectKind::Service,
        device_id: None,
        consent_id: None,
        scope: shape.scope.clone(),
        resources: shape.audience.clone(),
        shapes: vec![shape.clone()],
        generation: 1,
        rotation: Rotation { at: now, address: None, shape: 0, access_expires_at: now },
        auth_at: None,
        created_at: now,
        expires_at: now + LIFE,
        ended_at: None,
        epochs: known.epochs,
    }
}

/// One short text per shape, whatever the order of its words. A scope may be spelled like a resource: each says which it
/// is, or a client would get the token of another shape.
fn standing_key(shape: &Shape) -> String {
    let scope = shape.scope.words().map(|word| format!("scope {word}"));
    let audience = shape.audience.iter().map(|resource| format!("audience {resource}"));
    let mut words: Vec<String> = scope.chain(audience).collect();
    words.sort_unstable();
    let digest = client_secret::digest(&words.join("\n"));
    data_encoding::HEXLOWER.encode(&digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scope::Scope;

    fn key(scope: &str, audience: &[&str]) -> String {
        let audience = audience.iter().map(|text| (*text).to_owned()).collect();
        standing_key(&Shape { scope: Scope::parse(scope).unwrap(), audience })
    }

    #[test]
    fn a_shape_has_one_key_in_any_order_and_another_shape_never_the_same() {
        assert_eq!(
            key("a b", &["https://x.example", "https://y.example"]),
            key("b a", &["https://y.example", "https://x.example"])
        );
        assert_ne!(key("a https://x.example", &[]), key("a", &["https://x.example"]));
        assert_ne!(key("a", &["b:c"]), key("a b:c", &[]));
    }
}
