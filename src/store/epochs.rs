//! Epochs: raised, never lowered; deleted only with a device that nothing rests on and that was never revoked. Lock order everywhere: epochs (by kind, id), then sessions.

use uuid::Uuid;

use super::engine::{FromRow, Row};
use super::{Conn, StoreError};
use crate::model::epoch::{EpochKind, Epochs, Level};
use crate::model::feed::Item;

/// The id of the one global row.
pub const EVERYBODY: &str = "*";

/// Whose epochs are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ancestors<'a> {
    /// Client id.
    pub client: Option<&'a str>,
    /// Customer id, or client id of a service.
    pub subject: Option<&'a str>,
    /// Device.
    pub device: Option<Uuid>,
    /// Consent.
    pub consent: Option<Uuid>,
}

/// Makes the row of something new, at epoch 1 without restriction.
pub async fn insert(conn: &mut Conn, kind: EpochKind, id: &str) -> Result<(), StoreError> {
    let sql = "INSERT INTO epochs (kind, id, epoch, level) VALUES ($1, $2, 1, 'none')";
    conn.execute(sql, &[&kind.as_str(), &id]).await.map(|_| ())
}

/// Raises an epoch; the new one, or `None` if there is no such row.
pub async fn raise(conn: &mut Conn, kind: EpochKind, id: &str) -> Result<Option<i64>, StoreError> {
    let sql = "UPDATE epochs SET epoch = epoch + 1 WHERE kind = $1 AND id = $2 RETURNING epoch";
    let raised = conn.value(sql, &[&kind.as_str(), &id]).await?;
    conn.tell_all(raised.map(|epoch| Item::Raised { kind, id: id.to_owned(), epoch }));
    Ok(raised)
}

/// Raises the global epoch to `floor`, or by one if it is there already: above any that a lost timeline of this database can
/// have had. The new one, or `None` if the row is missing.
pub async fn raise_everybody(conn: &mut Conn, floor: i64) -> Result<Option<i64>, StoreError> {
    let sql = "UPDATE epochs SET epoch = CASE WHEN epoch < $1 THEN $1 ELSE epoch + 1 END
               WHERE kind = 'global' AND id = '*' RETURNING epoch";
    let raised = conn.value(sql, &[&floor]).await?;
    let id = || EVERYBODY.to_owned();
    conn.tell_all(raised.map(|epoch| Item::Raised { kind: EpochKind::Global, id: id(), epoch }));
    Ok(raised)
}

/// Holds an epoch's row until the transaction ends, so that transactions that rest on it run one after the other.
pub async fn hold(conn: &mut Conn, kind: EpochKind, id: &str) -> Result<(), StoreError> {
    let sql = "UPDATE epochs SET epoch = epoch WHERE kind = $1 AND id = $2";
    conn.execute(sql, &[&kind.as_str(), &id]).await.map(|_| ())
}

/// Drops the row of something that is gone and never had anything taken back.
pub async fn delete_unraised(conn: &mut Conn, kind: EpochKind, id: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM epochs WHERE kind = $1 AND id = $2 AND epoch = 1";
    Ok(conn.execute(sql, &[&kind.as_str(), &id]).await? == 1)
}

/// Locks a subject: raises the epoch and sets the level, in one statement. `None`: no such subject, or locked already.
pub async fn lock(conn: &mut Conn, subject: &str) -> Result<Option<i64>, StoreError> {
    let sql = "UPDATE epochs SET epoch = epoch + 1, level = 'full'
               WHERE kind = 'subject' AND id = $1 AND level <> 'full' RETURNING epoch";
    let raised = conn.value(sql, &[&subject]).await?;
    if let Some(epoch) = raised {
        conn.tell(Item::Raised { kind: EpochKind::Subject, id: subject.to_owned(), epoch });
        conn.tell(Item::Level { subject: subject.to_owned(), level: Level::Full });
    }
    Ok(raised)
}

/// Lifts a subject's lock; false if it was not locked. Kills nothing and revives nothing.
pub async fn unlock(conn: &mut Conn, subject: &str) -> Result<bool, StoreError> {
    let sql = "UPDATE epochs SET level = 'none' WHERE kind = 'subject' AND id = $1 AND level = 'full'";
    let done = conn.execute(sql, &[&subject]).await? == 1;
    conn.tell_all(done.then(|| Item::Level { subject: subject.to_owned(), level: Level::None }));
    Ok(done)
}

/// A subject's restriction now; `None` if there is no such subject.
pub async fn level(conn: &mut Conn, subject: &str) -> Result<Option<Level>, StoreError> {
    struct Read(Level);
    impl FromRow for Read {
        fn from_row(row: &Row) -> Result<Self, StoreError> {
            row.named("level", Level::from_name).map(Self)
        }
    }
    let sql = "SELECT level FROM epochs WHERE kind = 'subject' AND id = $1";
    Ok(conn.fetch_optional::<Read>(sql, &[&subject]).await?.map(|read| read.0))
}

/// The current epochs of some ancestors, in one statement. A missing row reads as `None` (global: as 0).
pub async fn current(conn: &mut Conn, of: Ancestors<'_>) -> Result<Epochs, StoreError> {
    let sql = "SELECT (SELECT epoch FROM epochs WHERE kind = 'global' AND id = '*') AS now_global,
                      (SELECT epoch FROM epochs WHERE kind = 'client' AND id = $1) AS now_client,
                      (SELECT epoch FROM epochs WHERE kind = 'subject' AND id = $2) AS now_subject,
                      (SELECT epoch FROM epochs WHERE kind = 'device' AND id = $3) AS now_device,
                      (SELECT epoch FROM epochs WHERE kind = 'consent' AND id = $4) AS now_consent";
    let (device, consent) = (of.device.map(|id| id.to_string()), of.consent.map(|id| id.to_string()));
    let found = conn.fetch_optional::<Now>(sql, &[&of.client, &of.subject, &device, &consent]).await?;
    Ok(found.map(|now| now.epochs).unwrap_or_default())
}

/// The columns `now_global`, `now_client`, `now_subject`, `now_device`, `now_consent` of any joined read.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Current epochs.
    pub epochs: Epochs,
    /// Whether the global row was there.
    pub global_found: bool,
}

impl FromRow for Now {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let global = row.get::<Option<i64>>("now_global")?;
        Ok(Self {
            epochs: Epochs {
                global: global.unwrap_or_default(),
                client: row.get("now_client")?,
                subject: row.get("now_subject")?,
                device: row.get("now_device")?,
                consent: row.get("now_consent")?,
            },
            global_found: global.is_some(),
        })
    }
}

/// The columns `global_epoch` .. `consent_epoch` of something that was born.
pub(super) fn at_birth(row: &Row) -> Result<Epochs, StoreError> {
    Ok(Epochs {
        global: row.get("global_epoch")?,
        client: row.get("client_epoch")?,
        subject: row.get("subject_epoch")?,
        device: row.get("device_epoch")?,
        consent: row.get("consent_epoch")?,
    })
}
