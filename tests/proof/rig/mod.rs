//! What is broken: three serving nodes, a PostgreSQL with a synchronous standby, a Redis with Sentinels or a cluster; every
//! way from one to another is a link. All of it in one folder, on loopback, and gone when it is dropped.

pub mod databases;
pub mod link;
pub mod nodes;
pub mod postgres;
pub mod redis;

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::StatusCode;
use tokio::runtime::Handle;
use tokio::time::Instant;

use self::databases::Databases;
use self::link::{Link, Weather};
use self::nodes::{NODES, Nodes, Own};
use self::redis::{Copies, Topology};
use crate::dice::Dice;
use crate::support::database::TestDatabase;
use crate::support::program::Folder;

/// Within this time after everything was healed each node must be ready, as docs/operating.md says.
pub const READY: Duration = Duration::from_secs(15);

/// How a rig is made.
#[derive(Clone, Debug)]
pub struct Making {
    /// An empty folder that is there.
    pub folder: PathBuf,
    /// How Redis is run.
    pub topology: Topology,
    /// The longest lease of a node, in seconds, 1 to 30. Each start of a node draws its own.
    pub lease: u64,
    /// What is the same on all nodes.
    pub settings: Own,
    /// What each node has besides, which wins.
    pub own: [Own; NODES],
}

/// All of it.
pub struct Rig {
    /// The nodes: gone before what they use.
    pub nodes: Nodes,
    /// PostgreSQL.
    pub databases: Databases,
    /// Redis.
    pub copies: Copies,
    /// From each node to PostgreSQL.
    pub wires: [Link; NODES],
    /// From whoever looks after it: commands, and `Nodes::app`.
    pub operator: Link,
    /// What asynchronous things run on.
    pub handle: Handle,
    making: Making,
}

impl Rig {
    /// Starts everything, and waits until it is ready. Not to be called on one of the runtime's threads.
    pub fn start(making: Making, handle: Handle) -> Self {
        let databases = Databases::start(&making.folder, handle.clone());
        let copies = Copies::start(making.topology, NODES, &handle);
        let primary = databases.primary_port();
        let [one, two, three, operator] = [0; 4].map(|_| handle.block_on(Link::to(primary)));
        let wires = [one, two, three];
        let folder = Folder::on(TestDatabase::at(&database_url(&operator)));
        let migrated = folder.run(&["migrate"]);
        assert_eq!(migrated.code, 0, "{migrated:?}");
        let own = [0, 1, 2].map(|node: usize| {
            let lease = making.lease.to_string();
            let pair = |name: &str, value: String| (name.to_owned(), value);
            vec![
                pair("RESCIND_DATABASE_URL", database_url(&wires[node])),
                pair("RESCIND_REDIS_URL", copies.url(node)),
                pair("RESCIND_LEASE", lease),
            ]
        });
        let nodes = handle.block_on(Nodes::prepare(folder, &making.settings, own));
        for (node, own) in making.own.iter().enumerate() {
            for (name, value) in own {
                nodes.set_own(node, name, value);
            }
        }
        for node in 0..NODES {
            handle.block_on(nodes.start(node));
        }
        Self { nodes, databases, copies, wires, operator, handle, making }
    }

    /// The address of a path at a node.
    fn url(&self, node: usize, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.nodes.ports[node].load(Ordering::SeqCst))
    }

    /// Changes the weather between a node and PostgreSQL.
    pub fn wire(&self, node: usize, weather: Weather) {
        self.wires[node].set(weather);
    }

    /// Leads everybody to the primary.
    pub fn lead_to_the_primary(&self) {
        let port = self.databases.primary_port();
        self.wires.iter().chain([&self.operator]).for_each(|link| link.lead_to(port));
    }

    /// Draws the lease of a node's next life.
    pub fn draw_lease(&self, node: usize, dice: &mut Dice) {
        self.nodes.set_own(node, "RESCIND_LEASE", &dice.between(1, self.making.lease).to_string());
    }

    /// Writes down what the nodes logged in this life: for a run in which something was wrong.
    pub fn keep_logs(&self, folder: &Path) {
        for node in 0..NODES {
            if let Err(error) = std::fs::write(folder.join(format!("node{node}.log")), self.nodes.log(node)) {
                println!("the log of node {node} can't be kept: {error}");
            }
        }
    }

    /// The longest lease of a node, in seconds.
    #[cfg(feature = "seeded-bugs")]
    pub fn longest_lease(&self) -> u64 {
        self.making.lease
    }

    /// Waits until every node is ready; how long that took, or which was not ready in time and what it complained of.
    pub fn until_ready(&self) -> Result<Duration, String> {
        let (began, http) = (Instant::now(), reqwest::Client::new());
        for node in 0..NODES {
            let is_ready = async || {
                let request = http.get(self.url(node, "/health/ready")).timeout(Duration::from_secs(2));
                request.send().await.is_ok_and(|answer| answer.status() == StatusCode::OK)
            };
            while !self.handle.block_on(is_ready()) {
                if began.elapsed() > READY {
                    return Err(format!("node {node} is not ready {READY:?} after everything was healed"));
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(began.elapsed())
    }
}

fn database_url(link: &Link) -> String {
    format!("postgres://postgres@127.0.0.1:{}/rescind", link.port)
}
