//! Problem documents (RFC 9457): the one table of status and title for machines.

use rocket::http::{ContentType, Header, Status};
use rocket::response::Responder;
use rocket::{Request, Response, catch};
use serde_json::json;

use crate::limits::Wait;
use crate::service::Fault;
use crate::web::arrival::Arrival;
use crate::web::guard::bearer::Turned;
use crate::web::missing;

/// An error answer for machines.
#[derive(Clone, Debug)]
pub struct Problem {
    status: Status,
    detail: &'static str,
    header: Option<(&'static str, String)>,
}

impl Problem {
    fn new(code: u16, detail: &'static str) -> Self {
        Self { status: Status::new(code), detail, header: None }
    }

    fn with(self, name: &'static str, value: impl Into<String>) -> Self {
        Self { header: Some((name, value.into())), ..self }
    }

    /// 400.
    #[must_use]
    pub fn bad_request(detail: &'static str) -> Self {
        Self::new(400, detail)
    }

    /// 404: not there, or not yours.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(404, "There is no such thing here")
    }

    /// 409: not in the state asked for.
    #[must_use]
    pub fn conflict(detail: &'static str) -> Self {
        Self::new(409, detail)
    }

    /// 403.
    #[must_use]
    pub fn forbidden(detail: &'static str) -> Self {
        Self::new(403, detail)
    }

    /// 422: well-formed, but not acceptable.
    #[must_use]
    pub fn unprocessable(detail: &'static str) -> Self {
        Self::new(422, detail)
    }

    fn unavailable() -> Self {
        Self::new(503, "The server cannot answer for certain now").with("Retry-After", "1")
    }

    fn too_many(wait: &Wait) -> Self {
        Self::new(429, "Too many requests").with("Retry-After", wait.seconds().to_string())
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        tracing::error!(error = %fault, "a request could not be answered");
        Self::unavailable()
    }
}

impl From<Turned> for Problem {
    fn from(turned: Turned) -> Self {
        match turned {
            Turned::Nothing => {
                Self::new(401, "A bearer token is needed").with("WWW-Authenticate", "Bearer realm=\"rescind\"")
            }
            Turned::Malformed => Self::new(400, "The credentials are malformed"),
            Turned::Invalid => Self::new(401, "The access token is invalid or expired")
                .with("WWW-Authenticate", "Bearer error=\"invalid_token\""),
            Turned::Scope(scope) => Self::new(403, "The access token lacks a scope")
                .with("WWW-Authenticate", format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"")),
            Turned::TooMany(wait) => Self::too_many(&wait),
            Turned::Unavailable => Self::unavailable(),
        }
    }
}

impl<'r> Responder<'r, 'static> for Problem {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let title = self.status.reason_lossy();
        let body = json!({
            "type": "about:blank",
            "title": title,
            "status": self.status.code,
            "detail": self.detail,
            "request_id": Arrival::of(request).id,
        })
        .to_string();
        let mut response = Response::build()
            .status(self.status)
            .header(ContentType::new("application", "problem+json"))
            .header(Header::new("Cache-Control", "no-store"))
            .sized_body(body.len(), std::io::Cursor::new(body))
            .finalize();
        if let Some((name, value)) = self.header {
            response.set_header(Header::new(name, value));
        }
        Ok(response)
    }
}

/// Whatever goes wrong before a route is reached, guards that turned a machine away among it.
#[catch(default)]
pub fn any(status: Status, request: &Request<'_>) -> Problem {
    if let Some(turned) = request.local_cache(|| None::<Turned>) {
        return turned.clone().into();
    }
    if let Some(allow) = missing::allowed_methods(status, request) {
        return Problem::new(405, "This method is not allowed here").with("Allow", allow);
    }
    match status.code {
        400 => Problem::new(400, "The request is malformed"),
        // A path segment that is no id of ours (422) names nothing.
        404 | 422 => Problem::not_found(),
        408 => Problem::new(408, "The body did not arrive in time").with("Connection", "close"),
        411 => Problem::new(411, "The body needs a Content-Length"),
        413 => Problem::new(413, "The body is too large").with("Connection", "close"),
        415 => Problem::new(415, "The body must be application/json"),
        503 => Problem::unavailable(),
        _ => Problem::new(500, "Something went wrong here"),
    }
}
