//! Emergency lockdown of a customer, and its smaller kin.

use uuid::Uuid;

use super::taking_back::{Order, Taken, take_back};
use crate::app::App;
use crate::model::actor::Actor;
use crate::model::ids::{ClientId, CustomerId};
use crate::model::incident::{Reason, Target};

/// Why, in the caller's words, and the idempotency key of the request.
#[derive(Clone, Debug)]
pub struct Why {
    /// Why.
    pub reason: Reason,
    /// Free words.
    pub note: Option<String>,
    /// Idempotency key.
    pub key: Option<String>,
}

impl Why {
    /// A reason alone.
    #[must_use]
    pub fn plain(reason: Reason) -> Self {
        Self { reason, note: None, key: None }
    }

    fn order(&self, target: Target) -> Order {
        Order { target, reason: self.reason.clone(), note: self.note.clone(), key: self.key.clone(), disables: false }
    }
}

/// Ends everything of a customer and refuses new sign-ins until an authorised person unlocks.
pub async fn lock(app: &App, actor: &Actor, customer: &CustomerId, why: &Why) -> Taken {
    take_back(app, actor, &why.order(Target::Customer(customer.clone()))).await
}

/// Ends everything a client holds; new sign-ins through it are possible.
pub async fn client(app: &App, actor: &Actor, client: &ClientId, why: &Why) -> Taken {
    take_back(app, actor, &why.order(Target::Client(client.clone()))).await
}

/// The same, and the client is refused at once and until it is enabled again.
pub async fn disable_client(app: &App, actor: &Actor, client: &ClientId, why: &Why) -> Taken {
    take_back(app, actor, &Order { disables: true, ..why.order(Target::Client(client.clone())) }).await
}

/// Ends everything of everybody; new sign-ins are possible.
pub async fn everyone(app: &App, actor: &Actor, why: &Why) -> Taken {
    take_back(app, actor, &why.order(Target::Everyone)).await
}

/// Ends everything on a device; a new sign-in on it is possible.
pub async fn device(app: &App, actor: &Actor, device: Uuid, why: &Why) -> Taken {
    take_back(app, actor, &why.order(Target::Device(device))).await
}

/// Ends one session.
pub async fn session(app: &App, actor: &Actor, session: Uuid, why: &Why) -> Taken {
    take_back(app, actor, &why.order(Target::Session(session))).await
}
