//! Customers, found by id, phone, e-mail and name prefix without a scan.

use uuid::Uuid;

use super::engine::{FromRow, Param, Row};
use super::{Conn, StoreError, epochs, subjects};
use crate::clock::Timestamp;
use crate::model::customer::{ContactChange, Customer, Email, Found, PersonName, Phone};
use crate::model::epoch::{EpochKind, Epochs, Level};
use crate::model::ids::CustomerId;

/// What a customer is read from. Named one by one: a later release may add columns while this one serves.
macro_rules! columns {
    () => {
        "c.customer_id, c.name, c.email, c.phone, c.created_at, c.disabled_at"
    };
}

/// The rest of a search, up to what is looked for.
macro_rules! found_where {
    () => {
        ", u.level FROM customers c JOIN epochs u ON u.kind = 'subject' AND u.id = c.customer_id WHERE "
    };
}

impl FromRow for Customer {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let email = row.get::<Option<String>>("email")?;
        let phone = row.get::<Option<String>>("phone")?;
        Ok(Self {
            customer_id: row.parse("customer_id")?,
            name: PersonName::parse(&row.get::<String>("name")?).map_err(|_| StoreError::Unreadable("name"))?,
            email: email.map(|e| Email::parse(&e)).transpose().map_err(|_| StoreError::Unreadable("email"))?,
            phone: phone.map(|p| Phone::from_e164(&p).ok_or(StoreError::Unreadable("phone"))).transpose()?,
            created_at: row.get("created_at")?,
            disabled_at: row.get("disabled_at")?,
        })
    }
}

/// A device this customer signed in on before, with its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownDevice {
    /// Which.
    pub device_id: Uuid,
    /// Its epoch now.
    pub epoch: i64,
}

/// All that a sign-in needs to know before the password is checked, read in one statement.
#[derive(Clone, Debug)]
pub struct SignInRead {
    /// Who.
    pub customer: Customer,
    /// The stored password hash.
    pub password_hash: Option<String>,
    /// Restriction now.
    pub level: Level,
    /// Global and subject epoch now.
    pub epochs: Epochs,
    /// The device this browser's cookie names.
    pub by_browser: Option<KnownDevice>,
    /// The device the app named.
    pub by_app: Option<KnownDevice>,
}

impl FromRow for SignInRead {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        let device = |id, epoch| -> Result<Option<KnownDevice>, StoreError> {
            let both = row.parse_optional::<Uuid>(id)?.zip(row.get::<Option<i64>>(epoch)?);
            Ok(both.map(|(device_id, epoch)| KnownDevice { device_id, epoch }))
        };
        Ok(Self {
            customer: Customer::from_row(row)?,
            password_hash: row.get("password_hash")?,
            level: row.named("level", Level::from_name)?,
            epochs: Epochs {
                global: row.get("now_global")?,
                subject: Some(row.get("now_subject")?),
                ..Epochs::default()
            },
            by_browser: device("browser_device", "browser_epoch")?,
            by_app: device("app_device", "app_epoch")?,
        })
    }
}

/// Whom a sign-in form names: the same words as id, e-mail address and telephone number.
#[derive(Clone, Debug)]
pub struct Named {
    /// As an id.
    pub customer_id: String,
    /// As a folded e-mail address.
    pub email_folded: Option<String>,
    /// As an E.164 number.
    pub phone: Option<String>,
}

/// Where a sign-in comes from: the browser's cookie, and the client and device an app named.
#[derive(Clone, Debug, Default)]
pub struct SignInPlace {
    /// The id in the device cookie.
    pub browser_id: Option<Uuid>,
    /// The client.
    pub client_id: Option<String>,
    /// `device_id`, as sent.
    pub app_device_id: Option<String>,
}

/// Enters a customer; [`StoreError::Taken`] if anybody has the name.
pub async fn insert(conn: &mut Conn, customer: &Customer, password_hash: Option<&str>) -> Result<(), StoreError> {
    let id = customer.customer_id.as_str();
    subjects::insert(conn, id, "customer").await?;
    epochs::insert(conn, EpochKind::Subject, id).await?;
    let sql =
        "INSERT INTO customers (customer_id, name, name_folded, email, email_folded, phone, password_hash, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let email = customer.email.as_ref();
    conn.execute(
        sql,
        &[
            &id,
            &customer.name.as_str(),
            &customer.name.folded(),
            &email.map(Email::as_str),
            &email.map(Email::folded),
            &customer.phone.as_ref().map(Phone::as_str),
            &password_hash,
            &customer.created_at,
        ],
    )
    .await
    .map(|_| ())
}

/// The read in [`find`].
pub const FIND_SQL: &str = concat!("SELECT ", columns!(), " FROM customers c WHERE c.customer_id = $1");

/// A customer by id.
pub async fn find(conn: &mut Conn, id: &str) -> Result<Option<Customer>, StoreError> {
    conn.fetch_optional(FIND_SQL, &[&id]).await
}

/// The read in [`find_for_sign_in`].
pub const FIND_FOR_SIGN_IN_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    ", c.password_hash, u.level, g.epoch AS now_global, u.epoch AS now_subject,
               b.device_id AS browser_device, be.epoch AS browser_epoch, a.device_id AS app_device, ae.epoch AS app_epoch
        FROM (SELECT customer_id FROM customers WHERE customer_id = $1
              UNION SELECT customer_id FROM customers WHERE email_folded = $2
              UNION SELECT customer_id FROM customers WHERE phone = $3) found
        JOIN customers c ON c.customer_id = found.customer_id
        JOIN epochs g ON g.kind = 'global' AND g.id = '*'
        JOIN epochs u ON u.kind = 'subject' AND u.id = c.customer_id
        LEFT JOIN devices b ON b.customer_id = c.customer_id AND b.browser_id = $4
        LEFT JOIN epochs be ON be.kind = 'device' AND be.id = b.device_id
        LEFT JOIN devices a ON a.customer_id = c.customer_id AND a.client_id = $5 AND a.app_device_id = $6
        LEFT JOIN epochs ae ON ae.kind = 'device' AND ae.id = a.device_id
        -- An exact id is never among those cut off.
        ORDER BY CASE WHEN c.customer_id = $1 THEN 0 ELSE 1 END LIMIT 2"
);

/// The customer a sign-in names, with lock flag, epochs and devices. Two customers with one phone or address: nobody.
pub async fn find_for_sign_in(
    conn: &mut Conn,
    named: &Named,
    place: &SignInPlace,
) -> Result<Option<SignInRead>, StoreError> {
    let params: [&dyn Param; 6] = [
        &named.customer_id,
        &named.email_folded,
        &named.phone,
        &place.browser_id,
        &place.client_id,
        &place.app_device_id,
    ];
    let mut found: Vec<SignInRead> = conn.fetch_all(FIND_FOR_SIGN_IN_SQL, &params).await?;
    // An exact customer id wins over somebody else's address; otherwise two matches are nobody.
    match found.iter().position(|read| read.customer.customer_id.as_str() == named.customer_id) {
        Some(exact) => Ok(Some(found.swap_remove(exact))),
        None if found.len() == 1 => Ok(found.pop()),
        None => Ok(None),
    }
}

impl FromRow for Found {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { customer: Customer::from_row(row)?, level: row.named("level", Level::from_name)? })
    }
}

/// The read in [`list_by_name`].
pub const LIST_BY_NAME_SQL: &str = concat!(
    "SELECT ",
    columns!(),
    found_where!(),
    "c.name_folded >= $1 AND c.name_folded < $2
      AND (c.name_folded > $3 OR (c.name_folded = $3 AND c.customer_id > $4))
      ORDER BY c.name_folded, c.customer_id LIMIT $5"
);

/// Customers whose folded name begins with `prefix` (already folded), by name, after `after` = (folded name, id).
pub async fn list_by_name(
    conn: &mut Conn,
    prefix: &str,
    after: (&str, &str),
    limit: i64,
) -> Result<Vec<Found>, StoreError> {
    let end = format!("{prefix}\u{10FFFF}");
    conn.fetch_all(LIST_BY_NAME_SQL, &[&prefix, &end, &after.0, &after.1, &limit]).await
}

/// The read in [`list_by_phone`].
pub const LIST_BY_PHONE_SQL: &str =
    concat!("SELECT ", columns!(), found_where!(), "c.phone = $1 ORDER BY c.customer_id LIMIT $2");

/// Customers with a telephone number (E.164).
pub async fn list_by_phone(conn: &mut Conn, phone: &str, limit: i64) -> Result<Vec<Found>, StoreError> {
    conn.fetch_all(LIST_BY_PHONE_SQL, &[&phone, &limit]).await
}

/// The read in [`list_by_email`].
pub const LIST_BY_EMAIL_SQL: &str =
    concat!("SELECT ", columns!(), found_where!(), "c.email_folded = $1 ORDER BY c.customer_id LIMIT $2");

/// Customers with an e-mail address (folded).
pub async fn list_by_email(conn: &mut Conn, folded: &str, limit: i64) -> Result<Vec<Found>, StoreError> {
    conn.fetch_all(LIST_BY_EMAIL_SQL, &[&folded, &limit]).await
}

/// Replaces the password hash, unless it changed since `old` was read.
pub async fn replace_password(
    conn: &mut Conn,
    id: &CustomerId,
    old: Option<&str>,
    new: &str,
) -> Result<bool, StoreError> {
    let sql = "UPDATE customers SET password_hash = $3 WHERE customer_id = $1
               AND (password_hash = $2 OR (password_hash IS NULL AND $2 IS NULL))";
    Ok(conn.execute(sql, &[&id.as_str(), &old, &new]).await? == 1)
}

/// Sets the password hash.
pub async fn set_password(conn: &mut Conn, id: &CustomerId, new: &str) -> Result<bool, StoreError> {
    Ok(conn.execute("UPDATE customers SET password_hash = $2 WHERE customer_id = $1", &[&id.as_str(), &new]).await?
        == 1)
}

/// Disables (with a time) or enables (without) a customer's sign-in; false if there is no such customer.
pub async fn set_disabled(conn: &mut Conn, id: &CustomerId, at: Option<Timestamp>) -> Result<bool, StoreError> {
    Ok(conn.execute("UPDATE customers SET disabled_at = $2 WHERE customer_id = $1", &[&id.as_str(), &at]).await? == 1)
}

/// Sets name, e-mail and phone.
pub async fn set_contact(conn: &mut Conn, customer: &Customer) -> Result<bool, StoreError> {
    let sql = "UPDATE customers SET name = $2, name_folded = $3, email = $4, email_folded = $5, phone = $6
               WHERE customer_id = $1";
    let email = customer.email.as_ref();
    let done = conn
        .execute(
            sql,
            &[
                &customer.customer_id.as_str(),
                &customer.name.as_str(),
                &customer.name.folded(),
                &email.map(Email::as_str),
                &email.map(Email::folded),
                &customer.phone.as_ref().map(Phone::as_str),
            ],
        )
        .await?;
    Ok(done == 1)
}

impl FromRow for ContactChange {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            change_id: row.get("change_id")?,
            field: row.get("field")?,
            old_value: row.get("old_value")?,
            new_value: row.get("new_value")?,
            changed_by: row.get("changed_by")?,
            changed_at: row.get("changed_at")?,
        })
    }
}

/// Keeps one change of a contact detail.
pub async fn insert_change(conn: &mut Conn, id: &CustomerId, change: &ContactChange) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO contact_changes (change_id, customer_id, field, old_value, new_value, changed_by, changed_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    conn.execute(
        sql,
        &[
            &change.change_id,
            &id.as_str(),
            &change.field,
            &change.old_value,
            &change.new_value,
            &change.changed_by,
            &change.changed_at,
        ],
    )
    .await
    .map(|_| ())
}

/// All changes of a customer's contact details, newest first.
pub async fn list_changes(conn: &mut Conn, id: &CustomerId) -> Result<Vec<ContactChange>, StoreError> {
    let sql = "SELECT change_id, field, old_value, new_value, changed_by, changed_at FROM contact_changes
               WHERE customer_id = $1 ORDER BY changed_at DESC, change_id DESC LIMIT 100";
    conn.fetch_all(sql, &[&id.as_str()]).await
}
