//! The `client_credentials` grant (OAuth 2.1 §4.2): one standing session per client and shape, a random serial per token,
//! no row per token. Audited as counts per minute.

use super::audit::{Told, record};
use super::tokens::{TokenError, TokenRefusal, Tokens};
use crate::app::App;
use crate::clock::{Timestamp, unix_seconds};
use crate::model::actor::{Actor, Who};
use crate::model::audit::Action;
use crate::model::client::{ClientType, GrantType};
use crate::model::epoch::EpochKind;
use crate::model::session::{Rotation, Session, Shape, SubjectKind};
use crate::policy::{resource, scope};
use crate::secret::seal::{Kind, Reference};
use crate::secret::{client_secret, random};
use crate::store::clients::KnownClient;
use crate::store::{epochs, sessions};

/// How long a standing session is used for new tokens.
const STANDING: chrono::TimeDelta = chrono::TimeDelta::days(1);

/// Gives a client a token of its own.
pub async fn issue(
    app: &App,
    actor: &Actor,
    known: &KnownClient,
    asked: (Option<&str>, &[String]),
) -> Result<Tokens, TokenError> {
    let client = &known.client;
    if client.kind != ClientType::Confidential || !client.may_use(GrantType::ClientCredentials) {
        return Err(TokenRefusal::UnauthorizedClient.into());
    }
    let shape = choose_shape(app, known, asked)?;
    let now = app.clock.now();
    let expires_at = now + app.settings.lifetimes.access;
    let session = standing(app, actor, known, &shape, expires_at).await?;
    app.activity.count_token(client.client_id.as_str());
    let token = Reference {
        session: session.session_id,
        serial: random::serial(),
        shape: 0,
        expires_at: unix_seconds(expires_at),
    };
    Ok(Tokens {
        access: app.secrets.sealer.seal(Kind::Access, &token),
        expires_in: app.settings.lifetimes.access.num_seconds(),
        refresh: None,
        scope: shape.scope.to_string(),
    })
}

/// Machine scopes make the issuer the audience; otherwise the resources asked for, or all of the client's.
fn choose_shape(app: &App, known: &KnownClient, asked: (Option<&str>, &[String])) -> Result<Shape, TokenRefusal> {
    let client = &known.client;
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
        expires_at: now + STANDING,
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
