//! For clients: metadata, authorize, token, revoke (OAuth 2.1, RFC 8414, RFC 7009, RFC 9207).

mod authorize;
mod cors;
mod metadata;
mod revoke;
mod token;

use rocket::{Route, routes};

/// Everything mounted for clients.
#[must_use]
pub fn routes() -> Vec<Route> {
    let tokens = routes![token::token].into_iter().map(token::at_once);
    let others = routes![
        metadata::authorization_server,
        authorize::get,
        authorize::post,
        revoke::take_back,
        cors::token_preflight,
        cors::revoke_preflight,
    ];
    tokens.chain(others).collect()
}
