//! Parameters of statements, as both drivers take them.

use sqlx::Arguments;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use uuid::Uuid;

use super::StoreError;
use crate::clock::Timestamp;

/// A type both engines take as a parameter.
pub trait Param: Sync {
    /// Adds it to a PostgreSQL statement.
    fn add_to_postgres(&self, arguments: &mut PgArguments) -> Result<(), BoxDynError>;
    /// Adds it to an SQLite statement.
    fn add_to_sqlite(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError>;
}

/// Types that both drivers take as they are.
macro_rules! plain_params {
    ($($plain:ty),*) => {$(
        impl Param for $plain {
            fn add_to_postgres(&self, arguments: &mut PgArguments) -> Result<(), BoxDynError> {
                arguments.add(self.clone())
            }
            fn add_to_sqlite(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
                arguments.add(self.clone())
            }
        }
        impl Param for Option<$plain> {
            fn add_to_postgres(&self, arguments: &mut PgArguments) -> Result<(), BoxDynError> {
                arguments.add(self.clone())
            }
            fn add_to_sqlite(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
                arguments.add(self.clone())
            }
        }
    )*};
}
plain_params!(i64, bool, String, Vec<u8>, Uuid, Timestamp);

impl Param for &str {
    fn add_to_postgres(&self, arguments: &mut PgArguments) -> Result<(), BoxDynError> {
        arguments.add(*self)
    }
    fn add_to_sqlite(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        arguments.add(*self)
    }
}

impl Param for Option<&str> {
    fn add_to_postgres(&self, arguments: &mut PgArguments) -> Result<(), BoxDynError> {
        self.map(str::to_owned).add_to_postgres(arguments)
    }
    fn add_to_sqlite(&self, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        self.map(str::to_owned).add_to_sqlite(arguments)
    }
}

pub(super) fn pg_arguments(params: &[&dyn Param]) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    for param in params {
        param.add_to_postgres(&mut arguments).map_err(|error| StoreError::Refused(error.to_string()))?;
    }
    Ok(arguments)
}

pub(super) fn lite_arguments(params: &[&dyn Param]) -> Result<SqliteArguments, StoreError> {
    let mut arguments = SqliteArguments::default();
    for param in params {
        param.add_to_sqlite(&mut arguments).map_err(|error| StoreError::Refused(error.to_string()))?;
    }
    Ok(arguments)
}
