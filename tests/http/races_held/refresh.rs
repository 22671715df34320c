//! Refreshes.

use reqwest::StatusCode;

use super::{AT_ONCE, Desks, MOBILE, SESSIONS, SESSIONS_WRITTEN, WAYS, WEB, held_server, is_dead, play, refused};
use crate::support::direct::together;
use crate::support::flow::Pair;
use crate::support::held::{meanwhile, one_behind_the_other};

#[tokio::test(flavor = "multi_thread")]
async fn ref_01_held_another_clients_try_beside_the_owners_ends_nothing() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    let played = play(async || {
        let pair = server.pair(MOBILE).await;
        let (owner, other) = (server.refresh(MOBILE, &pair.refresh, &[]), server.refresh(WEB, &pair.refresh, &[]));
        let (owner, other) = one_behind_the_other((server, SESSIONS), owner, other).await?;
        Some(vec![owner, other])
    });
    let seen = played.await;
    refused(&seen[1]);
    let pair = Pair::of(&seen[0]);
    assert!(server.is_active(&pair.access).await);
    assert_eq!(server.refresh(MOBILE, &pair.refresh, &[]).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_05_ref_06_held_refreshes_that_wait_for_each_other_give_one_branch_and_one_pair() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for client in [MOBILE, WEB] {
        let played = play(async || {
            let pair = server.pair(client).await;
            let all = together((0..AT_ONCE).map(|_| server.refresh(client, &pair.refresh, &[])));
            meanwhile((server, SESSIONS), (AT_ONCE, all), async {}).await.map(|held| held.0)
        });
        let seen = played.await;
        let pair = Pair::of(&seen[0]);
        assert!(seen.iter().all(|seen| Pair::of(seen) == pair), "two branches");
        assert_eq!(server.db_count("SELECT MAX(generation) FROM sessions").await, 2, "one rotation");
        assert!(server.is_active(&pair.access).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_06_ref_07_held_a_retry_is_one_before_its_successor_is_used_and_theft_behind() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for retry_is_first in [true, false] {
        let played = play(async || {
            let first = server.pair(WEB).await;
            let second = Pair::of(&server.refresh(WEB, &first.refresh, &[]).await);
            let (retry, using) = (server.refresh(WEB, &first.refresh, &[]), server.refresh(WEB, &second.refresh, &[]));
            if retry_is_first {
                let (retry, using) = one_behind_the_other((server, SESSIONS), retry, using).await?;
                assert!(retry.status != StatusCode::OK || Pair::of(&retry) == second, "nothing is minted");
                return Some(vec![retry, using]);
            }
            let (using, retry) = one_behind_the_other((server, SESSIONS), using, retry).await?;
            Some(vec![retry, using])
        });
        let seen = played.await;
        let used = Pair::of(&seen[1]);
        if retry_is_first {
            assert!(server.is_active(&used.access).await);
        } else {
            refused(&seen[0]);
            is_dead(server, WEB, &used).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ref_07_held_a_reuse_before_or_behind_the_owners_refresh_leaves_nothing_alive_when_it_is_answered() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for reuse_is_first in [true, false] {
        let played = play(async || {
            let first = server.pair(MOBILE).await;
            let second = Pair::of(&server.refresh(MOBILE, &first.refresh, &[]).await);
            let third = Pair::of(&server.refresh(MOBILE, &second.refresh, &[]).await);
            let owners = server.refresh(MOBILE, &third.refresh, &[]);
            // Looked at when the reuse was answered, whatever else is under way.
            let reuse = async {
                let seen = server.refresh(MOBILE, &first.refresh, &[]).await;
                (seen, server.is_active(&third.access).await)
            };
            let ((reuse, is_active), owners) = if reuse_is_first {
                one_behind_the_other((server, SESSIONS), reuse, owners).await?
            } else {
                let (owners, reuse) = one_behind_the_other((server, SESSIONS), owners, reuse).await?;
                (reuse, owners)
            };
            assert!(reuse.status != StatusCode::BAD_REQUEST || !is_active, "alive when the reuse was answered");
            Some(vec![reuse, owners])
        });
        let seen = played.await;
        refused(&seen[0]);
        if reuse_is_first {
            refused(&seen[1]);
        } else {
            is_dead(server, MOBILE, &Pair::of(&seen[1])).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lck_01_sto_02_held_a_refresh_is_refused_or_dead_on_either_side_of_its_comparison() {
    let Some(server) = held_server().await else { return };
    let server = &server;
    for way in WAYS {
        for lock in [SESSIONS, SESSIONS_WRITTEN] {
            let played = play(async || {
                let (desks, pair) = (Desks::of(server).await, server.pair(MOBILE).await);
                let refreshing = (1, server.refresh(MOBILE, &pair.refresh, &[]));
                let (seen, ()) = meanwhile((server, lock), refreshing, way.go(server, &desks)).await?;
                is_dead(server, MOBILE, &pair).await;
                Some(vec![seen])
            });
            let seen = played.await;
            if lock == SESSIONS {
                refused(&seen[0]);
            } else {
                is_dead(server, MOBILE, &Pair::of(&seen[0])).await;
            }
        }
    }
}
