use rescind::model::client::{AuthMethod, Client, ClientType, GrantType};
use rescind::model::epoch::{EpochKind, Epochs};
use rescind::model::scope::Scope;
use rescind::store::{Db, StoreError, clients, epochs};
use tokio::task::JoinSet;

use super::engines::on_both_engines;
use super::samples::{at, client, client_id, in_one, uuid};

async fn register(db: &Db, client: &Client) {
    in_one(db, async |c| clients::insert(c, client).await).await.unwrap();
}

async fn secrets(db: &Db, id: &str) -> Vec<u8> {
    let known = clients::find_known(&mut db.read().await.unwrap(), id).await.unwrap().unwrap();
    let mut firsts: Vec<u8> = known.secrets.iter().map(|digest| digest[0]).collect();
    firsts.sort_unstable();
    firsts
}

async fn add(db: &Db, id: &str, digest: u8, ms: i64) {
    let client = client_id(id);
    in_one(db, async |c| clients::add_secret(c, &client, uuid(), &[digest; 32], at(ms)).await).await.unwrap();
}

#[tokio::test]
async fn a_client_reads_back_as_registered() {
    on_both_engines(async |db| {
        let full = client("full");
        let bare = Client {
            kind: ClientType::Public,
            auth_method: AuthMethod::None,
            redirect_uris: Vec::new(),
            scope: Scope::default(),
            grants: vec![GrantType::AuthorizationCode],
            resources: Vec::new(),
            origins: Vec::new(),
            first_party: false,
            color: None,
            disabled_at: Some(at(3)),
            ..client("bare")
        };
        let server = Client { kind: ClientType::ResourceServer, grants: Vec::new(), ..client("api") };
        for registered in [&full, &bare, &server] {
            register(&db, registered).await;
            let found = clients::find(&mut db.read().await.unwrap(), registered.client_id.as_str()).await.unwrap();
            assert_eq!(found.as_ref(), Some(registered));
        }
        let mut conn = db.read().await.unwrap();
        assert_eq!(clients::find(&mut conn, "FULL").await.unwrap(), None);
        assert_eq!(clients::list(&mut conn).await.unwrap(), [server, bare, full], "by id");
    })
    .await;
}

#[tokio::test]
async fn a_known_client_comes_with_its_secrets_and_the_epochs_of_that_moment() {
    on_both_engines(async |db| {
        register(&db, &client("app")).await;
        let find = async || clients::find_known(&mut db.read().await.unwrap(), "app").await.unwrap().unwrap();
        let born = Epochs { global: 1, client: Some(1), subject: Some(1), ..Epochs::default() };
        let known = find().await;
        assert_eq!((known.client, known.secrets, known.epochs), (client("app"), Vec::new(), born));

        add(&db, "app", 5, 0).await;
        in_one(&db, async |c| epochs::raise(c, EpochKind::Client, "app").await).await.unwrap();
        in_one(&db, async |c| epochs::lock(c, "app").await).await.unwrap();
        in_one(&db, async |c| epochs::raise(c, EpochKind::Global, epochs::EVERYBODY).await).await.unwrap();
        let known = find().await;
        assert_eq!(known.secrets, [vec![5; 32]]);
        assert_eq!(known.epochs, Epochs { global: 2, client: Some(2), subject: Some(2), ..Epochs::default() });
        assert!(clients::find_known(&mut db.read().await.unwrap(), "nobody").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn the_two_newest_secrets_live() {
    on_both_engines(async |db| {
        register(&db, &client("app")).await;
        register(&db, &client("other")).await;
        add(&db, "other", 9, 0).await;
        for (digest, live) in [(1, vec![1]), (2, vec![1, 2]), (3, vec![2, 3]), (4, vec![3, 4])] {
            add(&db, "app", digest, i64::from(digest)).await;
            assert_eq!(secrets(&db, "app").await, live);
        }
        let app = client_id("app");
        assert_eq!(in_one(&db, async |c| clients::end_old_secrets(c, &app).await).await.unwrap(), 1);
        assert_eq!(secrets(&db, "app").await, [4]);
        assert_eq!(in_one(&db, async |c| clients::end_old_secrets(c, &app).await).await.unwrap(), 0);
        assert_eq!(secrets(&db, "other").await, [9], "others keep theirs");
    })
    .await;
}

#[tokio::test]
async fn secrets_made_in_parallel_leave_two() {
    on_both_engines(async |db| {
        register(&db, &client("app")).await;
        let mut all = JoinSet::new();
        for n in 0..16 {
            let db = db.clone();
            all.spawn(async move { add(&db, "app", n, 0).await });
        }
        all.join_all().await;
        assert_eq!(secrets(&db, "app").await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_secret_needs_a_client() {
    on_both_engines(async |db| {
        let nobody = client_id("nobody");
        let done = in_one(&db, async |c| clients::add_secret(c, &nobody, uuid(), &[1; 32], at(0)).await).await;
        assert!(matches!(done, Err(StoreError::Refused(_))), "{done:?}");
    })
    .await;
}

#[tokio::test]
async fn a_client_is_disabled_and_enabled() {
    on_both_engines(async |db| {
        register(&db, &client("app")).await;
        let (app, nobody) = (client_id("app"), client_id("nobody"));
        for at in [Some(at(4)), Some(at(6)), None] {
            assert!(in_one(&db, async |c| clients::set_disabled(c, &app, at).await).await.unwrap());
            let found = clients::find(&mut db.read().await.unwrap(), "app").await.unwrap().unwrap();
            assert_eq!(found.disabled_at, at);
        }
        assert!(!in_one(&db, async |c| clients::set_disabled(c, &nobody, None).await).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn an_origin_counts_exactly_and_only_of_enabled_clients() {
    on_both_engines(async |db| {
        register(&db, &Client { origins: Vec::new(), ..client("plain") }).await;
        register(&db, &client("app")).await;
        let any = async |origin| clients::any_has_origin(&mut db.read().await.unwrap(), origin).await.unwrap();
        assert!(any("https://app.example").await);
        for other in ["https://app.example:444", "https://app.exampl", "https://APP.example", ""] {
            assert!(!any(other).await, "{other}");
        }
        let app = client_id("app");
        in_one(&db, async |c| clients::set_disabled(c, &app, Some(at(0))).await).await.unwrap();
        assert!(!any("https://app.example").await);
    })
    .await;
}
