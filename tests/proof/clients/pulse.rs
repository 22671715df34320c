//! The machine's own pulse. Nobody promises that a machine is quick: where a database by itself takes too long over what a
//! renewal asks of it, for want of a processor or a disk, a short lease runs out although nothing was broken on purpose. A row
//! that nothing else touches is read and written again and again; when that took long, the history says so, and `rules` holds no silence against a node
//! then. How much of a run that was is in the report.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};
use tokio::time::{sleep, timeout};

use super::Work;

/// Between two beats.
const BETWEEN: Duration = Duration::from_millis(200);
/// What a beat does before its commit: a renewal of a lease asks the database about so many times, one after the other.
const TRIPS: usize = 7;
/// What counts as slow: of the shortest lease, a second, 900 ms may be used and a third is over when the next renewal begins.
/// One that takes more than 567 ms is too late, and this is not quite half of that.
const SLOW: Duration = Duration::from_millis(250);
/// Then the connection is given up: its database may be gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Beats until the clients end.
pub(super) async fn beat(work: Arc<Work>) {
    let mut conn: Option<PgConnection> = None;
    while work.goes_on() {
        sleep(BETWEEN).await;
        let begin = work.recorder.clock.now();
        conn = timeout(PATIENCE, once(&work, conn.take())).await.ok().flatten();
        let end = work.recorder.clock.now();
        if conn.is_none() || Duration::from_nanos(end - begin) > SLOW {
            work.recorder.was_slow(begin, end);
        }
    }
}

/// One commit; the connection, if it is still good.
async fn once(work: &Work, conn: Option<PgConnection>) -> Option<PgConnection> {
    let mut conn = if let Some(conn) = conn {
        conn
    } else {
        let mut conn = PgConnection::connect(work.site.app.settings.database_url.expose()).await.ok()?;
        conn.execute("CREATE TABLE IF NOT EXISTS proof_pulse (beats BIGINT PRIMARY KEY)").await.ok()?;
        conn.execute("INSERT INTO proof_pulse SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM proof_pulse)").await.ok()?;
        conn
    };
    for _ in 0..TRIPS {
        conn.execute("SELECT beats FROM proof_pulse").await.ok()?;
    }
    conn.execute("UPDATE proof_pulse SET beats = beats + 1").await.ok()?;
    Some(conn)
}
