//! What a copy of a session is made of.

use uuid::Uuid;

use crate::model::session::Record;
use crate::store::engine::{FromRow, Row};
use crate::store::{Conn, StoreError};

/// Most tokens of one session that were taken back one by one and that a copy carries.
pub const MOST_REVOKED: usize = 64;

/// A session as one statement showed it, with the access tokens of it that were taken back one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The session and how things stand.
    pub record: Record,
    /// Serials of tokens taken back.
    pub revoked: Vec<i64>,
    /// False: there are more than a copy carries.
    pub is_whole: bool,
    /// The history of the database it was read from.
    pub timeline: String,
}

/// The read in [`find_whole`].
pub const FIND_WHOLE_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    ", u.level, g.epoch AS now_global, k.epoch AS now_client, u.epoch AS now_subject,
             d.epoch AS now_device, n.epoch AS now_consent, r.serial AS revoked_serial,
             (SELECT timeline FROM timelines) AS timeline
      FROM sessions s
      LEFT JOIN epochs g ON g.kind = 'global' AND g.id = '*'
      LEFT JOIN epochs k ON k.kind = 'client' AND k.id = s.client_id
      LEFT JOIN epochs u ON u.kind = 'subject' AND u.id = s.subject_id
      LEFT JOIN epochs d ON d.kind = 'device' AND d.id = s.device_id
      LEFT JOIN epochs n ON n.kind = 'consent' AND n.id = s.consent_id
      LEFT JOIN revoked_tokens r ON r.session_id = s.session_id
      WHERE s.session_id = $1 LIMIT 65"
);

/// One row of [`find_whole`].
struct WithSerial(Record, Option<i64>, String);

impl FromRow for WithSerial {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self(
            Record { token_revoked: false, ..Record::from_row(row)? },
            row.get("revoked_serial")?,
            row.get("timeline")?,
        ))
    }
}

/// A session with everything a copy of it needs, in one statement.
pub async fn find_whole(conn: &mut Conn, session_id: Uuid) -> Result<Option<Whole>, StoreError> {
    let rows: Vec<WithSerial> = conn.fetch_all(FIND_WHOLE_SQL, &[&session_id]).await?;
    let revoked: Vec<i64> = rows.iter().filter_map(|row| row.1).collect();
    let is_whole = revoked.len() <= MOST_REVOKED;
    Ok(rows.into_iter().next().map(|row| Whole { record: row.0, revoked, is_whole, timeline: row.2 }))
}
