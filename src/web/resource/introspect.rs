//! The introspection endpoint (RFC 7662). The caller is proven before the token is looked at.

use std::net::IpAddr;

use rocket::http::{ContentType, Header};
use rocket::response::Responder;
use rocket::{Request, Response, post};

use super::super::Shared;
use crate::app::App;
use crate::metrics::label::{Answer as Counted, Refusal};
use crate::service::introspect::{Answer, Question, check};
use crate::web::error::OAuthError;
use crate::web::guard::body::Form;
use crate::web::guard::credentials::Authorization;
use crate::web::guard::info::Sender;
use crate::web::guard::pairs::Pairs;

/// The one body for every token that is not good.
const INACTIVE: &str = "{\"active\":false}";

/// A verdict, never cached.
pub struct VerdictJson(String);

impl<'r> Responder<'r, 'static> for VerdictJson {
    fn respond_to(self, _request: &'r Request<'_>) -> rocket::response::Result<'static> {
        Response::build()
            .header(ContentType::JSON)
            .header(Header::new("Cache-Control", "no-store"))
            .sized_body(self.0.len(), std::io::Cursor::new(self.0))
            .ok()
    }
}

#[post("/oauth/introspect", data = "<form>")]
pub async fn introspect(
    app: &Shared,
    sender: Sender,
    authorization: Authorization,
    form: Form,
) -> Result<VerdictJson, OAuthError> {
    let watch = app.clock.start();
    let said = answer(app, &sender, &authorization, &form.0).await;
    app.metrics.checked(kind(&said), watch.elapsed());
    said
}

/// What an answer is counted as.
fn kind(said: &Result<VerdictJson, OAuthError>) -> Counted {
    match said {
        Ok(verdict) if verdict.0 == INACTIVE => Counted::Inactive,
        Ok(_) => Counted::Active,
        Err(error) => match (error.refusal(), error.is_forbidden()) {
            (Refusal::Unavailable, _) => Counted::Unavailable,
            (Refusal::Limited, _) => Counted::Limited,
            (_, true) => Counted::Forbidden,
            (_, false) => Counted::Refused,
        },
    }
}

/// Where the request that carried the token came from, if the caller tells: further context, as RFC 7662 §2.1 allows it.
fn client_ip(form: &Pairs) -> Result<Option<IpAddr>, OAuthError> {
    let read = |text: &str| text.parse().map_err(|_| OAuthError::invalid_request("client_ip is not an IP address"));
    form.get("client_ip").map(read).transpose()
}

async fn answer(
    app: &App,
    sender: &Sender,
    authorization: &Authorization,
    form: &Pairs,
) -> Result<VerdictJson, OAuthError> {
    // RFC 7662 §2.1 lets servers take bearer tokens here; this one takes credentials only, and says so in their terms.
    if authorization.is_bearer_alone(form) {
        return Err(OAuthError::invalid_token());
    }
    let known = authorization.checker(app, sender, form).await?;
    if !known.client.has_secret() {
        return Err(OAuthError::invalid_client(false));
    }
    let token = form.get("token").ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
    let question = Question { token, from: client_ip(form)? };
    match check(app, &sender.0, &known.client, question).await? {
        Answer::Active(active) => Ok(VerdictJson(active)),
        Answer::Inactive => Ok(VerdictJson(INACTIVE.to_owned())),
        Answer::Forbidden => Err(OAuthError::access_denied()),
        Answer::TooMany(wait) => Err(OAuthError::too_many(&wait)),
    }
}
