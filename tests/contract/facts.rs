use rescind::store::facts;

use super::engines::on_both_engines;
use super::samples::in_one;

#[tokio::test]
async fn a_fact_is_what_was_last_set() {
    on_both_engines(async |db| {
        let find = async |name| facts::find(&mut db.read().await.unwrap(), name).await.unwrap();
        assert_eq!(find(facts::DEMO).await, None);
        in_one(&db, async |c| facts::set(c, facts::DEMO, "yes").await).await.unwrap();
        in_one(&db, async |c| facts::set(c, "other", "").await).await.unwrap();
        assert_eq!(find(facts::DEMO).await.as_deref(), Some("yes"));
        in_one(&db, async |c| facts::set(c, facts::DEMO, "no").await).await.unwrap();
        assert_eq!(find(facts::DEMO).await.as_deref(), Some("no"));
        assert_eq!(find("other").await.as_deref(), Some(""));
    })
    .await;
}

#[tokio::test]
async fn a_fact_that_is_kept_is_the_first() {
    on_both_engines(async |db| {
        for value in ["first", "second"] {
            in_one(&db, async |c| facts::keep(c, facts::INCARNATION, value).await).await.unwrap();
        }
        let found = facts::find(&mut db.read().await.unwrap(), facts::INCARNATION).await.unwrap();
        assert_eq!(found.as_deref(), Some("first"));
    })
    .await;
}
