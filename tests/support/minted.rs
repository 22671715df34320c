//! Sessions as a sign-in makes them, without one: argon2 is slow on purpose.

use chrono::TimeDelta;
use rescind::app::App;
use rescind::clock::unix_seconds;
use rescind::model::session::{Rotation, Session, Shape, SubjectKind};
use rescind::secret::random;
use rescind::secret::seal::{Kind, Reference};
use rescind::store::epochs::{self, Ancestors};
use rescind::store::{StoreError, sessions};

use super::rows::client_id;

/// A new session of a customer with the app of the usual bank, and an access token of it for an audience, good for half an hour. Tried
/// again on a machine so busy that the database gives the transaction up.
pub async fn db_access_token(app: &App, customer: &str, audience: &[&str]) -> String {
    for _ in 0..10 {
        match try_access_token(app, customer, audience).await {
            Ok(token) => return token,
            Err(error) => println!("a session is tried again: {error}"),
        }
    }
    panic!("no session can be stored");
}

async fn try_access_token(app: &App, customer: &str, audience: &[&str]) -> Result<String, StoreError> {
    let (id, now, client) = (random::id(app.clock.now()), app.clock.now(), client_id("naybitono-mobile"));
    let (scope, ends) = ("accounts:read".parse().expect("scope"), now + TimeDelta::minutes(30));
    let audience: Vec<String> = audience.iter().map(|uri| (*uri).to_owned()).collect();
    let mut tx = app.db.begin().await?;
    let ancestors = Ancestors { client: Some(client.as_str()), subject: Some(customer), device: None, consent: None };
    let session = Session {
        session_id: id,
        client_id: client.clone(),
        subject_id: customer.to_owned(),
        subject_kind: SubjectKind::Customer,
        device_id: None,
        consent_id: None,
        scope: Clone::clone(&scope),
        resources: audience.clone(),
        shapes: vec![Shape { scope, audience }],
        generation: 1,
        rotation: Rotation { at: now, address: None, shape: 0, access_expires_at: ends },
        auth_at: Some(now),
        created_at: now,
        expires_at: now + TimeDelta::hours(1),
        ended_at: None,
        epochs: epochs::current(&mut tx, ancestors).await?,
    };
    sessions::insert(&mut tx, &session, None).await?;
    tx.commit().await?;
    let access = Reference { session: id, serial: 1, shape: 0, expires_at: unix_seconds(ends) };
    Ok(app.secrets.sealer.seal(Kind::Access, &access).expose().to_owned())
}
