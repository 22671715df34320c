//! Staff and clients, for the administrator: to look at. They are changed by commands, which the pages name.

use askama::Template;
use rocket::get;

use super::super::Shared;
use super::error::{ConsoleError, role_name};
use super::frame::StaffFrame;
use crate::model::client::{Client, ClientType};
use crate::policy::roles::Deed;
use crate::service::{client, staff as people};
use crate::web::guard::staff::Staff;
use crate::web::moment::{Moment, Moments};
use crate::web::page::{Frame, Page};

#[derive(Template)]
#[template(path = "console/staff.html")]
struct StaffPage {
    frame: Frame,
    staff: StaffFrame,
    lines: Vec<Person>,
}

/// A member of staff as a line of the list.
struct Person {
    username: String,
    role: &'static str,
    since: Moment,
    disabled: Option<Moment>,
}

#[derive(Template)]
#[template(path = "console/clients.html")]
struct ClientsPage {
    frame: Frame,
    staff: StaffFrame,
    lines: Vec<Program>,
}

/// A client as a line of the list.
struct Program {
    id: String,
    name: String,
    kind: &'static str,
    scope: String,
    since: Moment,
    disabled: Option<Moment>,
}

#[get("/console/staff")]
pub async fn staff(app: &Shared, staff: Staff) -> Result<Page, ConsoleError> {
    let actor = staff.may(Deed::ManageStaff)?;
    let moments = Moments::new(app);
    let line = |person: crate::model::staff::Staff| Person {
        username: person.username.to_string(),
        role: role_name(person.role),
        since: moments.show(person.created_at),
        disabled: person.disabled_at.map(|at| moments.show(at)),
    };
    let page = StaffPage {
        frame: Frame::new(app),
        staff: StaffFrame::new(&staff, "/console/staff"),
        lines: people::list(app, actor).await?.into_iter().map(line).collect(),
    };
    Ok(Page::render(&page.frame, &page)?)
}

#[get("/console/clients")]
pub async fn clients(app: &Shared, staff: Staff) -> Result<Page, ConsoleError> {
    let actor = staff.may(Deed::ManageClients)?;
    let moments = Moments::new(app);
    let page = ClientsPage {
        frame: Frame::new(app),
        staff: StaffFrame::new(&staff, "/console/clients"),
        lines: client::list(app, actor).await?.into_iter().map(|client| program(client, &moments)).collect(),
    };
    Ok(Page::render(&page.frame, &page)?)
}

fn program(client: Client, moments: &Moments) -> Program {
    Program {
        id: client.client_id.to_string(),
        name: client.name,
        kind: match client.kind {
            ClientType::Public => "App or page, without a secret",
            ClientType::Confidential => "Program with a secret",
            ClientType::ResourceServer => "Resource server",
        },
        scope: client.scope.to_string(),
        since: moments.show(client.created_at),
        disabled: client.disabled_at.map(|at| moments.show(at)),
    }
}
