//! The life of the data: a name drawn once for a new database, and anew after a backup was restored. What leaves a process
//! as a copy is bound to it, so that copies of one database say nothing in another.

use crate::app::App;
use crate::secret::random;
use crate::store::{StoreError, facts};

/// Letters of a name: 130 random bits.
pub(super) const LETTERS: usize = 26;

/// Names the life of a database that has none yet. Of several who try, the first counts.
pub async fn name(app: &App) -> Result<(), StoreError> {
    if facts::find(&mut app.db.read().await?, facts::INCARNATION).await?.is_some() {
        return Ok(());
    }
    let mut tx = app.db.begin().await?;
    facts::keep(&mut tx, facts::INCARNATION, &random::letters(LETTERS)).await?;
    tx.commit().await
}
