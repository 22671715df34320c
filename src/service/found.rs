//! The record behind an access token: a copy that the view has nothing against, from memory or from Redis, or the truth. In
//! the plain variant always the truth.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::Fault;
use crate::app::App;
use crate::cache::near::{Copied, Crowded};
use crate::cache::redis::Read;
use crate::cache::said::Said;
use crate::metrics::label::Path;
use crate::model::epoch::Level;
use crate::model::feed::{AsOf, History};
use crate::model::session::{Record, SubjectKind};
use crate::policy::verdict::{Verdict, epochs_current, judge};
use crate::secret::seal::Reference;
use crate::seeded::{self, Bug, has};
use crate::store::feed;
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

    /// The last answer that was made of it, kept with a copy.
    #[must_use]
    pub fn said(&self) -> Option<&Said> {
        match self {
            Self::Truth(_) => None,
            Self::Copy(copy) => Some(&copy.said),
        }
    }

    /// The lease first, then the view: asked with the record in hand, and again just before the answer leaves.
    #[must_use]
    pub fn standing(&self, app: &App, serial: i64) -> Standing {
        let Self::Copy(copy) = self else { return Standing::Good(None) };
        let session = &copy.value.record.session;
        if has(Bug::NearCacheStale) && seeded::was_good(session.session_id) {
            return Standing::Good(None);
        }
        let Some(sight) = app.checks.node.ask(|view| view.judge(copy.as_of, session, serial)) else {
            return Standing::Unknown;
        };
        if copy.value.revoked.contains(&serial) {
            return Standing::Dead;
        }
        match sight {
            Sight::Clear(level) => {
                seeded::note_good(session.session_id);
                Standing::Good(level)
            }
            Sight::Dead => Standing::Dead,
            Sight::Old => Standing::Unknown,
        }
    }
}

impl From<Crowded> for Fault {
    fn from(_: Crowded) -> Self {
        Self::Crowded
    }
}

/// The record of a token's session from the truth alone; `None` if there is none.
pub async fn from_truth(app: &App, session: Uuid, serial: i64) -> Result<Option<Found>, Fault> {
    app.metrics.looked_up(if app.settings.is_fast { Path::Truth } else { Path::Plain });
    let mut conn = app.db.read_ahead().await?;
    let record = sessions::find_record(&mut conn, session, serial).await?;
    if app.settings.is_fast && !app.checks.node.follows(&feed::latest(&mut conn).await?.timeline) {
        return Err(Fault::NotFresh);
    }
    Ok(record.map(|record| Found::Truth(Box::new(record))))
}

/// The record of an access token's session: near, or in Redis, if that says enough, or from the truth.
pub async fn find(app: &App, token: &Reference, serial: i64) -> Result<Option<Found>, Fault> {
    if !app.settings.is_fast {
        return Box::pin(from_truth(app, token.session, serial)).await;
    }
    if !app.checks.node.is_fresh_soon().await {
        return Err(Fault::NotFresh);
    }
    if let Some(found) = near(app, token, serial) {
        return Ok(Some(found));
    }
    // On its own: what a look further needs is not to be moved about with every check that needs none.
    Box::pin(look_further(app, token, serial)).await
}

async fn look_further(app: &App, token: &Reference, serial: i64) -> Result<Option<Found>, Fault> {
    let _turn = app.checks.sessions.turn(&token.session).await?;
    if !app.checks.node.is_fresh_soon().await {
        return Err(Fault::NotFresh);
    }
    if let Some(found) = near(app, token, serial) {
        return Ok(Some(found));
    }
    if let Some(found) = shared(app, token, serial).await {
        return Ok(Some(found));
    }
    let _refill = app.checks.sessions.refill().await?;
    if !app.checks.node.is_fresh_soon().await {
        return Err(Fault::NotFresh);
    }
    read(app, token.session, serial).await
}

/// The same, if it is near and can be used without a look further; not for a check, and not counted.
pub fn fitting(app: &App, token: &Reference, serial: i64) -> Option<Found> {
    fit(app, app.checks.sessions.get(&token.session)?, token, serial)
}

/// The same for a check.
pub fn near(app: &App, token: &Reference, serial: i64) -> Option<Found> {
    let found = fitting(app, token, serial)?;
    app.metrics.looked_up(Path::Near);
    Some(found)
}

/// A copy that some node put into Redis, if it is one that could have been made here.
async fn shared(app: &App, token: &Reference, serial: i64) -> Option<Found> {
    let copies = app.checks.copies.as_ref()?;
    let history = app.checks.node.view().history()?;
    let Read { value, number } = copies.get(token.session, &history).await?;
    let as_of = if has(Bug::RefillWithoutVeto) {
        app.checks.node.view().as_of()?
    } else {
        app.checks.node.view().adopt(&history, number)?
    };
    let copy = Arc::new(Copied::new(value, as_of));
    if !is_alive(app, &copy.value.record) {
        return None;
    }
    let found = fit(app, copy.clone(), token, serial)?;
    app.metrics.looked_up(Path::Redis);
    app.checks.sessions.put(token.session, copy);
    Some(found)
}

/// A copy that is not older than the token and that the view still knows.
fn fit(app: &App, copy: Arc<Copied<Whole>>, token: &Reference, serial: i64) -> Option<Found> {
    let found = Found::Copy(copy);
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

/// Whether a record may become a copy, whatever token of it is asked about.
fn is_alive(app: &App, record: &Record) -> bool {
    matches!(judge(record, u32::MAX, None, app.clock.now()), Verdict::Alive(_))
}

/// Reads the truth, after noting what the view had applied, and keeps a copy.
async fn read(app: &App, session: Uuid, serial: i64) -> Result<Option<Found>, Fault> {
    let (mut as_of, history) = noted(app).ok_or(Fault::NotFresh)?;
    let found = sessions::find_whole(&mut app.db.read_ahead().await?, session).await?;
    if has(Bug::AsOfAfterRead) {
        seeded::linger(Duration::from_millis(300)).await;
        as_of = noted(app).ok_or(Fault::NotFresh)?.0;
    }
    // What is not there may be younger than the server that was asked.
    let Some(value) = found else { return from_truth(app, session, serial).await };
    if !app.checks.node.follows(&value.timeline) {
        return Err(Fault::NotFresh);
    }
    if !value.is_whole {
        return from_truth(app, session, serial).await;
    }
    app.metrics.looked_up(Path::Truth);
    let copy = Arc::new(Copied::new(value, as_of));
    // Dead for good is kept as well: it spares the database those who keep asking.
    let is_gone =
        |record: &Record| record.session.ended_at.is_some() || !epochs_current(&record.session.epochs, &record.now);
    let is_alive = is_alive(app, &copy.value.record);
    if is_alive || is_gone(&copy.value.record) {
        app.checks.sessions.put(session, copy.clone());
        let history = history.filter(|history| is_alive && history.timeline == copy.value.timeline);
        if let (Some(copies), Some(history)) = (&app.checks.copies, history) {
            copies.put(history, copy.clone());
        }
    }
    Ok(Some(Found::Copy(copy)))
}

/// What the view has applied, and in which history: both of one moment.
fn noted(app: &App) -> Option<(AsOf, Option<History>)> {
    let view = app.checks.node.view();
    Some((view.as_of()?, view.history()))
}
