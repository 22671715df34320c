//! Three serving programs on one PostgreSQL, as processes that can be stopped and started one by one, and a client that asks
//! whichever is up: one that meets a closed connection or 503 asks the next.

use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use rescind::app::App;
use tokio::time::Instant;

use crate::support::browser::Seen;
use crate::support::flow::Pair;
use crate::support::program::{Bank, Folder, Program, free_port};
use crate::support::{KEY, PASSWORD};

/// How many nodes there are.
pub const NODES: usize = 3;

/// Who asks for so long, of all nodes again and again, and gets no answer, hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// What clients met.
#[derive(Debug, Default)]
pub struct Met {
    /// Answers but 503.
    pub answers: AtomicUsize,
    /// 503.
    pub unsure: AtomicUsize,
    /// Nobody listened.
    pub closed: AtomicUsize,
    /// The connection ended before the answer.
    pub cut: AtomicUsize,
}

impl Met {
    /// The counts, in the order above.
    pub fn counts(&self) -> [usize; 4] {
        [&self.answers, &self.unsure, &self.closed, &self.cut].map(|count| count.load(Ordering::SeqCst))
    }
}

/// Three nodes and their bank. The nodes are killed before the database goes.
pub struct Fleet {
    nodes: [Mutex<Option<Program>>; NODES],
    ports: [AtomicU16; NODES],
    /// What asking them needs.
    pub http: reqwest::Client,
    /// The clients' secrets.
    pub bank: Bank,
    /// Bearer tokens that lock and unlock customers.
    pub desk: String,
    /// See `desk`.
    pub branch: String,
    /// What clients met.
    pub met: Met,
    /// The same database and keys, in this process, which serves nothing: for `db_` helpers.
    pub app: Arc<App>,
    /// Where they run.
    pub folder: Folder,
}

impl Fleet {
    /// Three nodes with these settings, and a bank with a branch desk.
    pub async fn start(settings: &[(&str, &str)]) -> Arc<Self> {
        let mut folder = Folder::of_engine().await.with("RESCIND_CHECKS", "fast");
        folder.set("RESCIND_LIMIT_SCALE", "1000000");
        // `db_customer` hashes with the pepper of all tests.
        for name in ["RESCIND_SECRET_KEY", "RESCIND_DATA_KEY", "RESCIND_PEPPER"] {
            folder.set(name, KEY);
        }
        for (name, value) in settings {
            folder.set(name, value);
        }
        let bank = folder.enter_bank("CUST_0");
        let branch = ["client", "create", "--json", "--id", "branch-desk", "--name", "b", "--type", "confidential"];
        let branch = folder.run(&[branch.as_slice(), &["--scope", "customers:unlock"]].concat()).json();
        let branch = branch["client_secret"].as_str().expect("a secret").to_owned();
        let staff = ["staff", "create", "--username", "the-supervisor", "--role", "supervisor"];
        assert_eq!(folder.run_with(&staff, PASSWORD).code, 0);
        let app = folder.db_app().await;
        let first = folder.serve().await;
        let (desk, branch) =
            (machine(&first, "fraud-desk", &bank.desk).await, machine(&first, "branch-desk", &branch).await);
        let nodes = [first, folder.serve().await, folder.serve().await];
        let ports = [0, 1, 2].map(|at: usize| nodes[at].port.into());
        let nodes = nodes.map(|node| Mutex::new(Some(node)));
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Arc::new(Self { nodes, ports, http, bank, desk, branch, met: Met::default(), app, folder })
    }

    /// The address of a path at a node.
    pub fn url(&self, node: usize, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.ports[node % NODES].load(Ordering::SeqCst))
    }

    /// Asks one node; `None` if there is no answer.
    pub async fn ask(&self, request: RequestBuilder) -> Option<Seen> {
        let heard = async {
            let response = request.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok::<_, reqwest::Error>(Seen { status, headers, body: response.text().await? })
        };
        let heard = tokio::time::timeout(PATIENCE, heard).await.expect("a node hangs");
        let count = match &heard {
            Ok(seen) if seen.status == StatusCode::SERVICE_UNAVAILABLE => &self.met.unsure,
            Ok(_) => &self.met.answers,
            Err(error) if error.is_connect() => &self.met.closed,
            Err(_) => &self.met.cut,
        };
        count.fetch_add(1, Ordering::SeqCst);
        heard.ok()
    }

    /// Asks whichever node is up, a given one first; and whether a try before was left without an answer, or with 503.
    pub async fn ask_any(&self, first: usize, request: impl Fn(usize) -> RequestBuilder) -> (Seen, bool) {
        let began = Instant::now();
        for node in first.. {
            if let Some(seen) = self.ask(request(node)).await
                && seen.status != StatusCode::SERVICE_UNAVAILABLE
            {
                return (seen, node > first);
            }
            assert!(began.elapsed() < PATIENCE, "no node is up");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        unreachable!("the loop has no end")
    }

    /// A form for a direct endpoint of a node.
    pub fn form(&self, node: usize, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        self.http.post(self.url(node, path)).form(form)
    }

    /// A check by the API.
    pub fn check(&self, node: usize, token: &str) -> RequestBuilder {
        self.form(node, "/oauth/introspect", &[("token", token)]).basic_auth("accounts-api", Some(&self.bank.api))
    }

    /// An order to lock a customer.
    pub fn lock(&self, node: usize, customer: &str) -> RequestBuilder {
        let url = self.url(node, &format!("/api/v1/customers/{customer}/lockdown"));
        self.http.post(url).bearer_auth(&self.desk).json(&serde_json::json!({ "reason": "phone stolen" }))
    }

    /// An order to unlock a customer.
    pub fn unlock(&self, node: usize, customer: &str) -> RequestBuilder {
        let url = self.url(node, &format!("/api/v1/customers/{customer}/unlock"));
        let body = serde_json::json!({ "reason": "identity checked", "approved_by": "the-supervisor" });
        self.http.post(url).bearer_auth(&self.branch).json(&body)
    }

    /// Takes a node out, to be signalled or stopped by the test.
    pub fn take(&self, node: usize) -> Program {
        self.nodes[node].lock().expect("lock").take().expect("it runs")
    }

    /// Stops a node (SIGTERM) and waits for its end, which must be a clean one; what it logged.
    pub async fn stop(&self, node: usize) -> String {
        let program = self.take(node);
        let ran = tokio::task::spawn_blocking(|| program.stop()).await.expect("stopped");
        assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
        assert!(ran.err.lines().last().unwrap_or_default().contains("\"message\":\"stopped\""), "{}", ran.err);
        ran.err
    }

    /// Starts a node again; clients know at once where.
    pub async fn restart(&self, node: usize) {
        let program = self.folder.start(free_port(), &["serve"]);
        self.ports[node].store(program.port, Ordering::SeqCst);
        let program = program.ready().await;
        *self.nodes[node].lock().expect("lock") = Some(program);
    }

    /// Shows what the nodes complained of: for a test that fails.
    pub fn complain(&self) {
        println!("answers, unsure, not reached, cut off: {:?}", self.met.counts());
        for (number, node) in self.nodes.iter().enumerate() {
            let log = node.lock().ok().and_then(|node| node.as_ref().map(Program::log)).unwrap_or_default();
            let is_complaint = |line: &&str| !line.contains("\"INFO\"") || line.contains("\"status\":503");
            log.lines().filter(is_complaint).for_each(|line| println!("node {number}: {line}"));
        }
    }
}

async fn machine(node: &Program, id: &str, secret: &str) -> String {
    Pair::of(&node.post("/oauth/token", Some((id, secret)), &[("grant_type", "client_credentials")]).await).access
}
