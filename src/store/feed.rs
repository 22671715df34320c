//! The feed of everything that takes back or narrows. Its order is the order of commits: the number is taken last, and
//! the row it comes from is held until the transaction has committed. A sequence would not do (STO-07): a lower number
//! could become visible after a higher one, and would be skipped.

use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use super::engine::{FromRow, Row};
use super::{Conn, StoreError};
use crate::model::epoch::{EpochKind, Level};
use crate::model::feed::{Entry, Item, Mark, Tail};
use crate::seeded::{self, Bug, has};

impl FromRow for Mark {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { number: row.get("counter")?, timeline: row.get("timeline")? })
    }
}

/// Takes the next number for a transaction's items and writes them. The last statements before COMMIT: whoever takes a
/// number waits from here to there, so between nodes it is one.
pub(super) async fn write(conn: &mut Conn, items: &[Item]) -> Result<Mark, StoreError> {
    if conn.is_between_nodes() {
        let stored: Vec<Stored> = items.iter().map(Stored::of).collect();
        let json = serde_json::to_string(&stored).map_err(|_| StoreError::Unreadable("items"))?;
        if let Some(number) = conn.number_of_before().await? {
            seeded::linger(Duration::from_millis(60)).await;
            return conn
                .fetch_optional(WRITE_LATER_SQL, &[&json, &number])
                .await?
                .ok_or(StoreError::Unreadable("counter"));
        }
        if has(Bug::FeedById) && seeded::is_every_other() {
            seeded::linger(Duration::from_millis(60)).await;
        }
        let sql = if has(Bug::FeedById) { WRITE_BY_ID_SQL } else { WRITE_SQL };
        return conn.fetch_optional(sql, &[&json]).await?.ok_or(StoreError::Unreadable("counter"));
    }
    let next = "UPDATE feed_state SET counter = counter + 1 WHERE one = 1
                RETURNING counter, (SELECT timeline FROM timelines) AS timeline";
    let mark: Option<Mark> = conn.fetch_optional(next, &[]).await?;
    let mark = mark.ok_or(StoreError::Unreadable("counter"))?;
    let sql = "INSERT INTO feed (number, item, kind, id, epoch, level, serial) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    for (at, item) in (0_i64..).zip(items) {
        let Stored { kind, id, epoch, level, serial } = Stored::of(item);
        conn.execute(sql, &[&mark.number, &at, &kind, &id, &epoch, &level, &serial]).await?;
    }
    Ok(mark)
}

/// Number and items at once; the number is what the statement in brackets says.
macro_rules! write_sql {
    ($next:literal) => {
        concat!(
            "WITH next AS (",
            $next,
            "),
     written AS
        (INSERT INTO feed (number, item, kind, id, epoch, level, serial)
         SELECT next.counter, i.place - 1, i.kind, i.id, i.epoch, i.level, i.serial
         FROM next CROSS JOIN ROWS FROM
             (json_to_recordset(CAST($1 AS JSON)) AS (kind TEXT, id TEXT, epoch BIGINT, level TEXT, serial BIGINT))
             WITH ORDINALITY AS i(kind, id, epoch, level, serial, place))
     SELECT next.counter, timelines.timeline FROM next CROSS JOIN timelines"
        )
    };
}

/// The counter's next.
const WRITE_SQL: &str = write_sql!("UPDATE feed_state SET counter = counter + 1 WHERE one = 1 RETURNING counter");
/// The transaction's id, as [`Bug::FeedById`] has it.
const WRITE_BY_ID_SQL: &str = write_sql!(
    "UPDATE feed_state SET counter = GREATEST(counter, CAST(txid_current() AS BIGINT)) WHERE one = 1
     RETURNING CAST(txid_current() AS BIGINT) AS counter"
);
/// One that was taken before, as [`Bug::CounterTakenFirst`] has it.
const WRITE_LATER_SQL: &str = write_sql!("SELECT CAST($2 AS BIGINT) AS counter");

/// The columns of an item.
#[derive(Serialize)]
struct Stored {
    kind: &'static str,
    id: String,
    epoch: Option<i64>,
    level: Option<&'static str>,
    serial: Option<i64>,
}

impl Stored {
    fn of(item: &Item) -> Self {
        let new = |kind, id: &dyn ToString| Self { kind, id: id.to_string(), epoch: None, level: None, serial: None };
        match item {
            Item::Raised { kind, id, epoch } => Self { epoch: Some(*epoch), ..new(kind.as_str(), id) },
            Item::Level { subject, level } => Self { level: Some(level.as_str()), ..new("level", subject) },
            Item::Ended { session } => new("session", session),
            Item::Token { session, serial } => Self { serial: Some(*serial), ..new("token", session) },
            Item::Client { client } => new("client_record", client),
        }
    }
}

impl FromRow for Entry {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let id: String = row.get("id")?;
        let uuid = |id: &str| Uuid::parse_str(id).map_err(|_| StoreError::Unreadable("id"));
        let raised = |kind| Ok(Item::Raised { kind, id: id.clone(), epoch: row.get("epoch")? });
        let item = match row.get::<String>("kind")?.as_str() {
            "global" => raised(EpochKind::Global)?,
            "client" => raised(EpochKind::Client)?,
            "subject" => raised(EpochKind::Subject)?,
            "device" => raised(EpochKind::Device)?,
            "consent" => raised(EpochKind::Consent)?,
            "level" => Item::Level { level: row.named("level", Level::from_name)?, subject: id },
            "session" => Item::Ended { session: uuid(&id)? },
            "token" => Item::Token { session: uuid(&id)?, serial: row.get("serial")? },
            "client_record" => Item::Client { client: id },
            // What a later release tells must not be overlooked: this node has to stop answering.
            _ => return Err(StoreError::Unreadable("kind")),
        };
        Ok(Self { number: row.get("number")?, item })
    }
}

/// The first columns of every row of a tail.
struct Head {
    mark: Mark,
    trimmed: i64,
    incarnation: String,
}

/// A row of a tail: the head, and an entry if there is one.
struct Line(Head, Option<Entry>);

impl FromRow for Line {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let incarnation = row.get::<Option<String>>("incarnation")?.unwrap_or_default();
        let head = Head { mark: Mark::from_row(row)?, trimmed: row.get("trimmed")?, incarnation };
        let number: Option<i64> = row.get("number")?;
        Ok(Self(head, number.map(|_| Entry::from_row(row)).transpose()?))
    }
}

/// The read in [`tail`].
pub const TAIL_SQL: &str = "SELECT state.counter, state.trimmed, timelines.timeline,
        (SELECT value FROM facts WHERE name = 'incarnation') AS incarnation,
        f.number, f.kind, f.id, f.epoch, f.level, f.serial
     FROM feed_state state CROSS JOIN timelines LEFT JOIN feed f ON f.number > $1
     WHERE state.one = 1 ORDER BY f.number, f.item";

/// What was told after a number, with the counter and how far the feed was trimmed: one statement, one snapshot.
pub async fn tail(conn: &mut Conn, after: i64) -> Result<Tail, StoreError> {
    let mut lines: Vec<Line> = conn.fetch_all(TAIL_SQL, &[&after]).await?;
    let entries = lines.iter_mut().filter_map(|line| line.1.take()).collect();
    let Line(Head { mark, trimmed, incarnation }, _) = lines.pop().ok_or(StoreError::Unreadable("counter"))?;
    Ok(Tail { mark, trimmed, after, incarnation, entries })
}

/// The last number there is.
pub async fn latest(conn: &mut Conn) -> Result<Mark, StoreError> {
    let sql = "SELECT s.counter, t.timeline FROM feed_state s CROSS JOIN timelines t WHERE s.one = 1";
    conn.fetch_optional(sql, &[]).await?.ok_or(StoreError::Unreadable("counter"))
}

/// The same, in a transaction whose commit waits for everything that was committed before it to be as safe as a commit can
/// be: what is only visible may still be lost with its server.
pub async fn latest_for_good(conn: &mut Conn) -> Result<Mark, StoreError> {
    let sql = "UPDATE feed_state SET counter = counter WHERE one = 1
               RETURNING counter, (SELECT timeline FROM timelines) AS timeline";
    conn.fetch_optional(sql, &[]).await?.ok_or(StoreError::Unreadable("counter"))
}

/// Forgets up to `most` numbers beyond the newest `keep`; how many entries there were.
pub async fn forget(conn: &mut Conn, keep: i64, most: i64) -> Result<u64, StoreError> {
    let sql = "SELECT CASE WHEN trimmed + $2 < counter - $1 THEN trimmed + $2 ELSE counter - $1 END
               FROM feed_state WHERE one = 1";
    let until: Option<i64> = conn.value(sql, &[&keep, &most]).await?;
    trim(conn, until.unwrap_or(0)).await
}

/// Forgets the entries up to a number that was taken already; how many there were. Whoever had not read them yet drops
/// its older copies.
pub async fn trim(conn: &mut Conn, until: i64) -> Result<u64, StoreError> {
    let sql = "UPDATE feed_state SET trimmed = $1 WHERE one = 1 AND trimmed < $1 AND counter >= $1";
    if conn.execute(sql, &[&until]).await? == 0 {
        return Ok(0);
    }
    conn.execute("DELETE FROM feed WHERE number <= $1", &[&until]).await
}
