//! Emergency lockdown, and revoking one device or session: the question, the press, and either a receipt or the plain
//! words that it is not confirmed.

use askama::Template;
use rocket::http::Status;
use rocket::{get, post};
use uuid::Uuid;

use super::super::Shared;
use super::device::uuid;
use super::error::ConsoleError;
use super::frame::StaffFrame;
use super::person::Head;
use super::question::{Form, Kind, may_ask};
use crate::model::ids::CustomerId;
use crate::model::incident::Receipt;
use crate::policy::device_name;
use crate::policy::roles::Deed;
use crate::service::about::{self, About};
use crate::service::lockdown;
use crate::service::taking_back::Taken;
use crate::web::answer::Answer;
use crate::web::guard::staff::{Staff, StaffForm};
use crate::web::moment::Moments;
use crate::web::page::{Frame, Page};

/// A lockdown.
const LOCK: Kind = Kind {
    reasons: &["Phone stolen", "Phone lost", "Suspicious activity", "Caller asks for it", "Other"],
    button: "Lock all devices now",
    busy: "Locking…",
    style: "danger",
};
/// What a lockdown does, in the words of its page and its dialog.
pub(super) const LOCK_HAPPENS: &[&str] = &[
    "Every phone, tablet and computer is signed out at once.",
    "Nobody can sign in, not even with the right password, until a supervisor or a branch unlocks.",
];
/// One device.
const DEVICE: Kind = Kind {
    reasons: &[
        "Phone stolen",
        "Phone lost",
        "Sold or given away",
        "Customer does not know it",
        "Caller asks for it",
        "Other",
    ],
    button: "Revoke this device",
    busy: "Revoking…",
    style: "danger",
};
/// One session.
const SESSION: Kind = Kind {
    reasons: &["Suspicious activity", "Customer does not know it", "Caller asks for it", "Other"],
    button: "End this session",
    busy: "Ending…",
    style: "danger",
};

/// The question, on a page of its own.
#[derive(Template)]
#[template(path = "console/ask.html")]
struct AskPage {
    frame: Frame,
    staff: StaffFrame,
    head: Head,
    ask: Ask,
    form: Form,
}

/// What is asked.
struct Ask {
    title: &'static str,
    doing: &'static str,
    what: Option<String>,
    happens: &'static [&'static str],
    /// It is done already: nothing is asked, the incident is shown.
    is_done: bool,
}

/// Not proven: what to say, and what to do.
#[derive(Template)]
#[template(path = "console/unconfirmed.html")]
struct UnconfirmedPage {
    frame: Frame,
    staff: StaffFrame,
    incident: String,
    form: Form,
}

/// The form of a lockdown, as the customer's page and the question's page show it.
#[must_use]
pub fn lock_form(staff: &Staff, id: &CustomerId) -> Form {
    Form::new(staff, LOCK, format!("/console/customers/{id}/lockdown"))
}

#[get("/console/customers/<id>/lockdown")]
pub async fn ask_lock(app: &Shared, staff: Staff, id: &str) -> Result<Page, ConsoleError> {
    staff.may(Deed::Lock)?;
    let id = CustomerId::parse(id).map_err(|_| ConsoleError::not_found())?;
    ask_about_customer(app, &staff, &id, lock_form(&staff, &id)).await
}

#[post("/console/customers/<id>/lockdown", data = "<form>")]
pub async fn lock(app: &Shared, staff: Staff, id: &str, form: StaffForm) -> Result<Answer, ConsoleError> {
    let actor = staff.may(Deed::Lock)?;
    let id = CustomerId::parse(id).map_err(|_| ConsoleError::not_found())?;
    let shown = lock_form(&staff, &id).filled(&form.0);
    match shown.why(&form.0) {
        Ok(why) => pressed(app, &staff, lockdown::lock(app, actor, &id, &why).await, shown),
        Err(problem) => Ok(again(ask_about_customer(app, &staff, &id, shown.refused(problem)).await?)),
    }
}

#[get("/console/devices/<id>/revoke")]
pub async fn ask_device(app: &Shared, staff: Staff, id: &str) -> Result<Page, ConsoleError> {
    staff.may(Deed::Revoke)?;
    let id = uuid(id)?;
    ask_about_device(app, &staff, id, device_form(&staff, id)).await
}

#[post("/console/devices/<id>/revoke", data = "<form>")]
pub async fn revoke_device(app: &Shared, staff: Staff, id: &str, form: StaffForm) -> Result<Answer, ConsoleError> {
    let actor = staff.may(Deed::Revoke)?;
    let id = uuid(id)?;
    let shown = device_form(&staff, id).filled(&form.0);
    match shown.why(&form.0) {
        Ok(why) => pressed(app, &staff, lockdown::device(app, actor, id, &why).await, shown),
        Err(problem) => Ok(again(ask_about_device(app, &staff, id, shown.refused(problem)).await?)),
    }
}

#[get("/console/sessions/<id>/revoke")]
pub async fn ask_session(app: &Shared, staff: Staff, id: &str) -> Result<Page, ConsoleError> {
    staff.may(Deed::Revoke)?;
    let id = uuid(id)?;
    ask_about_session(app, &staff, id, session_form(&staff, id)).await
}

#[post("/console/sessions/<id>/revoke", data = "<form>")]
pub async fn end_session(app: &Shared, staff: Staff, id: &str, form: StaffForm) -> Result<Answer, ConsoleError> {
    let actor = staff.may(Deed::Revoke)?;
    let id = uuid(id)?;
    let shown = session_form(&staff, id).filled(&form.0);
    if !about::has_owner(app, id).await.map_err(|fault| ConsoleError::not_confirmed(&fault))? {
        return Err(ConsoleError::not_found());
    }
    match shown.why(&form.0) {
        Ok(why) => pressed(app, &staff, lockdown::session(app, actor, id, &why).await, shown),
        Err(problem) => Ok(again(ask_about_session(app, &staff, id, shown.refused(problem)).await?)),
    }
}

fn device_form(staff: &Staff, id: Uuid) -> Form {
    Form::new(staff, DEVICE, format!("/console/devices/{id}/revoke"))
}

fn session_form(staff: &Staff, id: Uuid) -> Form {
    Form::new(staff, SESSION, format!("/console/sessions/{id}/revoke"))
}

async fn ask_about_customer(app: &Shared, staff: &Staff, id: &CustomerId, form: Form) -> Result<Page, ConsoleError> {
    may_ask(app, staff).await?;
    let about = about::customer(app, &staff.actor, id).await?.ok_or_else(ConsoleError::not_found)?;
    let ask = Ask {
        title: "Lock all devices?",
        doing: "You are locking",
        what: None,
        happens: LOCK_HAPPENS,
        is_done: about.person.lockdown.is_some(),
    };
    question(app, staff, &about, (ask, form))
}

async fn ask_about_device(app: &Shared, staff: &Staff, id: Uuid, form: Form) -> Result<Page, ConsoleError> {
    may_ask(app, staff).await?;
    let about = about::device(app, &staff.actor, id).await?.ok_or_else(ConsoleError::not_found)?;
    let ask = Ask {
        title: "Revoke this device?",
        doing: "You are revoking a device of",
        what: about.device.as_ref().map(device_name::name),
        happens: &[
            "Everything on this device is signed out at once.",
            "Whoever knows the password can sign in on it again. To prevent that, lock all devices instead.",
        ],
        is_done: false,
    };
    question(app, staff, &about, (ask, form))
}

async fn ask_about_session(app: &Shared, staff: &Staff, id: Uuid, form: Form) -> Result<Page, ConsoleError> {
    may_ask(app, staff).await?;
    let about = about::session(app, &staff.actor, id).await?.ok_or_else(ConsoleError::not_found)?;
    let began = about.session.map(|(_, at)| Moments::new(app).show(at).exact).unwrap_or_default();
    let device = about.device.as_ref().map_or_else(|| "no device".to_owned(), device_name::name);
    let ask = Ask {
        title: "End this session?",
        doing: "You are ending a session of",
        what: Some(format!("begun {began} on {device}")),
        happens: &["The app is signed out at once.", "Other sessions on this device go on."],
        is_done: false,
    };
    question(app, staff, &about, (ask, form))
}

fn question(app: &Shared, staff: &Staff, about: &About, (ask, form): (Ask, Form)) -> Result<Page, ConsoleError> {
    let head = Head::new(&about.person, &Moments::new(app));
    let page = AskPage { frame: Frame::new(app), staff: StaffFrame::new(staff, ""), head, ask, form };
    Ok(Page::render(&page.frame, &page)?)
}

/// The question again, with what is wrong.
pub(super) fn again(page: Page) -> Answer {
    Answer::page(page.with_status(Status::UnprocessableEntity))
}

/// To the receipt, or to the page that says that nothing is confirmed.
fn pressed(app: &Shared, staff: &Staff, taken: Taken, form: Form) -> Result<Answer, ConsoleError> {
    match taken {
        Taken::NotFound => Err(ConsoleError::not_found()),
        Taken::KeyReused => Err(key_reused()),
        Taken::Receipt(Receipt::Confirmed { incident, .. }) => Ok(Answer::to(format!("/console/incidents/{incident}"))),
        Taken::Receipt(Receipt::Unconfirmed { incident, .. }) => {
            let page = unconfirmed(app, staff, incident.to_string(), form)?;
            Ok(Answer::page(page))
        }
    }
}

fn unconfirmed(app: &Shared, staff: &Staff, incident: String, form: Form) -> Result<Page, ConsoleError> {
    let page = UnconfirmedPage { frame: Frame::new(app), staff: StaffFrame::new(staff, ""), incident, form };
    Ok(Page::render(&page.frame, &page)?.with_status(Status::ServiceUnavailable).retrying(Some(1)))
}

/// 422: the form was pressed before, for something else, or what it did was undone since.
pub(super) fn key_reused() -> ConsoleError {
    let words = "This form was used before, and things have changed since. Nothing was done now. Open the customer again and see how things stand.";
    ConsoleError::new(Status::UnprocessableEntity, "Please open the page again", words)
}
