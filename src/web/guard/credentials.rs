//! How a client proves itself at the direct endpoints: one way at a time (OAuth 2.1 §2.4, RFC 6749 §2.3.1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::info::RequestInfo;
use super::pairs::{Pairs, decode};
use crate::app::App;
use crate::secret::text::SecretText;
use crate::service::client_auth::{Credentials, Proof, prove};
use crate::store::clients::KnownClient;
use crate::web::error::OAuthError;

/// The `Authorization` header as sent, if it was.
#[derive(Debug)]
pub struct Authorization(Option<SecretText>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Authorization {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let sent: Vec<&str> = request.headers().get("Authorization").collect();
        let one = if sent.len() == 1 { Some(sent[0]) } else { sent.first().map(|_| "") };
        Outcome::Success(Self(one.map(SecretText::from)))
    }
}

impl Authorization {
    /// Proves the client, or answers.
    pub async fn client(&self, app: &App, info: &RequestInfo, form: &Pairs) -> Result<KnownClient, OAuthError> {
        let sent = self.credentials(form)?;
        let used_header = self.0.is_some();
        let proof = prove(app, &info.actor, &sent).await?;
        let known = match proof {
            Proof::Proven(known) => *known,
            Proof::Refused => return Err(OAuthError::invalid_client(used_header)),
            Proof::TooMany(wait) => return Err(OAuthError::too_many(&wait)),
        };
        if form.get("client_id").is_some_and(|id| id != known.client.client_id.as_str()) {
            return Err(OAuthError::invalid_request("The body names another client than the credentials"));
        }
        Ok(known)
    }

    /// Whether a bearer token was sent instead of credentials.
    #[must_use]
    pub fn is_bearer_alone(&self, form: &Pairs) -> bool {
        let scheme = self.0.as_ref().and_then(|header| header.expose().split(' ').next());
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) && !sends_secret(form)
    }

    fn credentials(&self, form: &Pairs) -> Result<Credentials, OAuthError> {
        match &self.0 {
            Some(_) if sends_secret(form) => {
                Err(OAuthError::invalid_request("More than one client authentication was sent"))
            }
            Some(header) => basic(header.expose()).ok_or(OAuthError::invalid_client(true)),
            None => Ok(match (form.owned("client_id"), form.get("client_secret")) {
                (Some(id), Some(secret)) => Credentials::Post(id, SecretText::from(secret)),
                (Some(id), None) if !form.has("client_assertion") => Credentials::Name(id),
                (Some(_) | None, _) => Credentials::Nothing,
            }),
        }
    }
}

/// Whether the body holds a credential.
fn sends_secret(form: &Pairs) -> bool {
    form.has("client_secret") || form.has("client_assertion")
}

/// `Basic` in any case, then base64 of `id:secret`, both form-urlencoded.
fn basic(header: &str) -> Option<Credentials> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some(Credentials::Basic(decode(id).ok()?, SecretText::from(decode(secret).ok()?)))
}
