//! Three nodes that share copies in a Redis which is stopped, flushed, filled with forged and with old values, or slow, while
//! many lockdowns are under way: no wrong answer, and checks go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::fleet::{Fleet, NODES};
use crate::support::database::is_postgres;
use crate::support::db_customer;
use crate::support::minted::db_access_token;
use crate::support::redis::Redis;

/// Lockdowns under way at once, each of another customer.
const AT_ONCE: usize = 16;
/// How many each of them makes under one fault.
const ROUNDS: usize = 2;
/// Between two checks of one watch.
const PACE: Duration = Duration::from_millis(50);

/// What is wrong with Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Nothing: what the others are compared with.
    Nothing,
    /// All keys go, again and again.
    Flushed,
    /// All values are overwritten, again and again: by garbage, and by those of other sessions.
    Forged,
    /// Every value that was ever seen is put back, again and again.
    Old,
    /// Answers come two seconds late.
    Slow,
    /// The process is frozen.
    Frozen,
    /// The process is gone.
    Gone,
}

/// A Redis behind a network that can be slow, and everything that was ever seen in it.
struct Rigged {
    redis: Redis,
    is_slow: Arc<AtomicBool>,
    address: String,
    seen: BTreeMap<String, Vec<u8>>,
}

impl Rigged {
    async fn start() -> Self {
        let redis = Redis::start();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("redis://{}", listener.local_addr().expect("its address"));
        let (is_slow, port) = (Arc::new(AtomicBool::new(false)), redis.port);
        tokio::spawn(carry_all(listener, port, is_slow.clone()));
        Self { redis, is_slow, address, seen: BTreeMap::new() }
    }

    /// Keeps what is there.
    fn record(&mut self) {
        for key in self.redis.copies() {
            let value: Option<Vec<u8>> = self.redis.ask(&[b"GET", key.as_bytes()]);
            if let Some(value) = value {
                // The first: of before the lockdown.
                self.seen.entry(key).or_insert(value);
            }
        }
    }

    /// Spoils what is there once; only faults that need it.
    fn spoil(&mut self, fault: Fault, time: usize) {
        match fault {
            Fault::Flushed => self.redis.ask::<()>(&[b"FLUSHALL"]),
            Fault::Forged => {
                let values: Vec<&Vec<u8>> = self.seen.values().collect();
                for (at, key) in self.redis.copies().into_iter().enumerate() {
                    let garbage = vec![u8::try_from(at % 251).unwrap_or(0); 300];
                    let value = if at % 2 == 0 { &garbage } else { values[(at + time) % values.len()] };
                    self.redis.ask::<()>(&[b"SET", key.as_bytes(), value]);
                }
            }
            Fault::Old => {
                self.record();
                for (key, value) in &self.seen {
                    self.redis.ask::<()>(&[b"SET", key.as_bytes(), value]);
                }
            }
            Fault::Nothing => self.record(),
            Fault::Slow | Fault::Frozen | Fault::Gone => {}
        }
    }

    fn begin(&mut self, fault: Fault) {
        match fault {
            Fault::Slow => self.is_slow.store(true, Ordering::SeqCst),
            Fault::Frozen => self.redis.freeze(),
            Fault::Gone => self.redis.kill(),
            Fault::Nothing | Fault::Flushed | Fault::Forged | Fault::Old => {}
        }
    }

    fn end(&mut self, fault: Fault) {
        match fault {
            Fault::Slow => self.is_slow.store(false, Ordering::SeqCst),
            Fault::Frozen => self.redis.thaw(),
            Fault::Gone => self.redis.restart(),
            Fault::Nothing | Fault::Flushed | Fault::Forged | Fault::Old => {}
        }
    }
}

async fn carry_all(listener: TcpListener, port: u16, is_slow: Arc<AtomicBool>) {
    while let Ok((client, _)) = listener.accept().await {
        let is_slow = is_slow.clone();
        tokio::spawn(async move {
            if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
                Box::pin(carry(client, server, &is_slow)).await;
            }
        });
    }
}

/// Carries one connection; while the network is slow, every answer is two seconds late.
async fn carry(client: TcpStream, server: TcpStream, is_slow: &AtomicBool) {
    let ((mut asks, mut told), (mut answers, mut asked)) = (client.into_split(), server.into_split());
    let up = tokio::io::copy(&mut asks, &mut asked);
    let down = async {
        let mut bytes = [0_u8; 16 * 1024];
        while let Ok(n) = answers.read(&mut bytes).await
            && n > 0
        {
            if is_slow.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            if told.write_all(&bytes[..n]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        _ = up => {}
        () = down => {}
    }
}

/// Whether a node says `active`; `None` if it is unsure.
async fn says_active(fleet: &Fleet, node: usize, token: &str) -> Option<bool> {
    let seen = fleet.ask(fleet.check(node, token)).await.expect("an answer");
    if seen.status == StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
    Some(seen.json()["active"] == true)
}

/// A session that is seen alive on all nodes, locked at one, and dead on all from the answer on, whatever Redis says. How
/// many checks said `active` while the lockdown was under way.
async fn round(fleet: Arc<Fleet>, customer: String, number: usize) -> usize {
    let token = db_access_token(&fleet.app, &customer, &[]).await;
    for node in 0..NODES {
        assert_ne!(says_active(&fleet, node, &token).await, Some(false), "a good token is called dead");
    }
    let (locked, alive) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let watch = async {
        for node in number.. {
            let was_locked = locked.load(Ordering::SeqCst);
            let said = says_active(&fleet, node, &token).await;
            assert!(!was_locked || said != Some(true), "active after the answer");
            if said == Some(true) {
                alive.fetch_add(1, Ordering::SeqCst);
            }
            if was_locked && node > number + NODES {
                return;
            }
            tokio::time::sleep(PACE).await;
        }
    };
    let lock = async {
        let (receipt, _) = fleet.ask_any(number, |node| fleet.lock(node, &customer)).await;
        assert_eq!((receipt.status, receipt.json()["status"].as_str()), (StatusCode::OK, Some("confirmed")));
        locked.store(true, Ordering::SeqCst);
        for node in 0..NODES {
            assert_ne!(says_active(&fleet, node, &token).await, Some(true), "active after the answer, on node {node}");
        }
    };
    tokio::join!(watch, lock);
    let (lifted, _) = fleet.ask_any(number + 1, |node| fleet.unlock(node, &customer)).await;
    assert!([StatusCode::OK, StatusCode::CONFLICT].contains(&lifted.status), "{}", lifted.body);
    for node in 0..NODES {
        assert_ne!(says_active(&fleet, node, &token).await, Some(true), "unlocking brought it back");
    }
    alive.into_inner()
}

/// One desk's lockdowns, one after another; how many checks were alive meanwhile.
async fn desk(fleet: Arc<Fleet>, worker: usize) -> usize {
    let mut alive = 0;
    for time in 0..ROUNDS {
        alive += round(fleet.clone(), format!("CUST_5{worker}"), worker + time).await;
    }
    alive
}

/// Many lockdowns under one fault, while others' tokens are checked.
async fn under(fleet: &Arc<Fleet>, mut rigged: Rigged, fault: Fault, bystanders: &[String]) -> Rigged {
    let before = fleet.met.counts();
    rigged.begin(fault);
    let workers: Vec<_> = (0..AT_ONCE).map(|worker| tokio::spawn(desk(fleet.clone(), worker))).collect();
    for time in 0.. {
        rigged = tokio::task::spawn_blocking(move || {
            rigged.spoil(fault, time);
            rigged
        })
        .await
        .expect("spoilt");
        let token = &bystanders[time % bystanders.len()];
        assert_ne!(says_active(fleet, time, token).await, Some(false), "{fault:?}: a good token is called dead");
        if workers.iter().all(tokio::task::JoinHandle::is_finished) {
            break;
        }
        tokio::time::sleep(PACE).await;
    }
    let mut alive = 0;
    for worker in workers {
        alive += worker.await.expect("no wrong answer");
    }
    rigged.end(fault);
    let after = fleet.met.counts();
    let [answers, unsure] = [0, 1].map(|at: usize| after[at] - before[at]);
    println!(
        "{fault:?}: {} lockdowns, {answers} answers, {alive} alive meanwhile, {unsure} times 503",
        AT_ONCE * ROUNDS
    );
    assert!(alive > AT_ONCE / 4, "{fault:?}: nothing was seen alive: {alive}");
    assert!(unsure <= answers / 20, "{fault:?}: checks do not go on: {unsure} of {answers}");
    rigged
}

#[tokio::test(flavor = "multi_thread")]
async fn int_09_sto_01_whatever_happens_to_redis_no_check_overlooks_a_lockdown_and_checks_go_on() {
    if !is_postgres() {
        return;
    }
    let mut rigged = Rigged::start().await;
    let address = rigged.address.clone();
    // The least memory there is: most checks ask Redis.
    let fleet = Fleet::start(&[("RESCIND_REDIS_URL", &address), ("RESCIND_NEAR_CACHE", "100")]).await;
    for worker in 0..AT_ONCE {
        db_customer(&fleet.app, &format!("CUST_5{worker}"), "Somebody", None, None).await;
    }
    // Of other customers: alive from the first to the last.
    let mut bystanders = Vec::new();
    for _ in 0..20 {
        bystanders.push(db_access_token(&fleet.app, "CUST_0", &[]).await);
    }
    let faults = [
        Fault::Nothing,
        Fault::Flushed,
        Fault::Forged,
        Fault::Old,
        Fault::Slow,
        Fault::Frozen,
        Fault::Gone,
        Fault::Nothing,
    ];
    for fault in faults {
        rigged = under(&fleet, rigged, fault, &bystanders).await;
    }
    let [.., closed, cut] = fleet.met.counts();
    assert_eq!((closed, cut), (0, 0));
    let mut found = 0.0;
    for node in 0..NODES {
        let page = fleet.ask(fleet.http.get(fleet.url(node, "/metrics"))).await.expect("measures").body;
        let line = page.lines().find(|line| line.starts_with("rescind_check_lookups_total{path=\"redis\"}"));
        found += line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).unwrap_or_default();
    }
    println!("{found} checks were answered from Redis, {} copies were seen in it", rigged.seen.len());
    assert!(found > 0.0 && !rigged.seen.is_empty(), "Redis was not used");
}
