//! Clients (RFC 6749 §2) and resource servers, as registered.

use serde::{Deserialize, Serialize};

use super::color::Color;
use super::ids::ClientId;
use super::scope::Scope;
use crate::clock::Timestamp;

/// What kind of client it is (RFC 6749 §2.1), or that it is a resource server, which asks about tokens and never gets any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientType {
    /// Cannot keep a secret: phone and browser apps.
    Public,
    /// Proves itself by a secret we made.
    Confidential,
    /// Asks about tokens.
    ResourceServer,
}

impl ClientType {
    /// The name in the table and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Confidential => "confidential",
            Self::ResourceServer => "resource-server",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        [Self::Public, Self::Confidential, Self::ResourceServer].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A grant type a client may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// OAuth 2.1 §4.1.
    AuthorizationCode,
    /// OAuth 2.1 §4.3.
    RefreshToken,
    /// OAuth 2.1 §4.2.
    ClientCredentials,
}

impl GrantType {
    /// All of them, as advertised.
    pub const ALL: [Self; 3] = [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials];

    /// The value of `grant_type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }

    /// Reads the value of `grant_type`.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == text)
    }
}

/// How a client proves itself at the direct endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// Public: names itself only.
    None,
    /// A secret, in the `Authorization` header.
    ClientSecretBasic,
    /// A secret, in the body.
    ClientSecretPost,
}

impl AuthMethod {
    /// The registered name (RFC 7591 §2).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
        }
    }

    /// Reads the registered name.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        [Self::None, Self::ClientSecretBasic, Self::ClientSecretPost].into_iter().find(|m| m.as_str() == text)
    }
}

/// A registered client or resource server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Client {
    /// `client_id`.
    pub client_id: ClientId,
    /// The name people read on the consent page.
    pub name: String,
    /// Public, confidential or resource server.
    #[serde(rename = "type")]
    pub kind: ClientType,
    /// How it proves itself.
    pub auth_method: AuthMethod,
    /// Exact redirect URIs.
    pub redirect_uris: Vec<String>,
    /// What it may ask for; on a resource server the filter of what it is told.
    pub scope: Scope,
    /// Grants it may use.
    pub grants: Vec<GrantType>,
    /// Resource URIs it may ask for, or, on a resource server, answers for.
    pub resources: Vec<String>,
    /// Web origins that may call us from scripts.
    pub origins: Vec<String>,
    /// Ours: no consent page.
    pub first_party: bool,
    /// Its colour on the sign-in and consent pages.
    pub color: Option<Color>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was disabled, if it is.
    pub disabled_at: Option<Timestamp>,
}

impl Client {
    /// Whether the client may use a grant.
    #[must_use]
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grants.contains(&grant)
    }

    /// Whether it proves itself with a secret.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        self.auth_method != AuthMethod::None
    }

    /// Whether its refresh tokens change at every use. So far all do: strict clients come with sender-bound tokens.
    #[must_use]
    pub fn rotates(&self) -> bool {
        self.may_use(GrantType::RefreshToken)
    }
}
