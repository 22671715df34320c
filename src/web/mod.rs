//! WHO ASKS: one folder per audience, and `guard/`, which says who may call and turns bytes into checked values.
//! Audiences never import each other. This file is the table of contents of everything that is mounted.

pub mod answer;
pub mod api;
pub mod arrival;
pub mod console;
pub mod draining;
pub mod envelope;
pub mod error;
pub mod guard;
pub mod missing;
pub mod moment;
pub mod oauth;
pub mod ops;
pub mod page;
pub mod pages;
pub mod resource;

use std::sync::Arc;

use rocket::{Build, Rocket, State};

use crate::app::App;

/// The app, as routes take it.
pub type Shared = State<Arc<App>>;

/// Mounts every audience on a Rocket with the app's settings.
#[must_use]
pub fn mount(app: Arc<App>) -> Rocket<Build> {
    rocket::custom(app.settings.rocket.clone())
        .attach(rocket::shield::Shield::new())
        .attach(envelope::Envelope)
        .attach(console::Refusals)
        .manage(draining::Draining::default())
        .manage(ops::Readers::of_main(&app))
        .manage(app)
        .mount("/", envelope::routes())
        .mount("/", oauth::routes())
        .mount("/", resource::routes())
        .mount("/", pages::routes())
        .mount("/", console::routes())
        .mount("/", ops::routes())
        .mount("/api/v1", api::routes())
        .register("/", pages::catchers())
        .register("/oauth", error::catchers())
        // People see this one, not programs.
        .register("/oauth/authorize", pages::catchers())
        .register("/.well-known", error::catchers())
        .register("/gateway", error::catchers())
        .register("/health", error::catchers())
        .register("/metrics", error::catchers())
        .register("/console", console::catchers())
        .register("/api", api::catchers())
}
