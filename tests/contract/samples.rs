//! Valid things to put into a database, each with the rows it needs. Ids count up, so that all differ.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::TimeDelta;
use rescind::clock::Timestamp;
use rescind::model::client::{AuthMethod, Client, ClientType, GrantType};
use rescind::model::code::Code;
use rescind::model::customer::{Customer, Email, PersonName, Phone};
use rescind::model::device::{Device, DeviceDetails};
use rescind::model::epoch::Epochs;
use rescind::model::ids::{ClientId, CustomerId};
use rescind::model::incident::Incident;
use rescind::model::login::BrowserSession;
use rescind::model::scope::Scope;
use rescind::model::session::{Rotation, Session, Shape, SubjectKind};
use rescind::store::consents::{self, Given};
use rescind::store::devices::DeviceNames;
use rescind::store::{Conn, Db, browser_sessions, clients, codes, customers, devices, sessions};
use uuid::Uuid;

/// An instant, some milliseconds after a fixed one that has no full second.
pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_timestamp_millis(1_760_000_000_123).expect("an instant") + TimeDelta::milliseconds(ms)
}

/// An hour, in milliseconds.
pub const HOUR: i64 = 3_600_000;

/// A new id, greater than those before.
pub fn uuid() -> Uuid {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128((0x0199_0000 << 96) + u128::from(COUNT.fetch_add(1, Ordering::SeqCst)))
}

pub fn scope(text: &str) -> Scope {
    Scope::parse(text).expect("a scope")
}

pub fn customer_id(text: &str) -> CustomerId {
    CustomerId::parse(text).expect("a customer id")
}

pub fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).expect("a client id")
}

pub fn customer(id: &str) -> Customer {
    Customer {
        customer_id: customer_id(id),
        name: PersonName::parse("John Doe").expect("a name"),
        email: None,
        phone: None,
        created_at: at(0),
        disabled_at: None,
    }
}

pub fn email(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

pub fn phone(text: &str) -> Phone {
    Phone::from_e164(text).expect("a number")
}

pub fn client(id: &str) -> Client {
    Client {
        client_id: client_id(id),
        name: "Naybitono – das \"App\" 🏦".to_owned(),
        kind: ClientType::Confidential,
        auth_method: AuthMethod::ClientSecretBasic,
        redirect_uris: vec!["https://app.example/cb?a=\"b\"".to_owned(), "com.app:/cb".to_owned()],
        scope: scope("openid accounts:read"),
        grants: GrantType::ALL.to_vec(),
        resources: vec!["https://api.example/accounts".to_owned()],
        origins: vec!["https://app.example".to_owned()],
        first_party: true,
        color: "#0b5c57".parse().ok(),
        created_at: at(0),
        disabled_at: None,
    }
}

pub fn device(customer: &str) -> Device {
    Device {
        device_id: uuid(),
        customer_id: customer_id(customer),
        client_id: None,
        details: DeviceDetails::default(),
        address: Some("192.0.2.7".to_owned()),
        first_seen_at: at(0),
        last_seen_at: at(0),
        revoked_at: None,
    }
}

/// A customer with a device and a consent to a client, all stored, at epoch 1.
#[derive(Clone, Debug)]
pub struct Household {
    pub customer: CustomerId,
    pub client: ClientId,
    pub device_id: Uuid,
    pub consent_id: Uuid,
}

/// Epochs of something born when nothing was ever raised.
pub const BORN: Epochs = Epochs { global: 1, client: Some(1), subject: Some(1), device: Some(1), consent: Some(1) };

/// Stores a customer, a client, a device and a consent.
pub async fn household(db: &Db, customer: &str, client: &str) -> Household {
    let mut conn = db.begin().await.expect("a transaction");
    if clients::find(&mut conn, client).await.expect("a read").is_none() {
        clients::insert(&mut conn, &self::client(client)).await.expect("a client");
    }
    customers::insert(&mut conn, &self::customer(customer), None).await.expect("a customer");
    let device = device(customer);
    devices::insert(&mut conn, &device, &DeviceNames::default()).await.expect("a device");
    let home = Household {
        customer: customer_id(customer),
        client: client_id(client),
        device_id: device.device_id,
        consent_id: uuid(),
    };
    let (scope, at) = (scope("openid accounts:read"), at(0));
    let given = Given {
        customer: &home.customer,
        client: &home.client,
        scope: &scope,
        declined: &Scope::default(),
        resources: &[],
        at,
    };
    consents::insert(&mut conn, home.consent_id, &given).await.expect("a consent");
    conn.commit().await.expect("a commit");
    home
}

impl Household {
    /// A session of this customer, not stored yet.
    pub fn session(&self) -> Session {
        Session {
            session_id: uuid(),
            client_id: self.client.clone(),
            subject_id: self.customer.to_string(),
            subject_kind: SubjectKind::Customer,
            device_id: Some(self.device_id),
            consent_id: Some(self.consent_id),
            scope: scope("openid accounts:read"),
            resources: vec!["https://api.example/accounts".to_owned()],
            shapes: vec![Shape { scope: scope("openid"), audience: vec!["https://api.example/accounts".to_owned()] }],
            generation: 1,
            rotation: Rotation { at: at(0), address: None, shape: 0, access_expires_at: at(HOUR) },
            auth_at: Some(at(-1)),
            created_at: at(0),
            expires_at: at(24 * HOUR),
            ended_at: None,
            epochs: BORN,
        }
    }

    /// A code of this customer, not stored yet.
    pub fn code(&self) -> Code {
        Code {
            session_id: uuid(),
            client_id: self.client.clone(),
            redirect_uri: "https://app.example/cb".to_owned(),
            challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
            nonce: Some("n-0S6_WzA2Mj".to_owned()),
            scope: scope("openid accounts:read"),
            resources: vec!["https://api.example/accounts".to_owned()],
            customer_id: self.customer.clone(),
            device_id: self.device_id,
            consent_id: self.consent_id,
            auth_at: at(-1),
            created_at: at(0),
            expires_at: at(60_000),
            tries: 0,
            redeemed_at: None,
            epochs: BORN,
        }
    }

    /// A browser session of this customer, not stored yet.
    pub fn browser_session(&self) -> BrowserSession {
        BrowserSession {
            browser_session_id: uuid(),
            customer_id: self.customer.clone(),
            device_id: self.device_id,
            auth_at: at(0),
            last_seen_at: at(0),
            expires_at: at(HOUR),
            ended_at: None,
            epochs: Epochs { global: 1, client: None, subject: Some(1), device: Some(1), consent: None },
        }
    }
}

/// Stores a session.
pub async fn stored_session(db: &Db, session: &Session) {
    in_one(db, async |conn| sessions::insert(conn, session, None).await).await.expect("a session");
}

/// Stores a code.
pub async fn stored_code(db: &Db, code: &Code) {
    in_one(db, async |conn| codes::insert(conn, code).await).await.expect("a code");
}

/// Stores a browser session.
pub async fn stored_browser_session(db: &Db, session: &BrowserSession) {
    in_one(db, async |conn| browser_sessions::insert(conn, session).await).await.expect("a browser session");
}

/// A lockdown that has just been opened.
pub fn incident(id: &str, customer: &str) -> Incident {
    Incident {
        incident_id: rescind::model::ids::IncidentId::parse(id).expect("an incident id"),
        target_kind: "customer".to_owned(),
        target_id: customer.to_owned(),
        opened_by: "staff:amina".to_owned(),
        reason: "phone stolen".to_owned(),
        note: Some("called from a friend's number".to_owned()),
        sessions_ended: 3,
        devices: 2,
        epoch: 7,
        opened_at: at(0),
        closed_at: None,
        closed_by: None,
    }
}

/// Runs something in a transaction of its own and commits what went well.
pub async fn in_one<T, E>(db: &Db, work: impl AsyncFnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E> {
    let mut conn = db.begin().await.expect("a transaction");
    let done = work(&mut conn).await?;
    conn.commit().await.expect("a commit");
    Ok(done)
}
