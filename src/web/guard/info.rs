//! Where a request comes from. Forwarding headers count only from configured proxies.

use std::net::IpAddr;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use crate::app::App;
use crate::model::actor::{Actor, Who};
use crate::model::device::{DeviceDetails, detail};
use crate::web::arrival::Arrival;
use crate::web::guard::client_hints;

/// Address, program and id of a request.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// The request's actor, not yet known.
    pub actor: Actor,
    /// What the browser says about itself.
    pub browser: DeviceDetails,
    /// Whether the request was HEAD: nothing may happen.
    pub is_head: bool,
}

impl RequestInfo {
    /// The address a request comes from: the peer, or what a configured proxy says of it.
    #[must_use]
    pub fn address(request: &Request<'_>, app: &App) -> Option<IpAddr> {
        let peer = request.remote()?.ip();
        Some(forwarded_for(peer, lines(request), |address| app.settings.trusts(address)))
    }

    /// The same address where nobody can have been left out on the way to it; `None` where a proxy forwards without saying
    /// for whom, or is not configured. For what is shown to some addresses only.
    #[must_use]
    pub fn certain_address(request: &Request<'_>, app: &App) -> Option<IpAddr> {
        let peer = request.remote()?.ip();
        if !app.settings.trusts(peer) {
            // No browser sends these: somebody forwards whom we do not know.
            return (!FORWARDING.iter().any(|name| request.headers().contains(name))).then(|| peer.to_canonical());
        }
        surely_forwarded_for(lines(request), |address| app.settings.trusts(address))
    }
}

/// Headers by which proxies say for whom they forward.
const FORWARDING: [&str; 6] =
    ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Proto", "X-Forwarded-Host"];

fn lines<'r>(request: &'r Request<'_>) -> impl Iterator<Item = &'r str> {
    request.headers().get("X-Forwarded-For")
}

/// For whom `peer` asks, as the lines of `X-Forwarded-For` say: the nearest that is no configured proxy. What stands farther
/// away was written by whoever that is.
pub(super) fn forwarded_for<'r>(
    peer: IpAddr,
    lines: impl Iterator<Item = &'r str>,
    trusts: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    let mut nearest = peer;
    if trusts(peer) {
        for hop in hops(lines) {
            let Ok(address) = hop.parse::<IpAddr>() else { break };
            nearest = address;
            if !trusts(address) {
                break;
            }
        }
    }
    nearest.to_canonical()
}

/// The same where every proxy on the way said for whom it forwards.
pub(super) fn surely_forwarded_for<'r>(
    lines: impl Iterator<Item = &'r str>,
    trusts: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let mut farthest = None;
    for hop in hops(lines) {
        let address = hop.parse::<IpAddr>().ok()?;
        farthest = Some(address.to_canonical());
        if !trusts(address) {
            break;
        }
    }
    farthest
}

/// What the lines of `X-Forwarded-For` say, the nearest first.
fn hops<'r>(lines: impl Iterator<Item = &'r str>) -> impl Iterator<Item = &'r str> {
    let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).collect();
    hops.into_iter().rev().map(str::trim)
}

/// Whether a request came by TLS, here or at a configured proxy.
#[must_use]
pub fn is_secure(request: &Request<'_>, app: &App) -> bool {
    if request.rocket().config().tls_enabled() {
        return true;
    }
    let from_proxy = request.remote().is_some_and(|peer| app.settings.trusts(peer.ip()));
    from_proxy && says_https(request.headers().get("X-Forwarded-Proto"))
}

/// Two lines are two opinions: one of them may be the client's own.
pub(super) fn says_https<'r>(mut lines: impl Iterator<Item = &'r str>) -> bool {
    lines.next() == Some("https") && lines.next().is_none()
}

/// Who sent a request, without what a browser says about itself: for callers that are no browsers.
#[derive(Clone, Debug)]
pub struct Sender(pub Actor);

impl Sender {
    /// Read from the request.
    #[must_use]
    pub fn of(request: &Request<'_>) -> Self {
        let app = request.rocket().state::<std::sync::Arc<App>>();
        Self(Actor {
            who: Who::Anonymous,
            address: app.and_then(|app| RequestInfo::address(request, app)),
            agent: request.headers().get_one("User-Agent").and_then(detail),
            request_id: Arrival::of(request).id.clone(),
        })
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Sender {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        Outcome::Success(Self::of(request))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for RequestInfo {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        let header = |name| request.headers().get_one(name).and_then(detail);
        let browser = DeviceDetails {
            user_agent: header("User-Agent"),
            language: header("Accept-Language").map(|text| text.split(',').next().unwrap_or_default().to_owned()),
            ..client_hints::told(request)
        };
        let is_head = Arrival::of(request).method == rocket::http::Method::Head;
        Outcome::Success(Self { actor: Sender::of(request).0, browser, is_head })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::web::guard::outside;

    /// Proxies of ours, strangers, both spellings of IPv4, and what is no address.
    const HOPS: [&str; 10] = [
        "10.1.2.3",
        "127.0.0.1",
        "::ffff:10.9.9.9",
        "203.0.113.7",
        "2001:db8::7",
        "::1",
        "fd00::1",
        "unknown",
        "203.0.113.7:443",
        "",
    ];

    fn peers() -> impl Strategy<Value = IpAddr> {
        select(HOPS[..7].to_vec()).prop_map(|text| text.parse().unwrap())
    }

    proptest! {
        #[test]
        fn http_14_a_proxy_is_believed_as_far_as_it_reaches_whatever_is_written_before_it(
            peer in peers(),
            trusted in vec(select(vec!["10.0.0.0/8", "127.0.0.1", "fd00::/8", "::ffff:10.0.0.0/104", "0.0.0.0/0"]), 0..3),
            lines in vec(vec(select(HOPS.to_vec()), 0..4), 0..3),
            odd in vec("[0-9a-f:., ]{0,20}|.{0,20}", 0..2),
        ) {
            let lines: Vec<String> = lines.iter().map(|hops| hops.join(", ")).chain(odd).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            outside::proxies(peer, &trusted.join(","), &lines);
        }
    }

    #[test]
    fn http_16_https_is_believed_where_it_is_said_once() {
        for (lines, is_https) in [
            (&["https"][..], true),
            (&[], false),
            (&["http"], false),
            (&["HTTPS"], false),
            (&["https, http"], false),
            (&["https", "http"], false),
            (&["https", "https"], false),
            (&["http", "https"], false),
        ] {
            assert_eq!(says_https(lines.iter().copied()), is_https, "{lines:?}");
        }
    }
}
