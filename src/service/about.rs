//! Whom or what a question before taking back, ending or lifting is about: the customer is named before anybody presses.
//! Reading it is recorded.

use uuid::Uuid;

use super::Fault;
use super::caller::{Person, looked, person};
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::device::Device;
use crate::model::ids::CustomerId;
use crate::store::{devices, sessions};

/// What a question is about.
#[derive(Clone, Debug)]
pub struct About {
    /// Whose.
    pub person: Person,
    /// Which device, if one is meant or the session has one.
    pub device: Option<Device>,
    /// Which session, if one is meant, and when it was begun.
    pub session: Option<(Uuid, Timestamp)>,
}

/// The customer a lockdown or its lifting is about.
pub async fn customer(app: &App, actor: &Actor, id: &CustomerId) -> Result<Option<About>, Fault> {
    let Some(person) = person(&mut app.db.read().await?, id).await? else { return Ok(None) };
    looked(app, actor, &person, "form").await?;
    Ok(Some(About { person, device: None, session: None }))
}

/// The device a revocation is about.
pub async fn device(app: &App, actor: &Actor, id: Uuid) -> Result<Option<About>, Fault> {
    let mut conn = app.db.read().await?;
    let Some(device) = devices::find(&mut conn, id).await? else { return Ok(None) };
    let Some(person) = person(&mut conn, &device.customer_id).await? else { return Ok(None) };
    drop(conn);
    looked(app, actor, &person, "form").await?;
    Ok(Some(About { person, device: Some(device), session: None }))
}

/// The session a revocation is about. A machine's is nobody's here.
pub async fn session(app: &App, actor: &Actor, id: Uuid) -> Result<Option<About>, Fault> {
    let mut conn = app.db.read().await?;
    let Some(session) = sessions::find(&mut conn, id).await? else { return Ok(None) };
    let Some(owner) = session.customer_id().and_then(|id| id.parse().ok()) else { return Ok(None) };
    let Some(person) = person(&mut conn, &owner).await? else { return Ok(None) };
    let device = match session.device_id {
        Some(id) => devices::find(&mut conn, id).await?,
        None => None,
    };
    drop(conn);
    looked(app, actor, &person, "form").await?;
    Ok(Some(About { person, device, session: Some((session.session_id, session.created_at)) }))
}

/// Whether a session is a customer's, so that it may be ended here.
pub async fn has_owner(app: &App, session: Uuid) -> Result<bool, Fault> {
    let found = sessions::find(&mut app.db.read().await?, session).await?;
    Ok(found.is_some_and(|session| session.customer_id().is_some()))
}
