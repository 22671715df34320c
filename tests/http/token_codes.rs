//! Codes work once. What a replay kills, what it does not, and what a lockdown in between leaves.

use reqwest::StatusCode;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use rescind::model::ids::CustomerId;
use rescind::service::lockdown;
use rescind::store::consents;

use crate::support::browser::Browser;
use crate::support::direct::together;
use crate::support::flow::{CHALLENGE, Pair, VERIFIER, authorize_path};
use crate::support::rows::{client_id, why};
use crate::support::{JOHN, TestServer, setup_actor};

const MOBILE: &str = "naybitono-mobile";

const WEB: &str = "naybitono-web";

async fn code_in(browser: &mut Browser) -> String {
    code_for(browser, MOBILE).await
}

async fn code_for(browser: &mut Browser, client: &str) -> String {
    browser.authorize(&authorize_path(client, &[]), JOHN).await.answer("code").expect("a code")
}

fn form<'a>(code: &'a str, verifier: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("grant_type", "authorization_code"), ("code", code), ("code_verifier", verifier)]
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_02_whatever_is_wrong_with_a_code_has_one_wording() {
    let server = TestServer::start().await;
    let mut john = server.db_signed_in(JOHN).await;
    let pair = Pair::of(&server.redeem(MOBILE, &code_in(&mut john).await).await);
    let expired = code_in(&mut john).await;
    server.wait(61);
    let code = code_in(&mut john).await;
    let (forged, cookie) = (code.replacen("_ac_a", "_ac_b", 1), john.cookies.values().next().unwrap().clone());
    let as_code = pair.access.replace("_at_", "_ac_");
    let with_uri = |uri| [form(&code, VERIFIER), vec![("redirect_uri", uri)]].concat();
    let mut answers = Vec::new();
    for bad in ["x", "nyb_ac_", "nyb_ac_aaaa", &forged, &expired, &pair.access, &pair.refresh, &cookie, &as_code] {
        answers.push((bad.to_owned(), server.token(MOBILE, &form(bad, VERIFIER)).await));
    }
    for uri in ["http://127.0.0.1:9/callback", "http://127.0.0.1/callback/", "com.naybitono.app:/oauth/callback", "x"] {
        answers.push((uri.to_owned(), server.token(MOBILE, &with_uri(uri)).await));
    }
    answers.push(("another client".to_owned(), server.token("post-client", &form(&code, VERIFIER)).await));
    answers.push(("wrong verifier".to_owned(), server.token(MOBILE, &form(&code, CHALLENGE)).await));
    let first = answers[0].1.body.clone();
    for (what, seen) in &answers {
        assert_eq!((seen.status.as_u16(), seen.error().as_str()), (400, "invalid_grant"), "{what}");
        assert_eq!((&seen.body, seen.header("cache-control")), (&first, "no-store"), "{what}");
    }
    assert!(server.is_active(&pair.access).await, "none of that revoked anything");
    let seen = server.token(MOBILE, &with_uri("http://127.0.0.1/callback")).await;
    assert_eq!(seen.status, StatusCode::OK, "none of that used the code up: {}", seen.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_03_tok_04_of_64_parallel_redemptions_one_succeeds_and_all_it_gave_is_dead() {
    let server = TestServer::start().await;
    let mut john = server.db_signed_in(JOHN).await;
    let bystander = Pair::of(&server.redeem(MOBILE, &code_in(&mut john).await).await);
    for client in [MOBILE, WEB] {
        let code = code_for(&mut john, client).await;
        let fields = form(&code, VERIFIER);
        let all = (0..64).map(|_| server.token(client, &fields));
        let answers = together(all).await;
        let good: Vec<_> = answers.iter().filter(|seen| seen.status == StatusCode::OK).collect();
        assert_eq!(good.len(), 1, "{client}");
        for seen in answers.iter().filter(|seen| seen.status != StatusCode::OK) {
            assert_eq!((seen.status.as_u16(), seen.error().as_str()), (400, "invalid_grant"), "{client}");
        }
        let pair = Pair::of(good[0]);
        assert!(!server.is_active(&pair.access).await, "{client}");
        assert_eq!(server.refresh(client, &pair.refresh, &[]).await.error(), "invalid_grant", "{client}");
    }
    assert!(server.is_active(&bystander.access).await, "the customer's other sessions live on");
    assert_eq!(server.live_sessions(JOHN).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_04_a_replay_kills_what_the_code_gave_even_refreshed_and_even_weeks_later() {
    let server = TestServer::start().await;
    for (client, seconds) in [(MOBILE, 0), (WEB, 0), (MOBILE, 61), (MOBILE, 14 * 86_400)] {
        let code = code_for(&mut server.db_signed_in(JOHN).await, client).await;
        let first = Pair::of(&server.redeem(client, &code).await);
        server.wait(seconds);
        let second = Pair::of(&server.refresh(client, &first.refresh, &[]).await);
        let third = Pair::of(&server.refresh(client, &second.refresh, &[]).await);
        assert!(server.is_active(&third.access).await, "{client} {seconds}");
        let replay = server.redeem(client, &code).await;
        assert_eq!((replay.status.as_u16(), replay.error().as_str()), (400, "invalid_grant"), "{client} {seconds}");
        for pair in [&first, &second, &third] {
            assert!(!server.is_active(&pair.access).await, "{client} {seconds}");
            assert_eq!(server.refresh(client, &pair.refresh, &[]).await.error(), "invalid_grant", "{client} {seconds}");
        }
        assert_eq!(server.redeem(client, &code).await.body, replay.body, "a third try is answered alike");
    }
    let rows = server.audit("code_replay").await;
    assert!(rows.len() == 8 && rows.iter().all(|row| row["outcome"] == "alarm"), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_05_a_replay_without_the_right_client_or_verifier_revokes_nothing() {
    let server = TestServer::start().await;
    for client in [MOBILE, WEB] {
        let code = code_for(&mut server.db_signed_in(JOHN).await, client).await;
        let pair = Pair::of(&server.redeem(client, &code).await);
        let other = if client == MOBILE { WEB } else { MOBILE };
        let elsewhere = [form(&code, VERIFIER), vec![("redirect_uri", "https://elsewhere.example/")]].concat();
        let tries = [
            ("wrong secret", server.post("/oauth/token", Some((client, "wrong")), &form(&code, VERIFIER)).await, 401),
            ("nobody", server.post("/oauth/token", None, &form(&code, VERIFIER)).await, 401),
            ("another client", server.token(other, &form(&code, VERIFIER)).await, 400),
            ("no verifier", server.token(client, &form(&code, "")).await, 400),
            ("wrong verifier", server.token(client, &form(&code, CHALLENGE)).await, 400),
            ("another redirect URI", server.token(client, &elsewhere).await, 400),
        ];
        for (what, seen, status) in tries {
            assert_eq!(seen.status.as_u16(), status, "{client}: {what}: {}", seen.body);
        }
        assert!(server.is_active(&pair.access).await, "{client}");
        assert_eq!(server.refresh(client, &pair.refresh, &[]).await.status, StatusCode::OK, "{client}");
    }
    assert_eq!(server.audit("code_replay").await.len(), 0);
}

#[derive(Clone, Copy, Debug)]
enum Between {
    Lock,
    LockAndUnlock,
    DeviceLost,
    ClientTakenBack,
    ClientDisabledAndEnabled,
    ConsentWithdrawn,
    Everyone,
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_09_a_code_does_not_outlive_what_was_taken_back_before_it_is_redeemed() {
    use Between::{
        ClientDisabledAndEnabled, ClientTakenBack, ConsentWithdrawn, DeviceLost, Everyone, Lock, LockAndUnlock,
    };
    let server = TestServer::start().await;
    for between in
        [LockAndUnlock, DeviceLost, ClientTakenBack, ClientDisabledAndEnabled, ConsentWithdrawn, Everyone, Lock]
    {
        let mut john = server.db_signed_in(JOHN).await;
        let code = code_in(&mut john).await;
        take_back(&server, between).await;
        let seen = server.redeem(MOBILE, &code).await;
        assert_eq!((seen.status.as_u16(), seen.error().as_str()), (400, "invalid_grant"), "{between:?}");
        assert_eq!(server.live_sessions(JOHN).await.len(), 0, "{between:?}");
    }
    assert_eq!(server.unlock(JOHN).await.status, StatusCode::OK);
    let pair = server.pair(MOBILE).await;
    assert!(server.is_active(&pair.access).await, "what begins afterwards is good");
}

async fn take_back(server: &TestServer, what: Between) {
    let (app, actor) = (&server.app, setup_actor());
    match what {
        Between::Lock => assert_eq!(server.lock(JOHN).await.status, StatusCode::OK),
        Between::LockAndUnlock => {
            assert_eq!(server.lock(JOHN).await.status, StatusCode::OK);
            assert_eq!(server.unlock(JOHN).await.status, StatusCode::OK);
        }
        Between::DeviceLost => {
            let bearer = server.machine_token("ops-desk").await;
            let path = format!("/api/v1/customers/{JOHN}/devices");
            let devices = server.api("GET", &path, &bearer, None).await.json();
            for device in devices["items"].as_array().expect("devices") {
                let path = format!("/api/v1/devices/{}", device["device_id"].as_str().expect("id"));
                assert_eq!(server.api("DELETE", &path, &bearer, None).await.status, StatusCode::OK);
            }
        }
        Between::ClientTakenBack => {
            lockdown::client(app, &actor, &client_id(MOBILE), &why()).await;
        }
        Between::ClientDisabledAndEnabled => {
            server.db_disable(MOBILE).await;
            server.db_enable(MOBILE).await;
        }
        Between::ConsentWithdrawn => {
            let mut tx = app.db.begin().await.expect("begin");
            let john = CustomerId::parse(JOHN).expect("id");
            let given = consents::find(&mut tx, &john, &client_id(MOBILE)).await.expect("store").expect("a consent");
            assert!(consents::withdraw(&mut tx, given.consent_id, app.clock.now()).await.expect("store"));
            tx.commit().await.expect("commit");
        }
        Between::Everyone => {
            lockdown::everyone(app, &actor, &why()).await;
        }
    }
}

/// Sends a token request and hangs up after so many turns of the scheduler, whether or not it was answered.
async fn ask_and_hang_up(server: &TestServer, form: &str, turns: usize) {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.expect("connected");
    let head = "POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded";
    let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{form}", form.len());
    // Some requests are cut off in their last byte.
    let sent = if turns.is_multiple_of(8) { &request[..request.len() - 1] } else { &request };
    stream.write_all(sent.as_bytes()).await.expect("sent");
    stream.flush().await.expect("sent");
    for _ in 0..turns * 10 {
        tokio::task::yield_now().await;
    }
    // Where turns are not enough for the request to be read, time is.
    tokio::time::sleep(std::time::Duration::from_millis(1) * u32::try_from(turns.saturating_sub(48)).unwrap_or(0))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_10_a_lost_answer_leaves_a_code_retryable_or_dead_and_never_two_branches() {
    let server = TestServer::start().await;
    let mut john = server.db_signed_in(JOHN).await;
    let (mut held, mut refused) = (Vec::new(), 0);
    let mut turns = 0;
    // On a machine where one side always wins, until the other has won too.
    while turns < 48 || (turns < 200 && (refused == 0 || held.is_empty())) {
        let code = code_in(&mut john).await;
        let fields = format!("grant_type=authorization_code&client_id={MOBILE}&code={code}&code_verifier={VERIFIER}");
        ask_and_hang_up(&server, &fields, turns).await;
        let retry = server.redeem(MOBILE, &code).await;
        if retry.status == StatusCode::OK {
            held.push(Pair::of(&retry));
        } else {
            assert_eq!(retry.error(), "invalid_grant");
            refused += 1;
        }
        turns += 1;
    }
    let mut known = Vec::new();
    for pair in &held {
        let told = server.introspect("accounts-api", &pair.access).await.json();
        known.extend(told["sid"].as_str().map(str::to_owned));
    }
    let live = server.live_sessions(JOHN).await;
    assert!(live.iter().all(|sid| known.contains(sid)), "a session lives that nobody holds: {live:?} {known:?}");
    assert!(refused > 0 && !held.is_empty(), "both ends of the race were seen: {refused} refused, {}", held.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_10_a_lost_answer_leaves_a_refresh_token_retryable() {
    let server = TestServer::start().await;
    let mut john = server.db_signed_in(JOHN).await;
    for turns in 0..24 {
        let pair = Pair::of(&server.redeem(MOBILE, &code_in(&mut john).await).await);
        let fields = format!("grant_type=refresh_token&client_id={MOBILE}&refresh_token={}", pair.refresh);
        ask_and_hang_up(&server, &fields, turns).await;
        let (one, two) =
            tokio::join!(server.refresh(MOBILE, &pair.refresh, &[]), server.refresh(MOBILE, &pair.refresh, &[]));
        let (one, two) = (Pair::of(&one), Pair::of(&two));
        assert_eq!(one, two, "one branch, whoever asks for it");
        assert!(server.is_active(&one.access).await);
    }
}
