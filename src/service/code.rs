//! Authorization codes: issued after consent, redeemed once (OAuth 2.1 §4.1). A code is a sealed reference to a row that
//! carries everything the tokens will rest on, with the epochs handed down from the proof of identity.

use super::audit::{Told, record, record_alone};
use super::tokens::{TokenError, TokenRefusal, Tokens, current_pair};
use super::{Fault, commit_everywhere};
use crate::app::App;
use crate::clock::unix_seconds;
use crate::metrics::label::TakenBack;
use crate::model::actor::{Actor, Who};
use crate::model::audit::Action;
use crate::model::client::{Client, GrantType};
use crate::model::code::Code;
use crate::model::device::DeviceDetails;
use crate::model::epoch::Epochs;
use crate::model::login::{AuthorizationRequest, BrowserSession, Login};
use crate::model::scope::Scope;
use crate::model::session::{Rotation, Session, Shape, SubjectKind};
use crate::policy::verdict::epochs_current;
use crate::policy::{pkce, resource};
use crate::secret::random;
use crate::secret::seal::{Kind, Reference};
use crate::secret::text::SecretText;
use crate::seeded::{Bug, has};
use crate::store::clients::KnownClient;
use crate::store::codes::{self, CodeRecord};
use crate::store::consents::{self, Given};
use crate::store::{Conn, StoreError, browser_sessions, devices, epochs, logins, sessions};

/// Wrong verifiers after which a code is worthless.
const MOST_TRIES: i64 = 5;

/// A proven request that a signed-in customer allows.
#[derive(Clone, Copy, Debug)]
pub struct Allowed<'a> {
    /// The sign-in in progress, if its row is stored and must be claimed.
    pub login: &'a Login,
    /// The request.
    pub request: &'a AuthorizationRequest,
    /// Who allows it.
    pub browser: &'a BrowserSession,
    /// What they allow: the request's scope, or fewer.
    pub scope: &'a Scope,
    /// Whether this consent is written now, or was in force.
    pub gives_consent: bool,
    /// Whether the sign-in in progress has a row to claim.
    pub is_stored: bool,
}

/// Issues a code; `None` if an epoch moved since the proof began, the consent is gone, or another request was quicker.
pub async fn issue(app: &App, actor: &Actor, allowed: Allowed<'_>) -> Result<Option<SecretText>, Fault> {
    let actor = &actor.as_who(Who::Customer(allowed.browser.customer_id.clone()));
    let mut tx = app.db.begin().await?;
    let code = match issue_in(app, &mut tx, actor, allowed).await {
        Ok(Some(code)) => code,
        // Another request wrote the first consent a moment earlier.
        Ok(None) | Err(StoreError::Taken) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    tx.commit().await?;
    let reference =
        Reference { session: code.session_id, serial: 0, shape: 0, expires_at: unix_seconds(code.expires_at) };
    Ok(Some(app.secrets.sealer.seal(Kind::Code, &reference)))
}

async fn issue_in(app: &App, tx: &mut Conn, actor: &Actor, allowed: Allowed<'_>) -> Result<Option<Code>, StoreError> {
    let (request, browser) = (allowed.request, allowed.browser);
    if allowed.is_stored && !logins::finish(tx, allowed.login.login_id).await? {
        return Ok(None);
    }
    // Signing out raises no epoch: what was signed in when the request came may be over by now.
    let signed_in = browser_sessions::find_record(tx, browser.browser_session_id).await?;
    if signed_in.is_none_or(|record| record.session.ended_at.is_some()) {
        return Ok(None);
    }
    let Some((consent_id, consent_epoch)) = consent(app, tx, actor, allowed).await? else { return Ok(None) };
    let birth = Epochs { client: allowed.login.epochs.client, consent: Some(consent_epoch), ..browser.epochs };
    let of = epochs::Ancestors {
        client: Some(request.client_id.as_str()),
        subject: Some(browser.customer_id.as_str()),
        device: Some(browser.device_id),
        consent: Some(consent_id),
    };
    let now_epochs = epochs::current(tx, of).await?;
    if !epochs_current(&birth, &now_epochs) || birth.client.is_none() || allowed.login.epochs.global != birth.global {
        return Ok(None);
    }
    let now = app.clock.now();
    let code = Code {
        session_id: random::id(now),
        client_id: request.client_id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        challenge: request.challenge.clone(),
        nonce: request.nonce.clone(),
        scope: allowed.scope.clone(),
        resources: request.resources.clone(),
        customer_id: browser.customer_id.clone(),
        device_id: browser.device_id,
        consent_id,
        auth_at: browser.auth_at,
        created_at: now,
        expires_at: now + app.settings.lifetimes.code,
        tries: 0,
        redeemed_at: None,
        epochs: birth,
    };
    note_challenge(app, tx, actor, &code).await?;
    codes::insert(tx, &code).await?;
    let told = Told::done(Action::CodeIssue, "session", code.session_id).of(&code.customer_id);
    record(app, tx, actor, told.because(format!("to {}", code.client_id))).await?;
    Ok(Some(code))
}

/// The consent the code rests on, with its epoch: one in force, or written in this transaction.
async fn consent(
    app: &App,
    tx: &mut Conn,
    actor: &Actor,
    allowed: Allowed<'_>,
) -> Result<Option<(uuid::Uuid, i64)>, StoreError> {
    let (customer, client) = (&allowed.browser.customer_id, &allowed.request.client_id);
    let known = consents::find(tx, customer, client).await?;
    if !allowed.gives_consent {
        let in_force = known.filter(|consent| consent.withdrawn_at.is_none());
        return Ok(in_force.map(|consent| (consent.consent_id, consent.epoch)));
    }
    let now = app.clock.now();
    // What was left out stays so until the person says yes to it: our own applications would get it without a page.
    let asked = known.as_ref().map_or(allowed.request.scope.clone(), |k| allowed.request.scope.and(&k.declined));
    let declined = asked.only(|word| !allowed.scope.has(word));
    let resources = &allowed.request.resources;
    let given = Given { customer, client, scope: allowed.scope, declined: &declined, resources, at: now };
    let (consent_id, epoch) = if let Some(consent) = known {
        consents::renew(tx, consent.consent_id, &given).await?;
        (consent.consent_id, consent.epoch)
    } else {
        let new = random::id(now);
        consents::insert(tx, new, &given).await?;
        (new, 1)
    };
    let told = Told::done(Action::Consent, "client", client).of(customer).because(allowed.scope.to_string());
    record(app, tx, actor, told).await?;
    Ok(Some((consent_id, epoch)))
}

/// A challenge belongs to one request (RFC 9700 §2.1.1): a client that repeats it is worth an alarm.
async fn note_challenge(app: &App, tx: &mut Conn, actor: &Actor, code: &Code) -> Result<(), StoreError> {
    let before = codes::count_challenge(tx, &code.client_id, &code.challenge).await?;
    if before == 0 {
        return Ok(());
    }
    let told = Told::alarm(Action::ChallengeReuse, "client", &code.client_id).of(&code.customer_id);
    record(app, tx, actor, told.because(format!("seen {before} times before"))).await
}

/// What was sent to redeem a code.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// `code`.
    pub code: &'a str,
    /// `code_verifier`.
    pub verifier: Option<&'a str>,
    /// `redirect_uri`, if sent.
    pub redirect_uri: Option<&'a str>,
    /// `resource`, repeated: narrows the access token.
    pub resources: &'a [String],
    /// What the app tells about the device.
    pub device: DeviceDetails,
}

/// Redeems a code. A second otherwise valid redemption ends everything the first one gave.
pub async fn redeem(app: &App, actor: &Actor, known: &KnownClient, asked: Asked<'_>) -> Result<Tokens, TokenError> {
    let client = &known.client;
    if !client.may_use(GrantType::AuthorizationCode) {
        return Err(TokenRefusal::UnauthorizedClient.into());
    }
    let actor = &actor.as_who(Who::Client(client.client_id.clone()));
    let opened = app.secrets.sealer.open(Kind::Code, asked.code).ok_or(TokenRefusal::InvalidGrant)?;
    let found = codes::find_record(&mut app.db.read().await?, opened.session).await?;
    let CodeRecord { mut code, now } = found.ok_or(TokenRefusal::InvalidGrant)?;
    if has(Bug::CodesOutliveLockdown) {
        code.epochs = now.epochs;
    }
    if code.client_id != client.client_id || asked.redirect_uri.is_some_and(|uri| uri != code.redirect_uri) {
        return Err(refuse(app, actor, &code, "another client or redirect URI").await?);
    }
    if !asked.verifier.is_some_and(|verifier| pkce::matches(verifier, &code.challenge)) {
        count_try(app, &code).await?;
        return Err(refuse(app, actor, &code, "wrong verifier").await?);
    }
    // Before the tries are looked at: a thief who used them up must not hide the theft.
    if code.redeemed_at.is_some() {
        return Err(kill_replayed(app, actor, &code).await);
    }
    if code.tries >= MOST_TRIES {
        return Err(refuse(app, actor, &code, "too many wrong verifiers").await?);
    }
    let current = now.global_found && epochs_current(&code.epochs, &now.epochs);
    if !current || code.expires_at <= app.clock.now() {
        return Err(refuse(app, actor, &code, "expired, or taken back").await?);
    }
    let audience = resource::choose(&code.resources, asked.resources).map_err(|_| TokenRefusal::InvalidTarget)?;
    let shape = Shape { scope: code.scope.clone(), audience };
    exchange(app, actor, client, (code, shape), &asked.device).await
}

/// Counts a wrong verifier; the code stays usable until the tries are used up.
async fn count_try(app: &App, code: &Code) -> Result<(), StoreError> {
    let mut tx = app.db.begin().await?;
    codes::count_try(&mut tx, code.session_id, MOST_TRIES).await?;
    tx.commit().await
}

/// The one redemption: claims the code, makes the session under the epochs handed down.
async fn exchange(
    app: &App,
    actor: &Actor,
    client: &Client,
    (code, shape): (Code, Shape),
    told: &DeviceDetails,
) -> Result<Tokens, TokenError> {
    let now = app.clock.now();
    let session = born_from(app, actor, client, (&code, shape));
    let mut tx = app.db.begin().await?;
    if !codes::redeem(&mut tx, code.session_id, now, session.expires_at).await? {
        drop(tx);
        return Err(kill_replayed(app, actor, &code).await);
    }
    let of = epochs::Ancestors {
        client: Some(code.client_id.as_str()),
        subject: Some(code.customer_id.as_str()),
        device: Some(code.device_id),
        consent: Some(code.consent_id),
    };
    if !epochs_current(&code.epochs, &epochs::current(&mut tx, of).await?) {
        return Err(TokenRefusal::InvalidGrant.into());
    }
    sessions::insert(&mut tx, &session, None).await?;
    if let Some(device) = session.device_id {
        devices::fill_in(&mut tx, device, told).await?;
    }
    let entry = Told::done(Action::CodeRedeem, "session", session.session_id).of(&session.subject_id);
    record(app, &mut tx, actor, entry).await?;
    tx.commit().await?;
    // Seconds count from its birth: counted from an earlier moment they could be one more than the life set.
    Ok(current_pair(app, &session, client.may_use(GrantType::RefreshToken), session.created_at))
}

fn born_from(app: &App, actor: &Actor, client: &Client, (code, shape): (&Code, Shape)) -> Session {
    let now = app.clock.now();
    let lifetimes = &app.settings.lifetimes;
    let access_expires_at = now + lifetimes.access;
    let refreshes = client.may_use(GrantType::RefreshToken);
    Session {
        session_id: code.session_id,
        client_id: code.client_id.clone(),
        subject_id: code.customer_id.to_string(),
        subject_kind: SubjectKind::Customer,
        device_id: Some(code.device_id),
        consent_id: Some(code.consent_id),
        scope: code.scope.clone(),
        resources: code.resources.clone(),
        shapes: vec![shape],
        generation: 1,
        rotation: Rotation { at: now, address: actor.address.map(|a| a.to_string()), shape: 0, access_expires_at },
        auth_at: Some(code.auth_at),
        created_at: now,
        expires_at: if refreshes { now + lifetimes.session } else { access_expires_at },
        ended_at: None,
        epochs: code.epochs,
    }
}

/// The right client with the right verifier came again: what the code gave is dead before the refusal leaves.
async fn kill_replayed(app: &App, actor: &Actor, code: &Code) -> TokenError {
    let ended = async {
        let mut tx = app.db.begin_first().await?;
        sessions::end(&mut tx, code.session_id, "code_replay", app.clock.now()).await?;
        let told = Told::alarm(Action::CodeReplay, "session", code.session_id).of(&code.customer_id);
        record(app, &mut tx, actor, told).await?;
        commit_everywhere(app, tx, TakenBack::Replay).await
    };
    match ended.await {
        Ok(()) => TokenRefusal::InvalidGrant.into(),
        Err(error) => {
            tracing::error!(%error, session_id = %code.session_id, "a replayed code could not be answered");
            TokenRefusal::Unconfirmed.into()
        }
    }
}

async fn refuse(app: &App, actor: &Actor, code: &Code, why: &str) -> Result<TokenError, TokenError> {
    let told = Told::refused(Action::CodeRedeem, "session", code.session_id).of(&code.customer_id).because(why);
    record_alone(app, actor, told).await?;
    Ok(TokenRefusal::InvalidGrant.into())
}
