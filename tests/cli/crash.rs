//! P2: what was confirmed survives the sudden death of the process.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::PASSWORD;
use crate::support::program::Folder;

/// Deaths in a row.
const DEATHS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_lockdown_survives_a_kill_right_after_its_answer() {
    let folder = Folder::of_engine().await;
    let bank = folder.enter_bank("CUST_1");
    let mut dead = Vec::new();
    let mut server = folder.serve().await;
    for round in 0..DEATHS {
        let pair = server.pair(&bank.customer).await;
        assert!(server.is_active(&bank, &pair.access).await, "round {round}");
        let receipt = server.lock(&bank).await;
        server.kill();
        assert_eq!(receipt.status, StatusCode::OK, "{}", receipt.body);
        assert_eq!(receipt.json()["status"], json!("confirmed"));
        dead.push(pair);

        server = folder.serve().await;
        for pair in &dead {
            assert!(!server.is_active(&bank, &pair.access).await, "round {round}: a token came back");
        }
        let last = dead.last().expect("one");
        assert_eq!(server.refresh(&last.refresh).await.error(), "invalid_grant", "round {round}");
        assert_eq!(
            server.code(&bank.customer, PASSWORD).await.status,
            StatusCode::FORBIDDEN,
            "round {round}: unlocked"
        );
        let again = server.lock(&bank).await;
        assert_eq!(again.json()["incident_id"], receipt.json()["incident_id"], "round {round}: the incident is gone");
        assert_eq!(folder.run(&["unlock", &bank.customer, "--reason", "next round"]).code, 0);
    }
}
