//! For the bank's staff: signing in, finding a customer, locking, revoking, receipts, figures.

mod actions;
mod audit;
pub mod error;
pub mod frame;
mod incidents;
mod lists;
mod login;
mod overview;
mod refusals;
mod sparkline;

use rocket::{Catcher, Route, catchers, routes};

pub use error::ConsoleError;
pub use refusals::Refusals;

/// Everything mounted for staff.
#[must_use]
pub fn routes() -> Vec<Route> {
    routes![
        overview::show,
        login::show,
        login::submit,
        login::sign_out,
        incidents::list,
        audit::list,
        lists::staff,
        lists::clients,
    ]
}

/// Catchers of the console.
#[must_use]
pub fn catchers() -> Vec<Catcher> {
    catchers![error::any]
}
