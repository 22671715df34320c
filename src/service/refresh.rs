//! The `refresh_token` grant (OAuth 2.1 §4.3): rotate, repeat, or recognise theft.
//! 1. open the seal; 2. lock the session row; 3. client, epochs, expiry; 4. narrow; 5. decide by the generation alone.

use chrono::TimeDelta;

use super::audit::{Told, record, record_alone};
use super::commit_everywhere;
use super::tokens::{TokenError, TokenRefusal, Tokens, current_pair};
use crate::activity::Seen;
use crate::app::App;
use crate::clock::Timestamp;
use crate::metrics::label::TakenBack;
use crate::model::actor::{Actor, Who};
use crate::model::audit::Action;
use crate::model::session::{MOST_SHAPES, Rotation, Session, Shape};
use crate::policy::refresh::{Decision, Presented, decide};
use crate::policy::verdict::{Verdict, judge};
use crate::policy::{resource, scope};
use crate::secret::seal::{Kind, Reference};
use crate::seeded::{Bug, has};
use crate::store::clients::KnownClient;
use crate::store::{Conn, StoreError, audit, sessions};

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `refresh_token`.
    pub token: &'a str,
    /// `scope`.
    pub scope: Option<&'a str>,
    /// `resource`, repeated.
    pub resources: &'a [String],
}

/// Exchanges a refresh token.
pub async fn refresh(app: &App, actor: &Actor, known: &KnownClient, asked: Asked<'_>) -> Result<Tokens, TokenError> {
    let client = &known.client;
    if !client.rotates() {
        return Err(TokenRefusal::UnauthorizedClient.into());
    }
    let actor = &actor.as_who(Who::Client(client.client_id.clone()));
    let token = app.secrets.sealer.open(Kind::Refresh, asked.token).ok_or(TokenRefusal::InvalidGrant)?;
    let mut tx = app.db.begin().await?;
    let now = app.clock.now();
    let session = match live_session(app, &mut tx, &token, now).await? {
        Some(session) if session.client_id == client.client_id => session,
        Some(session) => {
            drop(tx);
            return Err(foreign(app, actor, &session).await?);
        }
        None => return Err(TokenRefusal::InvalidGrant.into()),
    };
    let shape = narrowed(&session, asked);
    let presented = Presented {
        generation: token.serial,
        same_request: shape.as_ref().is_ok_and(|shape| is_last_shape(&session, shape)),
        proved: client.has_secret(),
    };
    let grace = if has(Bug::GraceWithoutWindow) { TimeDelta::MAX } else { app.settings.lifetimes.grace };
    match decide(&presented, session.generation, session.rotation.at, grace, now) {
        Decision::Rotate => {
            // What proves a secret is the client's own server: its address is not where the device is.
            let from = actor.address.filter(|_| !client.has_secret());
            let seen = Seen { device_id: session.device_id, at: now, address: from };
            let id = session.session_id;
            let pair = rotate(app, tx, actor, session, shape?).await?;
            app.activity.note(id, seen);
            Ok(pair)
        }
        Decision::Repeat if has(Bug::GraceMintsABranch) => rotate(app, tx, actor, session, shape?).await,
        Decision::Repeat => repeat(app, tx, actor, &session).await,
        Decision::Reuse => Err(kill(app, tx, actor, &session, Action::RefreshReuse).await),
        Decision::Ahead => Err(kill(app, tx, actor, &session, Action::GenerationAhead).await),
    }
}

/// The session, locked, if the truth says it lives and it was not idle for too long.
async fn live_session(
    app: &App,
    tx: &mut Conn,
    token: &Reference,
    now: Timestamp,
) -> Result<Option<Session>, TokenError> {
    if !tx.lock_session(token.session).await? {
        return Ok(None);
    }
    let Some(record) = sessions::find_record(tx, token.session, 0).await? else { return Ok(None) };
    let idle = record.session.rotation.at + app.settings.lifetimes.session_idle <= now;
    let alive = matches!(judge(&record.of_refresh_token(), token.expires_at, None, now), Verdict::Alive(_));
    Ok((alive && !idle).then_some(record.session))
}

/// Scope and resources asked for, within those granted.
fn narrowed(session: &Session, asked: Asked<'_>) -> Result<Shape, TokenRefusal> {
    let scope = scope::narrow(&session.scope, asked.scope).map_err(|_| TokenRefusal::InvalidScope)?;
    let audience = resource::choose(&session.resources, asked.resources).map_err(|_| TokenRefusal::InvalidTarget)?;
    Ok(Shape { scope, audience })
}

fn is_last_shape(session: &Session, shape: &Shape) -> bool {
    session.shapes.get(usize::from(session.rotation.shape)).is_some_and(|last| last.grants_the_same_as(shape))
}

async fn rotate(
    app: &App,
    mut tx: Conn,
    actor: &Actor,
    mut session: Session,
    shape: Shape,
) -> Result<Tokens, TokenError> {
    let now = app.clock.now();
    let index = shape_index(&mut session.shapes, shape).ok_or(TokenRefusal::InvalidScope)?;
    let rotation = Rotation {
        at: now,
        address: actor.address.map(|a| a.to_string()),
        shape: index,
        access_expires_at: (now + app.settings.lifetimes.access).min(session.expires_at),
    };
    if !sessions::rotate(&mut tx, session.session_id, session.generation, &rotation, &session.shapes).await? {
        return Err(TokenRefusal::InvalidGrant.into());
    }
    session.generation += 1;
    session.rotation = rotation;
    record(app, &mut tx, actor, told(Action::Refresh, &session)).await?;
    tx.commit().await?;
    Ok(current_pair(app, &session, true, now))
}

/// The same pair again: nothing minted, nothing extended, but written down; from elsewhere it is an alarm.
async fn repeat(app: &App, mut tx: Conn, actor: &Actor, session: &Session) -> Result<Tokens, TokenError> {
    let entry = if comes_from_elsewhere(&mut tx, actor, session).await? {
        Told::alarm(Action::RefreshRetry, "session", session.session_id)
            .of(&session.subject_id)
            .because("the same refresh from another address or program")
    } else {
        told(Action::RefreshRetry, session)
    };
    record(app, &mut tx, actor, entry).await?;
    tx.commit().await?;
    Ok(current_pair(app, session, true, app.clock.now()))
}

/// Whether a retry has another address than the rotation it repeats, or another program than that rotation's audit row.
async fn comes_from_elsewhere(tx: &mut Conn, actor: &Actor, session: &Session) -> Result<bool, StoreError> {
    if actor.address.map(|a| a.to_string()) != session.rotation.address {
        return Ok(true);
    }
    let id = session.session_id.to_string();
    let agent = audit::last_agent(tx, &session.subject_id, Action::Refresh, &id).await?;
    Ok(agent.is_some_and(|agent| agent != actor.agent.as_deref().unwrap_or_default()))
}

/// Theft, or lost commits: the whole session is dead before the refusal leaves; if that can't be said, 503.
async fn kill(app: &App, mut tx: Conn, actor: &Actor, session: &Session, action: Action) -> TokenError {
    let ended = async {
        sessions::end(&mut tx, session.session_id, action.as_str(), app.clock.now()).await?;
        let entry = Told::alarm(action, "session", session.session_id).of(&session.subject_id);
        record(app, &mut tx, actor, entry).await?;
        commit_everywhere(app, tx, TakenBack::Replay).await
    };
    match ended.await {
        Ok(()) => TokenRefusal::InvalidGrant.into(),
        Err(error) => {
            tracing::error!(%error, session_id = %session.session_id, "a replayed refresh token could not be answered");
            TokenRefusal::Unconfirmed.into()
        }
    }
}

/// Another client's token: refused, nothing revoked, loudly written down.
async fn foreign(app: &App, actor: &Actor, session: &Session) -> Result<TokenError, TokenError> {
    let entry = Told::alarm(Action::Refresh, "session", session.session_id)
        .of(&session.subject_id)
        .because("presented by another client");
    record_alone(app, actor, entry).await?;
    Ok(TokenRefusal::InvalidGrant.into())
}

fn told(action: Action, session: &Session) -> Told {
    let generation = format!("generation {}", session.generation);
    Told::done(action, "session", session.session_id).of(&session.subject_id).because(generation)
}

/// The index of a shape, appended if it is new; `None` when there is no room.
fn shape_index(shapes: &mut Vec<Shape>, shape: Shape) -> Option<u16> {
    let found = shapes.iter().position(|known| known.grants_the_same_as(&shape));
    let index = found.unwrap_or(shapes.len());
    if index == MOST_SHAPES {
        return None;
    }
    if found.is_none() {
        shapes.push(shape);
    }
    u16::try_from(index).ok()
}
