//! Token sessions. Every read of the truth joins the current epochs in the same statement.

use uuid::Uuid;

use super::clients::json;
use super::engine::{FromRow, Row};
use super::epochs::{Now, at_birth};
use super::{Conn, StoreError};
use crate::clock::Timestamp;
use crate::model::device::DeviceDetails;
use crate::model::epoch::{Epochs, Level};
use crate::model::feed::Item;
use crate::model::ids::ClientId;
use crate::model::session::{Record, Rotation, Session, Shape, SubjectKind};

/// What a session is read from. Named one by one: a later release may add columns while this one serves.
macro_rules! columns {
    () => {
        "s.session_id, s.client_id, s.subject_id, s.subject_kind, s.device_id, s.consent_id, s.scope, \
         s.resources, s.shapes, s.generation, s.rotated_at, s.rotated_address, s.rotated_shape, \
         s.access_expires_at, s.auth_at, s.created_at, s.expires_at, s.ended_at, s.global_epoch, \
         s.client_epoch, s.subject_epoch, s.device_epoch, s.consent_epoch"
    };
}

impl FromRow for Session {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: row.get("session_id")?,
            client_id: row.parse("client_id")?,
            subject_id: row.get("subject_id")?,
            subject_kind: row.named("subject_kind", SubjectKind::from_name)?,
            device_id: row.parse_optional("device_id")?,
            consent_id: row.parse_optional("consent_id")?,
            scope: row.parse("scope")?,
            resources: row.json("resources")?,
            shapes: row.json("shapes")?,
            generation: row.get("generation")?,
            rotation: Rotation {
                at: row.get("rotated_at")?,
                address: row.get("rotated_address")?,
                shape: shape_index(row.get("rotated_shape")?)?,
                access_expires_at: row.get("access_expires_at")?,
            },
            auth_at: row.get("auth_at")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
            ended_at: row.get("ended_at")?,
            epochs: at_birth(row)?,
        })
    }
}

fn shape_index(stored: i64) -> Result<u16, StoreError> {
    u16::try_from(stored).map_err(|_| StoreError::Unreadable("rotated_shape"))
}

impl FromRow for Record {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let now = Now::from_row(row)?;
        Ok(Self {
            session: Session::from_row(row)?,
            now: now.epochs,
            global_found: now.global_found,
            level: row.get::<Option<String>>("level")?.and_then(|l| Level::from_name(&l)).unwrap_or(Level::Full),
            token_revoked: row.get::<Option<i64>>("revoked_serial")?.is_some(),
        })
    }
}

/// Enters a session. `standing_key` is set for `client_credentials` alone.
pub async fn insert(conn: &mut Conn, session: &Session, standing_key: Option<&str>) -> Result<(), StoreError> {
    let sql = "INSERT INTO sessions (session_id, client_id, subject_id, subject_kind, device_id, consent_id, scope,
                                     resources, shapes, standing_key, generation, rotated_at, rotated_address,
                                     rotated_shape, access_expires_at, auth_at, created_at, last_seen_at, expires_at,
                                     global_epoch, client_epoch, subject_epoch, device_epoch, consent_epoch)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17, $18, $19, $20,
                       $21, $22, $23)";
    conn.execute(
        sql,
        &[
            &session.session_id,
            &session.client_id.as_str(),
            &session.subject_id,
            &session.subject_kind.as_str(),
            &session.device_id.map(|id| id.to_string()),
            &session.consent_id.map(|id| id.to_string()),
            &session.scope.to_string(),
            &json(&session.resources),
            &json(&session.shapes),
            &standing_key,
            &session.generation,
            &session.rotation.at,
            &session.rotation.address,
            &i64::from(session.rotation.shape),
            &session.rotation.access_expires_at,
            &session.auth_at,
            &session.created_at,
            &session.expires_at,
            &session.epochs.global,
            &session.epochs.client,
            &session.epochs.subject,
            &session.epochs.device,
            &session.epochs.consent,
        ],
    )
    .await
    .map(|_| ())
}

/// The read in [`find_record`].
pub const FIND_RECORD_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    ", u.level, g.epoch AS now_global, k.epoch AS now_client, u.epoch AS now_subject,
             d.epoch AS now_device, n.epoch AS now_consent, r.serial AS revoked_serial
      FROM sessions s
      LEFT JOIN epochs g ON g.kind = 'global' AND g.id = '*'
      LEFT JOIN epochs k ON k.kind = 'client' AND k.id = s.client_id
      LEFT JOIN epochs u ON u.kind = 'subject' AND u.id = s.subject_id
      LEFT JOIN epochs d ON d.kind = 'device' AND d.id = s.device_id
      LEFT JOIN epochs n ON n.kind = 'consent' AND n.id = s.consent_id
      LEFT JOIN revoked_tokens r ON r.session_id = s.session_id AND r.serial = $2
      WHERE s.session_id = $1"
);

/// A session with the current epochs of its ancestors, the restriction of its subject, and whether the access token
/// with this serial was taken back. One statement: the read on every check.
pub async fn find_record(conn: &mut Conn, session_id: Uuid, serial: i64) -> Result<Option<Record>, StoreError> {
    conn.fetch_optional(FIND_RECORD_SQL, &[&session_id, &serial]).await
}

mod expired;
mod whole;
pub use expired::{DELETE_EXPIRED_SQL, delete_expired};
pub use whole::{FIND_WHOLE_SQL, MOST_REVOKED, Whole, find_whole};

/// The read in [`find_standing`].
pub const FIND_STANDING_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM sessions s WHERE client_id = $1 AND standing_key = $2 AND ended_at IS NULL
      AND global_epoch = $3 AND client_epoch = $4 AND subject_epoch = $5 AND expires_at >= $6
      ORDER BY created_at LIMIT 1"
);

/// The live standing session of a client for one shape, born under the epochs given and good until `until`.
pub async fn find_standing(
    conn: &mut Conn,
    client: &ClientId,
    key: &str,
    epochs: &Epochs,
    until: Timestamp,
) -> Result<Option<Session>, StoreError> {
    conn.fetch_optional(
        FIND_STANDING_SQL,
        &[&client.as_str(), &key, &epochs.global, &epochs.client, &epochs.subject, &until],
    )
    .await
}

/// Makes the next generation in one conditional write; false if another request was quicker or the session ended.
pub async fn rotate(conn: &mut Conn, id: Uuid, from: i64, to: &Rotation, shapes: &[Shape]) -> Result<bool, StoreError> {
    let sql = "UPDATE sessions SET generation = generation + 1, rotated_at = $3, rotated_address = $4,
                   rotated_shape = $5, access_expires_at = $6, shapes = $7, last_seen_at = $3
               WHERE session_id = $1 AND generation = $2 AND ended_at IS NULL";
    let done = conn
        .execute(sql, &[&id, &from, &to.at, &to.address, &i64::from(to.shape), &to.access_expires_at, &json(shapes)])
        .await?;
    Ok(done == 1)
}

/// Ends a session, keeping the first time; false if it was over already or never was.
pub async fn end(conn: &mut Conn, id: Uuid, reason: &str, now: Timestamp) -> Result<bool, StoreError> {
    let sql = "UPDATE sessions SET ended_at = $2, end_reason = $3 WHERE session_id = $1 AND ended_at IS NULL";
    let done = conn.execute(sql, &[&id, &now, &reason]).await? == 1;
    conn.tell_all(done.then_some(Item::Ended { session: id }));
    Ok(done)
}

/// A session by id, without looking at epochs.
pub async fn find(conn: &mut Conn, id: Uuid) -> Result<Option<Session>, StoreError> {
    let sql = concat!("SELECT ", columns!(), " FROM sessions s WHERE s.session_id = $1");
    conn.fetch_optional(sql, &[&id]).await
}

/// A line of a customer's list of live sessions.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The session.
    pub session: Session,
    /// Last request we know of.
    pub last_seen_at: Timestamp,
    /// The name of its client.
    pub client_name: String,
    /// What the device it is on says about itself, and its last address.
    pub device: Option<(DeviceDetails, Option<String>)>,
}

impl FromRow for Listed {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            session: Session::from_row(row)?,
            last_seen_at: row.get("last_seen_at")?,
            client_name: row.get("client_name")?,
            device: row.get::<Option<String>>("device_id")?.map(|_| device(row)).transpose()?,
        })
    }
}

/// As far as it tells name and place.
fn device(row: &Row) -> Result<(DeviceDetails, Option<String>), StoreError> {
    let details = DeviceDetails {
        name: row.get("device_name")?,
        model: row.get("device_model")?,
        platform: row.get("device_platform")?,
        os_version: row.get("device_os_version")?,
        user_agent: row.get("device_user_agent")?,
        ..DeviceDetails::default()
    };
    Ok((details, row.get("device_address")?))
}

/// What a line of a list is read from.
macro_rules! listed {
    () => {
        concat!(
            columns!(),
            ", s.last_seen_at, c.name AS client_name, v.name AS device_name, v.model AS device_model,
       v.platform AS device_platform, v.os_version AS device_os_version, v.user_agent AS device_user_agent,
       v.address AS device_address"
        )
    };
}

/// Sessions whose ancestors are as they were at birth.
macro_rules! from_living {
    () => {
        " FROM sessions s
      LEFT JOIN devices v ON v.device_id = s.device_id
      JOIN clients c ON c.client_id = s.client_id
      JOIN epochs g ON g.kind = 'global' AND g.id = '*' AND g.epoch = s.global_epoch
      JOIN epochs k ON k.kind = 'client' AND k.id = s.client_id AND k.epoch = s.client_epoch
      JOIN epochs u ON u.kind = 'subject' AND u.id = s.subject_id AND u.epoch = s.subject_epoch
      LEFT JOIN epochs d ON d.kind = 'device' AND d.id = s.device_id
      LEFT JOIN epochs n ON n.kind = 'consent' AND n.id = s.consent_id
      WHERE (s.device_id IS NULL OR d.epoch = s.device_epoch)
      AND (s.consent_id IS NULL OR n.epoch = s.consent_epoch)
      AND s.ended_at IS NULL AND s.expires_at > $2 AND "
    };
}

/// The read in [`list_live`].
pub const LIST_LIVE_SQL: &str = concat!(
    "SELECT ",
    listed!(),
    from_living!(),
    "s.subject_id = $1 AND (s.created_at < $3 OR (s.created_at = $3 AND s.session_id < $4))
      ORDER BY s.created_at DESC, s.session_id DESC LIMIT $5"
);

/// Live sessions of a subject, newest first, before (`created_at`, id) of the page above.
pub async fn list_live(
    conn: &mut Conn,
    subject: &str,
    before: (Timestamp, Uuid),
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    conn.fetch_all(LIST_LIVE_SQL, &[&subject, &now, &before.0, &before.1, &limit]).await
}

/// The read in [`list_live_on_device`].
pub const LIST_LIVE_ON_DEVICE_SQL: &str = concat!(
    "SELECT ",
    listed!(),
    from_living!(),
    "s.device_id = $1 AND (s.created_at < $3 OR (s.created_at = $3 AND s.session_id < $4))
      ORDER BY s.created_at DESC, s.session_id DESC LIMIT $5"
);

/// Live sessions on a device, newest first, before (`created_at`, id) of the page above.
pub async fn list_live_on_device(
    conn: &mut Conn,
    device: Uuid,
    before: (Timestamp, Uuid),
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    conn.fetch_all(LIST_LIVE_ON_DEVICE_SQL, &[&device.to_string(), &now, &before.0, &before.1, &limit]).await
}

/// The read in [`count_live`].
pub const COUNT_LIVE_SQL: &str =
    concat!("SELECT COUNT(*) FROM (SELECT s.session_id", from_living!(), "s.subject_id = $1 LIMIT $3) AS counted");

/// How many live sessions a subject has, counted up to `most`.
pub async fn count_live(conn: &mut Conn, subject: &str, now: Timestamp, most: i64) -> Result<i64, StoreError> {
    Ok(conn.value(COUNT_LIVE_SQL, &[&subject, &now, &most]).await?.unwrap_or_default())
}

/// How much a revocation ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Live sessions.
    pub sessions: i64,
    /// Devices they are on.
    pub devices: i64,
}

impl FromRow for Count {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { sessions: row.get("sessions")?, devices: row.get("devices")? })
    }
}

/// Sessions of a subject that lived at a time and were born below an epoch. What a sweep ended since is counted too.
pub async fn count_subject(conn: &mut Conn, subject: &str, below: i64, at: Timestamp) -> Result<Count, StoreError> {
    let sql = "SELECT COUNT(*) AS sessions, COUNT(DISTINCT device_id) AS devices FROM sessions
               WHERE subject_id = $1 AND subject_epoch = $2 - 1 AND (ended_at IS NULL OR ended_at >= $3) AND expires_at > $3";
    Ok(conn.fetch_optional(sql, &[&subject, &below, &at]).await?.unwrap_or_default())
}

/// The same of a client.
pub async fn count_client(conn: &mut Conn, client: &str, below: i64, at: Timestamp) -> Result<Count, StoreError> {
    let sql = "SELECT COUNT(*) AS sessions, COUNT(DISTINCT device_id) AS devices FROM sessions
               WHERE client_id = $1 AND client_epoch = $2 - 1 AND (ended_at IS NULL OR ended_at >= $3) AND expires_at > $3";
    Ok(conn.fetch_optional(sql, &[&client, &below, &at]).await?.unwrap_or_default())
}

/// The same on a device.
pub async fn count_device(conn: &mut Conn, device: Uuid, below: i64, at: Timestamp) -> Result<Count, StoreError> {
    let sql = "SELECT COUNT(*) AS sessions, COUNT(DISTINCT device_id) AS devices FROM sessions
               WHERE device_id = $1 AND device_epoch = $2 - 1 AND (ended_at IS NULL OR ended_at >= $3) AND expires_at > $3";
    Ok(conn.fetch_optional(sql, &[&device.to_string(), &below, &at]).await?.unwrap_or_default())
}

/// The same of everybody.
pub async fn count_everyone(conn: &mut Conn, below: i64, at: Timestamp) -> Result<Count, StoreError> {
    let sql = "SELECT COUNT(*) AS sessions, COUNT(DISTINCT device_id) AS devices FROM sessions
               WHERE global_epoch = $1 - 1 AND (ended_at IS NULL OR ended_at >= $2) AND expires_at > $2";
    Ok(conn.fetch_optional(sql, &[&below, &at]).await?.unwrap_or_default())
}

/// Marks as ended up to `limit` sessions that a subject's raised epoch has killed already.
pub async fn sweep_subject(
    conn: &mut Conn,
    subject: &str,
    below: i64,
    now: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let sql = "UPDATE sessions SET ended_at = $3, end_reason = 'lockdown' WHERE session_id IN
               (SELECT session_id FROM sessions
                WHERE subject_id = $1 AND subject_epoch < $2 AND ended_at IS NULL LIMIT $4)";
    conn.execute(sql, &[&subject, &below, &now, &limit]).await
}

/// Marks as ended up to `limit` sessions that a device's raised epoch has killed already.
pub async fn sweep_device(
    conn: &mut Conn,
    device: &str,
    below: i64,
    now: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let sql = "UPDATE sessions SET ended_at = $3, end_reason = 'device_revoked' WHERE session_id IN
               (SELECT session_id FROM sessions
                WHERE device_id = $1 AND device_epoch < $2 AND ended_at IS NULL LIMIT $4)";
    conn.execute(sql, &[&device, &below, &now, &limit]).await
}

/// Marks as ended up to `limit` sessions that a client's raised epoch has killed already.
pub async fn sweep_client(
    conn: &mut Conn,
    client: &str,
    below: i64,
    now: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    let sql = "UPDATE sessions SET ended_at = $3, end_reason = 'client_revoked' WHERE session_id IN
               (SELECT session_id FROM sessions
                WHERE client_id = $1 AND client_epoch < $2 AND ended_at IS NULL LIMIT $4)";
    conn.execute(sql, &[&client, &below, &now, &limit]).await
}

/// About how many sessions live, counted up to `most`: those are counted in that a raised epoch of a client, device or
/// customer has killed but no sweep has marked yet.
pub async fn count_living(conn: &mut Conn, now: Timestamp, most: i64) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM
         (SELECT 1 AS one FROM sessions WHERE ended_at IS NULL AND expires_at > $1
              AND global_epoch = (SELECT epoch FROM epochs WHERE kind = 'global' AND id = '*') LIMIT $2) found";
    Ok(conn.value(sql, &[&now, &most]).await?.unwrap_or_default())
}
