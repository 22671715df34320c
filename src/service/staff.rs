//! Entering and changing staff.

use super::Fault;
use super::audit::{Told, record, record_alone};
use super::new_password::check;
use crate::app::App;
use crate::model::actor::Actor;
use crate::model::audit::Action;
use crate::model::epoch::EpochKind;
use crate::model::ids::StaffId;
use crate::model::staff::Staff;
use crate::policy::password_rules::PasswordRefusal;
use crate::secret::text::SecretText;
use crate::store::{StoreError, epochs, staff, staff_sessions, throttles};

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Entered {
    /// Done.
    Done,
    /// A customer, client or member of staff has that name.
    Taken,
    /// There is no such member of staff.
    NotFound,
    /// The password is not good enough.
    Password(PasswordRefusal),
}

/// Enters a member of staff.
pub async fn create(app: &App, actor: &Actor, new: &Staff, password: &SecretText) -> Result<Entered, Fault> {
    if let Err(refusal) = check(app, password, &context(app, &new.username)).await? {
        return Ok(Entered::Password(refusal));
    }
    let hash = app.secrets.hasher.hash(password).await?;
    let mut tx = app.db.begin().await?;
    match staff::insert(&mut tx, new, &hash).await {
        Ok(()) => {}
        Err(StoreError::Taken) => return Ok(Entered::Taken),
        Err(error) => return Err(error.into()),
    }
    let told =
        Told::done(Action::StaffWrite, "staff", &new.username).because(format!("entered as {}", new.role.as_str()));
    record(app, &mut tx, actor, told).await?;
    tx.commit().await?;
    Ok(Entered::Done)
}

/// Disables a member of staff: signed out everywhere, at once.
pub async fn disable(app: &App, actor: &Actor, username: &StaffId) -> Result<Entered, Fault> {
    let mut tx = app.db.begin().await?;
    epochs::raise(&mut tx, EpochKind::Subject, username.as_str()).await?;
    let now = app.clock.now();
    if !staff::disable(&mut tx, username, now).await? {
        return Ok(Entered::NotFound);
    }
    staff_sessions::end_all(&mut tx, username, now).await?;
    record(app, &mut tx, actor, Told::done(Action::StaffWrite, "staff", username).because("disabled")).await?;
    tx.commit().await?;
    Ok(Entered::Done)
}

/// Sets a new password and enables the member of staff again. Signed out everywhere; wrong tries are forgotten.
pub async fn reset(app: &App, actor: &Actor, username: &StaffId, password: &SecretText) -> Result<Entered, Fault> {
    if let Err(refusal) = check(app, password, &context(app, username)).await? {
        return Ok(Entered::Password(refusal));
    }
    let hash = app.secrets.hasher.hash(password).await?;
    let mut tx = app.db.begin().await?;
    epochs::raise(&mut tx, EpochKind::Subject, username.as_str()).await?;
    if !staff::reset(&mut tx, username, &hash).await? {
        return Ok(Entered::NotFound);
    }
    staff_sessions::end_all(&mut tx, username, app.clock.now()).await?;
    throttles::reset_subject(&mut tx, username.as_str()).await?;
    record(app, &mut tx, actor, Told::done(Action::StaffWrite, "staff", username).because("password reset")).await?;
    tx.commit().await?;
    Ok(Entered::Done)
}

/// All staff by name. Recorded.
pub async fn list(app: &App, actor: &Actor) -> Result<Vec<Staff>, Fault> {
    record_alone(app, actor, Told::done(Action::SettingsRead, "staff", "*")).await?;
    Ok(staff::list(&mut app.db.read().await?).await?)
}

fn context<'a>(app: &'a App, username: &'a StaffId) -> [&'a str; 3] {
    [username.as_str(), app.settings.name.as_str(), "rescind"]
}
