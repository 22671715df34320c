//! For the bank's staff: signing in, finding a customer, locking, revoking, receipts, figures.

pub mod error;
pub mod frame;
mod login;
mod overview;
mod refusals;

use rocket::{Catcher, Route, catchers, routes};

pub use error::ConsoleError;
pub use refusals::Refusals;

/// Everything mounted for staff.
#[must_use]
pub fn routes() -> Vec<Route> {
    routes![overview::show, login::show, login::submit, login::sign_out]
}

/// Catchers of the console.
#[must_use]
pub fn catchers() -> Vec<Catcher> {
    catchers![error::any]
}
