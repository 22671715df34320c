//! The token endpoint (OAuth 2.1 §3.2): prove the client, then one of three grants.

use std::sync::Arc;

use rocket::http::{ContentType, Header, Status};
use rocket::response::Responder;
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request, Response, Route, post};
use serde::Serialize;

use super::super::Shared;
use super::cors::{Origin, Readable};
use crate::app::App;
use crate::limits::{Rule, address_key};
use crate::metrics::label::Grant;
use crate::model::actor::Actor;
use crate::model::client::{Client, GrantType};
use crate::model::device::{DeviceDetails, detail};
use crate::model::tally::Tally;
use crate::secret::text::SecretText;
use crate::service::allowance;
use crate::service::client_auth::{KnownClient, remembered};
use crate::service::client_credentials::Standing;
use crate::service::tokens::Tokens;
use crate::service::{client_credentials, code, refresh};
use crate::web::error::OAuthError;
use crate::web::guard::body::Form;
use crate::web::guard::credentials::Authorization;
use crate::web::guard::info::Sender;
use crate::web::guard::pairs::Pairs;
use crate::web::guard::plain::Plain;

/// What an app is told (RFC 6749 §5.1).
#[derive(Serialize)]
struct Body<'a> {
    access_token: &'a str,
    /// In seconds.
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    scope: &'a str,
    token_type: &'static str,
}

impl<'r> Responder<'r, 'static> for Tokens {
    fn respond_to(self, _request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let body = Body {
            access_token: self.access.expose(),
            expires_in: self.expires_in,
            refresh_token: self.refresh.as_ref().map(SecretText::expose),
            scope: &self.scope,
            token_type: "Bearer",
        };
        let body = serde_json::to_string(&body).map_err(|_| Status::InternalServerError)?;
        Response::build()
            .header(ContentType::JSON)
            .header(Header::new("Cache-Control", "no-store"))
            .header(Header::new("Pragma", "no-cache"))
            .sized_body(body.len(), std::io::Cursor::new(body))
            .ok()
    }
}

/// Tokens or a refusal, and who may read it: told where the client is proven.
type Answered = Result<Readable<Result<Tokens, OAuthError>>, OAuthError>;

#[post("/oauth/token", data = "<form>")]
pub async fn token(app: &Shared, sender: Sender, authorization: Authorization, origin: Origin, form: Form) -> Answered {
    let answer = answer(app, &sender, &authorization, &origin, &form.0).await;
    count(app, &answer, form.0.get("grant_type"));
    answer
}

/// A machine whose header proved it before, that asks plainly and whose session is near, goes past the guards. Everything else
/// goes the long way, untouched.
#[derive(Clone)]
struct AtOnce {
    long_way: Box<dyn Handler>,
}

#[rocket::async_trait]
impl Handler for AtOnce {
    async fn handle<'r>(&self, request: &'r Request<'_>, mut data: Data<'r>) -> Outcome<'r> {
        match given_at_once(request, &mut data).await {
            Some(answer) => Outcome::from(request, answer),
            None => self.long_way.handle(request, data).await,
        }
    }
}

/// The token endpoint with the short way before it.
pub fn at_once(mut route: Route) -> Route {
    route.handler = Box::new(AtOnce { long_way: route.handler.clone() });
    route
}

async fn given_at_once(request: &Request<'_>, data: &mut Data<'_>) -> Option<Answered> {
    let plain = Plain::of(request).filter(|plain| !plain.is_of_a_script)?;
    let app = request.rocket().state::<Arc<App>>()?;
    let form = plain.machine(data).await?;
    let caller = remembered(app, plain.authorization)?;
    let known = &*caller.value;
    let standing = client_credentials::near(app, known, (form.get("scope"), &form.all("resource")))?;
    let answer = minted(app, &Sender::of(request), (known, standing)).await;
    count(app, &answer, form.get("grant_type"));
    Some(answer)
}

async fn minted(app: &App, sender: &Sender, (known, standing): (&KnownClient, Standing)) -> Answered {
    let from = take_by_address(app, sender).await?;
    take(app, sender, &known.client, &from).await?;
    Ok(Readable(Ok(client_credentials::mint(app, known, standing)), None))
}

/// For whoever watches, and for the console's first page. There, what fails by our own fault is no refusal.
fn count(app: &App, answer: &Answered, asked: Option<&str>) {
    let grant = Grant::of(asked);
    match answer {
        Ok(Readable(Ok(_), _)) => app.metrics.issued(grant),
        Ok(Readable(Err(error), _)) | Err(error) => app.metrics.refused(grant, error.refusal()),
    }
    let tally = match answer {
        Ok(Readable(Ok(_), _)) => Tally::TokensIssued,
        Ok(Readable(Err(error), _)) | Err(error) if error.is_refusal() => Tally::TokensRefused,
        Ok(Readable(Err(_), _)) | Err(_) => return,
    };
    app.activity.count(tally, app.clock.now());
}

async fn answer(
    app: &Shared,
    sender: &Sender,
    authorization: &Authorization,
    origin: &Origin,
    form: &Pairs,
) -> Answered {
    let from = take_by_address(app, sender).await?;
    let is_machine = form.get("grant_type") == Some(GrantType::ClientCredentials.as_str());
    if is_machine && let Some((known, standing)) = near(app, authorization, form).await {
        take(app, sender, &known.client, &from).await?;
        return Ok(Readable(Ok(client_credentials::mint(app, &known, standing)), origin.of(&known.client)));
    }
    let known = if is_machine {
        authorization.machine(app, sender, form).await?
    } else {
        authorization.client(app, sender, form).await?
    };
    take(app, sender, &known.client, &from).await?;
    Ok(Readable(grant(app, &sender.0, &known, form).await, origin.of(&known.client)))
}

/// A machine that a copy of its record proves, and the session for what it asks for, if both are near: no statement is
/// needed then. `None` for everything else, and whatever is wrong: that is told by the truth.
async fn near(app: &App, authorization: &Authorization, form: &Pairs) -> Option<(Arc<KnownClient>, Standing)> {
    let known = authorization.near(app, form).await?;
    let standing = client_credentials::near(app, &known, (form.get("scope"), &form.all("resource")))?;
    Some((known, standing))
}

/// From the allowance of an address; its key.
async fn take_by_address(app: &App, sender: &Sender) -> Result<String, OAuthError> {
    let from = sender.0.address.map(address_key).unwrap_or_default();
    let taken = allowance::take(app, &sender.0, Rule::TokenPerAddress, &from).await;
    taken.map(|()| from).map_err(|wait| OAuthError::too_many(&wait))
}

async fn take(app: &App, sender: &Sender, client: &Client, from: &str) -> Result<(), OAuthError> {
    let key = allowance_key(client, from);
    allowance::take(app, &sender.0, Rule::TokenPerClient, &key).await.map_err(|wait| OAuthError::too_many(&wait))
}

/// Whose allowance a request uses up. Anybody can name a public client, so that each address has an allowance of its own
/// there: a stranger's flood is not the client's.
pub(super) fn allowance_key(client: &Client, from: &str) -> String {
    if client.has_secret() { client.client_id.to_string() } else { format!("{} {from}", client.client_id) }
}

async fn grant(app: &App, actor: &Actor, known: &KnownClient, form: &Pairs) -> Result<Tokens, OAuthError> {
    let grant = form.get("grant_type").ok_or(OAuthError::invalid_request("grant_type is missing"))?;
    let grant = GrantType::from_name(grant).ok_or_else(OAuthError::unsupported_grant_type)?;
    if !known.client.may_use(grant) {
        return Err(OAuthError::unauthorized_client());
    }
    let resources = form.all("resource");
    match grant {
        GrantType::AuthorizationCode => {
            let asked = code::Asked {
                code: form.get("code").ok_or(OAuthError::invalid_request("code is missing"))?,
                verifier: form.get("code_verifier"),
                redirect_uri: form.get("redirect_uri"),
                resources: &resources,
                device: device(form),
            };
            Ok(code::redeem(app, actor, known, asked).await?)
        }
        GrantType::RefreshToken => {
            let token = form.get("refresh_token").ok_or(OAuthError::invalid_request("refresh_token is missing"))?;
            let asked = refresh::Asked { token, scope: form.get("scope"), resources: &resources };
            Ok(refresh::refresh(app, actor, known, asked).await?)
        }
        GrantType::ClientCredentials => {
            Ok(client_credentials::issue(app, actor, known, (form.get("scope"), &resources)).await?)
        }
    }
}

/// What an app tells about the device it runs on.
fn device(form: &Pairs) -> DeviceDetails {
    let told = |name| form.get(name).and_then(detail);
    DeviceDetails {
        name: told("device_name"),
        model: told("device_model"),
        os_version: told("os_version"),
        app_version: told("app_version"),
        timezone: told("timezone"),
        language: told("language"),
        user_agent: None,
        platform: None,
    }
}
