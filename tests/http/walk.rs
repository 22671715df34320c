//! The main job, end to end.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::browser::Browser;
use crate::support::flow::{Pair, authorize_path};
use crate::support::{JOHN, PASSWORD, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn a_lockdown_kills_what_was_and_an_unlock_lets_in_again_without_reviving_it() {
    let server = TestServer::start().await;
    let pair = server.pair("naybitono-mobile").await;
    assert!(server.is_active(&pair.access).await);

    let receipt = server.lock(JOHN).await;
    assert_eq!(receipt.status, StatusCode::OK, "{}", receipt.body);
    assert_eq!(receipt.json()["status"], json!("confirmed"));
    assert_eq!(receipt.json()["sessions_ended"], json!(1));

    assert!(!server.is_active(&pair.access).await);
    assert_eq!(server.refresh("naybitono-mobile", &pair.refresh, &[]).await.error(), "invalid_grant");
    let mut browser = Browser::new(&server);
    browser.get(&authorize_path("naybitono-mobile", &[])).await;
    let page = browser.get("/login").await;
    let refused = browser.type_password(&page, JOHN, PASSWORD).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains("Your account is temporarily restricted. Please contact customer service."));

    assert_eq!(server.unlock(JOHN).await.json()["status"], json!("unlocked"));
    let again: Pair = server.pair("naybitono-mobile").await;
    assert!(server.is_active(&again.access).await);
    assert!(!server.is_active(&pair.access).await, "old tokens stay dead");
    assert_eq!(server.refresh("naybitono-mobile", &pair.refresh, &[]).await.error(), "invalid_grant");
}
