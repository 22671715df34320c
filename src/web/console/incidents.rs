//! The list of incidents. The receipt of one is a page of its own.

use askama::Template;
use rocket::get;

use super::super::Shared;
use super::error::ConsoleError;
use super::frame::StaffFrame;
use crate::model::incident::Incident;
use crate::policy::roles::{Deed, may};
use crate::service::incidents::{self, Cursor};
use crate::web::guard::query::Query;
use crate::web::guard::staff::Staff;
use crate::web::moment::{Moment, Moments};
use crate::web::page::{Frame, Page};

/// Lines of a page.
const LINES: i64 = 25;

#[derive(Template)]
#[template(path = "console/incidents.html")]
struct IncidentsPage {
    frame: Frame,
    staff: StaffFrame,
    lines: Vec<Line>,
    may_open_customers: bool,
    first: Option<String>,
    next: Option<String>,
}

/// An incident as a line of a list.
pub struct Line {
    /// Its number.
    pub number: String,
    /// When.
    pub at: Moment,
    /// What was taken back.
    pub what: &'static str,
    /// From whom, or which; empty where `what` says it all.
    pub target: String,
    /// The customer's id, if it is about one.
    pub customer: Option<String>,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Kind and words of its chip.
    pub state: (&'static str, &'static str),
}

/// The line of an incident.
#[must_use]
pub fn line(incident: &Incident, moments: &Moments) -> Line {
    let kind = incident.target_kind.as_str();
    let target = match kind {
        "everyone" => String::new(),
        // Long ids of ours: their beginning tells them apart well enough in a list.
        "device" | "session" => incident.target_id.chars().take(8).collect(),
        _ => incident.target_id.clone(),
    };
    Line {
        number: incident.incident_id.to_string(),
        at: moments.show(incident.opened_at),
        what: what(kind),
        target,
        customer: incident.customer_id.as_ref().map(ToString::to_string),
        by: person(&incident.opened_by),
        reason: incident.reason.clone(),
        state: state(incident),
    }
}

/// A lockdown stands until it is lifted; what else was taken back stays so.
fn state(incident: &Incident) -> (&'static str, &'static str) {
    match (incident.target_kind.as_str(), incident.closed_at) {
        ("customer", None) => ("alarm", "Locked"),
        ("customer", Some(_)) => ("quiet", "Unlocked"),
        (_, _) => ("quiet", "Done"),
    }
}

/// What an incident's kind took back.
#[must_use]
pub fn what(kind: &str) -> &'static str {
    match kind {
        "customer" => "Emergency lockdown",
        "device" => "Device revoked",
        "session" => "Session ended",
        "client" => "All tokens of a client revoked",
        "everyone" => "All tokens of everybody revoked",
        _ => "Revocation",
    }
}

/// `staff:amina` as people say it.
#[must_use]
pub fn person(tag: &str) -> String {
    match tag.split_once(':') {
        Some(("staff", name)) => name.to_owned(),
        Some(("client", name)) => format!("program {name}"),
        Some(("shell", name)) => format!("{name} at the server"),
        Some(("customer", name)) => format!("customer {name}"),
        Some(("system", _)) => "the server".to_owned(),
        Some(("anonymous", _)) => "somebody not signed in".to_owned(),
        Some((_, _)) | None => tag.to_owned(),
    }
}

#[get("/console/incidents")]
pub async fn list(app: &Shared, staff: Staff, query: Query) -> Result<Page, ConsoleError> {
    let actor = staff.may(Deed::ReadIncidents)?;
    let before = query.0.get("before");
    let cursor = before.map_or_else(|| Some(Cursor::start()), Cursor::parse).ok_or_else(ConsoleError::malformed)?;
    let (found, next) = incidents::list(app, actor, &cursor, LINES).await?;
    let moments = Moments::new(app);
    let page = IncidentsPage {
        frame: Frame::new(app),
        staff: StaffFrame::new(&staff, "/console/incidents"),
        lines: found.iter().map(|incident| line(incident, &moments)).collect(),
        may_open_customers: may(staff.role, Deed::SearchCustomer),
        first: before.map(|_| "/console/incidents".to_owned()),
        next: next.map(|cursor| format!("/console/incidents?before={}", cursor.text())),
    };
    Ok(Page::render(&page.frame, &page)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_did_it_is_named_as_people_say_it() {
        for (tag, said) in [
            ("staff:amina", "amina"),
            ("client:fraud-desk", "program fraud-desk"),
            ("shell:root", "root at the server"),
            ("system:", "the server"),
            ("anonymous:", "somebody not signed in"),
            ("odd", "odd"),
        ] {
            assert_eq!(person(tag), said);
        }
    }
}
