//! What comes after the sign-in page: going on to consent or the code, and the answer given on the consent page.

use chrono::TimeDelta;

use super::Fault;
use super::audit::{Told, record};
use super::authorize::{Step, answer, refused};
use super::code::{self, Allowed};
use crate::app::App;
use crate::model::actor::{Actor, Who};
use crate::model::audit::Action;
use crate::model::client::{Client, GrantType};
use crate::model::login::{AuthorizationRequest, BrowserSession, Login};
use crate::model::scope::Scope;
use crate::policy::redirect;
use crate::secret::text::SecretText;
use crate::store::{clients, consents, logins};

/// What the consent page shows.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who asks.
    pub client: Client,
    /// For what.
    pub scope: Scope,
    /// Where it may be used.
    pub resources: Vec<String>,
    /// For how long at most.
    pub lasts: TimeDelta,
}

/// A person's yes on the consent page.
#[derive(Clone, Copy, Debug)]
pub struct Yes<'a> {
    /// To which sign-in in progress.
    pub login: &'a Login,
    /// Who says it.
    pub browser: &'a BrowserSession,
    /// To what.
    pub scope: &'a Scope,
}

/// Where a person who just signed in goes.
#[derive(Debug)]
pub enum After {
    /// To their account page: no application asked.
    Account,
    /// To the consent page.
    Consent,
    /// Back to the application.
    Redirect(String),
    /// To the beginning: something was taken back meanwhile.
    Stale,
}

/// What consent a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// None: one in force covers it.
    Nothing,
    /// Ours: written without asking.
    Write,
    /// The person must be asked.
    Page,
}

/// Whether the person must be asked: for third-party clients always, for ours when they wish it, or ask for what
/// the person left out before. Ours rest on the earlier consent where it covers scope and resources. This is right after somebody typed a password on a page that names the
/// client; without that, [`unasked`] decides.
pub(super) async fn need(
    app: &App,
    client: &Client,
    request: &AuthorizationRequest,
    browser: &BrowserSession,
) -> Result<Need, Fault> {
    if !client.first_party || request.fresh_consent {
        return Ok(Need::Page);
    }
    let found = consents::find(&mut app.db.read().await?, &browser.customer_id, &request.client_id).await?;
    if found.as_ref().is_some_and(|consent| !request.scope.common(&consent.declined).is_empty()) {
        return Ok(Need::Page);
    }
    let in_force = found.is_some_and(|consent| {
        let covers = request.resources.iter().all(|resource| consent.resources.contains(resource));
        consent.withdrawn_at.is_none() && request.scope.is_within(&consent.scope) && covers
    });
    Ok(if in_force { Need::Nothing } else { Need::Write })
}

/// What is needed where an earlier sign-in counts and nobody has seen a page of ours yet. A client without a secret whose
/// answer does not go to its own https address could be any program on the device that took its name, so the person is asked,
/// although the client is ours (RFC 8252 §8.6).
pub(super) async fn unasked(
    app: &App,
    client: &Client,
    request: &AuthorizationRequest,
    browser: &BrowserSession,
) -> Result<Need, Fault> {
    if !client.has_secret() && !redirect::proves_its_owner(&request.redirect_uri) {
        return Ok(Need::Page);
    }
    need(app, client, request, browser).await
}

/// After a sign-in: the code, or the consent page.
pub async fn after_sign_in(app: &App, actor: &Actor, login: &Login, browser: &BrowserSession) -> Result<After, Fault> {
    let Some(request) = &login.request else { return Ok(After::Account) };
    let mut conn = app.db.read().await?;
    let client = clients::find(&mut conn, request.client_id.as_str()).await?;
    let Some(client) = client.filter(|client| client.disabled_at.is_none()) else { return Ok(After::Stale) };
    drop(conn);
    let need = need(app, &client, request, browser).await?;
    if need == Need::Page {
        return Ok(After::Consent);
    }
    let gives_consent = need == Need::Write;
    let allowed = Allowed { login, request, browser, scope: &request.scope, gives_consent, is_stored: true };
    Ok(to_client(app, login, code::issue(app, actor, allowed).await?.as_ref().map(SecretText::expose)))
}

/// What the consent page of a sign-in in progress asks; `None` if it is not this browser's.
pub async fn question(app: &App, login: &Login, browser: &BrowserSession) -> Result<Option<Question>, Fault> {
    let Some(request) = login.request.as_ref().filter(|_| is_of(login, browser)) else { return Ok(None) };
    let found = clients::find(&mut app.db.read().await?, request.client_id.as_str()).await?;
    let lifetimes = &app.settings.lifetimes;
    Ok(found.filter(|client| client.disabled_at.is_none()).map(|client| Question {
        lasts: if client.may_use(GrantType::RefreshToken) { lifetimes.session } else { lifetimes.access },
        client,
        scope: request.scope.clone(),
        resources: request.resources.clone(),
    }))
}

/// The person says yes, to all that was asked for or to fewer scopes; never to more.
pub async fn approve(app: &App, actor: &Actor, yes: Yes<'_>) -> Result<After, Fault> {
    let Yes { login, browser, scope } = yes;
    let Some(request) = login.request.as_ref().filter(|_| is_of(login, browser)) else { return Ok(After::Stale) };
    if !scope.is_within(&request.scope) {
        return Ok(After::Stale);
    }
    let allowed = Allowed { login, request, browser, scope, gives_consent: true, is_stored: true };
    Ok(to_client(app, login, code::issue(app, actor, allowed).await?.as_ref().map(SecretText::expose)))
}

/// The person says no: the client is told, and nothing is given.
pub async fn deny(app: &App, actor: &Actor, login: &Login, browser: &BrowserSession) -> Result<After, Fault> {
    let Some(request) = login.request.as_ref().filter(|_| is_of(login, browser)) else { return Ok(After::Stale) };
    let mut tx = app.db.begin().await?;
    if !logins::finish(&mut tx, login.login_id).await? {
        return Ok(After::Stale);
    }
    let told = Told::refused(Action::Consent, "client", &request.client_id).of(&browser.customer_id);
    record(app, &mut tx, &actor.as_who(Who::Customer(browser.customer_id.clone())), told).await?;
    tx.commit().await?;
    match refused(app, request, "access_denied") {
        Step::Redirect(to) => Ok(After::Redirect(to)),
        Step::Refuse(_) | Step::SignIn(_) | Step::Consent(_) => Ok(After::Stale),
    }
}

fn is_of(login: &Login, browser: &BrowserSession) -> bool {
    login.browser_session_id == Some(browser.browser_session_id)
}

fn to_client(app: &App, login: &Login, code: Option<&str>) -> After {
    match (code, &login.request) {
        (Some(code), Some(request)) => {
            After::Redirect(answer(app, &request.redirect_uri, request.state.as_deref(), ("code", code)))
        }
        (_, _) => After::Stale,
    }
}
