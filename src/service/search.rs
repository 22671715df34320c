//! Finding a customer by what they say on the phone: their number at the bank, a telephone number in any spelling, an
//! e-mail address, or the beginning of their name. Never a scan.

use super::Fault;
use super::audit::{Told, record_alone};
use crate::app::App;
use crate::model::actor::Actor;
use crate::model::audit::Action;
use crate::model::customer::{Customer, fold};
use crate::model::ids::CustomerId;
use crate::policy::phone;
use crate::store::customers::{self, ContactChange};

/// Most customers found.
const MOST: i64 = 20;

/// Customers that fit, at most twenty, the surest first. The search is recorded, not the words.
pub async fn find(app: &App, actor: &Actor, words: &str) -> Result<Vec<Customer>, Fault> {
    let words = words.trim();
    let mut conn = app.db.read().await?;
    let mut found: Vec<Customer> = customers::find(&mut conn, words).await?.into_iter().collect();
    if let Some(number) = phone::parse(words, app.settings.phone_country.as_deref()) {
        found.extend(customers::list_by_phone(&mut conn, number.as_str(), MOST).await?);
    }
    if words.contains('@') {
        found.extend(customers::list_by_email(&mut conn, &fold(words), MOST).await?);
    } else if !words.is_empty() {
        found.extend(customers::list_by_name(&mut conn, &fold(words), ("", ""), MOST).await?);
    }
    drop(conn);
    let mut seen = Vec::new();
    found.retain(|one| {
        let is_new = !seen.contains(&one.customer_id);
        seen.push(one.customer_id.clone());
        is_new
    });
    record_alone(app, actor, Told::done(Action::CustomerRead, "customer", "*").because("search")).await?;
    Ok(found)
}

/// Changes of a customer's contact details, newest first: a number changed yesterday is not the number to call back.
pub async fn contact_changes(app: &App, id: &CustomerId) -> Result<Vec<ContactChange>, Fault> {
    Ok(customers::list_changes(&mut app.db.read().await?, id).await?)
}
