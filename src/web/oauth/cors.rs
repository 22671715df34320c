//! Scripts on other origins: an exact allowlist of what clients registered, never with credentials, never `null`.

use rocket::http::{Header, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::Responder;
use rocket::{Request, Response, options};

use super::super::Shared;
use crate::model::client::Client;
use crate::service::client;
use crate::web::error::OAuthError;

/// The `Origin` of a request, if a script sent it.
pub struct Origin(Option<String>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Origin {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        Outcome::Success(Self(request.headers().get_one("Origin").map(str::to_owned)))
    }
}

impl Origin {
    /// The origin, if this client registered it.
    #[must_use]
    pub fn of(&self, client: &Client) -> Option<String> {
        self.0.clone().filter(|origin| client.origins.contains(origin))
    }
}

/// An answer that scripts of one origin may read.
pub struct Readable<R>(pub R, pub Option<String>);

impl<'r, R: Responder<'r, 'static>> Responder<'r, 'static> for Readable<R> {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let mut response = self.0.respond_to(request)?;
        response.adjoin_header(Header::new("Vary", "Origin"));
        if let Some(origin) = self.1 {
            response.set_header(Header::new("Access-Control-Allow-Origin", origin));
        }
        Ok(response)
    }
}

/// The answer to a preflight.
pub struct Preflight(Option<String>);

impl<'r> Responder<'r, 'static> for Preflight {
    fn respond_to(self, _request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let mut response = Response::build().status(Status::NoContent).header(Header::new("Vary", "Origin")).finalize();
        if let Some(origin) = self.0 {
            response.set_header(Header::new("Access-Control-Allow-Origin", origin));
            response.set_header(Header::new("Access-Control-Allow-Methods", "POST"));
            response.set_header(Header::new("Access-Control-Allow-Headers", "Authorization, Content-Type"));
            response.set_header(Header::new("Access-Control-Max-Age", "600"));
        }
        Ok(response)
    }
}

#[options("/oauth/token")]
pub async fn token_preflight(app: &Shared, origin: Origin) -> Result<Preflight, OAuthError> {
    preflight(app, origin).await
}

#[options("/oauth/revoke")]
pub async fn revoke_preflight(app: &Shared, origin: Origin) -> Result<Preflight, OAuthError> {
    preflight(app, origin).await
}

async fn preflight(app: &Shared, origin: Origin) -> Result<Preflight, OAuthError> {
    let Some(origin) = origin.0 else { return Ok(Preflight(None)) };
    let known = client::knows_origin(app, &origin).await?;
    Ok(Preflight(known.then_some(origin)))
}
