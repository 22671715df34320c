//! Whatever the console answers with 403 is written down, wherever it was refused: guard, form or role.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Status;
use rocket::{Request, Response};

use crate::app::App;
use crate::service::refusal;
use crate::web::guard::info::RequestInfo;
use crate::web::guard::refusal::Why;
use crate::web::guard::staff::Staff;

/// The fairing.
pub struct Refusals;

#[rocket::async_trait]
impl Fairing for Refusals {
    fn info(&self) -> Info {
        Info { name: "refusals of the console", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        if response.status() == Status::Forbidden {
            // On its own: else every answer of the server carries what writing a row takes.
            Box::pin(write_down(request)).await;
        }
    }
}

async fn write_down(request: &Request<'_>) {
    let Some(page) = request.route().map(|route| route.uri.path()).filter(|page| page.starts_with("/console")) else {
        return;
    };
    let Some(app) = request.rocket().state::<std::sync::Arc<App>>() else { return };
    let known = Staff::of(request).map(|staff| staff.actor.clone());
    let stranger = request.guard::<RequestInfo>().await.succeeded().map(|info| info.actor);
    if let Some(actor) = known.or(stranger) {
        refusal::record(app, &actor, page, Why::of(request)).await;
    }
}
