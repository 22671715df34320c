//! Authorization server metadata (RFC 8414): everything advertised works, nothing else does.

use rocket::http::{ContentType, Header};
use rocket::response::Responder;
use rocket::{Request, Response};
use serde_json::json;

use super::super::Shared;
use crate::model::client::GrantType;

/// A public document: cacheable, open to every origin.
pub struct Document(String);

impl<'r> Responder<'r, 'static> for Document {
    fn respond_to(self, _request: &'r Request<'_>) -> rocket::response::Result<'static> {
        Response::build()
            .header(ContentType::JSON)
            .header(Header::new("Cache-Control", "public, max-age=300"))
            .header(Header::new("Access-Control-Allow-Origin", "*"))
            .sized_body(self.0.len(), std::io::Cursor::new(self.0))
            .ok()
    }
}

/// `/.well-known/oauth-authorization-server`.
#[rocket::get("/.well-known/oauth-authorization-server")]
pub fn authorization_server(app: &Shared) -> Document {
    let at = |path: &str| format!("{}{path}", app.settings.issuer);
    let grants = GrantType::ALL.map(GrantType::as_str);
    let document = json!({
        "issuer": app.settings.issuer,
        "authorization_endpoint": at("/oauth/authorize"),
        "token_endpoint": at("/oauth/token"),
        "introspection_endpoint": at("/oauth/introspect"),
        "revocation_endpoint": at("/oauth/revoke"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": grants,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "ui_locales_supported": ["en"],
    });
    Document(document.to_string())
}
