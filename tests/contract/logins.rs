use rescind::model::device::DeviceDetails;
use rescind::model::epoch::Epochs;
use rescind::model::login::{AuthorizationRequest, Login};
use rescind::store::{Db, logins};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::engines::on_both_engines;
use super::samples::{at, client_id, household, in_one, scope, stored_browser_session, uuid};

fn login() -> Login {
    Login {
        login_id: uuid(),
        request: None,
        epochs: Epochs { global: 1, ..Epochs::default() },
        browser_session_id: None,
        created_at: at(0),
        expires_at: at(100),
    }
}

fn request() -> AuthorizationRequest {
    AuthorizationRequest {
        client_id: client_id("app"),
        redirect_uri: "com.naybitono.app:/oauth/callback".to_owned(),
        state: Some("a \"quoted\" \u{1F511} state".to_owned()),
        scope: scope("openid"),
        resources: vec!["https://api.example".to_owned()],
        challenge: "c".repeat(43),
        nonce: None,
        fresh_login: true,
        fresh_consent: false,
        max_age: Some(i64::MAX),
        login_hint: Some(String::new()),
        app_device_id: Some("iPhone-1".to_owned()),
        device: DeviceDetails { name: Some("John's".to_owned()), ..DeviceDetails::default() },
    }
}

async fn store(db: &Db, login: &Login) {
    in_one(db, async |c| logins::insert(c, login).await).await.unwrap();
}

async fn find(db: &Db, id: Uuid, ms: i64) -> Option<Login> {
    logins::find(&mut db.read().await.unwrap(), id, at(ms)).await.unwrap()
}

#[tokio::test]
async fn a_sign_in_in_progress_reads_back_until_it_is_given_up() {
    on_both_engines(async |db| {
        let asked = Login {
            request: Some(request()),
            epochs: Epochs { global: 3, client: Some(2), ..Epochs::default() },
            ..login()
        };
        for one in [&asked, &login()] {
            store(&db, one).await;
            assert_eq!(find(&db, one.login_id, 99).await.as_ref(), Some(one));
            assert_eq!(find(&db, one.login_id, 100).await, None);
        }
        assert_eq!(find(&db, uuid(), 0).await, None);
    })
    .await;
}

#[tokio::test]
async fn of_sixteen_parallel_steps_one_wins_and_the_old_id_is_gone() {
    on_both_engines(async |db| {
        let session = household(&db, "john", "app").await.browser_session();
        stored_browser_session(&db, &session).await;
        let begun = login();
        store(&db, &begun).await;
        let mut steps = JoinSet::new();
        for _ in 0..16 {
            let (db, from, who, next) = (db.clone(), begun.login_id, session.browser_session_id, uuid());
            steps.spawn(async move {
                in_one(&db, async |c| logins::advance(c, from, next, who).await).await.unwrap().then_some(next)
            });
        }
        let won: Vec<Uuid> = steps.join_all().await.into_iter().flatten().collect();
        assert_eq!(won.len(), 1);
        assert_eq!(find(&db, begun.login_id, 0).await, None);
        let who = Some(session.browser_session_id);
        let expected = Login { login_id: won[0], browser_session_id: who, ..begun };
        assert_eq!(find(&db, won[0], 0).await, Some(expected));
    })
    .await;
}

#[tokio::test]
async fn the_last_step_is_taken_once() {
    on_both_engines(async |db| {
        let begun = login();
        store(&db, &begun).await;
        let finish = async || in_one(&db, async |c| logins::finish(c, begun.login_id).await).await.unwrap();
        assert!(finish().await);
        assert!(!finish().await);
        assert_eq!(find(&db, begun.login_id, 0).await, None);
    })
    .await;
}

#[tokio::test]
async fn what_was_given_up_is_dropped_and_never_more_than_asked() {
    on_both_engines(async |db| {
        for ms in [1, 2, 3, 4] {
            store(&db, &Login { expires_at: at(ms), ..login() }).await;
        }
        let drop =
            async |now, limit| in_one(&db, async |c| logins::delete_expired(c, at(now), limit).await).await.unwrap();
        assert_eq!(drop(0, 9).await, 0);
        assert_eq!(drop(3, 2).await, 2);
        assert_eq!(drop(3, 2).await, 1);
        assert_eq!(drop(3, 2).await, 0);
        assert_eq!(drop(4, 2).await, 1);
    })
    .await;
}
