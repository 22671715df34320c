//! For operators: health and measures. Quiet in the log.

mod metrics;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use rocket::config::{Config, Ident, LogLevel, Shutdown};
use rocket::http::{ContentType, Header, Status};
use rocket::response::Responder;
use rocket::{Build, Request, Response, Rocket, Route, State, get, routes};

pub use self::metrics::Readers;
use super::draining::Draining;
use super::envelope::Envelope;
use super::{Shared, error};
use crate::app::App;

/// A health answer.
pub struct Health(Status, &'static str);

impl<'r> Responder<'r, 'static> for Health {
    fn respond_to(self, _request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let body = format!("{{\"status\":\"{}\"}}", self.1);
        let mut response = Response::build()
            .status(self.0)
            .header(ContentType::JSON)
            .sized_body(body.len(), std::io::Cursor::new(body))
            .finalize();
        if self.0 != Status::Ok {
            response.set_header(Header::new("Retry-After", "1"));
        }
        Ok(response)
    }
}

/// The process runs.
#[get("/health/live")]
fn live() -> Health {
    Health(Status::Ok, "live")
}

/// The process can answer for certain: the database answers, what was taken back is known, and no stop is under way.
#[get("/health/ready")]
async fn ready(app: &Shared, draining: &State<Draining>) -> Health {
    if draining.is_told() {
        return Health(Status::ServiceUnavailable, "draining");
    }
    match app.db.ping().await {
        Ok(()) if !app.checks.node.has_same_time() => Health(Status::ServiceUnavailable, "clock"),
        Ok(()) if !app.knows_what_was_taken_back().await => Health(Status::ServiceUnavailable, "no_lease"),
        Ok(()) => Health(Status::Ok, "ready"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            Health(Status::ServiceUnavailable, "database_unavailable")
        }
    }
}

/// Everything mounted for operators.
#[must_use]
pub fn routes() -> Vec<Route> {
    routes![live, ready, metrics::metrics]
}

/// A server for operators alone, at an address of its own: plain HTTP, health and measures, nothing else. It goes on while
/// the main one drains, and stops only when it is told to.
#[must_use]
pub fn alone(app: Arc<App>, address: SocketAddr, draining: Draining) -> Rocket<Build> {
    let shutdown = Shutdown { ctrlc: false, signals: HashSet::new(), ..Shutdown::default() };
    let config = Config {
        address: address.ip(),
        port: address.port(),
        ident: Ident::none(),
        ip_header: None,
        log_level: LogLevel::Off,
        shutdown,
        ..Config::release_default()
    };
    rocket::custom(config)
        .attach(Envelope)
        .manage(draining)
        .manage(Readers::Everybody)
        .manage(app)
        .mount("/", routes())
        .register("/", error::catchers())
}
