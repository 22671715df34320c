use rescind::store::consents::{self, Consent, Given};
use rescind::store::{Db, StoreError};

use super::engines::on_both_engines;
use super::samples::{at, client_id, customer_id, household, in_one, scope, uuid};

async fn find(db: &Db) -> Option<Consent> {
    consents::find(&mut db.read().await.unwrap(), &customer_id("john"), &client_id("app")).await.unwrap()
}

#[tokio::test]
async fn a_customer_gives_a_client_one_consent() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let expected = Consent {
            consent_id: home.consent_id,
            scope: scope("openid accounts:read"),
            declined: scope(""),
            resources: Vec::new(),
            epoch: 1,
            withdrawn_at: None,
        };
        assert_eq!(find(&db).await, Some(expected));
        let none = scope("");
        let (customer, client) = (&home.customer, &home.client);
        let given = Given { customer, client, scope: &none, declined: &none, resources: &[], at: at(0) };
        let again = in_one(&db, async |c| consents::insert(c, uuid(), &given).await).await;
        assert!(matches!(again, Err(StoreError::Taken)), "{again:?}");
        let of_jane = consents::find(&mut db.read().await.unwrap(), &customer_id("jane"), &home.client).await.unwrap();
        assert_eq!(of_jane, None);
    })
    .await;
}

#[tokio::test]
async fn withdrawing_raises_the_epoch_and_giving_anew_does_not_lower_it() {
    on_both_engines(async |db| {
        let home = household(&db, "john", "app").await;
        let id = home.consent_id;
        assert!(in_one(&db, async |c| consents::withdraw(c, id, at(3)).await).await.unwrap());
        let withdrawn = find(&db).await.unwrap();
        assert_eq!((withdrawn.epoch, withdrawn.withdrawn_at), (2, Some(at(3))));
        assert!(!in_one(&db, async |c| consents::withdraw(c, id, at(4)).await).await.unwrap());
        assert_eq!(find(&db).await.unwrap().withdrawn_at, Some(at(3)));

        let epoch = find(&db).await.unwrap().epoch;
        let (scope, declined) = (scope("payments:write"), scope("accounts:read cards:read"));
        let resources = vec!["https://a.example".to_owned()];
        let (customer, client) = (&home.customer, &home.client);
        let given = Given { customer, client, scope: &scope, declined: &declined, resources: &resources, at: at(5) };
        in_one(&db, async |c| consents::renew(c, id, &given).await).await.unwrap();
        let anew = Consent { consent_id: id, scope, declined, resources, epoch, withdrawn_at: None };
        assert_eq!(find(&db).await, Some(anew));
        assert!(!in_one(&db, async |c| consents::withdraw(c, uuid(), at(3)).await).await.unwrap());
    })
    .await;
}
