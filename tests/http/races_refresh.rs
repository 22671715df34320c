//! Refreshes that race a lockdown and the unlock right after it: whatever was born before the lockdown, or from it, is dead
//! afterwards. 300 rounds, or `TEST_ROUNDS`.

use reqwest::StatusCode;
use rescind::model::client::Client;
use rescind::model::epoch::Epochs;
use rescind::model::session::{Rotation, Session, Shape, SubjectKind};
use rescind::secret::random;
use rescind::service::tokens::current_pair;
use rescind::store::{clients, epochs, sessions};
use serde_json::json;

use crate::support::flow::Pair;
use crate::support::{ACCOUNTS, JOHN, TestServer};

const MOBILE: &str = "naybitono-mobile";
const WEB: &str = "naybitono-web";
/// Sessions of John's that are under an epoch of now.
const REBORN: &str = "SELECT COUNT(*) FROM sessions s JOIN epochs u ON u.kind = 'subject' AND u.id = s.subject_id
                      WHERE s.subject_id = 'CUST_789456123' AND s.subject_epoch >= u.epoch";

#[allow(clippy::disallowed_methods, reason = "how long a race runs is up to whoever runs it")]
fn rounds() -> u32 {
    std::env::var("TEST_ROUNDS").ok().map_or(300, |text| text.parse().expect("TEST_ROUNDS is a number"))
}

async fn db_client(server: &TestServer, id: &str) -> Client {
    clients::find(&mut server.app.db.read().await.unwrap(), id).await.unwrap().expect("a client")
}

/// A pair as the token endpoint gives after a sign-in, without the sign-in: hundreds of passwords would take minutes.
async fn db_pair(server: &TestServer, client: &Client) -> Pair {
    let (app, now) = (&server.app, server.app.clock.now());
    let mut tx = app.db.begin().await.unwrap();
    let of = epochs::Ancestors { client: Some(client.client_id.as_str()), subject: Some(JOHN), ..Default::default() };
    let born: Epochs = epochs::current(&mut tx, of).await.unwrap();
    let shape = Shape { scope: client.scope.clone(), audience: vec![ACCOUNTS.to_owned()] };
    let session = Session {
        session_id: random::id(now),
        client_id: client.client_id.clone(),
        subject_id: JOHN.to_owned(),
        subject_kind: SubjectKind::Customer,
        device_id: None,
        consent_id: None,
        scope: client.scope.clone(),
        resources: shape.audience.clone(),
        shapes: vec![shape],
        generation: 1,
        rotation: Rotation { at: now, address: None, shape: 0, access_expires_at: now + app.settings.lifetimes.access },
        auth_at: Some(now),
        created_at: now,
        expires_at: now + app.settings.lifetimes.session,
        ended_at: None,
        epochs: born,
    };
    sessions::insert(&mut tx, &session, None).await.unwrap();
    tx.commit().await.unwrap();
    let tokens = current_pair(app, &session, true, now);
    Pair { access: tokens.access.expose().to_owned(), refresh: tokens.refresh.unwrap().expose().to_owned() }
}

/// Refreshes on and on, each time with what came last, until refused; every pair that came.
async fn refresh_until_refused(server: &TestServer, client: &str, first: &Pair) -> Vec<Pair> {
    let mut pairs = vec![first.clone()];
    loop {
        let last = &pairs[pairs.len() - 1];
        let seen = server.refresh(client, &last.refresh, &[]).await;
        if seen.status == StatusCode::OK {
            pairs.push(Pair::of(&seen));
            continue;
        }
        assert_eq!((seen.status, seen.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"), "{}", seen.body);
        return pairs;
    }
}

/// How many tokens of these pairs anybody could still use.
async fn live(server: &TestServer, client: &str, pairs: &[Pair]) -> usize {
    let mut alive = 0;
    for pair in pairs {
        alive += usize::from(server.is_active(&pair.access).await);
    }
    // The last refresh token is the only one that could be more than a replay.
    for pair in pairs.iter().rev().take(2) {
        alive += usize::from(server.refresh(client, &pair.refresh, &[]).await.status == StatusCode::OK);
    }
    alive
}

struct Desks {
    fraud: String,
    branch: String,
}

impl Desks {
    async fn of(server: &TestServer) -> Self {
        Self { fraud: server.machine_token("fraud-desk").await, branch: server.machine_token("branch-desk").await }
    }

    async fn lock(&self, server: &TestServer) {
        let path = format!("/api/v1/customers/{JOHN}/lockdown");
        let seen = server.api("POST", &path, &self.fraud, Some(json!({ "reason": "stolen" }))).await;
        assert_eq!((seen.status, &seen.json()["status"]), (StatusCode::OK, &json!("confirmed")));
    }

    async fn unlock(&self, server: &TestServer) {
        let path = format!("/api/v1/customers/{JOHN}/unlock");
        let body = json!({ "reason": "checked", "approved_by": "the-supervisor" });
        let seen = server.api("POST", &path, &self.branch, Some(body)).await;
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_04_int_09_a_refresh_racing_a_lockdown_and_a_quick_unlock_leaves_nothing_alive() {
    let server = TestServer::start().await;
    let mut desks = Desks::of(&server).await;
    let (mobile, web) = (db_client(&server, MOBILE).await, db_client(&server, WEB).await);
    let (mut born, mut alive) = (0, 0);
    for round in 0..rounds() {
        if round % 500 == 499 {
            desks = Desks::of(&server).await;
        }
        let (one, two) = (db_pair(&server, &mobile).await, db_pair(&server, &web).await);
        let taking_back = async {
            for _ in 0..round % 4 {
                tokio::task::yield_now().await;
            }
            desks.lock(&server).await;
            for pair in [&one, &two] {
                assert!(!server.is_active(&pair.access).await, "round {round}: active after the confirmation");
            }
            desks.unlock(&server).await;
        };
        let (ones, twos, ()) = tokio::join!(
            refresh_until_refused(&server, MOBILE, &one),
            refresh_until_refused(&server, WEB, &two),
            taking_back
        );
        for (client, pairs) in [(MOBILE, &ones), (WEB, &twos)] {
            born += pairs.len() - 1;
            alive += live(&server, client, pairs).await;
        }
        assert_eq!(server.db_count(REBORN).await, 0, "round {round}: a session was born again");
    }
    assert_eq!(alive, 0, "tokens born before a lockdown are alive after it");
    assert!(born > 0, "no refresh ever won against a lockdown: this was no race");
    let pair = server.pair(MOBILE).await;
    assert!(server.is_active(&pair.access).await, "after all these unlocks a sign-in works at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_04_a_refresh_racing_smaller_revocations_leaves_nothing_alive() {
    let server = TestServer::start().await;
    let web = db_client(&server, WEB).await;
    let ops = server.machine_token("ops-desk").await;
    for round in 0..rounds() / 5 {
        let first = db_pair(&server, &web).await;
        let sid = server.sid(&first.access).await;
        let taking_back = async {
            let status = if round % 2 == 0 {
                server.api("DELETE", &format!("/api/v1/sessions/{sid}"), &ops, None).await.status
            } else {
                let auth = Some((WEB, server.secret(WEB)));
                server.post("/oauth/revoke", auth, &[("token", &first.refresh)]).await.status
            };
            assert_eq!(status, StatusCode::OK);
            assert!(!server.is_active(&first.access).await, "round {round}");
        };
        let (pairs, ()) = tokio::join!(refresh_until_refused(&server, WEB, &first), taking_back);
        assert_eq!(live(&server, WEB, &pairs).await, 0, "round {round}");
    }
}
