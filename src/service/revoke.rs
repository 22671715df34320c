//! Token revocation by the client itself (RFC 7009). A refresh token takes its whole grant with it; an access token only
//! itself. Done means stored and known everywhere, so that every check that starts now says no.

use super::Fault;
use tokio::time::sleep;

use super::audit::{Told, record, record_alone};
use super::taking_back::{AGAIN, PAUSE, was_undone};
use crate::app::App;
use crate::clock::unix_seconds;
use crate::metrics::label::TakenBack;
use crate::model::actor::{Actor, Who};
use crate::model::audit::Action;
use crate::model::client::Client;
use crate::model::feed::Mark;
use crate::model::session::Session;
use crate::secret::seal::{Kind, Reference};
use crate::store::{Conn, StoreError, Urgency, revoked_tokens, sessions};
use crate::view::confirm::Unproven;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// It is dead, or never was alive: one answer.
    Done,
    /// It belongs to another client and lives on.
    NotYours,
    /// It may live: the client must ask again.
    Unconfirmed,
}

/// Takes back a token for the client it was given to.
pub async fn token(app: &App, actor: &Actor, client: &Client, token: &str) -> Result<Revoked, Fault> {
    let opened = app.secrets.sealer.open_any(token);
    let Some((kind @ (Kind::Access | Kind::Refresh), reference)) = opened else { return Ok(Revoked::Done) };
    if reference.expires_at <= unix_seconds(app.clock.now()) {
        return Ok(Revoked::Done);
    }
    let actor = &actor.as_who(Who::Client(client.client_id.clone()));
    let Some(session) = sessions::find(&mut app.db.read_ahead().await?, reference.session).await? else {
        return Ok(Revoked::Done);
    };
    if session.client_id != client.client_id {
        let told = Told::alarm(Action::TokenRevoke, "session", session.session_id).of_any(session.customer_id());
        record_alone(app, actor, told.because("presented by another client")).await?;
        return Ok(Revoked::NotYours);
    }
    match end(app, actor, &session, kind, reference).await {
        Ok(()) => Ok(Revoked::Done),
        Err(error) => {
            tracing::error!(%error, session_id = %session.session_id, "a token revocation could not be stored");
            Ok(Revoked::Unconfirmed)
        }
    }
}

async fn end(app: &App, actor: &Actor, session: &Session, kind: Kind, token: Reference) -> Result<(), Unproven> {
    let watch = app.clock.start();
    let proven = async {
        let mut done = end_once(app, actor, session, (kind, token)).await;
        while was_undone(&done) && watch.elapsed() < AGAIN {
            sleep(PAUSE).await;
            done = end_once(app, actor, session, (kind, token)).await;
        }
        let ((), told) = done?;
        app.checks.node.confirm(told).await.map(|_| ())
    };
    let proven = proven.await;
    app.metrics.took_back(TakenBack::Token, proven.is_ok().then(|| watch.elapsed()));
    proven
}

async fn end_once(
    app: &App,
    actor: &Actor,
    session: &Session,
    of: (Kind, Reference),
) -> Result<((), Option<Mark>), StoreError> {
    let mut part = app.db.begin_part(Urgency::Token).await?;
    let made = end_in(app, part.tx(), actor, session, of).await;
    part.end(made).await
}

async fn end_in(
    app: &App,
    tx: &mut Conn,
    actor: &Actor,
    session: &Session,
    (kind, token): (Kind, Reference),
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let told = Told::done(Action::TokenRevoke, "session", session.session_id).of_any(session.customer_id());
    let (changed, told) = if kind == Kind::Refresh {
        (sessions::end(tx, session.session_id, "revoked_by_client", now).await?, told.because("whole grant"))
    } else {
        let serial = i64::try_from(token.serial).unwrap_or(i64::MAX);
        let until = chrono::DateTime::from_timestamp(i64::from(token.expires_at), 0).unwrap_or(session.expires_at);
        let changed = revoked_tokens::insert(tx, session.session_id, serial, until).await?;
        (changed, told.because(format!("access token of serial {serial}")))
    };
    if changed {
        record(app, tx, actor, told).await?;
    }
    Ok(())
}
