//! For resource servers and gateways: introspection (RFC 7662).

mod introspect;

use rocket::{Route, routes};

/// Everything mounted for resource servers.
#[must_use]
pub fn routes() -> Vec<Route> {
    routes![introspect::introspect].into_iter().map(introspect::at_once).collect()
}
