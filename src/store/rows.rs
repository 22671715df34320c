//! Statements as both drivers run them, and rows as both give them. Knows two engines, like `engine`.

use std::str::FromStr;

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

use super::StoreError;
use super::deadline::in_time;
use super::params::{Param, lite_arguments, pg_arguments};

/// A row of either engine.
#[derive(Debug)]
pub enum Row {
    /// Of PostgreSQL.
    Pg(PgRow),
    /// Of SQLite.
    Lite(SqliteRow),
}

/// A value read from a row.
pub trait FromRow: Sized {
    /// Reads it, or says which column is unreadable.
    fn from_row(row: &Row) -> Result<Self, StoreError>;
}

/// A type both engines can read from a column.
pub trait Column: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite> {}
impl<T> Column for T where T: for<'r> Decode<'r, Postgres> + Type<Postgres> + for<'r> Decode<'r, Sqlite> + Type<Sqlite> {}

impl Row {
    /// A column by name.
    pub fn get<T: Column>(&self, name: &'static str) -> Result<T, StoreError> {
        match self {
            Self::Pg(row) => row.try_get(name),
            Self::Lite(row) => row.try_get(name),
        }
        .map_err(|_| StoreError::Unreadable(name))
    }

    /// A text column, read into a type that checks it.
    pub fn parse<T: FromStr>(&self, name: &'static str) -> Result<T, StoreError> {
        self.get::<String>(name)?.parse().map_err(|_| StoreError::Unreadable(name))
    }

    /// A text column that holds JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self, name: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(&self.get::<String>(name)?).map_err(|_| StoreError::Unreadable(name))
    }

    /// A text column that holds one of a few names.
    pub fn named<T>(&self, name: &'static str, read: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
        read(&self.get::<String>(name)?).ok_or(StoreError::Unreadable(name))
    }

    /// The same, where the column may be empty.
    pub fn parse_optional<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, StoreError> {
        let text = self.get::<Option<String>>(name)?;
        text.map(|t| t.parse()).transpose().map_err(|_| StoreError::Unreadable(name))
    }

    pub(super) fn first<T: Column>(&self) -> Result<T, StoreError> {
        match self {
            Self::Pg(row) => row.try_get(0),
            Self::Lite(row) => row.try_get(0),
        }
        .map_err(|_| StoreError::Unreadable("(first)"))
    }
}

pub(super) async fn run_pg(
    conn: &mut sqlx::PgConnection,
    sql: &'static str,
    params: &[&dyn Param],
) -> Result<u64, StoreError> {
    let query = sqlx::query_with(sql, pg_arguments(params)?);
    in_time(query.execute(conn)).await.map(|done| done.rows_affected())
}

pub(super) async fn run_lite(
    conn: &mut sqlx::SqliteConnection,
    sql: &'static str,
    params: &[&dyn Param],
) -> Result<u64, StoreError> {
    let query = sqlx::query_with(sql, lite_arguments(params)?);
    in_time(query.execute(conn)).await.map(|done| done.rows_affected())
}

pub(super) async fn rows_pg(
    conn: &mut sqlx::PgConnection,
    sql: &'static str,
    params: &[&dyn Param],
) -> Result<Vec<Row>, StoreError> {
    let query = sqlx::query_with(sql, pg_arguments(params)?);
    Ok(in_time(query.fetch_all(conn)).await?.into_iter().map(Row::Pg).collect())
}

pub(super) async fn rows_lite(
    conn: &mut sqlx::SqliteConnection,
    sql: &'static str,
    params: &[&dyn Param],
) -> Result<Vec<Row>, StoreError> {
    let query = sqlx::query_with(sql, lite_arguments(params)?);
    Ok(in_time(query.fetch_all(conn)).await?.into_iter().map(Row::Lite).collect())
}
