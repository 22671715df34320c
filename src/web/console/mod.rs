//! For the bank's staff: signing in, finding a customer, locking, revoking, receipts, figures.

mod actions;
mod audit;
mod customer;
mod device;
pub mod error;
mod events;
pub mod frame;
mod incidents;
mod lines;
mod lists;
mod lockdown;
mod login;
mod overview;
mod person;
mod question;
mod receipt;
mod refusals;
mod search;
mod since;
mod sparkline;
mod unlock;

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
        search::show,
        customer::show,
        device::show,
        lockdown::ask_lock,
        lockdown::lock,
        lockdown::ask_device,
        lockdown::revoke_device,
        lockdown::ask_session,
        lockdown::end_session,
        unlock::ask,
        unlock::lift,
        receipt::show,
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
