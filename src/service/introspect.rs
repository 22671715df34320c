//! Introspection (RFC 7662): is this token good, for this caller, now? Access tokens by a copy that the view has nothing
//! against, as long as the lease runs; refresh tokens, and everything in the plain variant, by the truth. No audit row, no write, but for the alarm about guessing: what was seen is gathered in memory.

use serde::Serialize;
use uuid::Uuid;

use super::audit::Told as Row;
use super::found::{self, Found, Standing};
use super::{Fault, allowance};
use crate::activity::Seen;
use crate::app::App;
use crate::clock::{Timestamp, unix_seconds};
use crate::limits::{Rule, Wait};
use crate::model::actor::{Actor, Who};
use crate::model::audit::Action;
use crate::model::client::Client;
use crate::model::epoch::Level;
use crate::model::session::{Record, Session, Shape, SubjectKind};
use crate::policy::introspection::{may_introspect, may_see, told_scope};
use crate::policy::verdict::{Verdict, judge};
use crate::secret::seal::{Kind, Reference};

/// What is said of a good token (RFC 7662 §2.2). Borrowed: it is written out at once.
#[derive(Serialize)]
struct Claims<'a> {
    active: bool,
    scope: String,
    client_id: &'a str,
    sub: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    aud: &'a [String],
    iss: &'a str,
    exp: u32,
    iat: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<u32>,
    sid: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<Uuid>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    restrictions: &'static [&'static str],
}

/// The answer to a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Good: what is said of it, as JSON.
    Active(String),
    /// Not good, for whatever reason.
    Inactive,
    /// The caller may not ask.
    Forbidden,
    /// The caller sends too many texts that are not tokens.
    TooMany(Wait),
}

/// Checks a token for a proven caller.
pub async fn check(app: &App, actor: &Actor, caller: &Client, token: &str) -> Result<Answer, Fault> {
    if !may_introspect(caller) {
        return Ok(Answer::Forbidden);
    }
    let Some((kind, reference)) = app.secrets.sealer.open_any(token) else {
        return Ok(Box::pin(not_a_token(app, actor, caller)).await);
    };
    let is_refresh = match kind {
        Kind::Access => false,
        Kind::Refresh => true,
        Kind::Code
        | Kind::PushedRequest
        | Kind::ApiKey
        | Kind::BrowserSession
        | Kind::StaffSession
        | Kind::Device
        | Kind::Login
        | Kind::EmailedLink => return Ok(Answer::Inactive),
    };
    let now = app.clock.now();
    if reference.expires_at <= unix_seconds(now) {
        return Ok(Answer::Inactive);
    }
    let asked = Asked { reference, is_refresh, serial: i64::try_from(reference.serial).unwrap_or(-1), now };
    for _ in 1..ATTEMPTS {
        let said = attempt(app, caller, &asked).await;
        if !matches!(said, Err(Fault::NotFresh)) || !app.checks.node.is_fresh_soon().await {
            return said;
        }
    }
    attempt(app, caller, &asked).await
}

async fn attempt(app: &App, caller: &Client, asked: &Asked) -> Result<Answer, Fault> {
    let found = if asked.is_refresh {
        Box::pin(found::from_truth(app, asked.reference.session, asked.serial)).await?
    } else {
        found::find(app, &asked.reference, asked.serial).await?
    };
    match found {
        Some(found) => judged(app, caller, &found, asked),
        None => Ok(Answer::Inactive),
    }
}

/// A view may be dropped, or a lease end, between a look and the answer: then the check begins again, so often.
const ATTEMPTS: u32 = 3;

/// A token that was opened, and when.
struct Asked {
    reference: Reference,
    is_refresh: bool,
    serial: i64,
    now: Timestamp,
}

/// The verdict over a record, and once more what was taken back, just before the answer leaves.
fn judged(app: &App, caller: &Client, found: &Found, asked: &Asked) -> Result<Answer, Fault> {
    let Some(level) = alive(app, found.record(), &asked.reference, asked.is_refresh, asked.now) else {
        return Ok(Answer::Inactive);
    };
    let session = &found.record().session;
    let shape = if asked.is_refresh { None } else { session.shapes.get(usize::from(asked.reference.shape)) };
    if !may_see(caller, session, shape, asked.is_refresh) {
        return Ok(Answer::Inactive);
    }
    let told = |level| Told { reference: asked.reference, shape, level };
    match found.standing(app, asked.serial) {
        Standing::Dead => Ok(Answer::Inactive),
        Standing::Unknown => Err(Fault::NotFresh),
        Standing::Good(newer) => {
            let seen = Seen { device_id: session.device_id, at: asked.now, address: None };
            app.activity.note(session.session_id, seen);
            let claims = claims(app, caller, session, &told(newer.unwrap_or(level)));
            Ok(Answer::Active(serde_json::to_string(&claims)?))
        }
    }
}

/// The restriction under which the token is good, or `None` if it is not.
fn alive(app: &App, record: &Record, token: &Reference, is_refresh: bool, now: Timestamp) -> Option<Level> {
    let session = &record.session;
    let current = u64::try_from(session.generation).unwrap_or(0);
    if is_refresh {
        let idle = session.rotation.at + app.settings.lifetimes.session_idle <= now;
        let verdict = judge(&record.of_refresh_token(), token.expires_at, None, now);
        return match verdict {
            Verdict::Alive(level) if token.serial == current && !idle => Some(level),
            Verdict::Alive(_) | Verdict::Dead => None,
        };
    }
    // Where tokens rotate, one of a generation above the current was never committed here: a store that went back.
    let rotates = session.subject_kind == SubjectKind::Customer;
    match judge(record, token.expires_at, Some(token.shape), now) {
        Verdict::Alive(level) if !rotates || token.serial <= current => Some(level),
        Verdict::Alive(_) | Verdict::Dead => None,
    }
}

/// What was found out about a good token.
struct Told<'a> {
    reference: Reference,
    shape: Option<&'a Shape>,
    level: Level,
}

fn claims<'a>(app: &'a App, caller: &Client, session: &'a Session, told: &Told<'a>) -> Claims<'a> {
    let scope = told.shape.map_or(&session.scope, |shape| &shape.scope);
    let life = u32::try_from(app.settings.lifetimes.access.num_seconds()).unwrap_or(0);
    let born = unix_seconds(session.created_at);
    let minted = told.shape.map_or(born, |_| told.reference.expires_at.saturating_sub(life).max(born));
    Claims {
        active: true,
        scope: told_scope(caller, scope).to_string(),
        client_id: session.client_id.as_str(),
        sub: &session.subject_id,
        aud: told.shape.map_or(&session.resources, |shape| &shape.audience),
        iss: &app.settings.issuer,
        exp: told.reference.expires_at,
        iat: minted,
        token_type: told.shape.map(|_| "Bearer"),
        auth_time: session.auth_at.map(unix_seconds),
        sid: session.session_id,
        device_id: session.device_id,
        restrictions: restrictions(told.level),
    }
}

/// `restrictions`: what the bank should not let the customer do for now.
fn restrictions(level: Level) -> &'static [&'static str] {
    match level {
        Level::None | Level::Full => &[],
        Level::Payments => &["payments"],
        Level::Write => &["payments", "write"],
    }
}

/// A text that does not unseal cost no look-up; many of them are guessing, which is told once a minute.
async fn not_a_token(app: &App, actor: &Actor, caller: &Client) -> Answer {
    let now = app.clock.now();
    let id = caller.client_id.as_str();
    let guesses = app.limits.take(Rule::GarbageAlarmPerCaller, id, now).await.is_err();
    let actor = &actor.as_who(Who::Client(caller.client_id.clone()));
    if guesses {
        let row = Row::alarm(Action::TokenGuessing, "client", id).because("many texts that are not tokens");
        allowance::tell(app, actor, "token_guessing", id, row).await;
    }
    match allowance::take(app, actor, Rule::GarbageTokensPerCaller, id).await {
        Ok(()) => Answer::Inactive,
        Err(wait) => Answer::TooMany(wait),
    }
}
