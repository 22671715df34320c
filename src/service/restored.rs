//! After a backup or snapshot was restored: what the database calls alive may have been taken back since, so all of it ends.
//! One transaction: 1. the global epoch above any it can have had; 2. a new incarnation; 3. staff signed out; 4. incident
//! and audit. Safe to repeat.

use super::audit::{Told, record};
use super::life::LETTERS;
use super::taking_back::{keep_figures, new_number, prove};
use crate::app::App;
use crate::model::actor::Actor;
use crate::model::audit::Action;
use crate::model::epoch::EpochKind;
use crate::model::feed::Mark;
use crate::model::ids::IncidentId;
use crate::model::incident::{Incident, Receipt, Target};
use crate::secret::random;
use crate::store::epochs::{Ancestors, EVERYBODY};
use crate::store::sessions::Count;
use crate::store::{StoreError, epochs, facts, incidents, sessions, staff_sessions};

/// What was ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The receipt: proven, or not.
    pub receipt: Receipt,
    /// Members of staff who were signed in.
    pub staff_signed_out: u64,
}

/// Ends everything that lives.
pub async fn end_everything(app: &App, actor: &Actor) -> Restored {
    let (watch, number) = (app.clock.start(), new_number());
    match store(app, actor, number.clone()).await {
        Ok((incident, told, before, staff_signed_out)) => {
            let receipt = prove(app, &incident, told, watch).await;
            let receipt = counted(app, &incident, before, receipt).await;
            keep_figures(app, &incident, &receipt, None).await;
            Restored { receipt, staff_signed_out }
        }
        Err(error) => {
            tracing::error!(%error, incident = %number, "what was restored could not be ended");
            let receipt = Receipt::Unconfirmed { incident: number, committed: false };
            Restored { receipt, staff_signed_out: 0 }
        }
    }
}

/// The incident, its feed number, the global epoch before, and how many members of staff were signed out.
async fn store(app: &App, actor: &Actor, number: IncidentId) -> Result<(Incident, Option<Mark>, i64, u64), StoreError> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    epochs::hold(&mut tx, EpochKind::Global, EVERYBODY).await?;
    let before = epochs::current(&mut tx, Ancestors::default()).await?.global;
    // Seconds since 1970: nobody raised it that often, in whichever timeline.
    let raised = epochs::raise_everybody(&mut tx, now.timestamp()).await?;
    let epoch = raised.ok_or(StoreError::Unreadable("epoch"))?;
    facts::set(&mut tx, facts::INCARNATION, &random::letters(LETTERS)).await?;
    let staff = staff_sessions::end_of_all_staff(&mut tx, "restored", now).await?;
    let incident = Incident {
        incident_id: number,
        target_kind: Target::Everyone.kind().to_owned(),
        target_id: Target::Everyone.id(),
        customer_id: None,
        opened_by: actor.who.tag(),
        reason: "a backup was restored".to_owned(),
        note: None,
        sessions_ended: 0,
        devices: 0,
        epoch,
        opened_at: now,
        proof: None,
        closed_at: None,
        closed_by: None,
        close_reason: None,
    };
    incidents::insert(&mut tx, &incident).await?;
    let told = Told::alarm(Action::MassRevoke, "everyone", EVERYBODY);
    record(app, &mut tx, actor, told.because(format!("{}: {}", incident.incident_id, incident.reason))).await?;
    let told = tx.commit_told().await?;
    Ok((incident, told, before, staff))
}

/// Counted after the proof, which does not wait for it; nothing rests on it.
async fn counted(app: &App, incident: &Incident, before: i64, receipt: Receipt) -> Receipt {
    let count = async {
        let count = sessions::count_everyone(&mut app.db.read().await?, before + 1, incident.opened_at).await?;
        let mut tx = app.db.begin().await?;
        incidents::set_counts(&mut tx, &incident.incident_id, &count).await?;
        tx.commit().await?;
        Ok::<Count, StoreError>(count)
    };
    match count.await {
        Ok(count) => receipt.with_counts(count.sessions, count.devices),
        Err(error) => {
            tracing::warn!(%error, incident = %incident.incident_id, "what was ended could not be counted");
            receipt
        }
    }
}
