//! What may be registered as a client or resource server (RFC 7591 §2, OAuth 2.1 §2): the defaults, and one clear line for
//! each refusal.

use url::Url;

use super::redirect::{self, RedirectRefusal};
use super::resource;
use crate::clock::Timestamp;
use crate::model::client::{AuthMethod, Client, ClientType, GrantType};
use crate::model::color::Color;
use crate::model::ids::ClientId;
use crate::model::scope::Scope;

/// A client as asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewClient {
    /// `client_id`.
    pub client_id: ClientId,
    /// The name people read: 1 to 100 characters.
    pub name: String,
    /// Public, confidential or resource server.
    pub kind: ClientType,
    /// How it will prove itself; `None` takes the default of its kind.
    pub auth_method: Option<AuthMethod>,
    /// Exact redirect URIs.
    pub redirect_uris: Vec<String>,
    /// What it may ask for; on a resource server the filter of what it is told.
    pub scope: Scope,
    /// Grants it may use; none takes the default of its kind.
    pub grants: Vec<GrantType>,
    /// Resource URIs it may ask for, or answers for.
    pub resources: Vec<String>,
    /// Web origins that may call from scripts, `scheme://host[:port]`.
    pub origins: Vec<String>,
    /// Ours: no consent page.
    pub first_party: bool,
    /// Its colour on the sign-in and consent pages.
    pub color: Option<Color>,
}

/// Why a client is not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientRefusal {
    /// Empty, too long, or with control characters.
    #[error("a client's name is 1 to 100 characters without control characters")]
    Name,
    /// A redirect URI of it is refused.
    #[error("redirect URI {0:?}: {1}")]
    Redirect(String, RedirectRefusal),
    /// Not a resource URI.
    #[error("resource {0:?}: a resource is an absolute URI without fragment")]
    Resource(String),
    /// Not an exact web origin.
    #[error("origin {0:?}: an origin is exactly https://host or https://host:port (http only on this machine)")]
    Origin(String),
    /// A resource server with grants or redirect URIs.
    #[error("a resource server gets no tokens: it has no grants and no redirect URIs")]
    ResourceServer,
    /// A public client with a secret.
    #[error("a public client cannot keep a secret: its authentication method is none")]
    PublicSecret,
    /// A confidential client or resource server without a secret.
    #[error("a confidential client or resource server proves itself: its authentication method is not none")]
    SecretNeeded,
    /// `client_credentials` for a client that is not confidential.
    #[error("client_credentials is for confidential clients only")]
    ClientCredentials,
    /// `authorization_code` without redirect URI.
    #[error("authorization_code needs at least one redirect URI")]
    NoRedirect,
    /// Redirect URIs without `authorization_code`.
    #[error("redirect URIs need the grant authorization_code")]
    RedirectWithoutCode,
    /// `refresh_token` without `authorization_code`.
    #[error("refresh_token needs the grant authorization_code")]
    RefreshWithoutCode,
    /// Machine scopes for a client people sign in with.
    #[error(
        "scopes of the machine API are for confidential clients with client_credentials and without authorization_code"
    )]
    MachineScope,
    /// Both sides of a lockdown in one hand.
    #[error("no client may hold customers:lock and customers:unlock together")]
    LockAndUnlock,
}

/// The client as it will be stored, with defaults filled in and repeats dropped; or the first rule it breaks. `now`: when it
/// is registered.
pub fn check(new: NewClient, now: Timestamp) -> Result<Client, ClientRefusal> {
    let auth_method = auth_method(&new)?;
    let client = Client {
        client_id: new.client_id,
        name: new.name,
        kind: new.kind,
        auth_method,
        grants: without_repeats(if new.grants.is_empty() {
            default_grants(new.kind, &new.redirect_uris)
        } else {
            new.grants
        }),
        redirect_uris: without_repeats(new.redirect_uris),
        scope: new.scope,
        resources: without_repeats(new.resources),
        origins: without_repeats(new.origins),
        first_party: new.first_party,
        color: new.color,
        created_at: now,
        disabled_at: None,
    };
    check_texts(&client)?;
    check_grants(&client)?;
    check_scope(&client)?;
    Ok(client)
}

fn auth_method(new: &NewClient) -> Result<AuthMethod, ClientRefusal> {
    match (new.kind, new.auth_method) {
        (ClientType::Public, None | Some(AuthMethod::None)) => Ok(AuthMethod::None),
        (ClientType::Public, Some(AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost)) => {
            Err(ClientRefusal::PublicSecret)
        }
        (ClientType::Confidential | ClientType::ResourceServer, Some(AuthMethod::None)) => {
            Err(ClientRefusal::SecretNeeded)
        }
        (ClientType::Confidential | ClientType::ResourceServer, method) => {
            Ok(method.unwrap_or(AuthMethod::ClientSecretBasic))
        }
    }
}

fn default_grants(kind: ClientType, redirect_uris: &[String]) -> Vec<GrantType> {
    match kind {
        ClientType::ResourceServer => vec![],
        ClientType::Confidential if redirect_uris.is_empty() => vec![GrantType::ClientCredentials],
        ClientType::Public | ClientType::Confidential => vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
    }
}

fn without_repeats<T: PartialEq>(list: Vec<T>) -> Vec<T> {
    list.into_iter().fold(Vec::new(), |mut kept, item| {
        if !kept.contains(&item) {
            kept.push(item);
        }
        kept
    })
}

fn check_texts(client: &Client) -> Result<(), ClientRefusal> {
    let name = &client.name;
    if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(ClientRefusal::Name);
    }
    for uri in &client.redirect_uris {
        redirect::may_register(uri).map_err(|why| ClientRefusal::Redirect(uri.clone(), why))?;
    }
    if let Some(odd) = client.resources.iter().find(|text| !resource::is_resource(text)) {
        return Err(ClientRefusal::Resource(odd.clone()));
    }
    if let Some(odd) = client.origins.iter().find(|text| !is_origin(text)) {
        return Err(ClientRefusal::Origin(odd.clone()));
    }
    Ok(())
}

/// Whether the text is what a browser would send as `Origin` (RFC 6454 §6.2): `https`, or `http` on this machine.
fn is_origin(text: &str) -> bool {
    let here = |url: &Url| matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    let secure = |url: &Url| url.scheme() == "https" || (url.scheme() == "http" && here(url));
    Url::parse(text).is_ok_and(|url| secure(&url) && url.origin().ascii_serialization() == text)
}

fn check_grants(client: &Client) -> Result<(), ClientRefusal> {
    let code = client.may_use(GrantType::AuthorizationCode);
    let redirects = !client.redirect_uris.is_empty();
    if client.kind == ClientType::ResourceServer && (redirects || !client.grants.is_empty()) {
        return Err(ClientRefusal::ResourceServer);
    }
    if client.may_use(GrantType::ClientCredentials) && client.kind != ClientType::Confidential {
        return Err(ClientRefusal::ClientCredentials);
    }
    if client.may_use(GrantType::RefreshToken) && !code {
        return Err(ClientRefusal::RefreshWithoutCode);
    }
    match (code, redirects) {
        (true, false) => Err(ClientRefusal::NoRedirect),
        (false, true) => Err(ClientRefusal::RedirectWithoutCode),
        (true, true) | (false, false) => Ok(()),
    }
}

fn check_scope(client: &Client) -> Result<(), ClientRefusal> {
    let machine = client.kind == ClientType::Confidential
        && client.may_use(GrantType::ClientCredentials)
        && !client.may_use(GrantType::AuthorizationCode);
    if client.scope.names_a_machine_scope() && !machine {
        return Err(ClientRefusal::MachineScope);
    }
    if client.scope.has("customers:lock") && client.scope.has("customers:unlock") {
        return Err(ClientRefusal::LockAndUnlock);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scope::MACHINE_SCOPES;
    use AuthMethod::{ClientSecretBasic, ClientSecretPost};
    use ClientType::{Confidential, Public, ResourceServer};
    use GrantType::{AuthorizationCode, ClientCredentials, RefreshToken};

    const URI: &str = "https://app.example/cb";

    fn new(kind: ClientType, redirect_uris: &[&str], grants: &[GrantType]) -> NewClient {
        NewClient {
            client_id: ClientId::parse("app").unwrap(),
            name: "App".to_owned(),
            kind,
            auth_method: None,
            redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
            scope: Scope::default(),
            grants: grants.to_vec(),
            resources: vec![],
            origins: vec![],
            first_party: false,
            color: None,
        }
    }

    fn checked(new: NewClient) -> Result<Client, ClientRefusal> {
        check(new, chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap())
    }

    fn scoped(new: NewClient, scope: &str) -> NewClient {
        NewClient { scope: Scope::parse(scope).unwrap(), ..new }
    }

    #[test]
    fn grants_have_defaults_by_kind() {
        for (kind, uris, grants) in [
            (Public, &[URI][..], &[AuthorizationCode, RefreshToken][..]),
            (Confidential, &[URI], &[AuthorizationCode, RefreshToken]),
            (Confidential, &[], &[ClientCredentials]),
            (ResourceServer, &[], &[]),
        ] {
            assert_eq!(checked(new(kind, uris, &[])).unwrap().grants, grants, "{kind:?}");
        }
    }

    #[test]
    fn grants_and_redirect_uris_go_together() {
        for (kind, uris, grants, refusal) in [
            (Public, &[][..], &[][..], Some(ClientRefusal::NoRedirect)),
            (Public, &[URI], &[AuthorizationCode], None),
            (Public, &[URI], &[ClientCredentials], Some(ClientRefusal::ClientCredentials)),
            (Public, &[URI], &[AuthorizationCode, ClientCredentials], Some(ClientRefusal::ClientCredentials)),
            (Public, &[URI], &[RefreshToken], Some(ClientRefusal::RefreshWithoutCode)),
            (Confidential, &[], &[AuthorizationCode], Some(ClientRefusal::NoRedirect)),
            (Confidential, &[], &[RefreshToken], Some(ClientRefusal::RefreshWithoutCode)),
            (Confidential, &[URI], &[ClientCredentials], Some(ClientRefusal::RedirectWithoutCode)),
            (Confidential, &[URI], &[ClientCredentials, RefreshToken], Some(ClientRefusal::RefreshWithoutCode)),
            (Confidential, &[URI], &[ClientCredentials, AuthorizationCode], None),
            (ResourceServer, &[URI], &[], Some(ClientRefusal::ResourceServer)),
            (ResourceServer, &[], &[ClientCredentials], Some(ClientRefusal::ResourceServer)),
            (ResourceServer, &[], &[AuthorizationCode], Some(ClientRefusal::ResourceServer)),
        ] {
            assert_eq!(checked(new(kind, uris, grants)).err(), refusal, "{kind:?} {uris:?} {grants:?}");
        }
    }

    #[test]
    fn public_clients_have_no_secret_and_all_others_do() {
        let (public, secret) = (Err(ClientRefusal::PublicSecret), Err(ClientRefusal::SecretNeeded));
        for (kind, uris, method, taken) in [
            (Public, &[URI][..], None, Ok(AuthMethod::None)),
            (Public, &[URI], Some(AuthMethod::None), Ok(AuthMethod::None)),
            (Public, &[URI], Some(ClientSecretBasic), public.clone()),
            (Public, &[URI], Some(ClientSecretPost), public),
            (Confidential, &[], None, Ok(ClientSecretBasic)),
            (Confidential, &[], Some(ClientSecretPost), Ok(ClientSecretPost)),
            (Confidential, &[], Some(AuthMethod::None), secret.clone()),
            (ResourceServer, &[], None, Ok(ClientSecretBasic)),
            (ResourceServer, &[], Some(AuthMethod::None), secret),
        ] {
            let asked = NewClient { auth_method: method, ..new(kind, uris, &[]) };
            assert_eq!(checked(asked).map(|client| client.auth_method), taken, "{kind:?} {method:?}");
        }
    }

    #[test]
    fn names_are_short_and_plain() {
        let named = |name: &str| checked(NewClient { name: name.to_owned(), ..new(Confidential, &[], &[]) }).is_ok();
        assert!(named("x") && named("Naybitono Web") && named(&"é".repeat(100)));
        for bad in ["", " ", "a\nb", "a\0", "a\u{85}b", &"x".repeat(101)] {
            assert!(!named(bad), "{bad:?}");
        }
    }

    #[test]
    fn aut_04_aut_15_uris_are_checked_at_registration() {
        let bad = new(Public, &[URI, "http://app.example/"], &[]);
        let why = ClientRefusal::Redirect("http://app.example/".to_owned(), RedirectRefusal::PlainHttp);
        assert_eq!(checked(bad), Err(why));
        let bad = NewClient { resources: vec!["https://a#b".to_owned()], ..new(ResourceServer, &[], &[]) };
        assert_eq!(checked(bad), Err(ClientRefusal::Resource("https://a#b".to_owned())));
    }

    #[test]
    fn origins_are_exactly_what_browsers_send() {
        let taken = |text: &str| {
            checked(NewClient { origins: vec![text.to_owned()], ..new(Public, &[URI], &[]) })
                .map(|client| client.origins)
        };
        for good in [
            "https://a.example",
            "https://a.example:8443",
            "http://localhost:3000",
            "http://127.0.0.1",
            "http://[::1]:1",
        ] {
            assert_eq!(taken(good), Ok(vec![good.to_owned()]), "{good}");
        }
        for bad in
            ["null", "*", "", "https://a.example/", "https://a.example:443", "https://A.example", "http://a.example"]
        {
            assert_eq!(taken(bad), Err(ClientRefusal::Origin(bad.to_owned())), "{bad}");
        }
        for bad in [
            "https://u@a.example",
            "https://*.example/",
            "https://a.example?x",
            "file://",
            "com.a:",
            "http://127.1",
            "https://é.example",
        ] {
            assert_eq!(taken(bad), Err(ClientRefusal::Origin(bad.to_owned())), "{bad}");
        }
    }

    #[test]
    fn machine_scopes_go_to_machines_only() {
        for word in MACHINE_SCOPES {
            assert!(checked(scoped(new(Confidential, &[], &[]), word)).is_ok(), "{word}");
            for other in [
                new(Public, &[URI], &[]),
                new(Confidential, &[URI], &[]),
                new(Confidential, &[URI], &[ClientCredentials, AuthorizationCode]),
                new(ResourceServer, &[], &[]),
            ] {
                let asked = scoped(other, &format!("openid {word}"));
                assert_eq!(checked(asked).err(), Some(ClientRefusal::MachineScope), "{word}");
            }
        }
    }

    #[test]
    fn lck_06_no_client_locks_and_unlocks() {
        let both = scoped(new(Confidential, &[], &[]), "customers:unlock events:read customers:lock");
        assert_eq!(checked(both), Err(ClientRefusal::LockAndUnlock));
    }

    #[test]
    fn repeats_are_dropped() {
        let mut twice = new(Public, &[URI, URI], &[AuthorizationCode, AuthorizationCode]);
        twice.resources = vec!["https://a".to_owned(); 2];
        let client = checked(twice).unwrap();
        assert_eq!((client.redirect_uris.len(), client.grants.len(), client.resources.len()), (1, 1, 1));
    }
}
