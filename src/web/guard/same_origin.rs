//! Every POST that changes something comes from our own pages: `Sec-Fetch-Site: same-origin`, or an `Origin` that is
//! ours. A foreign one, or none of both, fails (before any anti-forgery token is looked at).

use rocket::Request;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};

use super::body::count;
use super::refusal::Why;
use crate::app::App;
use crate::metrics::label::FormRefusal;

/// The request comes from our own page.
#[derive(Clone, Copy, Debug)]
pub struct SameOrigin;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SameOrigin {
    type Error = &'static str;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        if is_own(request) {
            return Outcome::Success(Self);
        }
        Why::note(request, "foreign origin");
        count(request, FormRefusal::ForeignOrigin);
        Outcome::Error((Status::Forbidden, "foreign origin"))
    }
}

/// Whether it does.
#[must_use]
pub fn is_own(request: &Request<'_>) -> bool {
    let header = |name| request.headers().get_one(name);
    let fetch_site = header("Sec-Fetch-Site").map(|site| site == "same-origin");
    let origin = header("Origin").map(|origin| is_our_origin(request, origin));
    match (fetch_site, origin) {
        (None, None) => false,
        (site, origin) => site.unwrap_or(true) && origin.unwrap_or(true),
    }
}

/// The issuer's origin, at the console's own host the console's instead: customers' pages send staff's forms no more than
/// strangers do. Or, under an http issuer on loopback, the same port under another loopback name we serve. Which host a
/// browser asks is not for another site to choose.
fn is_our_origin(request: &Request<'_>, origin: &str) -> bool {
    let Some(app) = request.rocket().state::<std::sync::Arc<App>>() else { return false };
    let scheme = if app.settings.is_https() { "https" } else { "http" };
    let is_hosts = request.host().is_some_and(|host| origin == format!("{scheme}://{host}"));
    if request.host().is_some_and(|host| app.settings.is_console_host(host.domain().as_str())) {
        return is_hosts;
    }
    origin == app.settings.issuer || (is_hosts && !app.settings.is_https())
}
