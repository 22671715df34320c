//! Lifting a lockdown: another role than locking needs, a reason, and a look at what changed since.

use askama::Template;
use rocket::http::Status;
use rocket::{get, post};

use super::super::Shared;
use super::error::ConsoleError;
use super::frame::StaffFrame;
use super::lines::{Change, Names};
use super::lockdown::{again, key_reused};
use super::person::Head;
use super::question::{Form, Kind, may_ask};
use crate::model::ids::{CustomerId, IncidentId};
use crate::policy::roles::Deed;
use crate::service::search::contact_changes;
use crate::service::unlock::{self, Request, Unlocked};
use crate::service::{about, caller};
use crate::web::answer::Answer;
use crate::web::guard::staff::{Staff, StaffForm};
use crate::web::moment::Moments;
use crate::web::page::{Frame, Page};

const UNLOCK: Kind = Kind {
    reasons: &[
        "Identity checked, customer has the phone back",
        "Identity checked, customer has a new phone",
        "Locked by mistake",
        "Other",
    ],
    button: "Unlock",
    busy: "Unlocking…",
    style: "primary",
};

#[derive(Template)]
#[template(path = "console/unlock.html")]
struct UnlockPage {
    frame: Frame,
    staff: StaffFrame,
    head: Head,
    changes: Vec<Change>,
    form: Form,
}

/// What is pressed while it is not so any more.
fn conflict(title: &'static str, words: &'static str) -> ConsoleError {
    ConsoleError::new(Status::Conflict, title, words)
}

#[get("/console/customers/<id>/unlock")]
pub async fn ask(app: &Shared, staff: Staff, id: &str) -> Result<Page, ConsoleError> {
    staff.may(Deed::Unlock)?;
    let id = CustomerId::parse(id).map_err(|_| ConsoleError::not_found())?;
    page(app, &staff, &id, form(&staff, &id)).await
}

#[post("/console/customers/<id>/unlock", data = "<sent>")]
pub async fn lift(app: &Shared, staff: Staff, id: &str, sent: StaffForm) -> Result<Answer, ConsoleError> {
    let actor = staff.may(Deed::Unlock)?;
    let id = CustomerId::parse(id).map_err(|_| ConsoleError::not_found())?;
    let shown = form(&staff, &id).filled(&sent.0);
    let why = match shown.why(&sent.0) {
        Ok(why) => why,
        Err(problem) => {
            return Ok(again(page(app, &staff, &id, shown.refused(problem)).await?));
        }
    };
    let approved_by = Some(staff.username.clone());
    let incident = sent.0.get("incident").map(IncidentId::parse).transpose().map_err(|_| ConsoleError::malformed())?;
    let request = Request { customer: id, incident, reason: why.reason, note: why.note, approved_by, key: why.key };
    let done = unlock::unlock(app, actor, &request).await.map_err(|fault| unsure(&fault))?;
    lifted(done)
}

fn lifted(done: Unlocked) -> Result<Answer, ConsoleError> {
    match done {
        Unlocked::Done(incident) => Ok(Answer::to(format!("/console/incidents/{incident}"))),
        Unlocked::NotFound => Err(ConsoleError::not_found()),
        Unlocked::NotLocked => Err(conflict("Not locked", "This customer is not locked. Nothing was changed.")),
        Unlocked::Another => Err(conflict(
            "Locked anew",
            "The lockdown you looked at was lifted, and the customer was locked again since. That one still stands: nothing was changed. Open the customer again and see why.",
        )),
        Unlocked::KeyReused => Err(key_reused()),
        // The role was enough a moment ago.
        Unlocked::NotApproved => Err(ConsoleError::refused("role")),
    }
}

/// 503: nobody can say whether it was lifted.
fn unsure(fault: &crate::service::Fault) -> ConsoleError {
    tracing::error!(error = %fault, "an unlock could not be stored");
    let words = "It is not certain whether the lockdown was lifted. Open the customer again and see how things stand before you tell the caller.";
    ConsoleError::new(Status::ServiceUnavailable, "NOT confirmed", words)
}

fn form(staff: &Staff, id: &CustomerId) -> Form {
    Form::new(staff, UNLOCK, format!("/console/customers/{id}/unlock"))
}

async fn page(app: &Shared, staff: &Staff, id: &CustomerId, form: Form) -> Result<Page, ConsoleError> {
    may_ask(app, staff).await?;
    let about = about::customer(app, &staff.actor, id).await?.ok_or_else(ConsoleError::not_found)?;
    let (moments, changes) = (Moments::new(app), contact_changes(app, id).await?);
    let names = Names::of_nobody(app, &moments);
    let head = Head::new(&about.person, &moments);
    let incident = head.lockdown.as_ref().map(|lockdown| lockdown.incident.clone());
    let page = UnlockPage {
        frame: Frame::new(app),
        staff: StaffFrame::new(staff, ""),
        head,
        changes: caller::recent(&changes, &about.person.customer, app.clock.now())
            .into_iter()
            .map(|change| names.change(change))
            .collect(),
        form: Form { incident, ..form },
    };
    Ok(Page::render(&page.frame, &page)?)
}
