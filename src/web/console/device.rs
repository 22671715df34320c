//! All sessions of one device, page by page.

use askama::Template;
use rocket::get;
use uuid::Uuid;

use super::super::Shared;
use super::error::ConsoleError;
use super::frame::StaffFrame;
use super::lines::{DeviceLine, device_line};
use super::person::Head;
use crate::limits::Rule;
use crate::policy::roles::Deed;
use crate::service::caller;
use crate::service::sessions::Cursor;
use crate::web::guard::query::Query;
use crate::web::guard::staff::Staff;
use crate::web::moment::Moments;
use crate::web::page::{Frame, Page};

#[derive(Template)]
#[template(path = "console/device.html")]
struct DevicePage {
    frame: Frame,
    staff: StaffFrame,
    head: Head,
    device: DeviceLine,
}

#[get("/console/devices/<id>")]
pub async fn show(app: &Shared, staff: Staff, id: &str, query: Query) -> Result<Page, ConsoleError> {
    let actor = staff.may(Deed::SearchCustomer)?;
    let after =
        query.0.get("after").map_or(Some(Cursor::start()), Cursor::parse).ok_or_else(ConsoleError::malformed)?;
    caller::take(app, actor, Rule::LookUpPerStaff).await.map_err(|wait| ConsoleError::too_many(&wait))?;
    let (person, line) = caller::device(app, actor, uuid(id)?, after).await?.ok_or_else(ConsoleError::not_found)?;
    let moments = Moments::new(app);
    let page = DevicePage {
        frame: Frame::new(app),
        staff: StaffFrame::new(&staff, ""),
        head: Head::new(&person, &moments),
        device: device_line(app, &moments, &line, None),
    };
    Ok(Page::render(&page.frame, &page)?)
}

/// Ids of devices and sessions have one spelling; any other names nothing.
pub(super) fn uuid(text: &str) -> Result<Uuid, ConsoleError> {
    Uuid::parse_str(text).ok().filter(|id| id.to_string() == text).ok_or_else(ConsoleError::not_found)
}
