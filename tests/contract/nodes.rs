use rescind::store::nodes::{self, NodeRow, PROTOCOL, Registered};
use rescind::store::{Db, feed};
use uuid::Uuid;

use super::engines::on_both_engines;
use super::samples::{at, in_one, uuid};

async fn list(db: &Db) -> Registered {
    nodes::list(&mut db.read_first().await.unwrap()).await.unwrap()
}

/// A registered node with a lease of so many milliseconds.
async fn registered(db: &Db, lease_ms: i64) -> NodeRow {
    let timeline = feed::latest(&mut db.read().await.unwrap()).await.unwrap().timeline;
    let row = NodeRow { node_id: uuid(), lease_ms, value: uuid(), applied: -1, timeline, protocol: PROTOCOL };
    in_one(db, async |c| nodes::register(c, &row, at(0)).await).await.unwrap();
    row
}

async fn renew(db: &Db, row: &NodeRow, applied: i64) -> bool {
    let next = NodeRow { applied, value: uuid(), ..row.clone() };
    in_one(db, async |c| nodes::renew(c, &next, at(1)).await).await.unwrap()
}

#[tokio::test]
async fn a_node_is_listed_as_registered_with_the_longest_lease_there_ever_was() {
    on_both_engines(async |db| {
        let none = list(&db).await;
        assert_eq!((none.settled.as_str(), none.longest_ms, none.nodes.len(), none.is_settling()), ("", 0, 0, false));
        let (one, two) = (registered(&db, 5_000).await, registered(&db, 1_000).await);
        let mut found = list(&db).await;
        found.nodes.sort_by_key(|row| row.node_id);
        assert_eq!(found.nodes, [one.clone(), two]);
        assert_eq!((found.longest_ms, &found.settled, &found.timeline), (5_000, &one.timeline, &one.timeline));
        assert!(in_one(&db, async |c| nodes::delete(c, one.node_id, one.value).await).await.unwrap());
        assert_eq!((list(&db).await.longest_ms, list(&db).await.nodes.len()), (5_000, 1));
    })
    .await;
}

#[tokio::test]
async fn what_a_node_has_applied_only_grows_and_a_renewal_of_nobody_says_so() {
    on_both_engines(async |db| {
        let row = registered(&db, 1_000).await;
        assert!(renew(&db, &row, 5).await);
        assert!(renew(&db, &row, 3).await, "a late statement");
        let acknowledge = async |applied| {
            let next = NodeRow { applied, ..row.clone() };
            let mut conn = db.write_lightly().await.unwrap();
            nodes::acknowledge(&mut conn, &next).await.unwrap();
            conn.commit().await.unwrap();
            list(&db).await.nodes[0].applied
        };
        assert_eq!((acknowledge(4).await, acknowledge(8).await), (5, 8));
        let stranger = NodeRow { node_id: uuid(), ..row.clone() };
        assert!(!renew(&db, &stranger, 9).await);
        assert_eq!(list(&db).await.nodes.len(), 1, "a renewal registers nobody");
    })
    .await;
}

#[tokio::test]
async fn a_node_that_leaves_takes_its_own_row_whatever_it_says() {
    on_both_engines(async |db| {
        let (one, two) = (registered(&db, 1_000).await, registered(&db, 1_000).await);
        assert!(renew(&db, &one, 5).await);
        let mut tx = db.begin_pulse().await.unwrap();
        nodes::leave(&mut tx, one.node_id).await.unwrap();
        tx.commit().await.unwrap();
        let left = list(&db).await.nodes;
        assert_eq!(left, [two]);
    })
    .await;
}

#[tokio::test]
async fn a_row_is_deleted_only_as_it_was_seen() {
    on_both_engines(async |db| {
        let row = registered(&db, 1_000).await;
        let delete =
            async |value: Uuid| in_one(&db, async |c| nodes::delete(c, row.node_id, value).await).await.unwrap();
        assert!(renew(&db, &row, 0).await);
        assert!(!delete(row.value).await, "it was renewed since");
        let now = list(&db).await.nodes[0].value;
        assert!(delete(now).await);
        assert!(!delete(now).await);
        assert!(!renew(&db, &row, 1).await, "it must register anew");
    })
    .await;
}

#[tokio::test]
async fn f22_in_another_history_of_the_database_nobody_is_renewed_and_waits_are_long_until_it_settles() {
    on_both_engines(async |db| {
        let row = registered(&db, 1_000).await;
        change_history(&db).await;
        assert!(!renew(&db, &row, 7).await);
        in_one(&db, async |c| nodes::acknowledge(c, &NodeRow { applied: 7, ..row.clone() }).await).await.unwrap();
        let found = list(&db).await;
        assert_eq!((found.nodes[0].applied, found.timeline.as_str()), (-1, "promoted"));
        assert!(found.is_settling());
        in_one(&db, async |c| nodes::settle(c, &row.timeline).await).await.unwrap();
        assert!(list(&db).await.is_settling(), "an older history is none to settle");
        let newcomer = registered(&db, 1_000).await;
        assert_eq!(newcomer.timeline, "promoted");
        assert!(list(&db).await.is_settling(), "a registration settles nothing");
        in_one(&db, async |c| nodes::settle(c, "promoted").await).await.unwrap();
        assert!(!list(&db).await.is_settling());
    })
    .await;
}

/// As if a standby had been promoted.
pub async fn change_history(db: &Db) {
    in_one(db, async |c| {
        c.execute("DROP VIEW timelines", &[]).await?;
        c.execute("CREATE VIEW timelines AS SELECT 'promoted' AS timeline, CAST(0 AS BIGINT) AS clock_ms", &[]).await
    })
    .await
    .unwrap();
}
