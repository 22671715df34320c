//! What a node alone shows, past HTTP: what it vouches for, beside a revocation that was confirmed without it.

use std::sync::Arc;
use std::time::Duration;

use rescind::clock::Clock;
use rescind::model::epoch::EpochKind;
use rescind::model::feed::Mark;
use rescind::secret::random;
use rescind::seeded::Bug;
use rescind::store::{Db, epochs, migrations};
use rescind::view::memory::View;
use rescind::view::node::{Making, Node, Role};
use tokio::time::{sleep, timeout};

use crate::breaks;
use crate::support::database::TestDatabase;

/// After this long it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

async fn opened(database: &TestDatabase) -> Db {
    let db = Db::open(&database.url).await.unwrap();
    migrations::run(&db).await.unwrap();
    db
}

fn node(db: &Db) -> Arc<Node> {
    let (clock, lease) = (Clock::default(), Duration::from_secs(2));
    Arc::new(Node::new(Making { db: db.clone(), clock, lease, draw: random::id }))
}

async fn raise(db: &Db) -> Mark {
    let mut tx = db.begin().await.unwrap();
    epochs::raise(&mut tx, EpochKind::Global, epochs::EVERYBODY).await.unwrap();
    tx.commit_told().await.unwrap().unwrap()
}

async fn until(node: &Node, is_fresh: bool) {
    let waited = timeout(PATIENCE, async {
        while node.is_fresh() != is_fresh {
            sleep(Duration::from_millis(1)).await;
        }
    });
    waited.await.expect("it hangs");
}

/// Whether what is confirmed while a node has neither lease nor row is in its view when it has a lease again.
#[tokio::test(flavor = "multi_thread")]
async fn renewal_as_upsert() {
    breaks(Bug::RenewalAsUpsert, async || {
        let database = TestDatabase::postgres().await;
        let db = opened(&database).await;
        let (node, other) = (node(&db), node(&db));
        let _serving = node.serve(Role::Fast);
        for _ in 0..3 {
            until(&node, true).await;
            // With the bug every other renewal is slow. As built they are not, and the lease does not end by itself.
            if timeout(Duration::from_secs(5), until(&node, false)).await.is_err() {
                return true;
            }
            let mut tx = db.begin().await.unwrap();
            tx.execute("DELETE FROM nodes", &[]).await.unwrap();
            tx.commit().await.unwrap();
            let mark = raise(&db).await;
            other.confirm(Some(mark.clone())).await.unwrap();
            while !node.is_fresh() {
                tokio::task::yield_now().await;
            }
            if node.ask(View::applied).is_some_and(|applied| applied < Some(mark.number)) {
                return false;
            }
        }
        true
    })
    .await;
}

/// Whether the server of an embedded database knows what a command was told to be confirmed, or vouches for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn command_does_not_wait() {
    breaks(Bug::CommandDoesNotWait, async || {
        let database = TestDatabase::sqlite();
        let (db, shell) = (opened(&database).await, opened(&database).await);
        let (server, command) = (node(&db), node(&shell));
        let _serving = server.serve(Role::Fast);
        for _ in 0..20 {
            until(&server, true).await;
            let mark = raise(&shell).await;
            command.confirm(Some(mark.clone())).await.unwrap();
            if server.ask(View::applied).is_some_and(|applied| applied < Some(mark.number)) {
                return false;
            }
        }
        true
    })
    .await;
}
