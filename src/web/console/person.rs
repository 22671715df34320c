//! A customer at the head of a page: who it is, masked, and how things stand.

use super::incidents::person as who;
use crate::model::customer::Customer;
use crate::model::epoch::Level;
use crate::model::incident::Incident;
use crate::policy::mask;
use crate::service::caller::Person;
use crate::web::moment::{Moment, Moments};

/// A small state: kind of chip, and words.
pub type State = (&'static str, &'static str);

/// How a customer stands, in a word.
#[must_use]
pub fn state(customer: &Customer, level: Level) -> State {
    match (customer.disabled_at, level) {
        (_, Level::Full) => ("alarm", "Locked"),
        (Some(_), _) => ("warn", "Sign-in off"),
        (None, Level::Payments | Level::Write) => ("warn", "Restricted"),
        (None, Level::None) => ("good", "Active"),
    }
}

/// The head of a page about a customer.
pub struct Head {
    /// Number at the bank.
    pub id: String,
    /// Name.
    pub name: String,
    /// Masked.
    pub phone: Option<String>,
    /// Masked.
    pub email: Option<String>,
    /// In a word.
    pub state: State,
    /// When sign-in was switched off, if it is.
    pub disabled: Option<Moment>,
    /// The open lockdown.
    pub lockdown: Option<Lockdown>,
}

/// An open lockdown, in a line.
pub struct Lockdown {
    /// Its incident.
    pub incident: String,
    /// When.
    pub at: Moment,
    /// By whom.
    pub by: String,
    /// Why.
    pub why: String,
}

impl Head {
    /// Of a customer.
    #[must_use]
    pub fn new(person: &Person, moments: &Moments) -> Self {
        let customer = &person.customer;
        Self {
            id: customer.customer_id.to_string(),
            name: customer.name.as_str().to_owned(),
            phone: customer.phone.as_ref().map(mask::phone),
            email: customer.email.as_ref().map(mask::email),
            state: state(customer, person.level),
            disabled: customer.disabled_at.map(|at| moments.show(at)),
            lockdown: person.lockdown.as_ref().map(|incident| lockdown(incident, moments)),
        }
    }

    /// The address of the customer's page.
    #[must_use]
    pub fn page(&self) -> String {
        format!("/console/customers/{}", self.id)
    }
}

fn lockdown(incident: &Incident, moments: &Moments) -> Lockdown {
    Lockdown {
        incident: incident.incident_id.to_string(),
        at: moments.show(incident.opened_at),
        by: who(&incident.opened_by),
        why: incident.reason.clone(),
    }
}
