//! The revocation endpoint (RFC 7009). 200 means dead everywhere, or never alive; otherwise 503.

use rocket::http::Status;
use rocket::post;

use super::super::Shared;
use super::cors::{Origin, Readable};
use super::token::allowance_key;
use crate::limits::{Rule, address_key};
use crate::service::allowance;
use crate::service::revoke::{self, Revoked};
use crate::web::error::OAuthError;
use crate::web::guard::body::Form;
use crate::web::guard::credentials::Authorization;
use crate::web::guard::info::RequestInfo;

#[post("/oauth/revoke", data = "<form>")]
pub async fn take_back(
    app: &Shared,
    info: RequestInfo,
    authorization: Authorization,
    origin: Origin,
    form: Form,
) -> Result<Readable<Result<Status, OAuthError>>, OAuthError> {
    let known = authorization.revoker(app, &info, &form.0).await?;
    let client = &known.client;
    let from = info.actor.address.map(address_key).unwrap_or_default();
    let allowed = allowance::take(app, &info.actor, Rule::RevokePerClient, &allowance_key(client, &from)).await;
    allowed.map_err(|wait| OAuthError::too_many(&wait))?;
    let token = form.0.get("token").ok_or(OAuthError::invalid_request("token is missing"))?;
    let answer = match revoke::token(app, &info.actor, client, token).await? {
        Revoked::Done => Ok(Status::Ok),
        Revoked::NotYours => Err(OAuthError::invalid_grant()),
        Revoked::Unconfirmed => Err(OAuthError::unavailable()),
    };
    Ok(Readable(answer, origin.of(client)))
}
