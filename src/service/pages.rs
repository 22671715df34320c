//! Who is signed in on the hosted pages: reading and ending browser sessions.

use std::net::IpAddr;

use uuid::Uuid;

use super::Fault;
use super::audit::{Told, record};
use crate::activity::Seen;
use crate::app::App;
use crate::clock::unix_seconds;
use crate::model::actor::{Actor, Who};
use crate::model::audit::Action;
use crate::model::client::Client;
use crate::model::epoch::Level;
use crate::model::login::{BrowserSession, Login};
use crate::policy::verdict::epochs_current;
use crate::secret::seal::{Kind, Reference};
use crate::secret::text::SecretText;
use crate::store::browser_sessions::{self, BrowserRecord};
use crate::store::{clients, customers, logins};

/// The browser session a cookie refers to, if it lives. Reads the truth. The device was seen where the request came from.
pub async fn signed_in(app: &App, from: Option<IpAddr>, cookie: Option<&str>) -> Result<Option<BrowserRecord>, Fault> {
    let opened = cookie.and_then(|text| app.secrets.sealer.open(Kind::BrowserSession, text));
    let Some(reference) = opened else { return Ok(None) };
    let found = browser_sessions::find_record(&mut app.db.read().await?, reference.session).await?;
    let now = app.clock.now();
    let idle = app.settings.lifetimes.sign_in_idle;
    let living = found.filter(|record| {
        let session = &record.session;
        let current = record.now.global_found && epochs_current(&session.epochs, &record.now.epochs);
        let in_time = session.expires_at > now && session.last_seen_at + idle > now;
        current && in_time && session.ended_at.is_none() && record.level != Level::Full
    });
    if let Some(record) = &living {
        let device_id = Some(record.session.device_id);
        let seen = Seen { device_id, at: now, address: from };
        app.activity.note_page(record.session.browser_session_id, seen);
    }
    Ok(living)
}

/// Signs out: ends the browser session a cookie refers to. Safe to repeat.
pub async fn sign_out(app: &App, actor: &Actor, session: &BrowserSession) -> Result<(), Fault> {
    let mut tx = app.db.begin().await?;
    let now = app.clock.now();
    if browser_sessions::end(&mut tx, session.browser_session_id, "signed_out", now).await? {
        let told = Told::done(Action::SignOut, "browser_session", session.browser_session_id);
        let actor = actor.as_who(Who::Customer(session.customer_id.clone()));
        record(app, &mut tx, &actor, told.of(&session.customer_id)).await?;
    }
    Ok(tx.commit().await?)
}

/// The sign-in in progress a cookie refers to.
pub async fn login_in_progress(app: &App, cookie: Option<&str>) -> Result<Option<Login>, Fault> {
    let opened = cookie.and_then(|text| app.secrets.sealer.open(Kind::Login, text));
    let Some(reference) = opened else { return Ok(None) };
    Ok(logins::find(&mut app.db.read().await?, reference.session, app.clock.now()).await?)
}

/// Begins a sign-in without a client, when somebody opens the sign-in page by itself.
pub async fn begin_login(app: &App) -> Result<Login, Fault> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let epochs = crate::store::epochs::current(&mut tx, crate::store::epochs::Ancestors::default()).await?;
    let login = Login {
        login_id: crate::secret::random::id(now),
        request: None,
        epochs,
        browser_session_id: None,
        created_at: now,
        expires_at: now + app.settings.lifetimes.login,
    };
    logins::insert(&mut tx, &login).await?;
    tx.commit().await?;
    Ok(login)
}

/// The client a sign-in is for.
pub async fn asking_client(app: &App, login: &Login) -> Result<Option<Client>, Fault> {
    let Some(request) = &login.request else { return Ok(None) };
    Ok(clients::find(&mut app.db.read().await?, request.client_id.as_str()).await?)
}

/// A customer's name, for greeting.
pub async fn customer_name(app: &App, session: &BrowserSession) -> Result<String, Fault> {
    let found = customers::find(&mut app.db.read().await?, session.customer_id.as_str()).await?;
    Ok(found.map(|customer| customer.name.as_str().to_owned()).unwrap_or_default())
}

/// Seals the login cookie.
#[must_use]
pub fn login_cookie(app: &App, login_id: Uuid, until: crate::clock::Timestamp) -> SecretText {
    seal(app, Kind::Login, login_id, until)
}

/// Seals the session cookie.
#[must_use]
pub fn session_cookie(app: &App, session: &BrowserSession) -> SecretText {
    seal(app, Kind::BrowserSession, session.browser_session_id, session.expires_at)
}

/// Seals the device cookie.
#[must_use]
pub fn device_cookie(app: &App, browser_id: Uuid) -> SecretText {
    seal(app, Kind::Device, browser_id, app.clock.now() + chrono::TimeDelta::days(400))
}

/// The id in a device cookie.
#[must_use]
pub fn browser_id(app: &App, cookie: Option<&str>) -> Option<Uuid> {
    cookie.and_then(|text| app.secrets.sealer.open(Kind::Device, text)).map(|reference| reference.session)
}

fn seal(app: &App, kind: Kind, id: Uuid, until: crate::clock::Timestamp) -> SecretText {
    let reference = Reference { session: id, serial: 0, shape: 0, expires_at: unix_seconds(until) };
    app.secrets.sealer.seal(kind, &reference)
}
