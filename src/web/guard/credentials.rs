//! How a client proves itself at the direct endpoints: one way at a time (OAuth 2.1 §2.4, RFC 6749 §2.3.1).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::info::{RequestInfo, Sender};
use super::pairs::{Pairs, decode};
use crate::app::App;
use crate::secret::text::SecretText;
use crate::service::client_auth::{
    Credentials, KnownClient, Proof, prove, prove_ahead, prove_checker, prove_machine, prove_near, remember,
};
use crate::web::error::OAuthError;

/// The `Authorization` headers as sent: none, one, or too many.
#[derive(Debug)]
pub struct Authorization(Vec<SecretText>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Authorization {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        Outcome::Success(Self(request.headers().get("Authorization").map(SecretText::from).collect()))
    }
}

impl Authorization {
    /// Proves a client that wants a token, or answers.
    pub async fn client(&self, app: &App, sender: &Sender, form: &Pairs) -> Result<Arc<KnownClient>, OAuthError> {
        let sent = self.credentials(form)?;
        self.proven(form, prove(app, &sender.0, &sent).await?)
    }

    /// The same for a client that takes something back.
    pub async fn revoker(&self, app: &App, info: &RequestInfo, form: &Pairs) -> Result<Arc<KnownClient>, OAuthError> {
        let sent = self.credentials(form)?;
        self.proven(form, prove_ahead(app, &info.actor, &sent).await?)
    }

    /// The same for one that wants a token of its own, by the truth.
    pub async fn machine(&self, app: &App, sender: &Sender, form: &Pairs) -> Result<Arc<KnownClient>, OAuthError> {
        let sent = self.credentials(form)?;
        self.proven(form, prove_machine(app, &sender.0, &sent).await?)
    }

    /// The client, if a copy of its record proves it. Nothing may be born under its epochs.
    pub async fn near(&self, app: &App, form: &Pairs) -> Option<Arc<KnownClient>> {
        let sent = self.credentials(form).ok()?;
        let known = self.proven(form, Proof::Proven(prove_near(app, &sent).await?)).ok()?;
        self.remember(app, &sent, &known);
        Some(known)
    }

    /// The same for a client that checks tokens: its epochs are not to be used.
    pub async fn checker(&self, app: &App, sender: &Sender, form: &Pairs) -> Result<Arc<KnownClient>, OAuthError> {
        let sent = self.credentials(form)?;
        let known = self.proven(form, prove_checker(app, &sender.0, &sent).await?)?;
        self.remember(app, &sent, &known);
        Ok(known)
    }

    /// Only a header proves somebody whatever the body says.
    fn remember(&self, app: &App, sent: &Credentials, known: &Arc<KnownClient>) {
        if let ([header], Credentials::Basic(..)) = (&self.0[..], sent) {
            remember(app, header.expose(), known);
        }
    }

    fn proven(&self, form: &Pairs, proof: Proof) -> Result<Arc<KnownClient>, OAuthError> {
        let used_header = !self.0.is_empty();
        let known = match proof {
            Proof::Proven(known) => known,
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
        let scheme = self.0.first().and_then(|header| header.expose().split(' ').next());
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) && !sends_secret(form)
    }

    fn credentials(&self, form: &Pairs) -> Result<Credentials, OAuthError> {
        let (secret, has_assertion) = (form.get("client_secret"), form.has("client_assertion"));
        if self.0.len() + usize::from(secret.is_some()) + usize::from(has_assertion) > 1 {
            return Err(OAuthError::invalid_request("More than one client authentication was sent"));
        }
        if let Some(header) = self.0.first() {
            return basic(header.expose()).ok_or(OAuthError::invalid_client(true));
        }
        Ok(match (form.owned("client_id"), secret) {
            (Some(id), Some(secret)) => Credentials::Post(id, SecretText::from(secret)),
            (Some(id), None) if !has_assertion => Credentials::Name(id),
            (Some(_) | None, _) => Credentials::Nothing,
        })
    }
}

/// Whether the body holds a credential.
fn sends_secret(form: &Pairs) -> bool {
    form.has("client_secret") || form.has("client_assertion")
}

/// `Basic` in any case, then base64 of `id:secret`, both form-urlencoded.
pub(super) fn basic(header: &str) -> Option<Credentials> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let (id, secret) = (decode(id).ok()?, decode(secret).ok()?);
    // PostgreSQL's text holds no NUL: asking for one would look like an outage.
    (!id.contains(char::is_control)).then(|| Credentials::Basic(id, SecretText::from(secret)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::web::guard::outside::{self, encoded};

    proptest! {
        #[test]
        fn cli_04_what_a_client_encodes_is_read_back(id in "\\PC{0,40}", secret in "\\PC{0,60}", scheme in "[Bb][Aa][Ss][Ii][Cc]") {
            let read = basic(&format!("{scheme} {}", encoded(&id, &secret)));
            let Some(Credentials::Basic(read_id, read_secret)) = read else { panic!("nothing was read") };
            prop_assert_eq!((read_id, read_secret.expose()), (id, secret.as_str()));
        }

        /// Odd ones are read as two other decoders read them, one after the other, or not at all.
        #[test]
        fn cli_04_what_is_read_is_what_other_decoders_read(
            header in prop_oneof!["(?i)basic {0,2}[a-zA-Z0-9+/=]{0,40}", ".{0,60}"],
            text in "[a-z:%+]{0,4}(%[0-9a-f]{2}|:|\n|[a-zé]){0,8}",
            bytes in proptest::collection::vec(any::<u8>(), 0..40),
            padding in "={0,3}[A-Z]?\t?",
        ) {
            outside::basic(&header);
            outside::basic(&format!("Basic {}", STANDARD.encode(bytes)));
            outside::basic(&format!("bASIC {}", STANDARD.encode(&text)));
            outside::basic(&format!("Basic {}{padding}", STANDARD.encode(&text).trim_end_matches('=')));
        }
    }
}
