use rescind::store::{StoreError, clients, customers, staff, subjects};

use super::engines::on_both_engines;
use super::samples::{client, customer, in_one};
use super::staff::amina;

#[tokio::test]
async fn a_name_is_taken_once() {
    on_both_engines(async |db| {
        in_one(&db, async |c| subjects::insert(c, "John", "customer").await).await.unwrap();
        let again = in_one(&db, async |c| subjects::insert(c, "John", "client").await).await;
        assert!(matches!(again, Err(StoreError::Taken)), "{again:?}");
        in_one(&db, async |c| subjects::insert(c, "john", "client").await)
            .await
            .expect("another spelling is another name");

        let mut conn = db.read().await.unwrap();
        assert_eq!(subjects::find_kind(&mut conn, "John").await.unwrap().as_deref(), Some("customer"));
        assert_eq!(subjects::find_kind(&mut conn, "john").await.unwrap().as_deref(), Some("client"));
        assert_eq!(subjects::find_kind(&mut conn, "JOHN").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn customers_clients_and_staff_share_one_namespace() {
    on_both_engines(async |db| {
        in_one(&db, async |c| customers::insert(c, &customer("one"), None).await).await.unwrap();
        in_one(&db, async |c| clients::insert(c, &client("two")).await).await.unwrap();
        in_one(&db, async |c| staff::insert(c, &amina("three"), "hash").await).await.unwrap();

        for taken in ["one", "two", "three"] {
            let a_customer = in_one(&db, async |c| customers::insert(c, &customer(taken), None).await).await;
            let a_client = in_one(&db, async |c| clients::insert(c, &client(taken)).await).await;
            let a_colleague = in_one(&db, async |c| staff::insert(c, &amina(taken), "hash").await).await;
            for clash in [a_customer, a_client, a_colleague] {
                assert!(matches!(clash, Err(StoreError::Taken)), "{taken}: {clash:?}");
            }
        }
    })
    .await;
}
