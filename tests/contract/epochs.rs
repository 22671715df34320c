use rescind::model::epoch::{EpochKind, Epochs, Level};
use rescind::store::epochs::{self, Ancestors, EVERYBODY};
use rescind::store::{Db, StoreError};
use tokio::task::JoinSet;

use super::engines::on_both_engines;
use super::samples::{BORN, household, in_one};

async fn subject(db: &Db, id: &str) -> (Option<i64>, Option<Level>) {
    let mut conn = db.read().await.unwrap();
    let now = epochs::current(&mut conn, Ancestors { subject: Some(id), ..Ancestors::default() }).await.unwrap();
    (now.subject, epochs::level(&mut conn, id).await.unwrap())
}

#[tokio::test]
async fn a_new_row_is_at_epoch_1_without_restriction_and_is_made_once() {
    on_both_engines(async |db| {
        assert_eq!(subject(&db, "john").await, (None, None));
        in_one(&db, async |c| epochs::insert(c, EpochKind::Subject, "john").await).await.unwrap();
        assert_eq!(subject(&db, "john").await, (Some(1), Some(Level::None)));
        let again = in_one(&db, async |c| epochs::insert(c, EpochKind::Subject, "john").await).await;
        assert!(matches!(again, Err(StoreError::Taken)));
        in_one(&db, async |c| epochs::insert(c, EpochKind::Client, "john").await).await.expect("kinds are apart");
    })
    .await;
}

#[tokio::test]
async fn an_epoch_is_raised_by_one_and_only_that_one() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let (device, consent) = (home.device_id.to_string(), home.consent_id.to_string());
        let everything = [
            (EpochKind::Global, EVERYBODY),
            (EpochKind::Client, "app"),
            (EpochKind::Subject, "john"),
            (EpochKind::Device, device.as_str()),
            (EpochKind::Consent, consent.as_str()),
        ];
        let of = Ancestors {
            client: Some("app"),
            subject: Some("john"),
            device: Some(home.device_id),
            consent: Some(home.consent_id),
        };
        let current = async || epochs::current(&mut db.read().await.unwrap(), of).await.unwrap();
        let mut expected = BORN;
        assert_eq!(current().await, expected);
        for (kind, id) in everything {
            assert_eq!(in_one(&db, async |c| epochs::raise(c, kind, id).await).await.unwrap(), Some(2));
            match kind {
                EpochKind::Global => expected.global = 2,
                EpochKind::Client => expected.client = Some(2),
                EpochKind::Subject => expected.subject = Some(2),
                EpochKind::Device => expected.device = Some(2),
                EpochKind::Consent => expected.consent = Some(2),
            }
            assert_eq!(current().await, expected, "after {kind:?}");
        }
        assert_eq!(in_one(&db, async |c| epochs::raise(c, EpochKind::Subject, "app ").await).await.unwrap(), None);
        assert_eq!(subject(&db, "john").await.1, Some(Level::None), "raising restricts nobody");
    })
    .await;
}

#[tokio::test]
async fn a_missing_row_reads_as_none_and_without_ancestors_only_the_global_one_is_read() {
    on_both_engines(async |db| {
        let mut conn = db.read().await.unwrap();
        let of = Ancestors { client: Some("nobody"), ..Ancestors::default() };
        assert_eq!(epochs::current(&mut conn, of).await.unwrap(), Epochs { global: 1, ..Epochs::default() });
        drop(conn);
        in_one(&db, async |c| c.execute("DELETE FROM epochs", &[]).await).await.unwrap();
        let mut conn = db.read().await.unwrap();
        assert_eq!(epochs::current(&mut conn, Ancestors::default()).await.unwrap(), Epochs::default());
    })
    .await;
}

#[tokio::test]
async fn parallel_raises_are_all_counted() {
    on_both_engines(async |db| {
        in_one(&db, async |c| epochs::insert(c, EpochKind::Subject, "john").await).await.unwrap();
        let mut raises = JoinSet::new();
        for _ in 0..16 {
            let db = db.clone();
            raises
                .spawn(async move { in_one(&db, async |c| epochs::raise(c, EpochKind::Subject, "john").await).await });
        }
        let mut seen: Vec<i64> = raises.join_all().await.into_iter().map(|one| one.unwrap().unwrap()).collect();
        seen.sort_unstable();
        assert_eq!(seen, (2..=17).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_lock_raises_once_and_lifting_it_revives_nothing() {
    on_both_engines(async |db| {
        in_one(&db, async |c| epochs::insert(c, EpochKind::Subject, "john").await).await.unwrap();
        let lock = async |id| in_one(&db, async |c| epochs::lock(c, id).await).await.unwrap();
        let unlock = async |id| in_one(&db, async |c| epochs::unlock(c, id).await).await.unwrap();

        assert!(!unlock("john").await, "nobody is unlocked who is not locked");
        assert_eq!(lock("john").await, Some(2));
        assert_eq!(subject(&db, "john").await, (Some(2), Some(Level::Full)));
        assert_eq!(lock("john").await, None, "already locked");
        assert_eq!(subject(&db, "john").await, (Some(2), Some(Level::Full)));

        assert!(unlock("john").await);
        assert!(!unlock("john").await);
        assert_eq!(subject(&db, "john").await, (Some(2), Some(Level::None)));
        assert_eq!(lock("john").await, Some(3));
        assert_eq!(lock("nobody").await, None);
        assert!(!unlock("nobody").await);
    })
    .await;
}

#[tokio::test]
async fn an_epoch_that_is_held_is_read_alike_and_raised_afterwards() {
    on_both_engines(async |db| {
        in_one(&db, async |c| epochs::insert(c, EpochKind::Subject, "john").await).await.unwrap();
        let mut holder = db.begin().await.unwrap();
        epochs::hold(&mut holder, EpochKind::Subject, "john").await.unwrap();
        let raised = tokio::spawn({
            let db = db.clone();
            async move { in_one(&db, async |c| epochs::raise(c, EpochKind::Subject, "john").await).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(subject(&db, "john").await.0, Some(1), "holding changes nothing");
        holder.commit().await.unwrap();
        assert_eq!(raised.await.unwrap().unwrap(), Some(2));
    })
    .await;
}

#[tokio::test]
async fn only_a_row_that_was_never_raised_can_be_dropped() {
    on_both_engines(async |db| {
        for id in ["fresh", "raised"] {
            in_one(&db, async |c| epochs::insert(c, EpochKind::Device, id).await).await.unwrap();
        }
        in_one(&db, async |c| epochs::raise(c, EpochKind::Device, "raised").await).await.unwrap();
        for (kind, id, dropped) in [
            (EpochKind::Device, "raised", false),
            (EpochKind::Client, "fresh", false),
            (EpochKind::Device, "fresh", true),
            (EpochKind::Device, "fresh", false),
        ] {
            let done = in_one(&db, async |c| epochs::delete_unraised(c, kind, id).await).await.unwrap();
            assert_eq!(done, dropped, "{kind:?} {id}");
        }
    })
    .await;
}

#[tokio::test]
async fn sec_05_everybodys_epoch_goes_above_any_there_was_and_is_raised_each_time() {
    on_both_engines(async |db| {
        let raise = async |floor| in_one(&db, async |c| epochs::raise_everybody(c, floor).await).await.unwrap();
        assert_eq!(raise(1_760_000_000).await, Some(1_760_000_000));
        assert_eq!(raise(1_760_000_000).await, Some(1_760_000_001), "a second time in the same second");
        assert_eq!(raise(5).await, Some(1_760_000_002), "never lowered, whatever the clock says");
        in_one(&db, async |c| c.execute("DELETE FROM epochs", &[]).await).await.unwrap();
        assert_eq!(raise(5).await, None);
    })
    .await;
}
