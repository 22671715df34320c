//! Who may ask about tokens, which tokens they are told about, and how much (RFC 7662 §4).

use std::borrow::Cow;

use crate::model::client::{Client, ClientType, GrantType};
use crate::model::scope::Scope;
use crate::model::session::{Session, Shape};

/// Whether the client may ask at all: resource servers may; so may confidential clients that get tokens for people, about
/// tokens of their own. Public clients prove nothing, and machine clients have nothing to ask.
#[must_use]
pub fn may_introspect(client: &Client) -> bool {
    match client.kind {
        ClientType::ResourceServer => true,
        ClientType::Public => false,
        ClientType::Confidential => {
            client.may_use(GrantType::AuthorizationCode) || client.may_use(GrantType::RefreshToken)
        }
    }
}

/// Whether the caller is told about a token that is alive. Refresh tokens: only the client they belong to. Access tokens
/// (`shape` is theirs): a resource server in their audience, or one without resources where they have no audience; and the
/// confidential client they belong to.
#[must_use]
pub fn may_see(caller: &Client, session: &Session, shape: Option<&Shape>, is_refresh: bool) -> bool {
    let owns = caller.client_id == session.client_id;
    let addressed = |shape: &Shape| {
        let both_empty = shape.audience.is_empty() && caller.resources.is_empty();
        both_empty || shape.audience.iter().any(|resource| caller.resources.contains(resource))
    };
    match (is_refresh, caller.kind) {
        (true, ClientType::Public | ClientType::Confidential) | (false, ClientType::Confidential) => owns,
        (true, ClientType::ResourceServer) | (false, ClientType::Public) => false,
        (false, ClientType::ResourceServer) => shape.is_some_and(addressed),
    }
}

/// The scope the caller is told: a resource server that registered a scope gets the common words only, everybody else all.
#[must_use]
pub fn told_scope<'a>(caller: &Client, shape_scope: &'a Scope) -> Cow<'a, Scope> {
    let filters = caller.kind == ClientType::ResourceServer && !caller.scope.is_empty();
    if filters { Cow::Owned(shape_scope.common(&caller.scope)) } else { Cow::Borrowed(shape_scope) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::model::client::AuthMethod;
    use crate::model::epoch::Epochs;
    use crate::model::ids::ClientId;
    use crate::model::session::{Rotation, SubjectKind};
    use uuid::Uuid;

    fn now() -> Timestamp {
        chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn client(id: &str, kind: ClientType, grants: &[GrantType], resources: &[&str]) -> Client {
        Client {
            client_id: ClientId::parse(id).unwrap(),
            name: id.to_owned(),
            kind,
            auth_method: AuthMethod::ClientSecretBasic,
            redirect_uris: vec![],
            scope: Scope::default(),
            grants: grants.to_vec(),
            resources: list(resources),
            origins: vec![],
            first_party: false,
            color: None,
            created_at: now(),
            disabled_at: None,
        }
    }

    fn session(client_id: &str) -> Session {
        Session {
            session_id: Uuid::from_u128(1),
            client_id: ClientId::parse(client_id).unwrap(),
            subject_id: "CUST_1".to_owned(),
            subject_kind: SubjectKind::Customer,
            device_id: None,
            consent_id: None,
            scope: Scope::default(),
            resources: vec![],
            shapes: vec![],
            generation: 1,
            rotation: Rotation { at: now(), address: None, shape: 0, access_expires_at: now() },
            auth_at: None,
            created_at: now(),
            expires_at: now(),
            ended_at: None,
            epochs: Epochs::default(),
        }
    }

    fn shape(audience: &[&str]) -> Shape {
        Shape { scope: Scope::default(), audience: list(audience) }
    }

    #[test]
    fn int_02_who_may_ask() {
        use ClientType::{Confidential, Public, ResourceServer};
        use GrantType::{AuthorizationCode, ClientCredentials, RefreshToken};
        for (kind, grants, may) in [
            (ResourceServer, &[][..], true),
            (Confidential, &[AuthorizationCode], true),
            (Confidential, &[RefreshToken], true),
            (Confidential, &[ClientCredentials, AuthorizationCode], true),
            (Confidential, &[ClientCredentials], false),
            (Confidential, &[], false),
            (Public, &[AuthorizationCode, RefreshToken], false),
            (Public, &[], false),
        ] {
            assert_eq!(may_introspect(&client("c", kind, grants, &[])), may, "{kind:?} {grants:?}");
        }
    }

    #[test]
    fn int_03_a_resource_server_sees_tokens_for_itself_only() {
        for (resources, audience, sees) in [
            (&["https://a"][..], &["https://a"][..], true),
            (&["https://a", "https://b"], &["https://b", "https://c"], true),
            (&["https://a"], &["https://b"], false),
            (&["https://a"], &["https://a/"], false),
            (&["https://a"], &[], false),
            (&[], &["https://a"], false),
            (&[], &[], true),
        ] {
            let server = client("api", ClientType::ResourceServer, &[], resources);
            assert_eq!(
                may_see(&server, &session("app"), Some(&shape(audience)), false),
                sees,
                "{resources:?} {audience:?}"
            );
        }
        let server = client("api", ClientType::ResourceServer, &[], &[]);
        assert!(!may_see(&server, &session("app"), None, false), "no shape, nothing to see");
    }

    #[test]
    fn int_02_a_confidential_client_sees_its_own_tokens_only() {
        let own = client("app", ClientType::Confidential, &[GrantType::AuthorizationCode], &["https://a"]);
        let public = client("app", ClientType::Public, &[GrantType::AuthorizationCode], &["https://a"]);
        let token = shape(&["https://a"]);
        assert!(may_see(&own, &session("app"), Some(&token), false));
        assert!(!may_see(&own, &session("other"), Some(&token), false));
        assert!(!may_see(&public, &session("app"), Some(&token), false));
    }

    #[test]
    fn int_07_refresh_tokens_are_seen_by_their_client_only() {
        let token = shape(&["https://a"]);
        for shape in [None, Some(&token)] {
            for (id, kind, sees) in [
                ("app", ClientType::Confidential, true),
                ("other", ClientType::Confidential, false),
                ("api", ClientType::ResourceServer, false),
                ("app", ClientType::ResourceServer, false),
            ] {
                let caller = client(id, kind, &[], &["https://a"]);
                assert_eq!(may_see(&caller, &session("app"), shape, true), sees, "{id} {kind:?}");
            }
        }
    }

    #[test]
    fn int_08_a_resource_server_is_told_its_own_words_only() {
        let token = Scope::parse("openid accounts:read payments:write").unwrap();
        for (kind, registered, told) in [
            (ClientType::ResourceServer, "", "openid accounts:read payments:write"),
            (ClientType::ResourceServer, "accounts:read accounts:write", "accounts:read"),
            (ClientType::ResourceServer, "cards:read", ""),
            (ClientType::Confidential, "accounts:read", "openid accounts:read payments:write"),
        ] {
            let caller = Client { scope: Scope::parse(registered).unwrap(), ..client("c", kind, &[], &[]) };
            assert_eq!(told_scope(&caller, &token).to_string(), told, "{kind:?} {registered}");
        }
    }
}
