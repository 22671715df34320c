//! Introspection (RFC 7662): is this token good, for this caller, now? Access tokens by a copy that the view has nothing
//! against, as long as the lease runs; refresh tokens, and everything in the plain variant, by the truth. No audit row, no write, but for the alarm about guessing: what was seen is gathered in memory.

use std::net::IpAddr;

use super::audit::Told as Row;
use super::claims::{self, Told};
use super::client_auth::remembered;
use super::found::{self, Found, Standing};
use super::{Fault, allowance};
use crate::activity::{Seen, Use};
use crate::app::App;
use crate::clock::{Timestamp, unix_seconds};
use crate::limits::{Rule, Wait};
use crate::model::actor::{Actor, Who};
use crate::model::audit::Action;
use crate::model::client::Client;
use crate::model::epoch::Level;
use crate::model::session::{Record, SubjectKind};
use crate::policy::introspection::{may_introspect, may_see};
use crate::policy::verdict::{Verdict, judge};
use crate::secret::seal::{Kind, Reference};
use crate::seeded::{self, Bug, has};

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

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The token.
    pub token: &'a str,
    /// Where the request that carried it came from, if the caller told (`client_ip`).
    pub from: Option<IpAddr>,
}

/// The short way, for a genuine access token asked about with a header that proved its sender before: what is near is
/// answered without a wait. `None`: nothing is said, [`check`] does.
pub async fn check_at_once(app: &App, header: &str, question: Question<'_>) -> Option<Result<Answer, Fault>> {
    if !app.settings.is_fast {
        return None;
    }
    let caller = remembered(app, header)?;
    let client = &caller.value.client;
    let (Kind::Access, reference) = app.secrets.sealer.open_any(question.token)? else { return None };
    let asked = Asked::new(app, reference, false, question.from);
    if reference.expires_at <= unix_seconds(asked.now) || !may_introspect(client) {
        return None;
    }
    let is_current = app.checks.node.ask(|view| view.is_current(caller.as_of, client.client_id.as_str()));
    is_current.filter(|is_current| *is_current)?;
    match found::near(app, &asked.reference, asked.serial).map(|found| judged(app, client, &found, &asked)) {
        None | Some(Err(Fault::NotFresh)) => Some(Box::pin(attempts(app, client, &asked)).await),
        said => said,
    }
}

/// Checks a token for a proven caller.
pub async fn check(app: &App, actor: &Actor, caller: &Client, question: Question<'_>) -> Result<Answer, Fault> {
    if !may_introspect(caller) {
        return Ok(Answer::Forbidden);
    }
    let Some((kind, reference)) = app.secrets.sealer.open_any(question.token) else {
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
    let asked = Asked::new(app, reference, is_refresh, question.from);
    if reference.expires_at <= unix_seconds(asked.now) {
        return Ok(Answer::Inactive);
    }
    attempts(app, caller, &asked).await
}

async fn attempts(app: &App, caller: &Client, asked: &Asked) -> Result<Answer, Fault> {
    for _ in 1..ATTEMPTS {
        let said = attempt(app, caller, asked).await;
        if !matches!(said, Err(Fault::NotFresh)) || !app.checks.node.is_fresh_soon().await {
            return said;
        }
    }
    attempt(app, caller, asked).await
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
    from: Option<IpAddr>,
}

impl Asked {
    fn new(app: &App, reference: Reference, is_refresh: bool, from: Option<IpAddr>) -> Self {
        let serial = i64::try_from(reference.serial).unwrap_or(-1);
        Self { reference, is_refresh, serial, now: app.clock.now(), from }
    }
}

/// The verdict over a record, and once more what was taken back, when the answer is put together and about to leave.
fn judged(app: &App, caller: &Client, found: &Found, asked: &Asked) -> Result<Answer, Fault> {
    let Some(level) = alive(app, found.record(), &asked.reference, asked.is_refresh, asked.now) else {
        return Ok(Answer::Inactive);
    };
    let session = &found.record().session;
    let shape = if asked.is_refresh { None } else { session.shapes.get(usize::from(asked.reference.shape)) };
    if !may_see(caller, session, shape, asked.is_refresh) {
        return Ok(Answer::Inactive);
    }
    let mut told = Told { reference: asked.reference, shape, level };
    loop {
        let text = claims::text(app, caller, found, &told)?;
        seeded::pause();
        let standing =
            if has(Bug::LeaseNotRechecked) { Standing::Good(None) } else { found.standing(app, asked.serial) };
        let now = match standing {
            Standing::Dead => return Ok(Answer::Inactive),
            Standing::Unknown => return Err(Fault::NotFresh),
            Standing::Good(newer) => newer.unwrap_or(level),
        };
        if now == told.level {
            let seen = Seen { device_id: session.device_id, at: asked.now, address: None };
            let (customer_id, checker_id) = (session.subject_id.as_str(), caller.client_id.as_str());
            app.activity.used(session.session_id, &Use { seen, from: asked.from, customer_id, checker_id });
            return Ok(Answer::Active(text));
        }
        // A restriction that the copy does not know, seldom a second one: the answer is put together anew.
        told.level = now;
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
