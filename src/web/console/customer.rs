//! The page of the customer who calls: how things stand, their devices, what happened lately, and the one big button.

use askama::Template;
use rocket::get;

use super::super::Shared;
use super::error::ConsoleError;
use super::frame::StaffFrame;
use super::incidents;
use super::lines::{Change, DeviceLine, EventLine, Names, UseLine, Warning, counted};
use super::lockdown::{LOCK_HAPPENS, lock_form};
use super::person::Head;
use super::question::Form;
use super::since;
use crate::model::ids::CustomerId;
use crate::policy::roles::{Deed, may};
use crate::service::caller::{self, Answer, Caller, Question};
use crate::service::sessions::Cursor;
use crate::web::guard::pairs::Pairs;
use crate::web::guard::query::Query;
use crate::web::guard::staff::Staff;
use crate::web::moment::{Moment, Moments};
use crate::web::page::{Frame, Page};

#[derive(Template)]
#[template(path = "console/customer.html")]
struct CustomerPage {
    frame: Frame,
    staff: StaffFrame,
    head: Head,
    form: Form,
    happens: &'static [&'static str],
    may_unlock: bool,
    since: Since,
    warnings: Vec<Warning>,
    devices: Vec<DeviceLine>,
    next_devices: Option<String>,
    device_count: String,
    session_count: String,
    events: Vec<EventLine>,
    uses: Vec<UseLine>,
    looks: Option<Vec<(Moment, String)>>,
    changes: Vec<Change>,
    incidents: Vec<incidents::Line>,
}

/// The filter of events by a time of day.
struct Since {
    typed: String,
    at: Option<Moment>,
    problem: Option<&'static str>,
}

#[get("/console/customers/<id>")]
pub async fn show(app: &Shared, staff: Staff, id: &str, query: Query) -> Result<Page, ConsoleError> {
    let actor = staff.may(Deed::SearchCustomer)?;
    let question = question(app, &staff, id, &query.0)?;
    match caller::show(app, actor, &question).await? {
        Answer::Caller(caller) => page(app, &staff, &query.0, (&question, &caller)),
        Answer::NotFound => Err(ConsoleError::not_found()),
        Answer::Wait(wait) => Err(ConsoleError::too_many(&wait)),
    }
}

fn question(app: &Shared, staff: &Staff, id: &str, query: &Pairs) -> Result<Question, ConsoleError> {
    Ok(Question {
        customer: CustomerId::parse(id).map_err(|_| ConsoleError::not_found())?,
        devices: query
            .get("devices")
            .map_or(Some(Cursor::start()), Cursor::parse)
            .ok_or_else(ConsoleError::malformed)?,
        since: query.get("since").and_then(|text| since::parse(text, app.settings.time_zone, app.clock.now())),
        with_looks: may(staff.role, Deed::SeeWhoLooked),
    })
}

fn page(
    app: &Shared,
    staff: &Staff,
    query: &Pairs,
    (question, caller): (&Question, &Caller),
) -> Result<Page, ConsoleError> {
    let moments = Moments::new(app);
    let names = Names::new(app, &moments, caller);
    let id = &question.customer;
    let looks = question.with_looks.then(|| caller.looks.iter().map(|row| names.look(row)).collect());
    let page = CustomerPage {
        frame: Frame::new(app),
        staff: StaffFrame::new(staff, ""),
        head: Head::new(&caller.person, &moments),
        form: lock_form(staff, id),
        happens: LOCK_HAPPENS,
        may_unlock: may(staff.role, Deed::Unlock),
        since: filter(query, question, &moments),
        warnings: names.warnings(caller, app.clock.now()),
        devices: caller.devices.iter().map(|line| names.device(line, question.since)).collect(),
        next_devices: caller.next_devices.map(|next| format!("/console/customers/{id}?devices={}", next.text())),
        device_count: counted(caller.device_count, "device", "devices"),
        session_count: counted(caller.session_count, "live app session", "live app sessions"),
        events: caller.events.iter().map(|row| names.event(row)).collect(),
        uses: caller.uses.iter().map(|line| names.used(line)).collect(),
        looks,
        changes: caller.changes.iter().map(|change| names.change(change)).collect(),
        incidents: caller.incidents.iter().map(|incident| incidents::line(incident, &moments)).collect(),
    };
    Ok(Page::render(&page.frame, &page)?)
}

fn filter(query: &Pairs, question: &Question, moments: &Moments) -> Since {
    let typed = query.owned("since").unwrap_or_default();
    let is_wrong = !typed.is_empty() && question.since.is_none();
    let problem = is_wrong.then_some("Please give a time of day, such as 15:15.");
    Since { typed, at: question.since.map(|at| moments.show(at)), problem }
}
