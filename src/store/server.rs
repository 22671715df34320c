//! What the database server is asked about itself: whether it answers, and whether it keeps what it acknowledges.

use super::StoreError;
use super::engine::{Db, Pools};
use crate::model::incident::Durability;

impl Db {
    /// Where an acknowledged commit is safe right now.
    pub async fn durability(&self) -> Result<Durability, StoreError> {
        let Pools::Postgres { .. } = self.pools else { return Ok(Durability::Local) };
        let standbys: Option<String> =
            self.read_first().await?.value("SELECT current_setting('synchronous_standby_names')", &[]).await?;
        let named = standbys.is_some_and(|names| !names.trim().is_empty());
        Ok(if named { Durability::Standby } else { Durability::Local })
    }

    /// Refuses a PostgreSQL server that could lose what it confirmed, or that is a replica. Says which setting.
    pub async fn check_settings(&self) -> Result<Result<(), String>, StoreError> {
        let Pools::Postgres { .. } = self.pools else { return Ok(Ok(())) };
        let mut conn = self.read().await?;
        for (name, wanted) in
            [("fsync", "on"), ("full_page_writes", "on"), ("data_sync_retry", "off"), ("transaction_read_only", "off")]
        {
            let found: Option<String> = conn.value("SELECT current_setting($1)", &[&name.to_owned()]).await?;
            if found.as_deref() != Some(wanted) {
                return Ok(Err(format!("PostgreSQL must run with {name} = {wanted}")));
            }
        }
        Ok(Ok(()))
    }

    /// Whether the database answers at all.
    pub async fn ping(&self) -> Result<(), StoreError> {
        // Ahead: a crowded node is a ready one.
        self.read_ahead().await?.value::<i64>("SELECT CAST(1 AS BIGINT)", &[]).await.map(|_| ())
    }
}
