//! Redemptions of a code.

use reqwest::StatusCode;

use super::{AT_ONCE, CODES, Desks, MOBILE, SESSIONS, SESSIONS_WRITTEN, WAYS, held_server, is_dead, play, refused};
use crate::support::JOHN;
use crate::support::browser::Seen;
use crate::support::direct::together;
use crate::support::flow::{CHALLENGE, Pair};
use crate::support::held::{meanwhile, one_behind_the_other};

#[tokio::test(flavor = "multi_thread")]
async fn tok_03_tok_04_held_of_redemptions_that_all_found_the_code_unused_one_succeeds_and_what_it_gave_is_dead() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    let played = play(async || {
        let code = server.code(MOBILE).await;
        let all = together((0..AT_ONCE).map(|_| server.redeem(MOBILE, &code)));
        meanwhile((server, CODES), (AT_ONCE, all), async {}).await.map(|held| held.0)
    });
    let seen = played.await;
    let (good, bad): (Vec<&Seen>, Vec<&Seen>) = seen.iter().partition(|seen| seen.status == StatusCode::OK);
    assert_eq!((good.len(), bad.len()), (1, AT_ONCE - 1));
    bad.into_iter().for_each(refused);
    is_dead(server, MOBILE, &Pair::of(good[0])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_04_held_a_replay_that_comes_while_the_code_is_being_redeemed_kills_what_comes_of_it() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    let played = play(async || {
        let code = server.code(MOBILE).await;
        let twice = (server.redeem(MOBILE, &code), server.redeem(MOBILE, &code));
        let (first, second) = one_behind_the_other((server, SESSIONS_WRITTEN), twice.0, twice.1).await?;
        Some(vec![first, second])
    });
    let seen = played.await;
    refused(&seen[1]);
    is_dead(server, MOBILE, &Pair::of(&seen[0])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_04_held_a_replay_before_or_behind_a_refresh_leaves_neither_pair_alive() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for replay_is_first in [true, false] {
        let played = play(async || {
            let code = server.code(MOBILE).await;
            let pair = Pair::of(&server.redeem(MOBILE, &code).await);
            let (replay, refresh) = (server.redeem(MOBILE, &code), server.refresh(MOBILE, &pair.refresh, &[]));
            let (replay, refresh) = if replay_is_first {
                one_behind_the_other((server, SESSIONS), replay, refresh).await?
            } else {
                let (refresh, replay) = one_behind_the_other((server, SESSIONS), refresh, replay).await?;
                (replay, refresh)
            };
            if replay.status == StatusCode::BAD_REQUEST {
                is_dead(server, MOBILE, &pair).await;
            }
            Some(vec![replay, refresh])
        });
        let seen = played.await;
        refused(&seen[0]);
        if replay_is_first {
            refused(&seen[1]);
        } else {
            is_dead(server, MOBILE, &Pair::of(&seen[1])).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_05_held_a_wrong_verifier_that_comes_while_the_code_is_being_redeemed_revokes_nothing() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    let played = play(async || {
        let code = server.code(MOBILE).await;
        let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", CHALLENGE)];
        let (right, wrong) = (server.redeem(MOBILE, &code), server.token(MOBILE, &form));
        let (right, wrong) = one_behind_the_other((server, SESSIONS_WRITTEN), right, wrong).await?;
        Some(vec![right, wrong])
    });
    let seen = played.await;
    refused(&seen[1]);
    let pair = Pair::of(&seen[0]);
    assert!(server.is_active(&pair.access).await);
    assert_eq!(server.refresh(MOBILE, &pair.refresh, &[]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_09_lck_01_held_what_is_taken_back_before_a_redemption_compares_refuses_it() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for way in WAYS {
        let played = play(async || {
            let (desks, code) = (Desks::of(server).await, server.code(MOBILE).await);
            let redeeming = (1, server.redeem(MOBILE, &code));
            Some(vec![meanwhile((server, CODES), redeeming, way.go(server, &desks)).await?.0])
        });
        let seen = played.await;
        refused(&seen[0]);
        assert_eq!(server.live_sessions(JOHN).await, Vec::<String>::new(), "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_09_lck_01_held_what_is_taken_back_after_a_redemption_compared_leaves_it_born_dead() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for way in WAYS {
        let played = play(async || {
            let (desks, code) = (Desks::of(server).await, server.code(MOBILE).await);
            let redeeming = (1, server.redeem(MOBILE, &code));
            Some(vec![meanwhile((server, SESSIONS_WRITTEN), redeeming, way.go(server, &desks)).await?.0])
        });
        let seen = played.await;
        is_dead(server, MOBILE, &Pair::of(&seen[0])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tok_09_held_a_client_disabled_while_its_token_is_made_ends_it() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    let played = play(async || {
        server.db_enable("batch-job").await;
        let asking = server.token("batch-job", &[("grant_type", "client_credentials")]);
        let disabling = Box::pin(server.db_disable("batch-job"));
        Some(vec![one_behind_the_other((server, SESSIONS_WRITTEN), asking, disabling).await?.0])
    });
    let seen = played.await;
    assert!(!server.is_active(&Pair::of(&seen[0]).access).await);
}
