//! Signing in with a password. 1. limits; 2. one read of customer, lock flag, epochs and device; 3. the try is counted;
//! 4. one argon2 run; 5. one transaction over device, browser session and audit, refused if an epoch moved meanwhile.

use uuid::Uuid;

use super::audit::{Told, record, record_alone};
use super::tries::{self, Try};
use super::{Fault, allowance};
use crate::app::App;
use crate::clock::Timestamp;
use crate::limits::{Rule, Wait, address_key};
use crate::metrics::label::{Person, SignIn as Outcome};
use crate::model::actor::{Actor, Who};
use crate::model::audit::Action;
use crate::model::customer::fold;
use crate::model::device::{Device, DeviceDetails};
use crate::model::epoch::{Epochs, Level};
use crate::model::ids::{ClientId, CustomerId};
use crate::model::login::{BrowserSession, Login};
use crate::policy::phone;
use crate::policy::verdict::epochs_current;
use crate::secret::password::Verdict;
use crate::secret::random;
use crate::secret::text::SecretText;
use crate::seeded::{Bug, has};
use crate::store::customers::{KnownDevice, Named, SignInPlace, SignInRead};
use crate::store::devices::DeviceNames;
use crate::store::{Conn, StoreError, browser_sessions, customers, devices, epochs, logins, throttles};

/// What the form and the browser sent.
#[derive(Debug)]
pub struct SignIn {
    /// The sign-in in progress.
    pub login: Login,
    /// Customer id, e-mail address or telephone number, as typed.
    pub username: String,
    /// Password, as typed.
    pub password: SecretText,
    /// The id in the device cookie.
    pub browser_id: Option<Uuid>,
    /// An earlier browser session in the same browser, which ends.
    pub replaces: Option<Uuid>,
    /// What the browser says about itself.
    pub browser: DeviceDetails,
}

/// What came of it.
#[derive(Debug)]
pub enum LoginOutcome {
    /// Signed in: the new browser session, the new id of the sign-in in progress, the browser's id.
    Welcome(Box<Welcome>),
    /// Unknown name, wrong password, or no password: one answer.
    Refused,
    /// Right password, but locked or disabled.
    Restricted,
    /// Too many tries.
    Wait(Wait),
    /// Something was taken back meanwhile, or another request was quicker: begin again.
    Stale,
}

/// Somebody who signed in.
#[derive(Debug)]
pub struct Welcome {
    /// Their new browser session.
    pub session: BrowserSession,
    /// The sign-in in progress, under a new id.
    pub login: Login,
    /// The browser's id, for the device cookie.
    pub browser_id: Uuid,
}

/// Signs in.
pub async fn sign_in(app: &App, actor: &Actor, form: SignIn) -> Result<LoginOutcome, Fault> {
    let outcome = try_sign_in(app, actor, form).await;
    app.metrics.signed_in(
        Person::Customer,
        match &outcome {
            Ok(LoginOutcome::Welcome(_)) => Outcome::Welcome,
            Ok(LoginOutcome::Refused) => Outcome::Refused,
            Ok(LoginOutcome::Restricted) => Outcome::Restricted,
            Ok(LoginOutcome::Wait(_)) => Outcome::Limited,
            Ok(LoginOutcome::Stale) => Outcome::Stale,
            Err(fault) => fault.of_sign_in(),
        },
    );
    outcome
}

async fn try_sign_in(app: &App, actor: &Actor, form: SignIn) -> Result<LoginOutcome, Fault> {
    let from = actor.address.map(address_key).unwrap_or_default();
    if let Err(wait) = allowance::take(app, actor, Rule::SignInPerAddress, &from).await {
        return Ok(LoginOutcome::Wait(wait));
    }
    let found = customers::find_for_sign_in(&mut app.db.read().await?, &named(app, &form), &place(&form)).await?;
    let key = counter(app, &form, found.as_ref());
    let subject = found.as_ref().map(|read| read.customer.customer_id.as_str());
    let tried = match tries::count(app, key, subject).await? {
        Ok(tried) => tried,
        Err(wait) => {
            let told = refused_sign_in(found.as_ref(), "too many tries");
            allowance::tell(app, actor, "sign_in", &data_encoding::HEXLOWER.encode(&key), told).await;
            return Ok(LoginOutcome::Wait(wait));
        }
    };
    let stored = found.as_ref().and_then(|read| read.password_hash.as_deref());
    let looked_at = app.secrets.hasher.verify(&form.password, stored).await.map_err(Fault::from);
    match (tried.excuse(app, false, looked_at).await?, found) {
        (Verdict::Wrong, found) => refuse(app, actor, found.as_ref()).await,
        (Verdict::Right | Verdict::RightButOld, None) => Ok(LoginOutcome::Refused),
        (verdict, Some(read)) => {
            let entered = enter_with(app, actor, form, (read, verdict), &tried).await;
            tried.excuse(app, true, entered).await
        }
    }
}

async fn enter_with(
    app: &App,
    actor: &Actor,
    form: SignIn,
    (read, verdict): (SignInRead, Verdict),
    tried: &Try,
) -> Result<LoginOutcome, Fault> {
    if verdict == Verdict::RightButOld {
        upgrade_hash(app, &form, &read).await?;
    }
    enter(app, actor, form, read, tried).await
}

/// The words typed, as id, address and number.
fn named(app: &App, form: &SignIn) -> Named {
    let typed = form.username.trim();
    let phone = phone::parse(typed, app.settings.phone_country.as_deref());
    Named {
        customer_id: typed.to_owned(),
        email_folded: typed.contains('@').then(|| fold(typed)),
        phone: phone.map(|phone| phone.as_str().to_owned()),
    }
}

fn place(form: &SignIn) -> SignInPlace {
    let request = form.login.request.as_ref();
    SignInPlace {
        browser_id: form.browser_id,
        client_id: request.map(|r| r.client_id.to_string()),
        app_device_id: request.and_then(|r| r.app_device_id.clone()),
    }
}

/// Which counter a try belongs to: a device that signed in before has its own, so that strangers can't lock its owner
/// out; everybody else shares the account's; unknown names have one too.
fn counter(app: &App, form: &SignIn, found: Option<&SignInRead>) -> [u8; 32] {
    match found {
        Some(read) => match (read.by_browser, form.browser_id) {
            (Some(_), Some(browser)) => {
                app.secrets.pepper.keyed_hash("throttle device", &format!("{} {browser}", read.customer.customer_id))
            }
            (Some(_) | None, _) => {
                app.secrets.pepper.keyed_hash("throttle account", read.customer.customer_id.as_str())
            }
        },
        None => app.secrets.pepper.keyed_hash("throttle unknown", &spelled_once(app, form)),
    }
}

/// A name nobody has, in one spelling: a customer's number has one counter however it is written, so this must, too.
fn spelled_once(app: &App, form: &SignIn) -> String {
    let name = named(app, form);
    name.phone.unwrap_or_else(|| fold(&name.customer_id))
}

async fn refuse(app: &App, actor: &Actor, found: Option<&SignInRead>) -> Result<LoginOutcome, Fault> {
    let why = if found.is_some() { "wrong password" } else { "unknown name" };
    record_alone(app, actor, refused_sign_in(found, why)).await?;
    Ok(LoginOutcome::Refused)
}

/// The audit row of a sign-in that was refused.
fn refused_sign_in(found: Option<&SignInRead>, why: &str) -> Told {
    match found {
        Some(read) => {
            let id = &read.customer.customer_id;
            Told::refused(Action::SignIn, "customer", id).of(id).because(why)
        }
        None => Told::refused(Action::SignIn, "customer", "unknown").because(why),
    }
}

/// The password was right. Locked and disabled customers read that they are; others get in.
async fn enter(app: &App, actor: &Actor, form: SignIn, read: SignInRead, tried: &Try) -> Result<LoginOutcome, Fault> {
    let id = read.customer.customer_id.clone();
    let actor = &actor.as_who(Who::Customer(id.clone()));
    if read.level == Level::Full || read.customer.disabled_at.is_some() {
        let told = Told::refused(Action::SignIn, "customer", &id).of(&id).because("restricted");
        record_alone(app, actor, told).await?;
        tried.forgive(app).await?;
        return Ok(LoginOutcome::Restricted);
    }
    let mut tx = app.db.begin().await?;
    match enter_in(app, &mut tx, actor, &form, &read).await {
        Ok(Some(welcome)) => {
            throttles::reset(&mut tx, &tried.key).await?;
            tx.commit().await?;
            return Ok(LoginOutcome::Welcome(Box::new(welcome)));
        }
        // Another sign-in of the same device was quicker by a moment.
        Ok(None) | Err(StoreError::Taken) => {}
        Err(error) => return Err(error.into()),
    }
    drop(tx);
    tried.forgive(app).await?;
    Ok(LoginOutcome::Stale)
}

/// Device, browser session, sign-in in progress and audit; `None` if an epoch moved since the proof began.
async fn enter_in(
    app: &App,
    tx: &mut Conn,
    actor: &Actor,
    form: &SignIn,
    read: &SignInRead,
) -> Result<Option<Welcome>, StoreError> {
    let now = app.clock.now();
    let browser_id = form.browser_id.unwrap_or_else(|| random::id(now));
    let (device_id, device_epoch) = device(tx, actor, form, read, (browser_id, now)).await?;
    let birth = Epochs { device: Some(device_epoch), ..read.epochs };
    let of = epochs::Ancestors {
        subject: Some(read.customer.customer_id.as_str()),
        device: Some(device_id),
        ..epochs::Ancestors::default()
    };
    let current = epochs::current(tx, of).await?;
    let birth = if has(Bug::EpochsReread) { current } else { birth };
    if !epochs_current(&birth, &current) {
        return Ok(None);
    }
    let session = BrowserSession {
        browser_session_id: random::id(now),
        customer_id: read.customer.customer_id.clone(),
        device_id,
        auth_at: now,
        last_seen_at: now,
        expires_at: now + app.settings.lifetimes.sign_in,
        ended_at: None,
        epochs: birth,
    };
    browser_sessions::insert(tx, &session).await?;
    if let Some(earlier) = form.replaces {
        browser_sessions::end(tx, earlier, "replaced", now).await?;
    }
    let next = random::id(now);
    if !logins::advance(tx, form.login.login_id, next, session.browser_session_id).await? {
        return Ok(None);
    }
    let id = &session.customer_id;
    let told = Told::done(Action::SignIn, "browser_session", session.browser_session_id).of(id);
    record(app, tx, actor, told.because(format!("device {device_id}"))).await?;
    let login = Login { login_id: next, browser_session_id: Some(session.browser_session_id), ..form.login.clone() };
    Ok(Some(Welcome { session, login, browser_id }))
}

/// The device: the one the app named, else the browser's, else a new one. With its epoch as read when the proof began.
async fn device(
    tx: &mut Conn,
    actor: &Actor,
    form: &SignIn,
    read: &SignInRead,
    (browser_id, now): (Uuid, Timestamp),
) -> Result<(Uuid, i64), StoreError> {
    let request = form.login.request.as_ref();
    let app_device_id = request.and_then(|r| r.app_device_id.clone());
    let known: Option<KnownDevice> = if app_device_id.is_some() { read.by_app } else { read.by_browser };
    let client_id: Option<ClientId> = app_device_id.as_ref().and(request.map(|r| r.client_id.clone()));
    let customer_id: CustomerId = read.customer.customer_id.clone();
    let device = Device {
        device_id: known.map_or_else(|| random::id(now), |device| device.device_id),
        customer_id,
        client_id,
        details: told_by(form),
        address: actor.address.map(|a| a.to_string()),
        first_seen_at: now,
        last_seen_at: now,
        revoked_at: None,
    };
    if let Some(known) = known {
        devices::refresh(tx, &device).await?;
        return Ok((known.device_id, known.epoch));
    }
    // The cookie's device is only one per customer: an app's device takes the cookie's place if it is free.
    let browser_id = read.by_browser.is_none().then_some(browser_id);
    devices::insert(tx, &device, &DeviceNames { browser_id, app_device_id }).await?;
    Ok((device.device_id, 1))
}

/// What the app told at authorize, with the browser's own words where it told nothing.
fn told_by(form: &SignIn) -> DeviceDetails {
    let app = form.login.request.as_ref().map(|r| r.device.clone()).unwrap_or_default();
    let browser = form.browser.clone();
    DeviceDetails {
        model: app.model.or(browser.model),
        platform: browser.platform,
        os_version: app.os_version.or(browser.os_version),
        language: app.language.or(browser.language),
        user_agent: browser.user_agent,
        ..app
    }
}

/// An imported or older hash becomes ours. Losing a race here is harmless: the next sign-in does it.
async fn upgrade_hash(app: &App, form: &SignIn, read: &SignInRead) -> Result<(), Fault> {
    let new = app.secrets.hasher.hash(&form.password).await?;
    let mut tx = app.db.begin().await?;
    let id = &read.customer.customer_id;
    customers::replace_password(&mut tx, id, read.password_hash.as_deref(), &new).await?;
    Ok(tx.commit().await?)
}
