//! A node as it lives: its row, its lease, and what others wait for.

use std::sync::Arc;
use std::time::Duration;

use rescind::clock::Clock;
use rescind::model::epoch::EpochKind;
use rescind::model::feed::Mark;
use rescind::secret::random;
use rescind::store::nodes::{self, NodeRow, PROTOCOL, Registered};
use rescind::store::{Conn, Db, StoreError, epochs, facts, feed};
use rescind::view::confirm::Unproven;
use rescind::view::memory::View;
use rescind::view::node::{Making, Node, Role};
use tokio::time::{sleep, timeout};

use super::engines::on_both_engines;
use super::nodes::change_history;
use super::samples::{at, in_one, uuid};

/// After this long it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// Half the time until a node with a lease of 30 s would renew unasked.
const HINTED: Duration = Duration::from_secs(5);

fn node(db: &Db, lease: u64) -> (Arc<Node>, Clock) {
    let clock = Clock::default();
    let making = Making { db: db.clone(), clock: clock.clone(), lease: Duration::from_secs(lease), draw: random::id };
    (Arc::new(Node::new(making)), clock)
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !is_so().await {
            sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "never: {what}");
}

async fn list(db: &Db) -> Registered {
    nodes::list(&mut db.read().await.unwrap()).await.unwrap()
}

async fn raise(db: &Db) -> Mark {
    let mut tx = db.begin().await.unwrap();
    epochs::raise(&mut tx, EpochKind::Global, epochs::EVERYBODY).await.unwrap();
    tx.commit_told().await.unwrap().unwrap()
}

/// The row of a node that is cut off or frozen: it never hears of anything.
async fn silent_row(db: &Db, lease_ms: i64) -> NodeRow {
    let timeline = feed::latest(&mut db.read().await.unwrap()).await.unwrap().timeline;
    let row = NodeRow { node_id: uuid(), lease_ms, value: uuid(), applied: -1, timeline, protocol: PROTOCOL };
    in_one(db, async |c| nodes::register(c, &row, at(0)).await).await.unwrap();
    row
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_06_what_is_confirmed_is_in_every_view() {
    on_both_engines(async |db| {
        let (one, _) = node(&db, 30);
        let (two, _) = node(&db, 30);
        // An embedded database has one serving process.
        let nodes: Vec<_> = if db.is_embedded() { vec![one] } else { vec![one, two] };
        let serving: Vec<_> = nodes.iter().map(|node| node.serve(Role::Fast)).collect();
        for node in &nodes {
            until("a lease", async || node.is_fresh_soon().await).await;
        }
        for _ in 0..20 {
            let mark = raise(&db).await;
            let count = timeout(HINTED, nodes[0].confirm(Some(mark.clone()))).await.expect("long before a renewal");
            assert_eq!(count.unwrap(), i64::try_from(nodes.len()).unwrap());
            for node in &nodes {
                assert!(node.view().applied() >= Some(mark.number), "confirmed, and not known");
            }
        }
        assert!(nodes[0].confirm(None).await.is_ok(), "and what was there before");
        for serving in serving {
            serving.stop().await;
        }
        assert!(!nodes[0].is_fresh(), "no answers after the stop");
        assert_eq!(list(&db).await.nodes, [], "a clean stop leaves no row to wait for");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_05_a_node_that_does_not_hear_is_waited_for_as_long_as_its_lease_and_then_taken_away() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return;
        }
        let (node, clock) = node(&db, 1);
        silent_row(&db, 1_500).await;
        let mark = raise(&db).await;
        let watch = clock.start();
        assert_eq!(timeout(PATIENCE, node.confirm(Some(mark))).await.expect("an end").unwrap(), 1);
        assert!(watch.elapsed() > Duration::from_millis(1_500), "it may have answered until now");
        assert_eq!(list(&db).await.nodes.len(), 1, "whoever waits takes nobody away");
        let _serving = node.serve(Role::Fast);
        until("its row is taken away, and only its", async || {
            let rows = list(&db).await.nodes;
            rows.len() == 1 && rows[0].lease_ms == 1_000
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_05_a_node_whose_row_is_gone_registers_anew_under_another_id() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return;
        }
        let (node, _) = node(&db, 1);
        let _serving = node.serve(Role::Fast);
        until("a lease", async || node.is_fresh()).await;
        let (row, life) = (list(&db).await.nodes[0].clone(), node.view().standing().life);
        in_one(&db, async |c| c.execute("DELETE FROM nodes", &[]).await).await.unwrap();
        until("another row", async || list(&db).await.nodes.first().is_some_and(|new| new.node_id != row.node_id))
            .await;
        until("a lease again", async || node.is_fresh()).await;
        assert!(node.view().standing().life > life, "copies of before are good for nothing");
    })
    .await;
}

/// Holds what a statement locks, as somebody else, until it is rolled back.
async fn hold(db: &Db, lock: &'static str) -> Conn {
    let mut tx = db.begin().await.unwrap();
    tx.execute(lock, &[]).await.unwrap();
    tx
}

/// Waits until a statement waits for a lock.
async fn until_waited_for(db: &Db) {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("somebody waits for the lock", async || {
        db.read().await.unwrap().value::<i64>(sql, &[]).await.unwrap() > Some(0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_05_held_a_node_reads_nothing_of_the_feed_before_its_registration_is_committed() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return;
        }
        let mark = raise(&db).await;
        let held = hold(&db, "LOCK TABLE nodes IN SHARE MODE").await;
        let (node, _) = node(&db, 5);
        let _serving = node.serve(Role::Fast);
        until_waited_for(&db).await;
        assert_eq!((node.view().applied(), node.is_fresh()), (None, false), "read before it was registered");
        drop(held);
        until("a lease", async || node.is_fresh()).await;
        assert!(node.view().applied() >= Some(mark.number));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_05_held_a_renewal_that_finds_its_row_gone_vouches_for_nothing_it_read_before() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return;
        }
        let (node, clock) = node(&db, 3);
        let serving = node.serve(Role::Fast);
        until("a lease", async || node.is_fresh()).await;
        let row = list(&db).await.nodes[0].clone();
        // The next renewal has read the tail, and waits at its row. Its old lease is let run out.
        let mut held = hold(&db, "SELECT 1 FROM nodes FOR UPDATE").await;
        until_waited_for(&db).await;
        clock.sleep(Duration::from_secs(2));
        assert!(!node.is_fresh());
        // Others took it for dead, and confirmed without it.
        held.execute("DELETE FROM nodes", &[]).await.unwrap();
        let mark = raise(&db).await;
        held.commit().await.unwrap();
        while !node.is_fresh() {
            tokio::task::yield_now().await;
        }
        assert!(
            node.ask(View::applied).is_some_and(|applied| applied >= Some(mark.number)),
            "vouched for, and not known"
        );
        assert_ne!(list(&db).await.nodes[0].node_id, row.node_id, "registered anew");
        serving.stop().await;
    })
    .await;
}

/// As if the feed were still read from a primary that was deposed, and everything else went to the new one.
async fn read_from_a_deposed_primary(db: &Db) {
    in_one(db, async |c| {
        c.execute("DROP VIEW timelines", &[]).await?;
        let view = "CREATE VIEW timelines AS SELECT CASE WHEN query LIKE '%state.trimmed%' THEN 'old' ELSE 'new' END
                AS timeline, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS clock_ms
            FROM pg_stat_activity WHERE pid = pg_backend_pid()";
        c.execute(view, &[]).await
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_05_a_view_loaded_from_a_deposed_primary_gets_no_lease_on_the_new_one() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return;
        }
        read_from_a_deposed_primary(&db).await;
        let (node, _) = node(&db, 1);
        let _serving = node.serve(Role::Fast);
        until("it registered again and again", async || {
            assert!(!node.is_fresh(), "a lease for what the old primary told");
            node.view().standing().life > 4
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_05_a_node_that_slept_has_no_lease_until_it_has_read_the_feed_again() {
    on_both_engines(async |db| {
        let (node, clock) = node(&db, 30);
        let _serving = node.serve(Role::Fast);
        until("a lease", async || node.is_fresh_soon().await).await;
        if db.is_embedded() {
            return; // Its lease is 50 ms: gone and back before anybody could look.
        }
        let before = list(&db).await.nodes[0].value;
        clock.sleep(Duration::from_secs(31));
        assert!(!node.is_fresh() || list(&db).await.nodes[0].value != before, "not by the old renewal");
        raise(&db).await;
        until("a lease again", async || node.is_fresh()).await;
        assert_ne!(list(&db).await.nodes[0].value, before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f46_after_a_change_of_history_nothing_begun_before_is_confirmed_and_waits_are_long_until_it_settles() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return;
        }
        let (node, clock) = node(&db, 1);
        let serving = node.serve(Role::Fast);
        until("a lease", async || node.is_fresh()).await;
        let life = node.view().standing().life;
        let mark = raise(&db).await;
        change_history(&db).await;
        let watch = clock.start();
        assert!(matches!(node.confirm(Some(mark)).await, Err(Unproven::OtherHistory)));
        // Whatever this node still says, somebody else may have been lost with the rows: the longest lease is waited.
        let later = raise(&db).await;
        node.confirm(Some(later)).await.expect("proven by waiting");
        assert!(watch.elapsed() > Duration::from_secs(1), "a lost node's lease may have run until now");
        until("it begins anew", async || node.is_fresh() && node.view().standing().life > life).await;
        until("it settles", async || !list(&db).await.is_settling()).await;
        serving.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_another_life_of_the_data_drops_everything_that_is_known() {
    on_both_engines(async |db| {
        let (node, _) = node(&db, 1);
        let _serving = node.serve(Role::Fast);
        until("a lease", async || node.is_fresh_soon().await).await;
        let life = node.view().standing().life;
        in_one(&db, async |c| facts::set(c, "incarnation", "restored").await).await.unwrap();
        until("another life", async || node.view().standing().life > life && node.is_fresh_soon().await).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_whoever_finds_another_life_of_the_data_the_node_registers_anew() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return;
        }
        // Long enough that no renewal finds it.
        let (node, _) = node(&db, 30);
        let serving = node.serve(Role::Fast);
        until("a lease", async || node.is_fresh()).await;
        let before = list(&db).await.nodes[0].node_id;
        in_one(&db, async |c| facts::set(c, "incarnation", "restored").await).await.unwrap();
        // As somebody who waits for a number would; unless the task was quicker.
        node.catch_up().await.unwrap();
        until("it begins anew", async || {
            let rows = list(&db).await.nodes;
            rows.len() == 1 && rows[0].node_id != before && node.is_fresh()
        })
        .await;
        serving.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_05_a_feed_number_below_one_already_seen_stops_serving_until_a_restore_is_said() {
    on_both_engines(async |db| {
        let (node, _) = node(&db, 1);
        let _serving = node.serve(Role::Fast);
        until("a lease", async || node.is_fresh_soon().await).await;
        let mark = raise(&db).await;
        until("it is applied", async || node.view().applied() == Some(mark.number)).await;
        // What a backup of before shows, nobody having said that it was put back.
        in_one(&db, async |c| c.execute("UPDATE feed_state SET counter = 0", &[]).await).await.unwrap();
        until("no lease", async || !node.is_fresh()).await;
        for _ in 0..20 {
            assert!(matches!(node.catch_up().await, Err(StoreError::Older)), "asking again makes it no better");
            assert!(!node.is_fresh() && node.view().applied().is_none());
        }
        in_one(&db, async |c| facts::set(c, "incarnation", "restored").await).await.unwrap();
        until("a lease again", async || node.is_fresh_soon().await).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_reads_the_truth_takes_away_the_row_of_one_that_died() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return;
        }
        let dead = silent_row(&db, 1_000).await;
        let (node, _) = node(&db, 1);
        let serving = node.serve(Role::Plain);
        until("it waits for a whole lease", async || list(&db).await.nodes.is_empty()).await;
        change_history(&db).await;
        assert!(list(&db).await.is_settling());
        until("a new history settles too", async || !list(&db).await.is_settling()).await;
        assert!(!node.is_fresh(), "and vouches for nothing: {dead:?}");
        serving.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f29_a_clock_that_is_a_second_off_the_databases_is_noticed() {
    on_both_engines(async |db| {
        if db.is_embedded() {
            return;
        }
        let (node, clock) = node(&db, 1);
        let _serving = node.serve(Role::Plain);
        clock.advance(Duration::from_secs(5));
        until("it is noticed", async || !node.has_same_time()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded_another_process_on_the_file_waits_longer_than_any_poll_vouches() {
    on_both_engines(async |db| {
        if !db.is_embedded() {
            return;
        }
        let (server, clock) = node(&db, 5);
        let (command, _) = node(&db, 5);
        let _serving = server.serve(Role::Fast);
        until("a lease", async || server.is_fresh_soon().await).await;
        for _ in 0..10 {
            let mark = raise(&db).await;
            let watch = clock.start();
            command.confirm(Some(mark.clone())).await.unwrap();
            assert!(watch.elapsed() >= Duration::from_millis(100));
            // By then the server knows, or has no lease.
            assert!(!server.is_fresh() || server.view().applied() >= Some(mark.number));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_05_what_a_later_release_tells_ends_the_lease_and_keeps_it_ended() {
    on_both_engines(async |db| {
        let (node, _) = node(&db, 1);
        let _serving = node.serve(Role::Fast);
        until("a lease", async || node.is_fresh_soon().await).await;
        in_one(&db, async |c| {
            c.execute("UPDATE feed_state SET counter = counter + 1 WHERE one = 1", &[]).await?;
            let sql = "INSERT INTO feed (number, item, kind, id) SELECT counter, 0, 'of tomorrow', 'x' FROM feed_state";
            c.execute(sql, &[]).await
        })
        .await
        .unwrap();
        until("no lease", async || !node.is_fresh()).await;
        // The task tries again and again, and must not take silence for news.
        for _ in 0..60 {
            sleep(Duration::from_millis(25)).await;
            assert!(!node.is_fresh(), "it vouches for what it could not read");
        }
    })
    .await;
}

/// How many nodes one knows of.
fn known_to(node: &Node) -> usize {
    node.registered().load(std::sync::atomic::Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread")]
async fn rat_02_every_node_knows_how_many_there_are_also_while_the_rows_cannot_be_read() {
    on_both_engines(async |db| {
        let (one, _) = node(&db, 2);
        assert_eq!(known_to(&one), 1);
        let serving = one.serve(Role::Fast);
        until("a lease", async || one.is_fresh_soon().await).await;
        if db.is_embedded() {
            assert_eq!(known_to(&one), 1, "one serving process");
            return;
        }
        let (two, _) = node(&db, 2);
        let second = two.serve(Role::Fast);
        until("a lease", async || two.is_fresh()).await;
        assert_eq!(known_to(&two), 2, "before its first answer");
        until("the first knows of the second", async || known_to(&one) == 2).await;
        let (plain, _) = node(&db, 2);
        let _watching = plain.serve(Role::Plain);
        until("one that has no row counts itself", async || known_to(&plain) == 3).await;

        let rename = async |from: &str, to: &str| {
            let sql: &'static str = String::leak(format!("ALTER TABLE {from} RENAME TO {to}"));
            in_one(&db, async |c| c.execute(sql, &[]).await).await.unwrap();
        };
        rename("nodes", "nodes_away").await;
        until("no lease", async || !one.is_fresh() && !two.is_fresh()).await;
        assert_eq!((known_to(&one), known_to(&two), known_to(&plain)), (2, 2, 3));
        rename("nodes_away", "nodes").await;
        until("a lease", async || one.is_fresh()).await;
        second.stop().await;
        until("the second is gone", async || known_to(&one) == 1).await;
        serving.stop().await;
    })
    .await;
}
