//! For people: sign-in, consent, their account. Plain words, no script needed.

mod account;
mod assets;
mod consent;
mod login;

use rocket::http::{Header, Status};
use rocket::response::Responder;
use rocket::{Catcher, Request, Response, Route, catch, catchers, routes};

use super::missing;
use super::page::PageError;

/// Everything mounted for people.
#[must_use]
pub fn routes() -> Vec<Route> {
    routes![
        login::show,
        login::submit,
        consent::show,
        consent::decide,
        account::show,
        account::sign_out,
        account::signed_out,
        assets::style,
        assets::icon,
        assets::forget,
        assets::console,
    ]
}

/// A page error that may name the methods allowed.
struct Caught(PageError, Option<String>);

impl<'r> Responder<'r, 'static> for Caught {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let mut response: Response<'static> = self.0.respond_to(request)?;
        if let Some(allow) = self.1 {
            response.set_header(Header::new("Allow", allow));
        }
        Ok(response)
    }
}

/// Whatever goes wrong before a route is reached.
#[catch(default)]
fn any(status: Status, request: &Request<'_>) -> Caught {
    match missing::allowed_methods(status, request) {
        Some(allow) => Caught(PageError::of_status(Status::MethodNotAllowed), Some(allow)),
        None => Caught(PageError::of_status(status), None),
    }
}

/// Catchers of the pages, and of everything that has none of its own.
#[must_use]
pub fn catchers() -> Vec<Catcher> {
    catchers![any]
}
