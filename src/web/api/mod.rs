//! For machines: customers, sessions, lockdown, audit, by bearer tokens of ours. Errors are problem documents (RFC 9457).

mod audit;
mod customers;
mod lockdown;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod outside;
mod problem;

use rocket::{Catcher, Route, catchers, get, routes};

/// The description of this API; a test holds it against what is mounted.
const OPENAPI: &str = include_str!("openapi.json");

#[get("/openapi.json")]
fn openapi() -> (rocket::http::ContentType, &'static str) {
    (rocket::http::ContentType::JSON, OPENAPI)
}

/// Everything mounted for machines, below `/api/v1`.
#[must_use]
pub fn routes() -> Vec<Route> {
    routes![
        openapi,
        customers::show,
        customers::list_sessions,
        customers::list_devices,
        lockdown::lock,
        lockdown::lift,
        lockdown::end_session,
        lockdown::revoke_device,
        audit::list,
    ]
}

/// Whatever goes wrong before a route is reached.
#[must_use]
pub fn catchers() -> Vec<Catcher> {
    catchers![problem::any]
}
