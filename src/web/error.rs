//! The errors of the direct endpoints: the one table of status and code (RFC 6749 §5.2, RFC 6750 §3.1, RFC 7009 §2.2.1).
//! Descriptions are ours alone: they never reflect input and use no quote or backslash.

use rocket::http::{ContentType, Header, Status};
use rocket::response::Responder;
use rocket::{Catcher, Request, Response, catch, catchers};
use serde_json::json;

use super::missing;
use crate::limits::Wait;
use crate::metrics::label::Refusal;
use crate::service::Fault;
use crate::service::tokens::{TokenError, TokenRefusal};

/// Seconds a caller should wait after a 503.
const RETRY_AFTER: u64 = 1;

/// An error answer as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthError {
    status: Status,
    code: &'static str,
    description: &'static str,
    extra: Vec<(&'static str, String)>,
}

impl OAuthError {
    fn new(status: Status, code: &'static str, description: &'static str) -> Self {
        Self { status, code, description, extra: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extra.push((name, value.into()));
        self
    }

    /// 400: a parameter is missing, doubled or malformed.
    #[must_use]
    pub fn invalid_request(description: &'static str) -> Self {
        Self::new(Status::BadRequest, "invalid_request", description)
    }

    /// 401: the client is not proven. `basic`: it tried the `Authorization` header, so it is told the scheme.
    #[must_use]
    pub fn invalid_client(basic: bool) -> Self {
        let error = Self::new(Status::Unauthorized, "invalid_client", "Client authentication failed");
        if basic { error.with("WWW-Authenticate", "Basic realm=\"rescind\"") } else { error }
    }

    /// 400: code or refresh token are not good. One wording for all.
    #[must_use]
    pub fn invalid_grant() -> Self {
        Self::new(
            Status::BadRequest,
            "invalid_grant",
            "The grant is invalid, expired, revoked or was issued to another client",
        )
    }

    /// 400: scope.
    #[must_use]
    pub fn invalid_scope() -> Self {
        Self::new(Status::BadRequest, "invalid_scope", "The scope is malformed or exceeds what is allowed")
    }

    /// 400: resource (RFC 8707).
    #[must_use]
    pub fn invalid_target() -> Self {
        Self::new(Status::BadRequest, "invalid_target", "The resource is malformed or not allowed")
    }

    /// 400: the client may not use this grant.
    #[must_use]
    pub fn unauthorized_client() -> Self {
        Self::new(Status::BadRequest, "unauthorized_client", "The client may not use this grant type")
    }

    /// 400: no such grant type here.
    #[must_use]
    pub fn unsupported_grant_type() -> Self {
        Self::new(Status::BadRequest, "unsupported_grant_type", "This grant type is not supported")
    }

    /// 403: proven, but not allowed to ask.
    #[must_use]
    pub fn access_denied() -> Self {
        Self::new(Status::Forbidden, "access_denied", "The client may not call this endpoint")
    }

    /// 429.
    #[must_use]
    pub fn too_many(wait: &Wait) -> Self {
        Self::new(Status::TooManyRequests, "temporarily_unavailable", "Too many requests")
            .with("Retry-After", wait.seconds().to_string())
    }

    /// 503: nothing can be said for certain.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::new(Status::ServiceUnavailable, "temporarily_unavailable", "The server cannot answer for certain now")
            .with("Retry-After", RETRY_AFTER.to_string())
    }

    /// 401: a bearer token that is no good at one of our own resources (RFC 6750 §3).
    #[must_use]
    pub fn invalid_token() -> Self {
        Self::new(Status::Unauthorized, "invalid_token", "The access token is invalid or expired")
            .with("WWW-Authenticate", "Bearer error=\"invalid_token\"")
    }

    /// What the answer is counted as.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self.status.code {
            429 => Refusal::Limited,
            500.. => Refusal::Unavailable,
            _ => Refusal::of(self.code),
        }
    }

    /// Whether the caller is proven, but may not ask.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.status == Status::Forbidden
    }

    /// Whether the caller was refused, and not failed.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.status.code < 500
    }

    fn of_status(status: Status) -> Self {
        match status.code {
            400 => Self::new(status, "invalid_request", "The request is malformed"),
            401 => Self::new(status, "invalid_client", "Authentication failed"),
            403 => Self::new(status, "access_denied", "Not allowed"),
            404 => Self::new(status, "not_found", "There is nothing here"),
            405 => Self::new(status, "invalid_request", "This method is not allowed here"),
            408 => Self::new(status, "invalid_request", "The body did not arrive in time").with("Connection", "close"),
            411 => Self::new(status, "invalid_request", "The body needs a Content-Length"),
            413 => Self::new(status, "invalid_request", "The body is too large").with("Connection", "close"),
            415 => Self::new(status, "invalid_request", "The body must be application/x-www-form-urlencoded"),
            429 => Self::new(status, "temporarily_unavailable", "Too many requests").with("Retry-After", "60"),
            503 => Self::unavailable(),
            _ => Self::new(Status::InternalServerError, "server_error", "Something went wrong here"),
        }
    }
}

impl<'r> Responder<'r, 'static> for OAuthError {
    fn respond_to(self, _request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let body = json!({ "error": self.code, "error_description": self.description }).to_string();
        let mut response = Response::build()
            .status(self.status)
            .header(ContentType::JSON)
            .header(Header::new("Cache-Control", "no-store"))
            .header(Header::new("Pragma", "no-cache"))
            .sized_body(body.len(), std::io::Cursor::new(body))
            .finalize();
        for (name, value) in self.extra {
            response.set_header(Header::new(name, value));
        }
        Ok(response)
    }
}

impl From<Fault> for OAuthError {
    fn from(fault: Fault) -> Self {
        tracing::error!(error = %fault, "a request could not be answered");
        Self::unavailable()
    }
}

impl From<TokenError> for OAuthError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Fault(fault) => fault.into(),
            TokenError::Refused(TokenRefusal::InvalidGrant) => Self::invalid_grant(),
            TokenError::Refused(TokenRefusal::InvalidScope) => Self::invalid_scope(),
            TokenError::Refused(TokenRefusal::InvalidTarget) => Self::invalid_target(),
            TokenError::Refused(TokenRefusal::UnauthorizedClient) => Self::unauthorized_client(),
            TokenError::Refused(TokenRefusal::Unconfirmed) => Self::unavailable(),
        }
    }
}

/// Whatever goes wrong before a route is reached, as JSON too.
#[catch(default)]
fn any(status: Status, request: &Request<'_>) -> OAuthError {
    match missing::allowed_methods(status, request) {
        Some(allow) => OAuthError::of_status(Status::MethodNotAllowed).with("Allow", allow),
        None => OAuthError::of_status(status),
    }
}

/// Catchers of the direct endpoints.
#[must_use]
pub fn catchers() -> Vec<Catcher> {
    catchers![any]
}
