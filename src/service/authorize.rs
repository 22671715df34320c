//! The authorization request (OAuth 2.1 §4.1.1). 1. client and redirect URI, before anything else; 2. the rest, whose
//! errors go back by redirect; 3. who is signed in, and whether that is fresh enough and on the right device; 4. consent.

use uuid::Uuid;

use super::Fault;
use super::code::{self, Allowed};
use super::consent::{self, Need};
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::client::{Client, GrantType};
use crate::model::device::DeviceDetails;
use crate::model::epoch::Epochs;
use crate::model::login::{AuthorizationRequest, Login};
use crate::policy::{pkce, redirect, resource, scope};
use crate::secret::random;
use crate::store::browser_sessions::BrowserRecord;
use crate::store::{clients, logins};

/// The parameters as sent; empty ones are absent.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `client_id`.
    pub client_id: Option<String>,
    /// `redirect_uri`.
    pub redirect_uri: Option<String>,
    /// `response_type`.
    pub response_type: Option<String>,
    /// `response_mode`.
    pub response_mode: Option<String>,
    /// `scope`.
    pub scope: Option<String>,
    /// `state`.
    pub state: Option<String>,
    /// `code_challenge`.
    pub challenge: Option<String>,
    /// `code_challenge_method`.
    pub challenge_method: Option<String>,
    /// `nonce`.
    pub nonce: Option<String>,
    /// `prompt`.
    pub prompt: Option<String>,
    /// `max_age`.
    pub max_age: Option<String>,
    /// `login_hint`.
    pub login_hint: Option<String>,
    /// `resource`, repeated.
    pub resources: Vec<String>,
    /// Whether `request` was sent.
    pub has_request: bool,
    /// Whether `request_uri` was sent.
    pub has_request_uri: bool,
    /// `device_id`.
    pub app_device_id: Option<String>,
    /// `device_name` and its kin, and the user agent.
    pub device: DeviceDetails,
}

/// What happens next.
#[derive(Debug)]
pub enum Step {
    /// A page that says why, without any redirect: client or redirect URI are not proven.
    Refuse(&'static str),
    /// Back to the client, with a code or an error.
    Redirect(String),
    /// The sign-in page, under this sign-in in progress.
    SignIn(Login),
    /// The consent page, under this sign-in in progress.
    Consent(Login),
}

/// An error that goes back to the client by redirect (RFC 6749 §4.1.2.1).
type Redirected = &'static str;

/// Decides what an authorization request leads to.
pub async fn begin(app: &App, actor: &Actor, asked: Asked, signed_in: Option<&BrowserRecord>) -> Result<Step, Fault> {
    let Some(id) = asked.client_id.clone() else { return Ok(Step::Refuse("The link names no application.")) };
    let known = clients::find_known(&mut app.db.read().await?, &id).await?;
    let known = known.filter(|k| k.client.disabled_at.is_none() && k.client.may_use(GrantType::AuthorizationCode));
    let Some(known) = known else { return Ok(Step::Refuse("The application that sent you here is not known.")) };
    let chosen = redirect::choose(&known.client.redirect_uris, asked.redirect_uri.as_deref());
    let Some(redirect_uri) = chosen.map(str::to_owned) else {
        return Ok(Step::Refuse("The application sent an address that is not registered for it."));
    };
    let (state, prompt) = (asked.state.clone(), asked.prompt.clone());
    let request = match check(&known.client, asked, redirect_uri.clone()) {
        Ok(request) => request,
        Err(error) => return Ok(Step::Redirect(answer(app, &redirect_uri, state.as_deref(), ("error", error)))),
    };
    let login = new_login(app, request, known.epochs);
    let silent = prompt.as_deref() == Some("none");
    match next(app, actor, login, &known.client, Person { signed_in, silent }).await {
        Err(fault) => {
            tracing::error!(error = %fault, request_id = actor.request_id, "an authorization could not be decided");
            let error = ("error", "temporarily_unavailable");
            Ok(Step::Redirect(answer(app, &redirect_uri, state.as_deref(), error)))
        }
        decided => decided,
    }
}

/// Who is at the browser, as far as we know, and whether we may ask.
#[derive(Clone, Copy)]
struct Person<'a> {
    signed_in: Option<&'a BrowserRecord>,
    silent: bool,
}

/// With an earlier sign-in that counts: consent, or the code. Otherwise the sign-in page.
async fn next(app: &App, actor: &Actor, login: Login, client: &Client, person: Person<'_>) -> Result<Step, Fault> {
    let Person { signed_in, silent } = person;
    let Some(request) = login.request.clone() else { return Ok(Step::Refuse("No application asked for this.")) };
    let now = app.clock.now();
    let Some(record) = signed_in.filter(|record| counts(record, &request, now)) else {
        return if silent { Ok(refused(app, &request, "login_required")) } else { ask(app, login, Step::SignIn).await };
    };
    let browser = record.session.clone();
    let need = consent::unasked(app, client, &request, &browser).await?;
    if need == Need::Page {
        let login = Login { browser_session_id: Some(browser.browser_session_id), ..login };
        return if silent {
            Ok(refused(app, &request, "consent_required"))
        } else {
            ask(app, login, Step::Consent).await
        };
    }
    let allowed = Allowed {
        login: &login,
        request: &request,
        browser: &browser,
        scope: &request.scope,
        gives_consent: need == Need::Write,
        is_stored: false,
    };
    match code::issue(app, actor, allowed).await? {
        Some(code) => {
            Ok(Step::Redirect(answer(app, &request.redirect_uri, request.state.as_deref(), ("code", code.expose()))))
        }
        None if silent => Ok(refused(app, &request, "login_required")),
        None => ask(app, login, Step::SignIn).await,
    }
}

/// The redirect that carries a code or an error, always with `iss` (RFC 9207) and the `state` unchanged.
#[must_use]
pub fn answer(app: &App, redirect_uri: &str, state: Option<&str>, what: (&str, &str)) -> String {
    let mut pairs = vec![what];
    pairs.extend(state.map(|state| ("state", state)));
    pairs.push(("iss", &app.settings.issuer));
    redirect::answer(redirect_uri, &pairs)
}

/// The redirect of an error for a proven request.
#[must_use]
pub fn refused(app: &App, request: &AuthorizationRequest, error: &str) -> Step {
    Step::Redirect(answer(app, &request.redirect_uri, request.state.as_deref(), ("error", error)))
}

/// Keeps the sign-in in progress, unless it is kept already, and shows a page under it.
async fn ask(app: &App, login: Login, page: fn(Login) -> Step) -> Result<Step, Fault> {
    let mut tx = app.db.begin().await?;
    logins::insert(&mut tx, &login).await?;
    tx.commit().await?;
    Ok(page(login))
}

fn new_login(app: &App, request: AuthorizationRequest, epochs: Epochs) -> Login {
    let now = app.clock.now();
    Login {
        login_id: random::id(now),
        request: Some(request),
        epochs: Epochs { subject: None, ..epochs },
        browser_session_id: None::<Uuid>,
        created_at: now,
        expires_at: now + app.settings.lifetimes.login,
    }
}

/// Everything but client and redirect URI.
fn check(client: &Client, asked: Asked, redirect_uri: String) -> Result<AuthorizationRequest, Redirected> {
    if asked.has_request {
        return Err("request_not_supported");
    }
    if asked.has_request_uri {
        return Err("request_uri_not_supported");
    }
    match asked.response_type.as_deref() {
        Some("code") => {}
        Some(_) => return Err("unsupported_response_type"),
        None => return Err("invalid_request"),
    }
    if asked.response_mode.as_deref().is_some_and(|mode| mode != "query") {
        return Err("invalid_request");
    }
    if [&asked.state, &asked.nonce].into_iter().flatten().any(|kept| kept.len() > LONGEST_KEPT) {
        return Err("invalid_request");
    }
    let challenge = asked.challenge.filter(|c| pkce::is_challenge(c)).ok_or("invalid_request")?;
    if asked.challenge_method.as_deref() != Some("S256") {
        return Err("invalid_request");
    }
    let (fresh_login, fresh_consent) = prompts(asked.prompt.as_deref())?;
    let max_age = match asked.max_age.map(|text| text.parse::<u32>()) {
        Some(Ok(seconds)) => Some(i64::from(seconds)),
        Some(Err(_)) => return Err("invalid_request"),
        None => None,
    };
    Ok(AuthorizationRequest {
        client_id: client.client_id.clone(),
        redirect_uri,
        state: asked.state,
        scope: scope::choose(&client.scope, asked.scope.as_deref()).map_err(|_| "invalid_scope")?,
        resources: resource::choose(&client.resources, &asked.resources).map_err(|_| "invalid_target")?,
        challenge,
        nonce: asked.nonce,
        fresh_login,
        fresh_consent,
        max_age,
        login_hint: asked.login_hint,
        app_device_id: asked.app_device_id,
        device: asked.device,
    })
}

/// Longest `state` and `nonce` that are kept while somebody signs in.
const LONGEST_KEPT: usize = 4_096;

/// Whether `prompt` asks for a new sign-in and a new consent.
fn prompts(prompt: Option<&str>) -> Result<(bool, bool), Redirected> {
    let words: Vec<&str> = prompt.unwrap_or_default().split(' ').filter(|word| !word.is_empty()).collect();
    if words.iter().any(|word| !["none", "login", "consent", "select_account"].contains(word)) {
        return Err("invalid_request");
    }
    if words.contains(&"none") && words.len() > 1 {
        return Err("invalid_request");
    }
    Ok((words.contains(&"login") || words.contains(&"select_account"), words.contains(&"consent")))
}

/// Whether an earlier sign-in is fresh enough, and on the device the app named.
fn counts(record: &BrowserRecord, request: &AuthorizationRequest, now: Timestamp) -> bool {
    let age = (now - record.session.auth_at).num_seconds();
    let fresh = !request.fresh_login && request.max_age.is_none_or(|most| most > 0 && age <= most);
    let same_device = match (&request.app_device_id, &record.app_device) {
        (None, _) => true,
        (Some(named), Some((client, known))) => named == known && request.client_id.as_str() == client,
        (Some(_), None) => false,
    };
    fresh && same_device
}
