//! For operators: health. Quiet in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rocket::http::{ContentType, Header, Status};
use rocket::response::Responder;
use rocket::{Request, Response, Route, State, get, routes};

use super::Shared;

/// Set when the server is stopping: it is no longer ready, so that nobody sends it more.
#[derive(Clone, Debug, Default)]
pub struct Draining(pub Arc<AtomicBool>);

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
    if draining.0.load(Ordering::SeqCst) {
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
    routes![live, ready]
}
