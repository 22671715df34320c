//! Statements over many rows at once: what was gathered in memory is written with a fiftieth of the round trips.

use super::engine::Param;
use super::{Conn, StoreError};

/// Rows of the longer text.
const ROWS: usize = 50;

/// A statement in two texts, one for fifty rows and one for a single one: few texts, so that both engines keep their plans.
#[derive(Debug)]
pub(super) struct Many {
    columns: usize,
    fifty: String,
    one: String,
}

impl Many {
    /// `ROWS` in the text becomes `VALUES ($1, $2), ($3, $4), ...`. Both engines call its columns `column1`, `column2`.
    pub(super) fn new(sql: &str, columns: usize) -> Self {
        Self {
            columns,
            fifty: sql.replace("ROWS", &values(ROWS, columns)),
            one: sql.replace("ROWS", &values(1, columns)),
        }
    }

    /// Runs it over all rows, in their order: each is a parameter for every column.
    pub(super) async fn run(&'static self, conn: &mut Conn, params: &[&dyn Param]) -> Result<(), StoreError> {
        let mut fifties = params.chunks_exact(self.columns * ROWS);
        for rows in &mut fifties {
            conn.execute(&self.fifty, rows).await?;
        }
        for row in fifties.remainder().chunks(self.columns) {
            conn.execute(&self.one, row).await?;
        }
        Ok(())
    }
}

fn values(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<String> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    format!("VALUES {}", (0..rows).map(row).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbered_on_from_row_to_row() {
        assert_eq!(values(3, 2), "VALUES ($1, $2), ($3, $4), ($5, $6)");
        assert_eq!(Many::new("FROM (ROWS) seen", 2).one, "FROM (VALUES ($1, $2)) seen");
    }
}
