//! The token endpoint (OAuth 2.1 §3.2): prove the client, then one of three grants.

use std::sync::Arc;

use rocket::http::{ContentType, Header};
use rocket::response::Responder;
use rocket::{Request, Response, post};
use serde_json::json;

use super::super::Shared;
use super::cors::{Origin, Readable};
use crate::app::App;
use crate::limits::{Rule, address_key};
use crate::metrics::label::Grant;
use crate::model::client::{Client, GrantType};
use crate::model::device::{DeviceDetails, detail};
use crate::model::tally::Tally;
use crate::service::allowance;
use crate::service::client_auth::KnownClient;
use crate::service::client_credentials::Standing;
use crate::service::tokens::Tokens;
use crate::service::{client_credentials, code, refresh};
use crate::web::error::OAuthError;
use crate::web::guard::body::Form;
use crate::web::guard::credentials::Authorization;
use crate::web::guard::info::RequestInfo;
use crate::web::guard::pairs::Pairs;

impl<'r> Responder<'r, 'static> for Tokens {
    fn respond_to(self, _request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let mut body = json!({
            "access_token": self.access.expose(),
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": self.scope,
        });
        if let Some(refresh) = &self.refresh {
            body["refresh_token"] = json!(refresh.expose());
        }
        let body = body.to_string();
        Response::build()
            .header(ContentType::JSON)
            .header(Header::new("Cache-Control", "no-store"))
            .header(Header::new("Pragma", "no-cache"))
            .sized_body(body.len(), std::io::Cursor::new(body))
            .ok()
    }
}

#[post("/oauth/token", data = "<form>")]
pub async fn token(
    app: &Shared,
    info: RequestInfo,
    authorization: Authorization,
    origin: Origin,
    form: Form,
) -> Result<Readable<Result<Tokens, OAuthError>>, OAuthError> {
    let answer = answer(app, &info, &authorization, &origin, &form.0).await;
    count(app, &answer, form.0.get("grant_type"));
    answer
}

/// For whoever watches, and for the console's first page. There, what fails by our own fault is no refusal.
fn count(app: &App, answer: &Result<Readable<Result<Tokens, OAuthError>>, OAuthError>, asked: Option<&str>) {
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
    info: &RequestInfo,
    authorization: &Authorization,
    origin: &Origin,
    form: &Pairs,
) -> Result<Readable<Result<Tokens, OAuthError>>, OAuthError> {
    let from = info.actor.address.map(address_key).unwrap_or_default();
    allowance::take(app, &info.actor, Rule::TokenPerAddress, &from)
        .await
        .map_err(|wait| OAuthError::too_many(&wait))?;
    let is_machine = form.get("grant_type") == Some(GrantType::ClientCredentials.as_str());
    if is_machine && let Some((known, standing)) = near(app, authorization, form).await {
        take(app, info, &known.client, &from).await?;
        return Ok(Readable(Ok(client_credentials::mint(app, &known, standing)), origin.of(&known.client)));
    }
    let known = if is_machine {
        authorization.machine(app, info, form).await?
    } else {
        authorization.client(app, info, form).await?
    };
    take(app, info, &known.client, &from).await?;
    Ok(Readable(grant(app, info, &known, form).await, origin.of(&known.client)))
}

/// A machine that a copy of its record proves, and the session for what it asks for, if both are near: no statement is
/// needed then. `None` for everything else, and whatever is wrong: that is told by the truth.
async fn near(app: &App, authorization: &Authorization, form: &Pairs) -> Option<(Arc<KnownClient>, Standing)> {
    let known = authorization.near(app, form).await?;
    let standing = client_credentials::near(app, &known, (form.get("scope"), &form.all("resource")))?;
    Some((known, standing))
}

async fn take(app: &App, info: &RequestInfo, client: &Client, from: &str) -> Result<(), OAuthError> {
    let key = allowance_key(client, from);
    allowance::take(app, &info.actor, Rule::TokenPerClient, &key).await.map_err(|wait| OAuthError::too_many(&wait))
}

/// Whose allowance a request uses up. Anybody can name a public client, so that each address has an allowance of its own
/// there: a stranger's flood is not the client's.
pub(super) fn allowance_key(client: &Client, from: &str) -> String {
    if client.has_secret() { client.client_id.to_string() } else { format!("{} {from}", client.client_id) }
}

async fn grant(app: &App, info: &RequestInfo, known: &KnownClient, form: &Pairs) -> Result<Tokens, OAuthError> {
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
            Ok(code::redeem(app, &info.actor, known, asked).await?)
        }
        GrantType::RefreshToken => {
            let token = form.get("refresh_token").ok_or(OAuthError::invalid_request("refresh_token is missing"))?;
            let asked = refresh::Asked { token, scope: form.get("scope"), resources: &resources };
            Ok(refresh::refresh(app, &info.actor, known, asked).await?)
        }
        GrantType::ClientCredentials => {
            Ok(client_credentials::issue(app, &info.actor, known, (form.get("scope"), &resources)).await?)
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
