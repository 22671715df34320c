//! The Redis of the rig: a primary with two replicas and three Sentinels, or a cluster of three and their three replicas. Each
//! node reaches each of them by links of its own; what Sentinels and the cluster say of addresses is turned into those.

use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::link::{Link, Weather};
use crate::support::redis::Redis;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// How Redis is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One primary, two replicas, three Sentinels.
    Sentinels,
    /// Three primaries with a replica each.
    Cluster,
}

/// All servers, and the links to them.
pub struct Copies {
    /// How they are run.
    pub topology: Topology,
    /// The servers that hold data.
    pub servers: Vec<Redis>,
    sentinels: Vec<Redis>,
    /// Of each node: to the servers, and then to the Sentinels.
    links: Vec<Vec<Link>>,
}

impl Copies {
    /// Starts them, with links for so many nodes.
    pub fn start(topology: Topology, nodes: usize, handle: &Handle) -> Self {
        let (servers, sentinels) = match topology {
            Topology::Sentinels => sentinels(),
            Topology::Cluster => (cluster(), Vec::new()),
        };
        let ports: Vec<u16> = servers.iter().chain(&sentinels).map(|redis| redis.port).collect();
        let links = |_| {
            let links: Vec<Link> = ports.iter().map(|port| handle.block_on(Link::to(*port))).collect();
            let names: Vec<_> = ports.iter().copied().zip(links.iter().map(|link| link.port)).collect();
            for link in &links {
                link.rename(names.clone());
            }
            links
        };
        Self { links: (0..nodes).map(links).collect(), topology, servers, sentinels }
    }

    /// The address that a node is given.
    pub fn url(&self, node: usize) -> String {
        let hosts =
            |links: &[Link]| links.iter().map(|link| format!("127.0.0.1:{}", link.port)).collect::<Vec<_>>().join(",");
        let (servers, sentinels) = self.links[node].split_at(self.servers.len());
        match self.topology {
            Topology::Sentinels => format!("redis+sentinel://{}/bank", hosts(sentinels)),
            Topology::Cluster => format!("redis://{}", hosts(servers)),
        }
    }

    /// Changes the weather on all links of a node.
    pub fn set(&self, node: usize, weather: Weather) {
        self.links[node].iter().for_each(|link| link.set(weather));
    }

    /// Leads one node's link to a server to another server, or back.
    pub fn lead(&self, node: usize, server: usize, to: usize) {
        self.links[node][server].lead_to(self.servers[to].port);
    }

    /// Who is a primary now, by number: of those that say so, the ones with replicas, if any.
    pub fn primaries(&self) -> Vec<usize> {
        let role = |redis: &Redis| redis.try_ask::<String>(&[b"INFO", b"replication"]).unwrap_or_default();
        let roles: Vec<String> = self.servers.iter().map(role).collect();
        let is_primary = |at: &usize| roles[*at].contains("role:master");
        let followed = |at: &usize| is_primary(at) && !roles[*at].contains("connected_slaves:0");
        let found: Vec<usize> = (0..roles.len()).filter(followed).collect();
        if found.is_empty() { (0..roles.len()).filter(is_primary).collect() } else { found }
    }

    /// Waits until there are as many primaries as there should be, and every other one follows one.
    pub fn until_healed(&self) {
        let (wanted, began) = (if self.topology == Topology::Sentinels { 1 } else { 3 }, Instant::now());
        loop {
            let roles = self.servers.iter().map(|redis| redis.try_ask::<String>(&[b"INFO", b"replication"]));
            let roles: Vec<String> = roles.map(Result::unwrap_or_default).collect();
            let primaries = roles.iter().filter(|role| role.contains("role:master")).count();
            let followers = roles.iter().filter(|role| role.contains("master_link_status:up")).count();
            if primaries == wanted && primaries + followers == self.servers.len() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "Redis does not heal: {roles:?}");
            // As an operator does who sees a server that nobody follows: Sentinels take 8 s to say so.
            if began.elapsed() > Duration::from_secs(1) {
                self.bring_together(&roles);
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Lets those that are primaries, but not the one that the Sentinels agree on, follow that one.
    fn bring_together(&self, roles: &[String]) {
        let words = [&b"SENTINEL"[..], b"GET-MASTER-ADDR-BY-NAME", b"bank"];
        let named = |sentinel: &Redis| sentinel.try_ask::<Vec<String>>(&words).ok()?.get(1)?.parse::<u16>().ok();
        let named: Vec<Option<u16>> = self.sentinels.iter().map(named).collect();
        let Some(Some(primary)) = named.first().filter(|first| named.iter().all(|other| other == *first)) else {
            return;
        };
        for (server, role) in self.servers.iter().zip(roles) {
            if server.port != *primary && role.contains("role:master") {
                let _ = server.try_ask::<()>(&[b"REPLICAOF", b"127.0.0.1", primary.to_string().as_bytes()]);
            }
        }
    }
}

fn sentinels() -> (Vec<Redis>, Vec<Redis>) {
    // None is a replica by its configuration: whichever starts again holds itself for a primary until it is told.
    let [first, second, third] =
        [0; 3].map(|_| Redis::start_with("repl-diskless-sync yes\nrepl-diskless-sync-delay 0"));
    for replica in [&second, &third] {
        replica.ask::<()>(&[b"REPLICAOF", b"127.0.0.1", first.port.to_string().as_bytes()]);
    }
    let watch = format!(
        "sentinel monitor bank 127.0.0.1 {} 2\nsentinel down-after-milliseconds bank 700\n\
         sentinel failover-timeout bank 2000\nsentinel parallel-syncs bank 2",
        first.port
    );
    let sentinels: Vec<Redis> = (0..3).map(|_| Redis::sentinel(&watch)).collect();
    let (began, words) = (Instant::now(), [&b"SENTINEL"[..], b"MASTER", b"bank"]);
    let knows_all = |sentinel: &Redis| {
        let said: Vec<String> = sentinel.try_ask(&words).unwrap_or_default();
        let value = |name: &str| said.iter().skip_while(|word| *word != name).nth(1).cloned().unwrap_or_default();
        value("num-slaves") == "2" && value("num-other-sentinels") == "2"
    };
    while !sentinels.iter().all(knows_all) {
        assert!(began.elapsed() < PATIENCE, "the Sentinels do not find each other");
        std::thread::sleep(Duration::from_millis(100));
    }
    (vec![first, second, third], sentinels)
}

fn cluster() -> Vec<Redis> {
    let lines = "cluster-enabled yes\ncluster-port {free}\ncluster-node-timeout 1000\nrepl-diskless-sync yes\n\
                 repl-diskless-sync-delay 0";
    let servers: Vec<Redis> = (0..6).map(|_| Redis::start_with(lines)).collect();
    let mut command = Command::new("redis-cli");
    command.args(["--cluster", "create", "--cluster-yes", "--cluster-replicas", "1"]).stdin(Stdio::null());
    let made = command.args(servers.iter().map(|redis| format!("127.0.0.1:{}", redis.port))).output();
    let made = made.expect("redis-cli");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    let began = Instant::now();
    let knows = |redis: &Redis| redis.try_ask::<String>(&[b"CLUSTER", b"INFO"]).unwrap_or_default();
    while !servers.iter().all(|redis| knows(redis).contains("cluster_state:ok")) {
        assert!(began.elapsed() < PATIENCE, "the cluster is not one");
        std::thread::sleep(Duration::from_millis(100));
    }
    servers
}
