//! The receipt of an incident: what was taken back, whether that is proven now, and the words to read to the caller.

use askama::Template;
use rocket::get;

use super::super::Shared;
use super::error::ConsoleError;
use super::frame::StaffFrame;
use super::incidents::{person, what};
use crate::model::ids::IncidentId;
use crate::model::incident::{Durability, Proof};
use crate::policy::device_name;
use crate::policy::roles::{Deed, may};
use crate::service::receipts::{self, Sheet, Standing};
use crate::web::guard::staff::Staff;
use crate::web::moment::{Moment, Moments};
use crate::web::page::{Frame, Page};

#[derive(Template)]
#[template(path = "console/receipt.html")]
struct ReceiptPage {
    frame: Frame,
    staff: StaffFrame,
    incident: String,
    spelled: String,
    standing: Standing,
    kind: String,
    what: &'static str,
    customer: Option<(String, Option<String>)>,
    device: Option<On>,
    opened: Moment,
    by: String,
    is_mine: bool,
    why: String,
    note: Option<String>,
    counts: (i64, i64),
    first: Option<First>,
    durable: &'static str,
    checked: Moment,
    lifted: Option<Lifted>,
    may: May,
    /// Whether there is something to read to the caller: only what is so now.
    has_words: bool,
}

/// A device, and whether somebody signed in on it again since.
struct On {
    name: String,
    came_back: bool,
}

/// What the reader may do next.
struct May {
    search: bool,
    unlock: bool,
}

/// The first proof.
struct First {
    at: Moment,
    in_ms: i64,
    nodes: i64,
    durable: &'static str,
}

/// How a lockdown was lifted.
struct Lifted {
    at: Moment,
    by: String,
    why: String,
}

#[get("/console/incidents/<id>")]
pub async fn show(app: &Shared, staff: Staff, id: &str) -> Result<Page, ConsoleError> {
    let actor = staff.may(Deed::ReadIncidents)?;
    let id = IncidentId::parse(id).map_err(|_| ConsoleError::not_found())?;
    let sheet = receipts::show(app, actor, &id).await?.ok_or_else(ConsoleError::not_found)?;
    page(app, &staff, &sheet)
}

fn page(app: &Shared, staff: &Staff, sheet: &Sheet) -> Result<Page, ConsoleError> {
    let (incident, moments) = (&sheet.incident, Moments::new(app));
    let may_search = may(staff.role, Deed::SearchCustomer);
    // Who may not open a customer is shown the number, not the person.
    let name = sheet.customer.as_ref().filter(|_| may_search).map(|customer| customer.name.as_str().to_owned());
    let device = sheet.device.as_ref();
    let device = device.map(|one| On { name: device_name::name(one), came_back: one.revoked_at.is_none() });
    let came_back = device.as_ref().is_some_and(|device| device.came_back);
    let is_so = matches!(sheet.standing, Standing::Holds | Standing::Lifted) && !came_back;
    let page = ReceiptPage {
        frame: Frame::new(app),
        staff: StaffFrame::new(staff, "/console/incidents"),
        incident: incident.incident_id.to_string(),
        spelled: spelled(incident.incident_id.as_str()),
        standing: sheet.standing,
        kind: incident.target_kind.clone(),
        what: what(&incident.target_kind),
        customer: incident.customer_id.as_ref().map(|id| (id.to_string(), name)),
        device,
        opened: moments.dated(incident.opened_at),
        by: person(&incident.opened_by),
        is_mine: incident.opened_by == staff.actor.who.tag(),
        why: incident.reason.clone(),
        note: incident.note.clone(),
        counts: (incident.devices, incident.sessions_ended),
        first: incident.proof.as_ref().map(|proof| first(proof, &moments)),
        durable: durable(sheet.durable),
        checked: moments.dated(sheet.checked_at),
        lifted: incident.closed_at.map(|at| Lifted {
            at: moments.show(at),
            by: incident.closed_by.as_deref().map(person).unwrap_or_default(),
            why: incident.close_reason.clone().unwrap_or_default(),
        }),
        may: May { search: may_search, unlock: may(staff.role, Deed::Unlock) },
        has_words: may_search && is_so,
    };
    Ok(Page::render(&page.frame, &page)?)
}

fn first(proof: &Proof, moments: &Moments) -> First {
    First { at: moments.dated(proof.at), in_ms: proof.in_ms, nodes: proof.nodes, durable: durable(proof.durable) }
}

/// Where an acknowledged commit is safe, in words.
fn durable(durable: Durability) -> &'static str {
    match durable {
        Durability::Local => "on one database machine",
        Durability::Standby => "on two database machines",
    }
}

/// An incident's number as it is read out: groups of at most four.
fn spelled(number: &str) -> String {
    let letters: Vec<char> = number.trim_start_matches("INC_").chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_out_in_groups() {
        assert_eq!(spelled("INC_7K2M9QXA4T"), "7K2M 9QXA 4T");
    }
}
