//! Sessions as sign-ins make them, many at once and without the slow password: one device for a few of them.

use chrono::TimeDelta;
use rescind::app::App;
use rescind::clock::Timestamp;
use rescind::model::device::{Device, DeviceDetails};
use rescind::model::epoch::Level;
use rescind::model::ids::CustomerId;
use rescind::model::session::{Rotation, Session, Shape, SubjectKind};
use rescind::secret::random;
use rescind::service::tokens::current_pair;
use rescind::store::devices::DeviceNames;
use rescind::store::epochs::{self, Ancestors};
use rescind::store::{Conn, StoreError, devices, sessions};
use uuid::Uuid;

use crate::support::ACCOUNTS;
use crate::support::flow::Pair;
use crate::support::rows::client_id;

/// Sessions on one device.
const ON_ONE: usize = 4;

/// A session and what was handed out.
pub struct Minted {
    /// The device it is on.
    pub device: Uuid,
    /// Its first pair.
    pub pair: Pair,
}

/// New sessions of a customer, written and committed together; `None`: the customer is locked.
pub async fn db_sessions(app: &App, customer: &str, count: usize) -> Result<Option<Vec<Minted>>, StoreError> {
    let mut tx = app.db.begin().await?;
    let mut made = Vec::new();
    let mut device = None;
    for number in 0..count {
        if number % ON_ONE == 0 {
            device = Some(db_device(app, &mut tx, customer).await?);
        }
        let session = new_session(app, &mut tx, customer, device).await?;
        sessions::insert(&mut tx, &session, None).await?;
        made.push(session);
    }
    // After the epochs were read: who is locked by now was locked since, and what was made is dead anyway.
    if epochs::level(&mut tx, customer).await? == Some(Level::Full) {
        return Ok(None);
    }
    tx.commit().await?;
    let handed = |session: Session| {
        let tokens = current_pair(app, &session, true, session.created_at);
        let refresh = tokens.refresh.map(|token| token.expose().to_owned()).unwrap_or_default();
        let pair = Pair { access: tokens.access.expose().to_owned(), refresh };
        Minted { device: session.device_id.unwrap_or_default(), pair }
    };
    Ok(Some(made.into_iter().map(handed).collect()))
}

async fn new_session(app: &App, tx: &mut Conn, customer: &str, device_id: Option<Uuid>) -> Result<Session, StoreError> {
    let (now, client) = (app.clock.now(), client_id("naybitono-mobile"));
    let scope = rescind::model::scope::Scope::parse("accounts:read").map_err(|_| StoreError::Taken)?;
    let audience = vec![ACCOUNTS.to_owned()];
    let of = Ancestors { client: Some(client.as_str()), subject: Some(customer), device: device_id, consent: None };
    let epochs = epochs::current(tx, of).await?;
    Ok(Session {
        session_id: random::id(now),
        client_id: client,
        subject_id: customer.to_owned(),
        subject_kind: SubjectKind::Customer,
        device_id,
        consent_id: None,
        scope: scope.clone(),
        resources: audience.clone(),
        shapes: vec![Shape { scope, audience }],
        generation: 1,
        rotation: Rotation { at: now, address: None, shape: 0, access_expires_at: now + app.settings.lifetimes.access },
        auth_at: Some(now),
        created_at: now,
        expires_at: now + TimeDelta::hours(12),
        ended_at: None,
        epochs,
    })
}

async fn db_device(app: &App, tx: &mut Conn, customer: &str) -> Result<Uuid, StoreError> {
    let now: Timestamp = app.clock.now();
    let device = Device {
        device_id: random::id(now),
        customer_id: CustomerId::parse(customer).map_err(|_| StoreError::Taken)?,
        client_id: None,
        details: DeviceDetails::default(),
        address: None,
        first_seen_at: now,
        last_seen_at: now,
        revoked_at: None,
    };
    let names = DeviceNames { browser_id: Some(random::id(now)), app_device_id: None };
    devices::insert(tx, &device, &names).await?;
    Ok(device.device_id)
}
