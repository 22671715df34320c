//! The ways Redis is run: TLS and users, clusters, Sentinels.

use std::path::Path;
use std::process::{Command, Stdio};

use rescind::limits::Rule;

use crate::bank::{bank, until};
use crate::support::TestServer;
use crate::support::redis::Redis;

/// What docs/operating.md tells operators to give us, and not a right more.
const USER: &str =
    "user default off\nuser rescind on >hunter2 resetchannels ~rescind:nyb:* -@all +getrange +set +eval +evalsha";
/// The same in a cluster.
const CLUSTER_USER: &str = "user default on nopass ~* &* +@all\n\
     user rescind on >hunter2 resetchannels ~rescind:nyb:* -@all +getrange +set +eval +evalsha +cluster|slots +ping";

/// Copies arrive, and a node without memory answers from them alone.
async fn is_used(server: &TestServer, redis: &str) -> TestServer {
    let mut pairs = Vec::new();
    for _ in 0..4 {
        pairs.push(server.shared_pair().await.0);
    }
    let next = server.restarted(redis).await;
    next.db_hide_sessions().await;
    for pair in &pairs {
        assert!(next.is_active(&pair.access).await);
    }
    assert_eq!((next.counts().found, next.counts().failed), (4, 0));
    next.db_show_sessions().await;
    next
}

/// Limits are counted in Redis, of many keys.
async fn counts_limits(server: &TestServer) {
    let limits = &server.app.limits;
    for key in 0..60 {
        limits.take(Rule::AskPerStaff, &format!("somebody {key}"), server.app.clock.now()).await.expect("one");
    }
    assert_eq!(limits.away(), 0);
}

/// Checks go on, and nothing is read from or written to Redis.
async fn is_not_used(redis: &str) {
    let server = bank(redis).await;
    let pair = server.pair("naybitono-mobile").await;
    assert!(server.is_active(&pair.access).await);
    let counts = server.counts();
    assert_eq!((counts.found + counts.missing, counts.written, counts.spared > 0), (0, 0, true), "{counts:?}");
}

fn openssl(folder: &Path, line: &str) {
    let mut command = Command::new("openssl");
    let command = command.args(line.split_whitespace()).current_dir(folder).stdin(Stdio::null());
    let ran = command.output().expect("openssl is installed: tests/run does that");
    assert!(ran.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// A CA, and a certificate of it for this name: `ca.pem`, `cert.pem`, `key.pem`.
fn certify(folder: &Path, name: &str) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(folder, &format!("req -x509 {key} -days 2 -subj /CN=TestCA -keyout ca.key -out ca.pem"));
    openssl(folder, &format!("req {key} -subj /CN=redis -addext subjectAltName={name} -keyout key.pem -out csr.pem"));
    openssl(folder, "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -days 2 -copy_extensions copy -out cert.pem");
}

/// The configuration of a server that speaks TLS alone.
fn tls(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "port 0\ntls-port {{port}}\ntls-cert-file {folder}/cert.pem\ntls-key-file {folder}/key.pem\n\
         tls-ca-cert-file {folder}/ca.pem\ntls-auth-clients no\n{USER}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_03_over_tls_as_a_user_who_may_do_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    certify(folder.path(), "IP:127.0.0.1");
    let redis = Redis::start_with(&tls(folder.path()));
    let ca = folder.path().join("ca.pem").display().to_string();
    let url = format!("rediss://rescind:hunter2@127.0.0.1:{}?ca={ca}", redis.port);
    counts_limits(&is_used(&bank(&url).await, &url).await).await;

    is_not_used(&url.replace("hunter2", "hunter3")).await;
    is_not_used(&url.replace("rescind:hunter2@", "")).await;
    is_not_used(url.split('?').next().unwrap()).await; // The system does not know that CA.
    is_not_used(&url.replace("rediss://", "redis://").replace(&format!("?ca={ca}"), "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_03_a_certificate_for_another_name_or_of_another_ca_is_refused() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certify(folder.path(), "DNS:redis.example");
    certify(other.path(), "IP:127.0.0.1");
    let redis = Redis::start_with(&tls(folder.path()));
    for ca in [&folder, &other] {
        let ca = ca.path().join("ca.pem").display().to_string();
        is_not_used(&format!("rediss://rescind:hunter2@127.0.0.1:{}?ca={ca}", redis.port)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_10_a_cluster() {
    let node = || Redis::start_with(&format!("cluster-enabled yes\ncluster-port {{free}}\n{CLUSTER_USER}"));
    let mut nodes = [node(), node(), node()];
    let mut command = Command::new("redis-cli");
    command.args(["--cluster", "create", "--cluster-yes"]).stdin(Stdio::null());
    let made = command.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port))).output().expect("redis-cli");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    until("one cluster", async || {
        nodes.iter().all(|node| node.ask::<String>(&[b"CLUSTER", b"INFO"]).contains("cluster_state:ok"))
    })
    .await;
    let hosts: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let url = format!("redis://rescind:hunter2@{}", hosts.join(","));
    let server = is_used(&bank(&url).await, &url).await;
    // Where a copy lies is chance: with so many, all on one node would be one run in ten million.
    for _ in 0..12 {
        server.shared_pair().await;
    }
    let spread = nodes.iter().filter(|node| !node.copies().is_empty()).count();
    assert!(spread > 1, "all on one node of three");
    counts_limits(&server).await;
    let spread = nodes.iter().filter(|node| !node.keys("rescind:nyb:l:*").is_empty()).count();
    assert_eq!(spread, 3, "limits are counted on all nodes");

    nodes[0].kill();
    for _ in 0..8 {
        let pair = server.pair("naybitono-mobile").await;
        assert!(server.is_active(&pair.access).await, "checks go on");
    }
    nodes[0].restart();
    server.until_redis_answers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sto_10_sentinels_and_a_failover() {
    let mut first = Redis::start();
    let second = Redis::start_with(&format!("replicaof 127.0.0.1 {}", first.port));
    until("a replica", async || second.ask::<String>(&[b"INFO", b"replication"]).contains("master_link_status:up"))
        .await;
    let watch = format!(
        "sentinel monitor bank 127.0.0.1 {} 1\nsentinel down-after-milliseconds bank 500\n\
         sentinel failover-timeout bank 3000\nrequirepass watchword",
        first.port
    );
    let sentinel = Redis::sentinel(&watch);
    let seen = sentinel.port;
    // The first Sentinel is not there.
    let hosts = format!("127.0.0.1:{},127.0.0.1:{seen}", crate::support::program::free_port());
    let url = format!("redis+sentinel://{hosts}/bank?sentinel_password=watchword");
    let server = is_used(&bank(&url).await, &url).await;
    until("the replica has them, too", async || second.copies().len() >= 4).await;

    first.kill();
    let mut pairs = Vec::new();
    for _ in 0..5 {
        let pair = server.pair("naybitono-mobile").await;
        assert!(server.is_active(&pair.access).await, "checks go on");
        pairs.push(pair);
    }
    until("a new master", async || second.ask::<String>(&[b"INFO", b"replication"]).contains("role:master")).await;
    let before = second.copies().len();
    server.until_redis_answers().await;
    assert!(second.copies().len() > before, "the new master is written to");
    counts_limits(&is_used(&server, &url).await).await;
}
