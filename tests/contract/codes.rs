use rescind::model::code::Code;
use rescind::model::epoch::{EpochKind, Epochs};
use rescind::store::codes::{self, CodeRecord};
use rescind::store::{Db, StoreError, epochs};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::engines::on_both_engines;
use super::samples::{BORN, HOUR, at, client_id, household, in_one, stored_code, uuid};

async fn find(db: &Db, id: Uuid) -> Option<CodeRecord> {
    codes::find_record(&mut db.read().await.unwrap(), id).await.unwrap()
}

#[tokio::test]
async fn a_code_reads_back_as_issued_with_the_epochs_of_now() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let old = Epochs { global: 7, client: Some(6), subject: Some(5), device: Some(4), consent: Some(3) };
        let code = Code { nonce: None, resources: Vec::new(), epochs: old, ..home.code() };
        in_one(&db, async |c| codes::insert(c, &code).await).await.unwrap();
        let record = find(&db, code.session_id).await.unwrap();
        assert_eq!((&record.code, record.now.epochs, record.now.global_found), (&code, BORN, true));

        in_one(&db, async |c| epochs::lock(c, "john").await).await.unwrap();
        in_one(&db, async |c| epochs::raise(c, EpochKind::Consent, &home.consent_id.to_string()).await).await.unwrap();
        let record = find(&db, code.session_id).await.unwrap();
        assert_eq!(record.now.epochs, Epochs { subject: Some(2), consent: Some(2), ..BORN });
        assert_eq!(record.code.epochs, old, "what was handed down stays");
        assert!(find(&db, uuid()).await.is_none());
        let again = in_one(&db, async |c| codes::insert(c, &code).await).await;
        assert!(matches!(again, Err(StoreError::Taken)));
    })
    .await;
}

#[tokio::test]
async fn a_code_whose_ancestors_are_missing_is_still_read_and_says_so() {
    on_both_engines(async |db| {
        let code = household(&db, "john", "app").await.code();
        stored_code(&db, &code).await;
        in_one(&db, async |c| c.execute("DELETE FROM epochs", &[]).await).await.unwrap();
        let record = find(&db, code.session_id).await.unwrap();
        assert_eq!((record.now.epochs, record.now.global_found), (Epochs::default(), false));
    })
    .await;
}

#[tokio::test]
async fn of_sixteen_parallel_redemptions_one_wins() {
    on_both_engines(async |db| {
        let code = household(&db, "john", "app").await.code();
        stored_code(&db, &code).await;
        let mut tries = JoinSet::new();
        for ms in 0..16 {
            let (db, id) = (db.clone(), code.session_id);
            tries.spawn(async move {
                in_one(&db, async |c| codes::redeem(c, id, at(ms), at(HOUR)).await).await.unwrap().then_some(at(ms))
            });
        }
        let won: Vec<_> = tries.join_all().await.into_iter().flatten().collect();
        assert_eq!(won.len(), 1);
        assert_eq!(find(&db, code.session_id).await.unwrap().code.redeemed_at, Some(won[0]));
        assert!(!in_one(&db, async |c| codes::redeem(c, uuid(), at(0), at(HOUR)).await).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_redemption_that_was_rolled_back_did_not_happen() {
    on_both_engines(async |db| {
        let code = household(&db, "john", "app").await.code();
        stored_code(&db, &code).await;
        let mut dropped = db.begin().await.unwrap();
        assert!(codes::redeem(&mut dropped, code.session_id, at(0), at(HOUR)).await.unwrap());
        drop(dropped);
        assert!(in_one(&db, async |c| codes::redeem(c, code.session_id, at(1), at(HOUR)).await).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn wrong_verifiers_are_counted_until_they_are_used_up_also_in_parallel() {
    on_both_engines(async |db| {
        let code = household(&db, "john", "app").await.code();
        stored_code(&db, &code).await;
        let mut tries = JoinSet::new();
        for _ in 0..8 {
            let (db, id) = (db.clone(), code.session_id);
            tries.spawn(async move { in_one(&db, async |c| codes::count_try(c, id, 5).await).await.unwrap() });
        }
        let allowed = tries.join_all().await.into_iter().filter(|one| *one).count();
        assert_eq!(allowed, 5);
        assert_eq!(find(&db, code.session_id).await.unwrap().code.tries, 5);
    })
    .await;
}

#[tokio::test]
async fn a_challenge_is_counted_per_client() {
    on_both_engines(async |db| {
        let (app, web) = (household(&db, "john", "app").await, household(&db, "jane", "web").await);
        for code in [app.code(), app.code(), web.code(), Code { challenge: "other".to_owned(), ..app.code() }] {
            stored_code(&db, &code).await;
        }
        let count = async |client, challenge| {
            codes::count_challenge(&mut db.read().await.unwrap(), &client_id(client), challenge).await.unwrap()
        };
        let shared = app.code().challenge;
        assert_eq!(count("app", &shared).await, 2);
        assert_eq!(count("web", &shared).await, 1);
        assert_eq!(count("app", "other").await, 1);
        assert_eq!(count("web", "other").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_code_goes_when_what_it_gave_ran_out_and_one_that_gave_nothing_when_it_ran_out_itself() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let codes: Vec<Code> = (0..4).map(|_| home.code()).collect();
        for code in &codes {
            stored_code(&db, code).await;
        }
        let id = codes[0].session_id;
        assert!(in_one(&db, async |c| codes::redeem(c, id, at(1), at(24 * HOUR)).await).await.unwrap());
        let drop =
            async |before, most| in_one(&db, async |c| codes::delete_expired(c, at(before), most).await).await.unwrap();
        assert_eq!(drop(60_000, 9).await, 0, "one that runs out right now is kept");
        assert_eq!(drop(60_001, 2).await, 2, "never more than asked");
        assert_eq!(drop(60_001, 9).await, 1);
        assert_eq!(drop(24 * HOUR, 9).await, 0);
        assert!(find(&db, id).await.unwrap().code.redeemed_at.is_some(), "a late replay is still recognised");
        assert_eq!(drop(24 * HOUR + 1, 9).await, 1);
    })
    .await;
}
