//! Bare Rocket, with its own defaults: Shield and the `Server` header on, its log off.

use std::net::Ipv4Addr;

use rescind::web::guard::body;
use rocket::form::{Form, FromForm};
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::response::content::RawJson;
use rocket::serde::json::Json;
use rocket::{Build, Request, Rocket, post, routes};

use super::Failure;
use super::caller::Callers;
use super::claims::Claims;

/// A caller who was proven.
struct Proven;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Proven {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        let header = request.headers().get_one("Authorization");
        let callers = request.rocket().state::<Callers>();
        match header.zip(callers) {
            Some((header, callers)) if callers.proves(header) => Outcome::Success(Self),
            Some(_) | None => Outcome::Error((Status::Unauthorized, ())),
        }
    }
}

#[derive(FromForm)]
struct Asked<'r> {
    token: &'r str,
}

#[post("/oauth/introspect", data = "<asked>")]
fn ordinary_route(_proven: Proven, asked: Form<Asked<'_>>) -> Json<Claims> {
    Json(Claims::of(asked.token))
}

#[post("/oauth/introspect", data = "<form>")]
fn strict_route(_proven: Proven, form: body::Form) -> Result<RawJson<String>, Status> {
    let token = form.0.get("token").ok_or(Status::BadRequest)?;
    serde_json::to_string(&Claims::of(token)).map(RawJson).map_err(|_| Status::InternalServerError)
}

/// As the guide shows it.
pub fn ordinary(port: u16) -> Result<(), Failure> {
    launch(rocket_at(port).mount("/", routes![ordinary_route]))
}

/// With our reading.
pub fn strict(port: u16) -> Result<(), Failure> {
    launch(rocket_at(port).mount("/", routes![strict_route]))
}

fn rocket_at(port: u16) -> Rocket<Build> {
    let figment = rocket::Config::figment()
        .merge(("address", Ipv4Addr::LOCALHOST))
        .merge(("port", port))
        .merge(("log_level", "off"));
    rocket::custom(figment).manage(Callers::default())
}

fn launch(rocket: Rocket<Build>) -> Result<(), Failure> {
    rocket::execute(rocket.launch()).map(|_| ()).map_err(|error| Failure::from(error.to_string()))
}
