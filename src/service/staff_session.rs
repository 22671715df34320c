//! Staff at the console: signing in with a password, whose session a cookie is, signing out. 1. limits; 2. one read of
//! password, epoch and browser; 3. the try is counted; 4. one argon2 run; 5. one transaction over session and audit, refused
//! if the epoch moved meanwhile.

use chrono::TimeDelta;
use uuid::Uuid;

use super::audit::{Told, record, record_alone};
use super::tries::{self, Try};
use super::{Fault, allowance};
use crate::app::App;
use crate::clock::unix_seconds;
use crate::limits::{Rule, Wait, address_key};
use crate::metrics::label::{Person, SignIn as Outcome};
use crate::model::actor::{Actor, Who};
use crate::model::audit::Action;
use crate::model::customer::fold;
use crate::model::epoch::EpochKind;
use crate::model::staff::StaffSession;
use crate::secret::password::Verdict;
use crate::secret::random;
use crate::secret::seal::{Kind, Reference};
use crate::secret::text::SecretText;
use crate::store::epochs::{self, Ancestors};
use crate::store::staff_sessions::{self, Keep, StaffRead, StaffRecord};
use crate::store::{Conn, StoreError, throttles};

/// How stale a stored "last seen" may be, so that a page does not cost a write.
const SEEN_TO: TimeDelta = TimeDelta::minutes(1);

/// What the form and the browser sent.
#[derive(Debug)]
pub struct StaffSignIn {
    /// User name, as typed.
    pub username: String,
    /// Password, as typed.
    pub password: SecretText,
    /// The id in the browser's cookie.
    pub browser_id: Option<Uuid>,
    /// An earlier session in the same browser, which ends.
    pub replaces: Option<Uuid>,
}

/// What came of it.
#[derive(Debug)]
pub enum StaffLogin {
    /// Signed in.
    Welcome(StaffSession),
    /// Unknown name, wrong password, disabled: one answer.
    Refused,
    /// Too many tries.
    Wait(Wait),
}

/// Signs in.
pub async fn sign_in(app: &App, actor: &Actor, form: StaffSignIn) -> Result<StaffLogin, Fault> {
    let outcome = try_sign_in(app, actor, form).await;
    app.metrics.signed_in(
        Person::Staff,
        match &outcome {
            Ok(StaffLogin::Welcome(_)) => Outcome::Welcome,
            Ok(StaffLogin::Refused) => Outcome::Refused,
            Ok(StaffLogin::Wait(_)) => Outcome::Limited,
            Err(fault) => fault.of_sign_in(),
        },
    );
    outcome
}

async fn try_sign_in(app: &App, actor: &Actor, form: StaffSignIn) -> Result<StaffLogin, Fault> {
    if let Err(wait) = take_page(app, actor).await {
        return Ok(StaffLogin::Wait(wait));
    }
    let typed = form.username.trim();
    let found = staff_sessions::find_for_sign_in(&mut app.db.read().await?, typed, form.browser_id).await?;
    let key = counter(app, &form, found.as_ref());
    let subject = found.as_ref().map(|read| read.staff.username.as_str());
    let tried = match tries::count(app, key, subject).await? {
        Ok(tried) => tried,
        Err(wait) => {
            let told = refused(found.as_ref(), "too many tries");
            allowance::tell(app, actor, "staff_sign_in", &data_encoding::HEXLOWER.encode(&key), told).await;
            return Ok(StaffLogin::Wait(wait));
        }
    };
    let stored = found.as_ref().map(|read| read.password_hash.as_str());
    let looked_at = app.secrets.hasher.verify(&form.password, stored).await.map_err(Fault::from);
    let is_right = tried.excuse(app, false, looked_at).await? != Verdict::Wrong;
    match found {
        Some(read) if is_right && read.staff.disabled_at.is_none() => {
            let entered = enter(app, actor, &form, &read, &tried).await;
            tried.excuse(app, true, entered).await
        }
        found => {
            let why = match &found {
                None => "unknown name",
                Some(_) if is_right => "disabled",
                Some(_) => "wrong password",
            };
            record_alone(app, actor, refused(found.as_ref(), why)).await?;
            Ok(StaffLogin::Refused)
        }
    }
}

/// Takes one try or one sign-in page of an address's allowance.
pub async fn take_page(app: &App, actor: &Actor) -> Result<(), Wait> {
    let from = actor.address.map(address_key).unwrap_or_default();
    allowance::take(app, actor, Rule::StaffSignInPerAddress, &from).await
}

/// Which counter a try belongs to: a browser they signed in with before has its own, so that nobody at another desk can
/// lock them out; names nobody has are counted, too.
fn counter(app: &App, form: &StaffSignIn, found: Option<&StaffRead>) -> [u8; 32] {
    let Some(read) = found else {
        return app.secrets.pepper.keyed_hash("throttle unknown staff", &fold(form.username.trim()));
    };
    let name = &read.staff.username;
    match form.browser_id.filter(|_| read.knows_browser) {
        Some(browser) => app.secrets.pepper.keyed_hash("throttle staff browser", &format!("{name} {browser}")),
        None => app.secrets.pepper.keyed_hash("throttle staff", name.as_str()),
    }
}

/// The audit row of a sign-in that was refused.
fn refused(found: Option<&StaffRead>, why: &str) -> Told {
    let name = found.map_or("unknown", |read| read.staff.username.as_str());
    Told::refused(Action::StaffSignIn, "staff", name).because(why)
}

/// The password was right.
async fn enter(
    app: &App,
    actor: &Actor,
    form: &StaffSignIn,
    read: &StaffRead,
    tried: &Try,
) -> Result<StaffLogin, Fault> {
    let actor = &actor.as_who(Who::Staff(read.staff.username.clone()));
    let mut tx = app.db.begin().await?;
    let Some(session) = enter_in(app, &mut tx, actor, form, read).await? else {
        drop(tx);
        tried.forgive(app).await?;
        record_alone(app, actor, refused(Some(read), "changed meanwhile")).await?;
        return Ok(StaffLogin::Refused);
    };
    throttles::reset(&mut tx, &tried.key).await?;
    tx.commit().await?;
    Ok(StaffLogin::Welcome(session))
}

/// Session and audit; `None` if the password or the right to sign in was taken away since the proof began.
async fn enter_in(
    app: &App,
    tx: &mut Conn,
    actor: &Actor,
    form: &StaffSignIn,
    read: &StaffRead,
) -> Result<Option<StaffSession>, StoreError> {
    let (now, name) = (app.clock.now(), &read.staff.username);
    // One sign-in of a person at a time: two at once must not both find a place free.
    epochs::hold(tx, EpochKind::Subject, name.as_str()).await?;
    let of = Ancestors { subject: Some(name.as_str()), ..Ancestors::default() };
    if epochs::current(tx, of).await?.subject != Some(read.epoch) {
        return Ok(None);
    }
    let session = StaffSession {
        staff_session_id: random::id(now),
        username: name.clone(),
        browser_id: form.browser_id.unwrap_or_else(|| random::id(now)),
        epoch: read.epoch,
        signed_in_at: now,
        last_seen_at: now,
        expires_at: now + app.settings.lifetimes.staff,
        ended_at: None,
    };
    staff_sessions::insert(tx, &session).await?;
    if let Some(earlier) = form.replaces {
        staff_sessions::end(tx, earlier, "replaced", now).await?;
    }
    record(app, tx, actor, Told::done(Action::StaffSignIn, "staff_session", session.staff_session_id)).await?;
    let seen_after = now - app.settings.lifetimes.staff_idle;
    let keep = Keep { username: name, most: app.settings.staff_sessions, seen_after };
    let ended = staff_sessions::end_older(tx, keep, now).await?;
    if ended > 0 {
        let told = Told::done(Action::StaffSignOut, "staff", name);
        record(app, tx, actor, told.because(format!("older sign-ins ended: {ended}"))).await?;
    }
    Ok(Some(session))
}

/// The living session a cookie refers to. Reads the truth.
pub async fn find(app: &App, cookie: Option<&str>) -> Result<Option<StaffRecord>, Fault> {
    let opened = cookie.and_then(|text| app.secrets.sealer.open(Kind::StaffSession, text));
    let Some(reference) = opened else { return Ok(None) };
    let found = staff_sessions::find_record(&mut app.db.read_ahead().await?, reference.session).await?;
    let now = app.clock.now();
    let idle = app.settings.lifetimes.staff_idle;
    let living = found.filter(|record| {
        let session = &record.session;
        let in_time = session.expires_at > now && session.last_seen_at + idle > now;
        in_time && session.ended_at.is_none() && record.disabled_at.is_none() && session.epoch == record.now_epoch
    });
    if let Some(session) = living.as_ref().map(|record| &record.session).filter(|s| s.last_seen_at + SEEN_TO <= now) {
        app.activity.note_console(session.staff_session_id, now);
    }
    Ok(living)
}

/// Signs out. Safe to repeat.
pub async fn sign_out(app: &App, actor: &Actor, session_id: Uuid) -> Result<(), Fault> {
    let mut tx = app.db.begin().await?;
    if staff_sessions::end(&mut tx, session_id, "signed_out", app.clock.now()).await? {
        record(app, &mut tx, actor, Told::done(Action::StaffSignOut, "staff_session", session_id)).await?;
    }
    Ok(tx.commit().await?)
}

/// Seals the cookie of a session.
#[must_use]
pub fn cookie(app: &App, session: &StaffSession) -> SecretText {
    let until = unix_seconds(session.expires_at);
    let reference = Reference { session: session.staff_session_id, serial: 0, shape: 0, expires_at: until };
    app.secrets.sealer.seal(Kind::StaffSession, &reference)
}

/// A sign-in page that is open: its id, which binds its form, and the cookie that carries it. Nothing is stored.
#[must_use]
pub fn begin(app: &App) -> (Uuid, SecretText) {
    let now = app.clock.now();
    let id = random::id(now);
    let until = unix_seconds(now + app.settings.lifetimes.login);
    (id, app.secrets.sealer.seal(Kind::Login, &Reference { session: id, serial: 0, shape: 0, expires_at: until }))
}

/// The id of the sign-in page a cookie belongs to, until it is given up.
#[must_use]
pub fn begun(app: &App, cookie: Option<&str>) -> Option<Uuid> {
    let reference = cookie.and_then(|text| app.secrets.sealer.open(Kind::Login, text))?;
    (reference.expires_at > unix_seconds(app.clock.now())).then_some(reference.session)
}
