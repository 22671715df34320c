//! A node that stands still between a verdict and its answer. One client asks it about one token; while it stands still the
//! token is killed elsewhere, and it is woken when that was confirmed. Then it must not say active: no rule about when checks
//! begin can see this, for the check began before the kill.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use rescind::secret::seal::Kind as Sealed;
use rustix::process::Signal;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::clients::Site;
use crate::clients::site::{field, hear};
use crate::history::{Check, Clock, Kind, Outcome, Said, Session, Verb};
use crate::recorder::{Came, Recorder};
use crate::rig::{Making, Rig};
use crate::rules::{self, Rule};
use crate::support::minted::db_access_token;
use crate::support::{ACCOUNTS, db_customer};

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it took until such an answer came.
pub fn is_caught(making: Making, handle: &Handle, length: Duration) -> Option<(Duration, Rule)> {
    let rig = Rig::start(making, handle.clone());
    let site = Arc::new(handle.block_on(Site::enter(rig.nodes.app.clone(), rig.nodes.ports.clone())));
    let (began, mut number) = (Instant::now(), 0);
    while began.elapsed() < length {
        number += 1;
        let recorder = Recorder::new(Clock::start(), 0, 0);
        let stood = handle.block_on(one(&rig, &site, (number, &recorder)));
        let found = stood.map(|stood| rules::late(&recorder.so_far(), 0, stood)).unwrap_or_default();
        if let Some(found) = found.first() {
            println!("    {found}");
            return Some((began.elapsed(), found.rule));
        }
    }
    None
}

/// Asks about a new customer's token until the node stands still; from when to when it did.
async fn one(rig: &Rig, site: &Arc<Site>, (number, recorder): (u32, &Recorder)) -> Option<(u64, u64)> {
    let name = format!("CUST_8{number:05}");
    db_customer(&rig.nodes.app, &name, "Somebody", None, None).await;
    let text = db_access_token(&rig.nodes.app, &name, &[ACCOUNTS]).await;
    let reference = rig.nodes.app.secrets.sealer.open(Sealed::Access, &text)?;
    let (customer, now) = (recorder.customer(&name), recorder.clock.now());
    recorder.session(Session { id: reference.session, customer, device: None, proof: (now, now) });
    let token = recorder.token(Kind::Access, &reference)?;
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let (asked, text, sent) = (site.clone(), text.clone(), recorder.clock.now());
        let answer = tokio::spawn(async move { hear(asked.check(0, &text, false), PATIENCE).await });
        while !answer.is_finished() && !rig.nodes.is_frozen(0) {
            sleep(Duration::from_millis(1)).await;
        }
        if rig.nodes.is_frozen(0) {
            let stood = recorder.clock.now();
            lock(site, (&name, customer), recorder).await;
            let woken = recorder.clock.now();
            rig.nodes.signal(0, Signal::CONT);
            let is_active = answer.await.ok().flatten().is_some_and(|seen| seen.body.starts_with("{\"active\":true"));
            let said = if is_active { Said::Active } else { Said::Unsure };
            recorder.checked(Check { token, node: 0, said, begin: sent, end: recorder.clock.now() });
            return Some((stood, woken));
        }
    }
    None
}

/// At another node.
async fn lock(site: &Site, (name, customer): (&str, u32), recorder: &Recorder) {
    let path = format!("/api/v1/customers/{name}/lockdown");
    let Some(order) = site.order(1, "fraud-desk", (Method::POST, &path)).await else { return };
    let open = recorder.begin(0, 1, Verb::Lock { customer });
    let seen = hear(order, PATIENCE).await;
    let is_confirmed = seen.is_some_and(|seen| field(&seen, "status").as_deref() == Some("confirmed"));
    let outcome = if is_confirmed { Outcome::Confirmed } else { Outcome::Unconfirmed };
    recorder.end(open, outcome, Came::default());
}
