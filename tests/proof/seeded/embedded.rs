//! The embedded mode: `rescind lockdown` in a shell beside a server on one file. Many ask about one token without a pause; the
//! command's end is the confirmation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use rescind::seeded::Bug;

use crate::rules::Rule;
use crate::support::browser::Seen;
use crate::support::program::{Bank, Folder, Program};

/// Who asks at once.
const WATCHES: usize = 6;
const CUSTOMER: &str = "CUST_1";

/// How long it took until an answer came that the command's end had made untrue.
pub async fn is_caught(bug: Bug, length: Duration) -> Option<(Duration, Rule)> {
    let folder = Folder::new().with("RESCIND_SEEDED_BUG", bug.name()).with("RESCIND_LIMIT_SCALE", "1000000");
    let folder = Arc::new(folder.with("RESCIND_CHECKS", "fast"));
    let bank = folder.enter_bank(CUSTOMER);
    let server = folder.serve().await;
    let began = Instant::now();
    while began.elapsed() < length {
        if is_late(&folder, &server, &bank).await {
            return Some((began.elapsed(), Rule::ActiveAfterConfirmed));
        }
    }
    None
}

async fn is_late(folder: &Arc<Folder>, server: &Program, bank: &Bank) -> bool {
    let token = server.pair(CUSTOMER).await.access;
    let stop = Arc::new(AtomicBool::new(false));
    let watches: Vec<_> = (0..WATCHES)
        .map(|_| {
            let (url, secret) = (server.url("/oauth/introspect"), bank.api.clone());
            tokio::spawn(watch((url, secret, token.clone()), stop.clone()))
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let shell = folder.clone();
    let ran = tokio::task::spawn_blocking(move || {
        let ran = shell.run(&["lockdown", CUSTOMER, "--reason", "phone stolen"]);
        (ran, Instant::now())
    });
    let (ran, confirmed) = ran.await.expect("a command");
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.store(true, Ordering::SeqCst);
    let mut is_late = false;
    for watch in watches {
        let last = watch.await.expect("a watch");
        is_late |= ran.code == 0 && last.is_some_and(|last| last > confirmed);
    }
    assert_eq!(folder.run(&["unlock", CUSTOMER, "--reason", "found again"]).code, 0);
    is_late
}

/// When the last check was begun that was answered active.
async fn watch((url, secret, token): (String, String, String), stop: Arc<AtomicBool>) -> Option<Instant> {
    let (http, mut last) = (reqwest::Client::new(), None);
    while !stop.load(Ordering::SeqCst) {
        let begun = Instant::now();
        let request = http.post(&url).basic_auth("accounts-api", Some(&secret)).form(&[("token", &token)]);
        let seen = Seen::read(request.send().await.expect("an answer")).await;
        if seen.body.contains("\"active\":true") {
            last = Some(begun);
        }
    }
    last
}
