//! The console's errors, in words for staff: inside the console's own layout once somebody is signed in.

use askama::Template;
use rocket::http::{Header, Method, Status};
use rocket::response::{Redirect, Responder};
use rocket::{Request, Response, catch};

use super::frame::StaffFrame;
use crate::app::App;
use crate::limits::Wait;
use crate::model::staff::Role;
use crate::policy::return_to;
use crate::service::Fault;
use crate::web::arrival::Arrival;
use crate::web::guard::refusal::Why;
use crate::web::guard::staff::{MayNot, Staff};
use crate::web::missing;
use crate::web::page::{Frame, Page, PageError};

/// An error as staff read it.
#[derive(Clone, Debug)]
pub struct ConsoleError {
    status: Status,
    title: &'static str,
    words: String,
    why: Option<&'static str>,
    next: (&'static str, &'static str),
    retry_after: Option<u64>,
}

/// What the page shows.
#[derive(Template)]
#[template(path = "console/error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    staff: StaffFrame,
    error: &'a ConsoleError,
    request_id: String,
}

impl ConsoleError {
    /// Any error, in words of its own.
    #[must_use]
    pub fn new(status: Status, title: &'static str, words: impl Into<String>) -> Self {
        let next = ("/console", "Back to the overview");
        Self { status, title, words: words.into(), why: None, next, retry_after: None }
    }

    /// 404: there is no such thing, or none that this person may see.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Status::NotFound, "There is nothing here", "Please check what you typed, or search again.")
    }

    /// 403: not a form of ours, or not of this sign-in. The reason goes into the audit trail.
    #[must_use]
    pub fn refused(why: &'static str) -> Self {
        let words = "That form did not come from this console, or from an earlier sign-in. Please open the page again.";
        Self { why: Some(why), ..Self::new(Status::Forbidden, "Nothing was changed", words) }
    }

    /// 400: parameters are doubled or broken.
    #[must_use]
    pub fn malformed() -> Self {
        Self::new(Status::BadRequest, "That did not work", "The address or form was damaged. Please try again.")
    }

    /// 429.
    #[must_use]
    pub fn too_many(wait: &Wait) -> Self {
        let words = crate::web::page::waiting(wait.seconds());
        let error = Self::new(Status::TooManyRequests, "Please wait a moment", words);
        Self { retry_after: Some(wait.seconds()), ..error }
    }

    /// 400: the sign-in page was open for too long.
    #[must_use]
    pub fn stale() -> Self {
        let words = "The sign-in page was open for too long. Please open it again.";
        let error = Self::new(Status::BadRequest, "Please begin again", words);
        Self { next: ("/console/login", "Sign in"), ..error }
    }

    /// 403: a form of somebody whose sign-in is over.
    fn signed_out() -> Self {
        let words = "Your sign-in has ended, so nothing was changed. Sign in again and repeat what you did: nothing was locked, ended or unlocked.";
        let error = Self::new(Status::Forbidden, "You are signed out", words);
        Self { next: ("/console/login", "Sign in"), ..error }
    }

    /// 503, to a form: nobody can say whether anything was done.
    #[must_use]
    pub(super) fn not_confirmed(why: &impl std::fmt::Display) -> Self {
        tracing::error!(error = %why, "what a form of the console asks for could not be done for certain");
        let words = "Do not tell the caller that it is done: we could not prove that it is. Reload this page and agree to send the form again. It stays the same request, so that never does harm. If it is not confirmed after three tries, have a colleague ring operations.";
        Self { retry_after: Some(1), ..Self::new(Status::ServiceUnavailable, "NOT confirmed", words) }
    }

    fn unavailable() -> Self {
        let words = "We cannot say for certain right now, so nothing is shown. Please try again in a moment.";
        Self { retry_after: Some(1), ..Self::new(Status::ServiceUnavailable, "Please try again", words) }
    }

    fn of_status(status: Status) -> Self {
        match status.code {
            400 | 411 | 415 => Self::malformed().with_status(status),
            403 => Self::refused("refused"),
            404 => Self::not_found(),
            405 => Self::new(status, "That did not work", "This page cannot be used that way."),
            408 => Self::new(status, "That took too long", "The form did not arrive in time. Please try again."),
            413 => Self::new(status, "That was too much", "The form was too large."),
            503 => Self::unavailable(),
            _ => Self::new(
                Status::InternalServerError,
                "Something went wrong",
                "That is our fault. Please try again in a moment.",
            ),
        }
    }

    fn with_status(self, status: Status) -> Self {
        Self { status, ..self }
    }
}

/// What a role is called.
#[must_use]
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Agent => "Agent",
        Role::Supervisor => "Supervisor",
        Role::Branch => "Branch",
        Role::Admin => "Administrator",
        Role::Auditor => "Auditor",
    }
}

impl From<MayNot> for ConsoleError {
    fn from(not: MayNot) -> Self {
        let words = format!(
            "Your role ({}) does not include this, and nothing was changed. Ask a colleague whose role does.",
            role_name(not.0)
        );
        Self { why: Some("role"), ..Self::new(Status::Forbidden, "Not with your role", words) }
    }
}

impl From<Fault> for ConsoleError {
    fn from(fault: Fault) -> Self {
        tracing::error!(error = %fault, "a page of the console could not be shown");
        Self::unavailable()
    }
}

impl From<PageError> for ConsoleError {
    fn from(error: PageError) -> Self {
        Self::of_status(error.status())
    }
}

impl<'r> Responder<'r, 'static> for ConsoleError {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        if let Some(why) = self.why {
            Why::note(request, why);
        }
        let Some(staff) = Staff::of(request) else {
            let (to, label) = self.next;
            let (to, label) = if to == "/console" { ("/console", "To the console") } else { (to, label) };
            let plain = PageError::new(self.status, self.title, self.words).leading_to(to, label);
            return plain.retrying(self.retry_after).respond_to(request);
        };
        let frame = request.rocket().state::<std::sync::Arc<App>>().map_or_else(Frame::bare, |app| Frame::new(app));
        let request_id = Arrival::of(request).id.clone();
        let page = ErrorPage { frame, staff: StaffFrame::new(staff, ""), error: &self, request_id };
        let shown = Page::render(&page.frame, &page).map_err(|_| Status::InternalServerError)?;
        shown.with_status(self.status).retrying(self.retry_after).respond_to(request)
    }
}

/// Where a request ends that no route of the console answered.
pub enum Caught {
    /// Sign in first, then come back.
    SignIn(String),
    /// An error, with the methods allowed if the path knows others.
    Error(ConsoleError, Option<String>),
}

impl<'r> Responder<'r, 'static> for Caught {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        match self {
            Self::SignIn(to) => Redirect::to(to).respond_to(request),
            Self::Error(error, allow) => {
                let mut response: Response<'static> = error.respond_to(request)?;
                if let Some(allow) = allow {
                    response.set_header(Header::new("Allow", allow));
                }
                Ok(response)
            }
        }
    }
}

/// Whatever goes wrong before a route is reached.
#[catch(default)]
pub fn any(status: Status, request: &Request<'_>) -> Caught {
    if status == Status::Unauthorized {
        return not_signed_in(request);
    }
    match missing::allowed_methods(status, request) {
        Some(allow) => Caught::Error(ConsoleError::of_status(Status::MethodNotAllowed), Some(allow)),
        None if status == Status::ServiceUnavailable && is_press(request) => {
            Caught::Error(ConsoleError::not_confirmed(&status), None)
        }
        None => Caught::Error(ConsoleError::of_status(status), None),
    }
}

/// Whether a form that locks, revokes or unlocks was sent: a caller waits to hear whether it is done.
fn is_press(request: &Request<'_>) -> bool {
    let path = request.uri().path();
    let about = ["/console/customers/", "/console/devices/", "/console/sessions/"];
    request.method() == Method::Post && about.iter().any(|start| path.starts_with(start))
}

/// A page leads to the sign-in and back. A form does not: whoever sent it must hear that nothing happened.
fn not_signed_in(request: &Request<'_>) -> Caught {
    if request.method() != Method::Get {
        return Caught::Error(ConsoleError::signed_out(), None);
    }
    let asked = request.uri().to_string();
    let Some(next) = return_to::local(&asked).filter(|next| *next != "/console") else {
        return Caught::SignIn("/console/login".to_owned());
    };
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    Caught::SignIn(format!("/console/login?{query}"))
}
