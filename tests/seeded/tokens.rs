//! What one server shows, with nothing but requests.

use reqwest::StatusCode;
use rescind::seeded::Bug;

use crate::support::JOHN;
use crate::support::browser::Browser;
use crate::support::flow::{Pair, authorize_path};
use crate::support::held::Held;
use crate::{breaks, node};

const MOBILE: &str = "naybitono-mobile";

#[tokio::test(flavor = "multi_thread")]
async fn grace_mints_a_branch() {
    breaks(Bug::GraceMintsABranch, async || {
        let server = node().await;
        let pair = server.pair(MOBILE).await;
        let first = Pair::of(&server.refresh(MOBILE, &pair.refresh, &[]).await);
        Pair::of(&server.refresh(MOBILE, &pair.refresh, &[]).await) == first
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grace_without_window() {
    breaks(Bug::GraceWithoutWindow, async || {
        let server = node().await;
        let pair = server.pair(MOBILE).await;
        Pair::of(&server.refresh(MOBILE, &pair.refresh, &[]).await);
        server.wait(11);
        server.refresh(MOBILE, &pair.refresh, &[]).await.status == StatusCode::BAD_REQUEST
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_outlive_lockdown() {
    breaks(Bug::CodesOutliveLockdown, async || {
        let server = node().await;
        let code = server.code(MOBILE).await;
        assert_eq!(
            (server.lock(JOHN).await.status, server.unlock(JOHN).await.status),
            (StatusCode::OK, StatusCode::OK)
        );
        server.redeem(MOBILE, &code).await.status == StatusCode::BAD_REQUEST
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn epochs_reread() {
    breaks(Bug::EpochsReread, async || {
        let server = node().await;
        // So that there is a counter to hold the sign-in at: behind its read of the epochs, before its end.
        let mut stranger = Browser::new(&server);
        stranger.get(&authorize_path(MOBILE, &[])).await;
        let page = stranger.get("/login").await;
        stranger.type_password(&page, JOHN, "not the password").await;
        let held = Held::take(&server, "SELECT 1 FROM throttles FOR UPDATE").await;
        let mut browser = Browser::new(&server);
        let path = authorize_path(MOBILE, &[]);
        let signing_in = browser.authorize(&path, JOHN);
        let locking = async {
            assert!(held.until_waited_for(1).await);
            assert_eq!(server.lock(JOHN).await.status, StatusCode::OK);
            assert_eq!(server.unlock(JOHN).await.status, StatusCode::OK);
            held.release().await;
        };
        let (seen, ()) = tokio::join!(signing_in, locking);
        seen.answer("code").is_none()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn epoch_off_by_one() {
    breaks(Bug::EpochOffByOne, async || {
        let server = node().await;
        let pair = server.pair(MOBILE).await;
        assert!(server.says_active(&pair.access).await);
        server.db_lock_everyone().await;
        !server.says_active(&pair.access).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn newborn_killed() {
    breaks(Bug::NewbornKilled, async || {
        let server = node().await;
        assert_eq!(
            (server.lock(JOHN).await.status, server.unlock(JOHN).await.status),
            (StatusCode::OK, StatusCode::OK)
        );
        let pair = server.pair(MOBILE).await;
        server.says_active(&pair.access).await
    })
    .await;
}
