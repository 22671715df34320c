//! The audit trail, for the auditor: newest first, of one customer or one kind if asked. Reading it is itself recorded.

use askama::Template;
use rocket::get;
use uuid::Uuid;

use super::super::Shared;
use super::actions::{ACTIONS, words};
use super::error::ConsoleError;
use super::frame::StaffFrame;
use super::incidents::person;
use crate::model::audit::{Row, Wanted};
use crate::policy::roles::Deed;
use crate::service::audit;
use crate::web::guard::pairs::Pairs;
use crate::web::guard::query::Query;
use crate::web::guard::staff::Staff;
use crate::web::moment::{Moment, Moments};
use crate::web::page::{Frame, Page};

/// Lines of a page.
const LINES: i64 = 50;

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditPage {
    frame: Frame,
    staff: StaffFrame,
    actions: &'static [(&'static str, &'static str)],
    customer: String,
    action: String,
    lines: Vec<Line>,
    first: Option<String>,
    next: Option<String>,
}

/// A row as a line of the list.
struct Line {
    at: Moment,
    by: String,
    what: String,
    action: String,
    outcome: String,
    colour: &'static str,
    target: String,
    customer: String,
    reason: String,
    address: String,
    agent: String,
    request_id: String,
}

#[get("/console/audit")]
pub async fn list(app: &Shared, staff: Staff, query: Query) -> Result<Page, ConsoleError> {
    let actor = staff.may(Deed::ReadAudit)?;
    let pairs = &query.0;
    let wanted = Wanted { customer: pairs.get("customer").map(str::trim), action: pairs.get("action") };
    let before = pairs.get("before").map_or(Ok(Uuid::max()), Uuid::parse_str);
    let before = before.map_err(|_| ConsoleError::malformed())?;
    let mut rows = audit::list_newest(app, actor, wanted, before, LINES + 1).await?;
    let lines = usize::try_from(LINES).unwrap_or(0);
    let has_more = rows.len() > lines;
    rows.truncate(lines);
    let last = rows.last().filter(|_| has_more).map(|row| row.audit_id);
    let moments = Moments::new(app);
    let page = AuditPage {
        frame: Frame::new(app),
        staff: StaffFrame::new(&staff, "/console/audit"),
        actions: ACTIONS,
        customer: wanted.customer.unwrap_or_default().to_owned(),
        action: wanted.action.unwrap_or_default().to_owned(),
        lines: rows.iter().map(|row| line(row, &moments)).collect(),
        first: pairs.get("before").map(|_| address(pairs, None)),
        next: last.map(|id| address(pairs, Some(id))),
    };
    Ok(Page::render(&page.frame, &page)?)
}

/// The same list, from the beginning or before a row.
fn address(pairs: &Pairs, before: Option<Uuid>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for name in ["customer", "action"] {
        if let Some(value) = pairs.get(name) {
            query.append_pair(name, value);
        }
    }
    if let Some(id) = before {
        query.append_pair("before", &id.to_string());
    }
    format!("/console/audit?{}", query.finish())
}

/// Kind and id; of all of a kind only the kind.
fn target(row: &Row) -> String {
    let kind = row.target_kind.replace('_', " ");
    if row.target_id == "*" { kind } else { format!("{kind} {}", row.target_id) }
}

fn line(row: &Row, moments: &Moments) -> Line {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Line {
        at: moments.show(row.at),
        by: person(&format!("{}:{}", row.actor_kind, row.actor_id)),
        what: words(&row.action),
        action: row.action.clone(),
        outcome: row.outcome.clone(),
        colour: match row.outcome.as_str() {
            "done" => "quiet",
            "refused" => "warn",
            _ => "alarm",
        },
        target: target(row),
        customer: text(&row.customer_id),
        reason: text(&row.reason),
        address: text(&row.address),
        agent: text(&row.agent),
        request_id: row.request_id.clone(),
    }
}
