//! What is true of every request and answer: an id in and out, one log line, security headers, the method as it was sent,
//! plain http and foreign hosts turned away.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::form::Form;
use rocket::http::uri::fmt::Path;
use rocket::http::uri::{Origin, Segments};
use rocket::http::{Header, Method, Status};
use rocket::response::Responder;
use rocket::{Data, Request, Response, Route, routes};
use tracing::{Level, enabled};

use super::arrival::Arrival;
use super::draining::Draining;
use super::error::OAuthError;
use super::guard::info::{RequestInfo, is_secure};
use super::page::PageError;
use crate::app::App;
use crate::policy::private_network::is_private;
use crate::secret::random;

/// The fairing.
pub struct Envelope;

/// Paths of pages: plain http is sent on to https and the host must be ours. Everything else is an API. Judged by decoded
/// segments, as routing does: `/oauth/%61uthorize` is the same page.
fn is_page(path: &Segments<'_, Path>) -> bool {
    let apis = ["oauth", ".well-known", "api", "gateway", "health", "metrics"];
    let is_api = path.get(0).is_some_and(|first| apis.contains(&first));
    !is_api || path.clone().eq(["oauth", "authorize"])
}

#[rocket::async_trait]
impl Fairing for Envelope {
    fn info(&self) -> Info {
        Info { name: "envelope", kind: Kind::Request | Kind::Response }
    }

    async fn on_request(&self, request: &mut Request<'_>, data: &mut Data<'_>) {
        undo_method_override(request, data).await;
        let watch = app(request).map(|app| app.clock.start());
        let arrival = Arrival {
            method: request.method(),
            id: given_id(request).unwrap_or_else(|| random::letters(16)),
            path: request.uri().path().as_str().to_owned(),
            watch,
            begun: request.rocket().state::<Draining>().map(Draining::begin),
        };
        request.local_cache(|| arrival);
        if let Some(elsewhere) = turned_away(request) {
            request.set_method(Method::Get);
            request.set_uri(elsewhere);
        }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        security_headers(response);
        let arrival = Arrival::of(request);
        response.set_header(Header::new("X-Request-Id", arrival.id.as_str()));
        log_line(request, arrival, response.status());
    }
}

/// Rocket lets a form's first field `_method` change the method; nothing here wants that. Read as Rocket reads it, because
/// it knows more spellings (`&_method=`, `_method[]=`). A form that was really sent by that method is taken for a POST too.
async fn undo_method_override(request: &mut Request<'_>, data: &mut Data<'_>) {
    if request.method() != Method::Post && request.content_type().is_some_and(|kind| kind.is_form()) {
        let start = data.peek("_method=delete".len()).await;
        let first = std::str::from_utf8(start).ok().and_then(|text| Form::<()>::values(text).next());
        if first.is_some_and(|field| field.name == "_method") {
            request.set_method(Method::Post);
        }
    }
}

fn app<'r>(request: &'r Request<'_>) -> Option<&'r App> {
    request.rocket().state::<std::sync::Arc<App>>().map(AsRef::as_ref)
}

/// An id sent by a proxy or client: up to 64 letters, digits, `-`, `_`, `.`.
fn given_id(request: &Request<'_>) -> Option<String> {
    // One pass: looking a name up hashes it letter by letter.
    let sent = request.headers().iter().find(|header| header.name() == "X-Request-Id")?;
    let sent = sent.value();
    let harmless = sent.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    (harmless && (1..=64).contains(&sent.len())).then(|| sent.to_owned())
}

/// Where a request goes instead: plain http under an https issuer, or a page under a host that is not ours.
fn turned_away(request: &Request<'_>) -> Option<Origin<'static>> {
    let app = app(request)?;
    let path = request.uri().path().segments();
    let first = path.get(0);
    // Health and measures are asked for by whatever runs us; the addresses below are only for turning away.
    if matches!(first, Some("health" | "metrics" | "_turned_away")) {
        return None;
    }
    if app.settings.is_https() && !is_secure(request, app) {
        // What was typed into a form is not sent on: it would be repeated by whoever listens.
        let reads = matches!(request.method(), Method::Get | Method::Head);
        return Some(if is_page(&path) && reads {
            rocket::uri!("/_turned_away/to_https")
        } else {
            rocket::uri!("/_turned_away/plain")
        });
    }
    let host = request.host().map_or("", |host| host.domain().as_str());
    let at_console = app.settings.is_console_host(host);
    if app.settings.console_host.is_some() && !shown_at(at_console, first) {
        return Some(rocket::uri!("/_turned_away/host"));
    }
    if first == Some("console") && !console_answers(request, app) {
        return Some(rocket::uri!("/_turned_away/console"));
    }
    let is_known = || at_console || app.settings.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host));
    (is_page(&path) && !is_known()).then(|| rocket::uri!("/_turned_away/host"))
}

/// Where the console has a host name of its own: that one shows the console and what its pages need, the others show
/// everything else.
fn shown_at(at_console: bool, first: Option<&str>) -> bool {
    match first {
        Some("static") => true,
        Some("console") => at_console,
        Some(_) | None => !at_console,
    }
}

/// Staff prove themselves with a password alone, so the console is shown only on a private bind, to private addresses. A
/// proxy has one too: where it does not say for whom it forwards, that may be anybody.
fn console_answers(request: &Request<'_>, app: &App) -> bool {
    let from = RequestInfo::certain_address(request, app);
    is_private(request.rocket().config().address) && from.is_some_and(is_private)
}

#[rocket::get("/_turned_away/plain")]
fn plain() -> OAuthError {
    OAuthError::invalid_request("Only https is served here")
}

/// The same page by https. Without its query, which was sent in the clear.
struct ToHttps;

impl<'r> Responder<'r, 'static> for ToHttps {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let app = app(request).ok_or(Status::InternalServerError)?;
        let to = format!("{}{}", app.settings.issuer, Arrival::of(request).path);
        Response::build().status(Status::PermanentRedirect).header(Header::new("Location", to)).ok()
    }
}

#[rocket::get("/_turned_away/to_https")]
fn to_https() -> ToHttps {
    ToHttps
}

#[rocket::get("/_turned_away/host")]
fn host() -> (Status, &'static str) {
    (Status::MisdirectedRequest, "This host name is not served here.\n")
}

#[rocket::get("/_turned_away/console")]
fn console() -> PageError {
    PageError::console_off()
}

/// The routes that requests are turned away to.
#[must_use]
pub fn routes() -> Vec<Route> {
    routes![plain, to_https, host, console]
}

/// Headers of every answer.
const ALWAYS: [(&str, &str); 7] = [
    ("X-Content-Type-Options", "nosniff"),
    ("Strict-Transport-Security", "max-age=63072000; includeSubDomains"),
    ("Referrer-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// The policy of answers that are no pages.
const NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

fn security_headers(response: &mut Response<'_>) {
    let (mut has_policy, mut has_cache, mut is_readable) = (false, false, false);
    let (mut is_named, mut is_text) = (false, false);
    // One pass: looking a name up hashes it letter by letter.
    for header in response.headers().iter() {
        match header.name() {
            name if name == "Content-Type" => is_text = begins_with_text(header.value()),
            name if name == "Cache-Control" => has_cache = true,
            name if name == "Content-Security-Policy" => has_policy = true,
            name if name == "Access-Control-Allow-Origin" => is_readable = true,
            name if name == "Server" => is_named = true,
            _ => {}
        }
    }
    for (name, value) in ALWAYS {
        response.set_header(Header::new(name, value));
    }
    if !has_policy {
        response.set_header(Header::new("Content-Security-Policy", NOTHING));
    }
    if !has_cache {
        response.set_header(Header::new("Cache-Control", "no-store"));
    }
    if is_readable {
        response.set_header(Header::new("Cross-Origin-Resource-Policy", "cross-origin"));
        response.set_header(Header::new("Access-Control-Expose-Headers", "DPoP-Nonce, WWW-Authenticate"));
    }
    if is_named {
        response.remove_header("Server");
    }
    let text = is_text.then(|| response.content_type()).flatten();
    let text = text.filter(|t| t.top() == "text" && t.param("charset").is_none());
    if let Some(text) = text {
        response.set_header(Header::new("Content-Type", format!("{text}; charset=utf-8")));
    }
}

/// Whether a type of content begins with `text`.
fn begins_with_text(kind: &str) -> bool {
    kind.trim_start().get(..4).is_some_and(|top| top.eq_ignore_ascii_case("text"))
}

/// One line per request. The path without its query: what callers put there is not ours to keep.
fn log_line(request: &Request<'_>, arrival: &Arrival, status: Status) {
    let quiet = arrival.path.starts_with("/health/") || arrival.path == "/metrics";
    // What goes into a line is put together only where one is written.
    let is_written = if quiet { enabled!(Level::DEBUG) } else { enabled!(Level::INFO) };
    if !is_written {
        return;
    }
    let address = app(request).map(|app| RequestInfo::address(request, app).map(|a| a.to_string()).unwrap_or_default());
    let prefix = app(request).map(|app| format!("{}_", app.settings.token_prefix)).unwrap_or_default();
    let (ms, path) = (arrival.watch.map_or(0, |watch| watch.elapsed_ms()), harmless(&arrival.path, &prefix));
    let (method, id, status) = (arrival.method.as_str(), arrival.id.as_str(), status.code);
    if quiet {
        tracing::debug!(request_id = id, method, path, status, ms, address, "request");
    } else {
        tracing::info!(request_id = id, method, path, status, ms, address, "request");
    }
}

/// A path as it is logged: whatever looks like one of our sealed texts or secrets is left out, and its length is bounded.
fn harmless(path: &str, prefix: &str) -> String {
    let parts = path.split('/').map(|part| if part.len() > 80 || part.starts_with(prefix) { "..." } else { part });
    parts.collect::<Vec<_>>().join("/").chars().take(200).collect()
}

/// An answer whose side effects must not happen on HEAD: the empty page instead.
pub struct Empty;

impl<'r> Responder<'r, 'static> for Empty {
    fn respond_to(self, _request: &'r Request<'_>) -> rocket::response::Result<'static> {
        Response::build().status(Status::Ok).header(rocket::http::ContentType::HTML).ok()
    }
}
