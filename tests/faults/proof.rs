//! The clients of the proof on three serving nodes with nothing broken: everything they see is right, and the two checkers
//! say so. What tests/proof does under faults, and what shows that its parts work.

#[path = "../proof/clients/mod.rs"]
mod clients;
#[path = "../proof/dice.rs"]
pub mod dice;
#[path = "../proof/history.rs"]
mod history;
#[path = "../proof/ledger.rs"]
mod kept;
#[path = "../proof/linear.rs"]
mod linear;
#[path = "../proof/recorder.rs"]
mod recorder;
#[path = "../proof/rules/mod.rs"]
mod rules;

use std::sync::Arc;
use std::time::Duration;

use rescind::app::App;
use sqlx::{Connection, Executor, PgConnection};

use self::clients::{NODES, Plan, Site};
use crate::support::KEY;
use crate::support::database::is_postgres;
use crate::support::program::Folder;

#[allow(clippy::disallowed_methods, reason = "how long it runs is up to whoever runs it")]
fn checks() -> usize {
    std::env::var("TEST_PROOF_CHECKS").map_or(3_000, |text| text.parse().expect("TEST_PROOF_CHECKS is a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nothing_broken_everything_that_clients_see_is_right() {
    if !is_postgres() {
        return;
    }
    let mut folder = Folder::of_engine().await.with("RESCIND_CHECKS", "fast");
    for name in ["RESCIND_SECRET_KEY", "RESCIND_DATA_KEY", "RESCIND_PEPPER"] {
        folder.set(name, KEY);
    }
    for (name, value) in
        [("RESCIND_LIMIT_SCALE", "1000000"), ("RESCIND_LEASE", "2"), ("RESCIND_REFRESH_GRACE_SECONDS", "3")]
    {
        folder.set(name, value);
    }
    let app = folder.db_app().await;
    let nodes = [folder.serve().await, folder.serve().await, folder.serve().await];
    let ports = Arc::new([0, 1, 2].map(|at: usize| nodes[at % NODES].port.into()));
    let site = Site::enter(app.clone(), ports).await;
    let working = clients::start(site, Plan::default(), history::Clock::start()).await;
    let enough = async {
        while working.counts().0 < checks() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(5), enough).await.expect("the clients hang");
    let history = working.end().await;
    let mut violations = rules::check(&history, &[]);
    violations.extend(kept::check(&app, &history).await);
    for violation in violations.iter().take(20) {
        println!("{violation}");
    }
    let compared = linear::differences(&history, &violations, 500);
    let mut counts = std::collections::BTreeMap::new();
    for call in &history.calls {
        let verb = format!("{:?}", call.verb);
        let verb = verb.split(' ').next().unwrap_or_default().to_owned();
        *counts.entry(format!("{verb} {:?}", call.outcome)).or_insert(0) += 1;
    }
    println!("{} checks, {} calls, {counts:#?}", history.checks.len(), history.calls.len());
    println!("{} tokens searched, {} wrong", compared.tokens, compared.wrong);
    assert_eq!(violations.len(), 0);
    assert_eq!(compared.differences, Vec::<String>::new());
    assert_missing_is_found(&app, &history).await;
    drop(nodes);
}

/// The ledger is no rubber stamp: whatever is taken out of the database, it misses.
async fn assert_missing_is_found(app: &App, history: &history::History) {
    let mut conn = PgConnection::connect(app.settings.database_url.expose()).await.expect("the database");
    // Not even its owner may delete from the audit trail otherwise.
    conn.execute("SET session_replication_role = replica").await.expect("a superuser");
    // Nor could a lockdown that was lifted stand again beside a later one.
    conn.execute("DROP INDEX incidents_open").await.expect("dropped");
    let (mut before, mut tried) = (0, 0);
    for sql in [
        "UPDATE incidents SET closed_at = NULL WHERE closed_at IS NOT NULL",
        "UPDATE consents SET withdrawn_at = given_at",
        "UPDATE sessions SET ended_at = NULL WHERE end_reason = 'revoked'",
        "UPDATE sessions SET generation = 1 WHERE generation > 1",
        "DELETE FROM revoked_tokens",
        "DELETE FROM audit WHERE action = 'sign_in'",
        "DELETE FROM audit WHERE audit_id = (SELECT audit_id FROM audit WHERE action = 'lockdown' LIMIT 1)",
        "DELETE FROM audit WHERE audit_id = (SELECT audit_id FROM audit WHERE action = 'device_revoke' LIMIT 1)",
        "DELETE FROM incidents WHERE target_kind = 'device'",
        "DELETE FROM sessions WHERE session_id = (SELECT session_id FROM sessions ORDER BY session_id DESC LIMIT 1)",
    ] {
        // On a slow machine not everything happened.
        if sqlx::query(sql).execute(&mut conn).await.expect("done").rows_affected() == 0 {
            continue;
        }
        let found = kept::check(app, history).await.len();
        assert!(found > before, "nobody misses: {sql}");
        (before, tried) = (found, tried + 1);
    }
    assert!(tried > 5, "only {tried} things could be taken out");
}
