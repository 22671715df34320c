//! Three nodes are stopped and started again one by one while clients work: no wrong answer, no lost session, and what a
//! stopping node has begun it answers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::StatusCode;
use rustix::process::Signal;
use tokio::time::Instant;

use crate::fleet::{Fleet, NODES};
use crate::load::Load;
use crate::support::database::is_postgres;

/// So long that nobody would wait for it unnoticed.
const LEASE_MS: i64 = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn int_09_lck_02_three_nodes_restarted_one_by_one_give_no_wrong_answer_and_lose_no_session() {
    if !is_postgres() {
        return;
    }
    let fleet = Fleet::start(&[("RESCIND_LEASE", "20")]).await;
    let working = Load::begin(fleet.clone()).await;
    working.more(200, 2).await;
    let mut stops = Duration::ZERO;
    for node in 0..NODES {
        let began = Instant::now();
        let stop = async {
            fleet.stop(node).await;
            stops = stops.max(began.elapsed());
        };
        tokio::join!(stop, working.more(50, 2));
        working.more(50, 1).await;
        fleet.restart(node).await;
        working.more(100, 1).await;
    }
    let load = working.end().await;
    let [alive, ended] = load.ledger.settle(&fleet).await;
    let [answers, unsure, closed, cut] = fleet.met.counts();
    let (lockdowns, longest_ms) = (load.lockdowns.load(Ordering::SeqCst), load.longest_ms.load(Ordering::SeqCst));
    let [of_alive, of_ended] = [0, 1].map(|at: usize| load.ledger.judged[at].load(Ordering::SeqCst));
    println!(
        "{answers} answers, {unsure} unsure, {closed} not reached, {cut} cut off; checks of living {of_alive}, of ended \
         {of_ended}; {lockdowns} lockdowns, the longest {longest_ms} ms; stops within {stops:?}; sessions alive {alive}, ended {ended}"
    );
    assert!(alive > 10 && ended > 10 && of_ended > 100, "the run was no run");
    assert!(stops < Duration::from_secs(20), "a stop with nothing to wait for waited for its whole grace: {stops:?}");
    assert!(longest_ms < LEASE_MS, "a lockdown waited for a lease of a node that had stopped cleanly");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_told_to_stop_answers_a_lockdown_that_waits_for_a_frozen_one() {
    if !is_postgres() {
        return;
    }
    let fleet = Fleet::start(&[("RESCIND_LEASE", "4")]).await;
    // Its row keeps every confirmation waiting for the lease, longer than Rocket gives answers by itself.
    let frozen = fleet.take(1);
    frozen.signal(Signal::STOP);
    let asked = fleet.clone();
    let answer = tokio::spawn(async move { asked.ask(asked.lock(0, "CUST_0")).await });
    // Begun: somebody else sees the incident.
    let begun = async {
        while fleet.folder.run(&["audit", "export"]).out.matches("lockdown").count() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), begun).await.expect("it never begins");
    assert!(!answer.is_finished(), "nothing was waited for");
    fleet.stop(0).await;
    let seen = answer.await.expect("asked").expect("an answer, although the node was told to stop");
    assert_eq!((seen.status, seen.json()["status"].as_str()), (StatusCode::OK, Some("confirmed")), "{}", seen.body);
    frozen.kill();
}
