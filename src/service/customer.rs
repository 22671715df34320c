//! Entering and changing customers.

use super::audit::{Told, record};
use super::new_password::check;
use super::{Fault, commit_everywhere};
use crate::app::App;
use crate::metrics::label::TakenBack;
use crate::model::actor::Actor;
use crate::model::audit::Action;
use crate::model::customer::{ContactChange, Customer, Email, Phone};
use crate::model::epoch::EpochKind;
use crate::model::ids::CustomerId;
use crate::policy::password_rules::PasswordRefusal;
use crate::secret::random;
use crate::secret::text::SecretText;
use crate::store::{Conn, StoreError, customers, epochs, throttles};

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Entered {
    /// Done.
    Done,
    /// A customer, client or member of staff has that name.
    Taken,
    /// There is no such customer.
    NotFound,
    /// The password is not good enough.
    Password(PasswordRefusal),
}

/// A customer to be entered, with a hash if they have a password.
#[derive(Clone, Debug)]
pub struct NewCustomer {
    /// The customer.
    pub customer: Customer,
    /// Password hash.
    pub password_hash: Option<String>,
}

/// Enters a customer with a password.
pub async fn create(app: &App, actor: &Actor, customer: Customer, password: &SecretText) -> Result<Entered, Fault> {
    if let Err(refusal) = check(app, password, &context(app, &customer)).await? {
        return Ok(Entered::Password(refusal));
    }
    let hash = app.secrets.hasher.hash(password).await?;
    let done = import(app, actor, &[NewCustomer { customer, password_hash: Some(hash) }]).await?;
    Ok(match done {
        Ok(()) => Entered::Done,
        Err(_) => Entered::Taken,
    })
}

/// Enters many customers, all or none; the index of the first whose name is taken.
pub async fn import(app: &App, actor: &Actor, new: &[NewCustomer]) -> Result<Result<(), usize>, Fault> {
    let mut tx = app.db.begin().await?;
    for (index, one) in new.iter().enumerate() {
        match insert(app, &mut tx, actor, one).await {
            Ok(()) => {}
            Err(StoreError::Taken) => return Ok(Err(index)),
            Err(error) => return Err(error.into()),
        }
    }
    tx.commit().await?;
    Ok(Ok(()))
}

async fn insert(app: &App, tx: &mut Conn, actor: &Actor, new: &NewCustomer) -> Result<(), StoreError> {
    let customer = &new.customer;
    customers::insert(tx, customer, new.password_hash.as_deref()).await?;
    let values = [
        ("email", customer.email.as_ref().map(|e| e.as_str().to_owned())),
        ("phone", customer.phone.as_ref().map(|p| p.as_str().to_owned())),
    ];
    for (field, value) in values.into_iter().filter(|(_, value)| value.is_some()) {
        keep_change(app, tx, actor, customer, (field, None, value)).await?;
    }
    let told = Told::done(Action::CustomerWrite, "customer", &customer.customer_id).of(&customer.customer_id);
    record(app, tx, actor, told.because("entered")).await
}

/// Changes name, e-mail and phone, keeping what they were and when.
pub async fn change_contact(app: &App, actor: &Actor, new: &Customer) -> Result<Entered, Fault> {
    let mut tx = app.db.begin().await?;
    let Some(old) = customers::find(&mut tx, new.customer_id.as_str()).await? else { return Ok(Entered::NotFound) };
    customers::set_contact(&mut tx, new).await?;
    let text = |email: &Option<Email>| email.as_ref().map(|e| e.as_str().to_owned());
    let number = |phone: &Option<Phone>| phone.as_ref().map(|p| p.as_str().to_owned());
    let fields = [
        ("name", Some(old.name.as_str().to_owned()), Some(new.name.as_str().to_owned())),
        ("email", text(&old.email), text(&new.email)),
        ("phone", number(&old.phone), number(&new.phone)),
    ];
    for (field, before, after) in fields.into_iter().filter(|(_, before, after)| before != after) {
        keep_change(app, &mut tx, actor, new, (field, before, after)).await?;
    }
    let told = Told::done(Action::CustomerWrite, "customer", &new.customer_id).of(&new.customer_id);
    record(app, &mut tx, actor, told.because("contact details changed")).await?;
    tx.commit().await?;
    Ok(Entered::Done)
}

async fn keep_change(
    app: &App,
    tx: &mut Conn,
    actor: &Actor,
    customer: &Customer,
    (field, old_value, new_value): (&str, Option<String>, Option<String>),
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let change = ContactChange {
        change_id: random::id(now),
        field: field.to_owned(),
        old_value,
        new_value,
        changed_by: actor.who.tag(),
        changed_at: now,
    };
    customers::insert_change(tx, &customer.customer_id, &change).await
}

/// Sets a new password: recovery by an operator. Ends everything made with the old one and forgets failed tries.
pub async fn set_password(app: &App, actor: &Actor, id: &CustomerId, new: &SecretText) -> Result<Entered, Fault> {
    let Some(customer) = customers::find(&mut app.db.read().await?, id.as_str()).await? else {
        return Ok(Entered::NotFound);
    };
    if let Err(refusal) = check(app, new, &context(app, &customer)).await? {
        return Ok(Entered::Password(refusal));
    }
    let hash = app.secrets.hasher.hash(new).await?;
    let mut tx = app.db.begin().await?;
    epochs::raise(&mut tx, EpochKind::Subject, id.as_str()).await?;
    customers::set_password(&mut tx, id, &hash).await?;
    throttles::reset_subject(&mut tx, id.as_str()).await?;
    let told = Told::done(Action::CustomerWrite, "customer", id).of(id).because("password set");
    record(app, &mut tx, actor, told).await?;
    commit_everywhere(app, tx, TakenBack::Account).await?;
    Ok(Entered::Done)
}

/// Disables a customer's sign-in and ends everything they hold, or enables it again.
pub async fn set_disabled(app: &App, actor: &Actor, id: &CustomerId, disabled: bool) -> Result<Entered, Fault> {
    let mut tx = app.db.begin().await?;
    if customers::find(&mut tx, id.as_str()).await?.is_none() {
        return Ok(Entered::NotFound);
    }
    if disabled {
        epochs::raise(&mut tx, EpochKind::Subject, id.as_str()).await?;
    }
    customers::set_disabled(&mut tx, id, disabled.then(|| app.clock.now())).await?;
    let told = Told::done(Action::CustomerWrite, "customer", id).of(id);
    record(app, &mut tx, actor, told.because(if disabled { "disabled" } else { "enabled" })).await?;
    commit_everywhere(app, tx, TakenBack::Account).await?;
    Ok(Entered::Done)
}

/// Words a password may not lean on.
fn context<'a>(app: &'a App, customer: &'a Customer) -> Vec<&'a str> {
    let mut words = vec![customer.customer_id.as_str(), app.settings.name.as_str(), "rescind"];
    words.extend(customer.name.as_str().split_whitespace());
    words.extend(customer.email.iter().flat_map(|email| email.as_str().split('@')));
    words.extend(customer.phone.as_ref().map(Phone::as_str));
    words
}
