//! Finding a customer by what they say on the phone: their number at the bank, a telephone number in any spelling, an
//! e-mail address, or the beginning of their name. Never a scan.

use super::Fault;
use super::allowance;
use super::audit::{Told, record_alone};
use crate::app::App;
use crate::limits::{Rule, Wait};
use crate::model::actor::Actor;
use crate::model::audit::Action;
use crate::model::customer::{ContactChange, Customer, Found, fold};
use crate::model::ids::CustomerId;
use crate::policy::phone;
use crate::store::{Conn, StoreError, customers};

/// Most customers found, or shown on one page.
const MOST: i64 = 20;
/// Fewest letters of a name: one would list half the bank.
const FEWEST_LETTERS: usize = 2;

/// Customers that fit, at most twenty, the surest first. The search is recorded, not the words.
pub async fn find(app: &App, actor: &Actor, words: &str) -> Result<Vec<Customer>, Fault> {
    let words = words.trim();
    let mut conn = app.db.read().await?;
    let mut found: Vec<Customer> = customers::find(&mut conn, words).await?.into_iter().collect();
    found.extend(by_contact(app, &mut conn, words).await?.into_iter().map(|one| one.customer));
    if !words.contains('@') && !words.is_empty() {
        let named = customers::list_by_name(&mut conn, &fold(words), ("", ""), MOST).await?;
        found.extend(named.into_iter().map(|one| one.customer));
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

/// What a member of staff's search came to.
#[derive(Clone, Debug)]
pub enum LookUp {
    /// Exactly one customer has that number, telephone or address.
    One(CustomerId),
    /// Several may be meant; the last line's customer, if there are more.
    Many(Vec<Found>, Option<CustomerId>),
    /// Nobody fits.
    Nobody,
    /// Too many look-ups in a short time.
    Wait(Wait),
}

/// Looks up a customer for a member of staff: one who is certain, or a page of those who may be meant, those of a name
/// after the customer `after`. Limited for each member of staff; recorded without the words.
pub async fn look_up(app: &App, actor: &Actor, words: &str, after: Option<&CustomerId>) -> Result<LookUp, Fault> {
    if let Err(wait) = allowance::take(app, actor, Rule::LookUpPerStaff, actor.who.name()).await {
        return Ok(LookUp::Wait(wait));
    }
    let words = words.trim();
    let mut conn = app.db.read().await?;
    let found = match exact(&mut conn, words).await? {
        Some(customer) => LookUp::One(customer.customer_id),
        None => several(app, &mut conn, words, after).await?,
    };
    drop(conn);
    let told = Told::done(Action::CustomerRead, "customer", "*");
    record_alone(app, actor, told.because(format!("search: {}", found.count()))).await?;
    Ok(found)
}

impl LookUp {
    fn count(&self) -> &'static str {
        match self {
            Self::One(_) => "one found",
            Self::Many(..) => "several found",
            Self::Nobody => "nobody found",
            Self::Wait(_) => "refused",
        }
    }
}

/// By number at the bank, however its letters were typed.
async fn exact(conn: &mut Conn, words: &str) -> Result<Option<Customer>, StoreError> {
    match customers::find(conn, words).await? {
        Some(customer) => Ok(Some(customer)),
        None => customers::find(conn, &words.to_ascii_uppercase()).await,
    }
}

async fn several(app: &App, conn: &mut Conn, words: &str, after: Option<&CustomerId>) -> Result<LookUp, StoreError> {
    let mut found = by_contact(app, conn, words).await?;
    if let [only] = found.as_slice() {
        return Ok(LookUp::One(only.customer.customer_id.clone()));
    }
    let may_be_a_name = found.is_empty() && !words.contains('@') && fold(words).chars().count() >= FEWEST_LETTERS;
    if may_be_a_name {
        found = by_name(conn, words, after).await?;
    }
    let page = usize::try_from(MOST).unwrap_or_default();
    let more = found.len() > page;
    found.truncate(page);
    let last = found.last().map(|one| one.customer.customer_id.clone());
    Ok(if found.is_empty() { LookUp::Nobody } else { LookUp::Many(found, last.filter(|_| more)) })
}

/// By telephone number in any spelling, or by e-mail address.
async fn by_contact(app: &App, conn: &mut Conn, words: &str) -> Result<Vec<Found>, StoreError> {
    if let Some(number) = phone::parse(words, app.settings.phone_country.as_deref()) {
        return customers::list_by_phone(conn, number.as_str(), MOST).await;
    }
    if words.contains('@') {
        return customers::list_by_email(conn, &fold(words), MOST).await;
    }
    Ok(Vec::new())
}

/// By the beginning of a name, one more than a page.
async fn by_name(conn: &mut Conn, words: &str, after: Option<&CustomerId>) -> Result<Vec<Found>, StoreError> {
    let last = match after {
        Some(id) => customers::find(conn, id.as_str()).await?,
        None => None,
    };
    let name = last.as_ref().map(|customer| customer.name.folded()).unwrap_or_default();
    let id = last.as_ref().map_or("", |customer| customer.customer_id.as_str());
    customers::list_by_name(conn, &fold(words), (&name, id), MOST + 1).await
}

/// Changes of a customer's contact details, newest first: a number changed yesterday is not the number to call back.
pub async fn contact_changes(app: &App, id: &CustomerId) -> Result<Vec<ContactChange>, Fault> {
    Ok(customers::list_changes(&mut app.db.read().await?, id).await?)
}
