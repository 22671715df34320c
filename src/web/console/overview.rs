//! The first page: figures, and what was locked last.

use askama::Template;
use rocket::get;

use super::super::Shared;
use super::error::ConsoleError;
use super::frame::StaffFrame;
use crate::policy::roles::Deed;
use crate::web::guard::staff::Staff;
use crate::web::page::{Frame, Page};

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    frame: Frame,
    staff: StaffFrame,
}

#[get("/console")]
pub fn show(app: &Shared, staff: Staff) -> Result<Page, ConsoleError> {
    staff.may(Deed::SeeFigures)?;
    let page = OverviewPage { frame: Frame::new(app), staff: StaffFrame::new(&staff, "/console") };
    Ok(Page::render(&page.frame, &page)?)
}
