//! The introspection endpoint (RFC 7662). The caller is proven before the token is looked at.

use std::net::IpAddr;
use std::sync::Arc;

use rocket::http::Header;
use rocket::response::Responder;
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request, Response, Route, post};

use super::super::Shared;
use crate::app::App;
use crate::metrics::label::{Answer as Counted, Refusal};
use crate::service::introspect::{Answer, Question, check, check_at_once};
use crate::web::error::OAuthError;
use crate::web::guard::body::Form;
use crate::web::guard::credentials::Authorization;
use crate::web::guard::info::Sender;
use crate::web::guard::pairs::Pairs;
use crate::web::guard::plain::Plain;

/// The one body for every token that is not good.
const INACTIVE: &str = "{\"active\":false}";

/// A verdict, never cached.
pub struct VerdictJson(String);

impl<'r> Responder<'r, 'static> for VerdictJson {
    fn respond_to(self, _request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let length = self.0.len();
        Response::build()
            .header(Header::new("Content-Type", "application/json"))
            .header(Header::new("Cache-Control", "no-store"))
            .sized_body(length, std::io::Cursor::new(self.0))
            // No more room is made for it than it takes.
            .max_chunk_size(length)
            .ok()
    }
}

/// What is asked plainly and can be answered goes past the guards. Everything else goes the long way, untouched.
#[derive(Clone)]
struct AtOnce {
    long_way: Box<dyn Handler>,
}

#[rocket::async_trait]
impl Handler for AtOnce {
    async fn handle<'r>(&self, request: &'r Request<'_>, mut data: Data<'r>) -> Outcome<'r> {
        match said_at_once(request, &mut data).await {
            Some(said) => Outcome::from(request, said),
            None => self.long_way.handle(request, data).await,
        }
    }
}

/// The route of introspection with the short way before it. Before all other routes: it is the one that is asked most.
pub fn at_once(mut route: Route) -> Route {
    route.handler = Box::new(AtOnce { long_way: route.handler.clone() });
    route.rank = -100;
    route
}

async fn said_at_once(request: &Request<'_>, data: &mut Data<'_>) -> Option<Result<VerdictJson, OAuthError>> {
    let plain = Plain::of(request)?;
    let app = request.rocket().state::<Arc<App>>()?;
    let watch = app.clock.start();
    let said = check_at_once(app, plain.authorization, plain.question(data).await?).await?;
    let said = said.map_err(OAuthError::from).and_then(spoken);
    app.metrics.checked(kind(&said), watch.elapsed());
    Some(said)
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
    spoken(check(app, &sender.0, &known.client, question).await?)
}

fn spoken(answer: Answer) -> Result<VerdictJson, OAuthError> {
    match answer {
        Answer::Active(active) => Ok(VerdictJson(active)),
        Answer::Inactive => Ok(VerdictJson(INACTIVE.to_owned())),
        Answer::Forbidden => Err(OAuthError::access_denied()),
        Answer::TooMany(wait) => Err(OAuthError::too_many(&wait)),
    }
}
