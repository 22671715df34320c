//! One box for whatever the caller says: their number at the bank, telephone, e-mail address or name.

use askama::Template;
use rocket::get;

use super::super::Shared;
use super::error::ConsoleError;
use super::frame::StaffFrame;
use super::person::{State, state};
use crate::model::customer::Found;
use crate::model::ids::CustomerId;
use crate::policy::mask;
use crate::policy::roles::Deed;
use crate::service::search::{LookUp, look_up};
use crate::web::answer::Answer;
use crate::web::guard::query::Query;
use crate::web::guard::staff::Staff;
use crate::web::page::{Frame, Page};

/// Longest text looked for.
const LONGEST: usize = 254;

#[derive(Template)]
#[template(path = "console/search.html")]
struct SearchPage {
    frame: Frame,
    staff: StaffFrame,
    words: String,
    lines: Vec<Line>,
    next: Option<String>,
}

/// A customer who may be meant.
struct Line {
    id: String,
    name: String,
    phone: String,
    email: String,
    state: State,
}

#[get("/console/customers")]
pub async fn show(app: &Shared, staff: Staff, query: Query) -> Result<Answer, ConsoleError> {
    let actor = staff.may(Deed::SearchCustomer)?;
    let words: String = query.0.get("q").unwrap_or_default().trim().chars().take(LONGEST).collect();
    if words.is_empty() {
        return page(app, &staff, words, (Vec::new(), None));
    }
    let after = query.0.get("after").and_then(|id| CustomerId::parse(id).ok());
    match look_up(app, actor, &words, after.as_ref()).await? {
        LookUp::One(id) => Ok(Answer::to(format!("/console/customers/{id}"))),
        LookUp::Many(found, last) => page(app, &staff, words, (found, last)),
        LookUp::Nobody => page(app, &staff, words, (Vec::new(), None)),
        LookUp::Wait(wait) => Err(ConsoleError::too_many(&wait)),
    }
}

fn page(
    app: &Shared,
    staff: &Staff,
    words: String,
    (found, last): (Vec<Found>, Option<CustomerId>),
) -> Result<Answer, ConsoleError> {
    let next = last.map(|id| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", &words)
            .append_pair("after", id.as_str())
            .finish();
        format!("/console/customers?{query}")
    });
    let page = SearchPage {
        frame: Frame::new(app),
        staff: StaffFrame::new(staff, "/console/customers").searching(&words),
        lines: found.iter().map(line).collect(),
        words,
        next,
    };
    Ok(Answer::page(Page::render(&page.frame, &page)?))
}

fn line(found: &Found) -> Line {
    let customer = &found.customer;
    Line {
        id: customer.customer_id.to_string(),
        name: customer.name.as_str().to_owned(),
        phone: customer.phone.as_ref().map(mask::phone).unwrap_or_default(),
        email: customer.email.as_ref().map(mask::email).unwrap_or_default(),
        state: state(customer, found.level),
    }
}
