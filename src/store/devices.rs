//! Devices of customers.

use uuid::Uuid;

use super::engine::{FromRow, Row};
use super::{Conn, StoreError, epochs};
use crate::clock::Timestamp;
use crate::model::device::{Device, DeviceDetails};
use crate::model::epoch::EpochKind;
use crate::model::ids::CustomerId;

/// What a device is read from. Named one by one: a later release may add columns while this one serves.
macro_rules! columns {
    () => {
        "device_id, customer_id, client_id, name, model, platform, os_version, app_version, timezone, language, \
         user_agent, address, first_seen_at, last_seen_at, revoked_at"
    };
}

impl FromRow for Device {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            device_id: row.parse("device_id")?,
            customer_id: row.parse("customer_id")?,
            client_id: row.parse_optional("client_id")?,
            details: DeviceDetails {
                name: row.get("name")?,
                model: row.get("model")?,
                platform: row.get("platform")?,
                os_version: row.get("os_version")?,
                app_version: row.get("app_version")?,
                timezone: row.get("timezone")?,
                language: row.get("language")?,
                user_agent: row.get("user_agent")?,
            },
            address: row.get("address")?,
            first_seen_at: row.get("first_seen_at")?,
            last_seen_at: row.get("last_seen_at")?,
            revoked_at: row.get("revoked_at")?,
        })
    }
}

/// What names a device: the cookie, or the app's own id.
#[derive(Clone, Debug, Default)]
pub struct DeviceNames {
    /// The id in the device cookie.
    pub browser_id: Option<Uuid>,
    /// The app's `device_id`; the client is the device's.
    pub app_device_id: Option<String>,
}

/// Enters a new device with its epoch; [`StoreError::Taken`] if another sign-in was quicker.
pub async fn insert(conn: &mut Conn, device: &Device, names: &DeviceNames) -> Result<(), StoreError> {
    epochs::insert(conn, EpochKind::Device, &device.device_id.to_string()).await?;
    let sql =
        "INSERT INTO devices (device_id, customer_id, client_id, app_device_id, browser_id, name, model, platform,
                                    os_version, app_version, timezone, language, user_agent, address, first_seen_at,
                                    last_seen_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    let told = &device.details;
    conn.execute(
        sql,
        &[
            &device.device_id.to_string(),
            &device.customer_id.as_str(),
            &device.client_id.as_ref().map(|id| id.as_str().to_owned()),
            &names.app_device_id,
            &names.browser_id,
            &told.name,
            &told.model,
            &told.platform,
            &told.os_version,
            &told.app_version,
            &told.timezone,
            &told.language,
            &told.user_agent,
            &device.address,
            &device.first_seen_at,
            &device.last_seen_at,
        ],
    )
    .await
    .map(|_| ())
}

/// Brings a device up to date at sign-in: what is told now wins, what is not told stays. It is no longer revoked: its
/// epoch has moved on, so what it had before stays dead.
pub async fn refresh(conn: &mut Conn, device: &Device) -> Result<(), StoreError> {
    let sql = "UPDATE devices SET name = COALESCE($2, name), model = COALESCE($3, model),
                   os_version = COALESCE($4, os_version), app_version = COALESCE($5, app_version),
                   timezone = COALESCE($6, timezone), language = COALESCE($7, language),
                   user_agent = COALESCE($8, user_agent), address = COALESCE($9, address),
                   last_seen_at = $10, platform = COALESCE($11, platform), revoked_at = NULL
               WHERE device_id = $1";
    let told = &device.details;
    conn.execute(
        sql,
        &[
            &device.device_id.to_string(),
            &told.name,
            &told.model,
            &told.os_version,
            &told.app_version,
            &told.timezone,
            &told.language,
            &told.user_agent,
            &device.address,
            &device.last_seen_at,
            &told.platform,
        ],
    )
    .await
    .map(|_| ())
}

/// Fills in what an app tells at the token endpoint, where nothing is known yet; never overwrites.
pub async fn fill_in(conn: &mut Conn, device_id: Uuid, told: &DeviceDetails) -> Result<(), StoreError> {
    let sql = "UPDATE devices SET name = COALESCE(name, $2), model = COALESCE(model, $3),
                   os_version = COALESCE(os_version, $4), app_version = COALESCE(app_version, $5),
                   timezone = COALESCE(timezone, $6), language = COALESCE(language, $7)
               WHERE device_id = $1";
    conn.execute(
        sql,
        &[
            &device_id.to_string(),
            &told.name,
            &told.model,
            &told.os_version,
            &told.app_version,
            &told.timezone,
            &told.language,
        ],
    )
    .await
    .map(|_| ())
}

/// A device by id.
pub async fn find(conn: &mut Conn, device_id: Uuid) -> Result<Option<Device>, StoreError> {
    let sql = concat!("SELECT ", columns!(), " FROM devices WHERE device_id = $1");
    conn.fetch_optional(sql, &[&device_id.to_string()]).await
}

/// The read in [`list`].
pub const LIST_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM devices WHERE customer_id = $1 ORDER BY last_seen_at DESC, device_id LIMIT $2"
);

/// A customer's devices, last seen first.
pub async fn list(conn: &mut Conn, customer: &CustomerId, limit: i64) -> Result<Vec<Device>, StoreError> {
    conn.fetch_all(LIST_SQL, &[&customer.as_str(), &limit]).await
}

/// The read in [`list_page`].
pub const LIST_PAGE_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM devices WHERE customer_id = $1 AND (last_seen_at < $2 OR (last_seen_at = $2 AND device_id < $3))
      ORDER BY last_seen_at DESC, device_id DESC LIMIT $4"
);

/// A page of a customer's devices, last seen first, before (`last_seen_at`, id) of the page above.
pub async fn list_page(
    conn: &mut Conn,
    customer: &CustomerId,
    before: (Timestamp, Uuid),
    limit: i64,
) -> Result<Vec<Device>, StoreError> {
    conn.fetch_all(LIST_PAGE_SQL, &[&customer.as_str(), &before.0, &before.1.to_string(), &limit]).await
}

/// The read in [`count`].
pub const COUNT_SQL: &str =
    "SELECT COUNT(*) FROM (SELECT device_id FROM devices WHERE customer_id = $1 LIMIT $2) AS counted";

/// How many devices a customer has, revoked ones among them, counted up to `most`.
pub async fn count(conn: &mut Conn, customer: &CustomerId, most: i64) -> Result<i64, StoreError> {
    Ok(conn.value(COUNT_SQL, &[&customer.as_str(), &most]).await?.unwrap_or_default())
}

/// Marks a device revoked, keeping the first time; the device, or `None` if there is none.
pub async fn revoke(conn: &mut Conn, device_id: Uuid, now: Timestamp) -> Result<Option<Device>, StoreError> {
    let sql =
        concat!("UPDATE devices SET revoked_at = COALESCE(revoked_at, $2) WHERE device_id = $1 RETURNING ", columns!());
    conn.fetch_optional(sql, &[&device_id.to_string(), &now]).await
}

/// The read in [`forget`]: the oldest few, and of them those that nothing rests on. However many devices are old, no more
/// than `limit` are looked at.
pub const LIST_FORGETTABLE_SQL: &str = "SELECT found.device_id FROM
     (SELECT device_id FROM devices WHERE last_seen_at < $1 ORDER BY last_seen_at LIMIT $2) found
     WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.device_id = found.device_id)
       AND NOT EXISTS (SELECT 1 FROM browser_sessions b WHERE b.device_id = found.device_id)
       AND NOT EXISTS (SELECT 1 FROM codes c WHERE c.device_id = found.device_id)";

/// Drops, of the `limit` devices unseen for longest before a time, those that nothing rests on. A device's epoch goes with it, unless it was
/// ever raised: then it is the proof of an incident.
pub async fn forget(conn: &mut Conn, before: Timestamp, limit: i64) -> Result<u64, StoreError> {
    struct Id(String);
    impl FromRow for Id {
        fn from_row(row: &Row) -> Result<Self, StoreError> {
            row.get("device_id").map(Self)
        }
    }
    let mut ids = conn.fetch_all::<Id>(LIST_FORGETTABLE_SQL, &[&before, &limit]).await?;
    // Epochs before devices and in order of their ids, as everywhere.
    ids.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    let mut forgotten = 0;
    for Id(id) in ids {
        epochs::hold(conn, EpochKind::Device, &id).await?;
        // Seen again meanwhile: it stays.
        let sql = "DELETE FROM devices WHERE device_id = $1 AND last_seen_at < $2";
        if conn.execute(sql, &[&id, &before]).await? == 1 {
            epochs::delete_unraised(conn, EpochKind::Device, &id).await?;
            forgotten += 1;
        }
    }
    Ok(forgotten)
}
