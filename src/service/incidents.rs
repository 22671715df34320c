//! Incidents, newest first, page by page.

use super::Fault;
use super::audit::{Told, record_alone};
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::actor::Actor;
use crate::model::audit::Action;
use crate::model::ids::IncidentId;
use crate::model::incident::Incident;
use crate::store;

/// Where a page begins: after this incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    at: Timestamp,
    id: String,
}

impl Cursor {
    /// Before everything.
    #[must_use]
    pub fn start() -> Self {
        Self { at: Timestamp::from_timestamp(4_000_000_000, 0).unwrap_or_default(), id: String::new() }
    }

    /// `milliseconds.number`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (ms, id) = text.split_once('.')?;
        let at = Timestamp::from_timestamp_millis(ms.parse().ok()?)?;
        // Within what both engines can compare with.
        let is_ours = (Timestamp::UNIX_EPOCH..=Self::start().at).contains(&at);
        Some(Self { at, id: IncidentId::parse(id).ok()?.to_string() }).filter(|_| is_ours)
    }

    /// The text that [`Cursor::parse`] reads.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}.{}", self.at.timestamp_millis(), self.id)
    }

    fn after(incident: &Incident) -> Self {
        Self { at: incident.opened_at, id: incident.incident_id.to_string() }
    }
}

/// The newest few, for figures: numbers and times, nobody's data, so that nothing is recorded.
pub async fn last(app: &App, limit: i64) -> Result<Vec<Incident>, Fault> {
    let start = Cursor::start();
    Ok(store::incidents::list(&mut app.db.read().await?, (start.at, &start.id), limit).await?)
}

/// A page, with the cursor of the next. Recorded.
pub async fn list(
    app: &App,
    actor: &Actor,
    after: &Cursor,
    limit: i64,
) -> Result<(Vec<Incident>, Option<Cursor>), Fault> {
    record_alone(app, actor, Told::done(Action::IncidentRead, "incident", "*")).await?;
    let mut conn = app.db.read().await?;
    let mut found = store::incidents::list(&mut conn, (after.at, &after.id), limit + 1).await?;
    let has_more = i64::try_from(found.len()).unwrap_or(0) > limit;
    found.truncate(usize::try_from(limit).unwrap_or(0));
    let next = found.last().filter(|_| has_more).map(Cursor::after);
    Ok((found, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let text = "1760000000123.INC_7K2M9QXA4T";
        assert_eq!(Cursor::parse(text).unwrap().text(), text);
        for bad in ["", "1", "1.", "x.INC_1", "-1.INC_1", "99999999999999999.INC_1", "1.a b"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
