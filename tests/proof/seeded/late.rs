//! A node that stands still between a verdict and its answer. One client asks it about one token; while it stands still the
//! token is killed elsewhere, and it is woken when that was confirmed. Then it must not say active: no rule about when checks
//! begin can see this, for the check began before the kill.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::clients::Site;
use crate::clients::site::hear;
use crate::rig::{Making, Rig};
use crate::rules::Rule;
use crate::support::minted::db_access_token;
use crate::support::{ACCOUNTS, db_customer};

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it took until such an answer came.
pub fn is_caught(making: Making, handle: &Handle, length: Duration) -> Option<(Duration, Rule)> {
    let rig = Rig::start(making, handle.clone());
    let site = handle.block_on(Site::enter(rig.nodes.app.clone(), rig.nodes.ports.clone()));
    handle.block_on(ask(&rig, Arc::new(site), length)).map(|after| (after, Rule::ActiveAfterConfirmed))
}

async fn ask(rig: &Rig, site: Arc<Site>, length: Duration) -> Option<Duration> {
    let began = Instant::now();
    for number in 0.. {
        if began.elapsed() > length {
            return None;
        }
        let customer = format!("CUST_8{number:05}");
        db_customer(&rig.nodes.app, &customer, "Somebody", None, None).await;
        let token = db_access_token(&rig.nodes.app, &customer, &[ACCOUNTS]).await;
        if one_answer(rig, &site, (&customer, &token)).await {
            return Some(began.elapsed());
        }
    }
    None
}

/// Asks until the node stands still; whether it then says what had become untrue.
async fn one_answer(rig: &Rig, site: &Arc<Site>, (customer, token): (&str, &str)) -> bool {
    let began = Instant::now();
    loop {
        let (asked, token) = (site.clone(), token.to_owned());
        let answer = tokio::spawn(async move { hear(asked.check(0, &token, false), PATIENCE).await });
        while !answer.is_finished() && !rig.nodes.is_frozen(0) {
            sleep(Duration::from_millis(1)).await;
        }
        if rig.nodes.is_frozen(0) {
            let is_confirmed = lock(site, customer).await;
            rig.nodes.signal(0, Signal::CONT);
            let seen = answer.await.expect("asked");
            let is_active = seen.is_some_and(|seen| seen.status == StatusCode::OK && seen.json()["active"] == true);
            return is_confirmed && is_active;
        }
        if began.elapsed() > PATIENCE {
            return false;
        }
    }
}

/// At another node; whether that was confirmed.
async fn lock(site: &Site, customer: &str) -> bool {
    let path = format!("/api/v1/customers/{customer}/lockdown");
    let Some(order) = site.order(1, "fraud-desk", (Method::POST, &path)).await else { return false };
    hear(order, PATIENCE).await.is_some_and(|seen| seen.status == StatusCode::OK)
}
