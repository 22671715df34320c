//! The pause point: a process that stands still between verdict and answer, while the token is taken back.

use std::time::Duration;

use reqwest::StatusCode;
use rescind::seeded::Bug;
use rustix::process::Signal;
use tokio::time::{sleep, timeout};

use crate::ONE_AT_A_TIME;
use crate::support::browser::Seen;
use crate::support::database::TestDatabase;
use crate::support::program::Folder;

/// After this long it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a check answers whose process stood still while its token was taken back. `more`: a field that makes the check go
/// the long way.
async fn answer_of_a_frozen_check(bug: &str, more: &[(&str, &str)]) -> String {
    let folder = Folder::on(TestDatabase::postgres().await).with("RESCIND_LEASE", "1");
    assert_eq!(folder.run(&["migrate"]).code, 0);
    let bank = folder.enter_bank("CUST_1");
    let other = folder.serve().await;
    let folder = folder.with("RESCIND_SEEDED_PAUSE", "2").with("RESCIND_SEEDED_BUG", bug);
    let node = folder.serve().await;
    let pair = other.pair("CUST_1").await;
    assert!(node.is_active(&bank, &pair.access).await, "the first check does not pause");

    let url = node.url("/oauth/introspect");
    let form = [&[("token", pair.access.as_str())], more].concat();
    let request = reqwest::Client::new().post(url).basic_auth("accounts-api", Some(&bank.api)).form(&form);
    let check = tokio::spawn(async move { Seen::read(request.send().await.expect("an answer")).await });
    let stopped = async {
        while !node.is_stopped() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, stopped).await.expect("it pauses");
    let receipt = other.lock(&bank).await;
    assert_eq!((receipt.status, receipt.json()["status"].as_str()), (StatusCode::OK, Some("confirmed")));
    assert!(node.is_stopped(), "it stands still until it is woken");
    let woken = async {
        while !check.is_finished() {
            node.signal(Signal::CONT);
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, woken).await.expect("an answer");
    check.await.unwrap().body
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_05_f28_held_lease_not_rechecked() {
    let _turn = ONE_AT_A_TIME.lock().await;
    for more in [&[][..], &[("token_type_hint", "refresh_token")]] {
        let right = answer_of_a_frozen_check("", more).await;
        assert!(!right.contains("\"active\":true"), "{right}");
        let wrong = answer_of_a_frozen_check(Bug::LeaseNotRechecked.name(), more).await;
        assert!(wrong.contains("\"active\":true"), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_can_be_told_to_break_promises_says_so_and_knows_its_bugs() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let folder = Folder::new().with("RESCIND_SEEDED_BUG", "a-typo");
    let refusal = folder.run(&["serve"]).refusal().to_owned();
    assert!(Bug::ALL.iter().all(|bug| refusal.contains(bug.name())), "{refusal}");
    for name in ["", Bug::GraceMintsABranch.name()] {
        let log = Folder::new().with("RESCIND_SEEDED_BUG", name).serve().await.log();
        let said: Vec<&str> = log.lines().filter(|line| line.contains("break its promises")).collect();
        assert_eq!(said.len(), 1, "{log}");
        assert!(said[0].contains("\"WARN\"") && said[0].contains(&format!("\"bug\":\"{name}\"")), "{}", said[0]);
    }
}
