//! The record behind an access token: a copy from memory that the view has nothing against, or the truth. In the plain
//! variant always the truth.

use std::sync::Arc;

use uuid::Uuid;

use super::Fault;
use crate::app::App;
use crate::cache::near::Copied;
use crate::model::epoch::Level;
use crate::model::session::{Record, SubjectKind};
use crate::policy::verdict::{Verdict, judge};
use crate::secret::seal::Reference;
use crate::store::sessions::{self, Whole};
use crate::view::memory::Sight;

/// A record that a check may rest on.
#[derive(Debug)]
pub enum Found {
    /// Read just now, with a view that need not be asked.
    Truth(Box<Record>),
    /// A copy, or a reading of the truth that may become one.
    Copy(Arc<Copied<Whole>>),
}

/// What is known about the token by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was taken back since the record was read; a newer restriction, if there is one.
    Good(Option<Level>),
    /// Taken back.
    Dead,
    /// It can't be said.
    Unknown,
}

impl Found {
    /// The record.
    #[must_use]
    pub fn record(&self) -> &Record {
        match self {
            Self::Truth(record) => record,
            Self::Copy(copy) => &copy.value.record,
        }
    }

    /// The lease first, then the view: asked with the record in hand, and again just before the answer leaves.
    #[must_use]
    pub fn standing(&self, app: &App, serial: i64) -> Standing {
        let Self::Copy(copy) = self else { return Standing::Good(None) };
        let session = &copy.value.record.session;
        let Some(sight) = app.checks.node.ask(|view| view.judge(copy.as_of, session, serial)) else {
            return Standing::Unknown;
        };
        if copy.value.revoked.contains(&serial) {
            return Standing::Dead;
        }
        match sight {
            Sight::Clear(level) => Standing::Good(level),
            Sight::Dead => Standing::Dead,
            Sight::Old => Standing::Unknown,
        }
    }
}

/// The record of a token's session from the truth alone; `None` if there is none.
pub async fn from_truth(app: &App, session: Uuid, serial: i64) -> Result<Option<Found>, Fault> {
    let record = sessions::find_record(&mut app.db.read().await?, session, serial).await?;
    Ok(record.map(|record| Found::Truth(Box::new(record))))
}

/// The record of an access token's session: near, if that says enough, or from the truth.
pub async fn find(app: &App, token: &Reference, serial: i64) -> Result<Option<Found>, Fault> {
    if !app.settings.is_fast {
        return from_truth(app, token.session, serial).await;
    }
    if !app.checks.node.is_fresh_soon().await {
        return Err(Fault::NotFresh);
    }
    if let Some(found) = near(app, token, serial) {
        return Ok(Some(found));
    }
    let _refill = app.checks.sessions.refill(&token.session).await;
    match near(app, token, serial) {
        Some(found) => Ok(Some(found)),
        None => read(app, token.session, serial).await,
    }
}

/// A copy that is not older than the token and that the view still knows.
fn near(app: &App, token: &Reference, serial: i64) -> Option<Found> {
    let found = Found::Copy(app.checks.sessions.get(&token.session)?);
    let is_known = found.standing(app, serial) != Standing::Unknown;
    (is_known && !is_behind(found.record(), token)).then_some(found)
}

/// A copy that lacks the token's shape, or is of an older generation, says nothing about it. In the truth both mean dead.
fn is_behind(record: &Record, token: &Reference) -> bool {
    let session = &record.session;
    let rotates = session.subject_kind == SubjectKind::Customer;
    let current = u64::try_from(session.generation).unwrap_or(0);
    usize::from(token.shape) >= session.shapes.len() || (rotates && token.serial > current)
}

/// Reads the truth, after noting what the view had applied. What is alive is kept as a copy.
async fn read(app: &App, session: Uuid, serial: i64) -> Result<Option<Found>, Fault> {
    let as_of = app.checks.node.view().as_of().ok_or(Fault::NotFresh)?;
    let found = sessions::find_whole(&mut app.db.read().await?, session).await?;
    let Some(value) = found else { return Ok(None) };
    if !value.is_whole {
        return from_truth(app, session, serial).await;
    }
    let copy = Arc::new(Copied { value, as_of });
    // Whatever token of it is asked about.
    if let Verdict::Alive(_) = judge(&copy.value.record, u32::MAX, None, app.clock.now()) {
        app.checks.sessions.put(session, copy.clone());
    }
    Ok(Some(Found::Copy(copy)))
}
