//! The real program in an empty folder, with nothing in its environment but what a test puts there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use rescind::app::App;
use rescind::clock::Clock;
use rescind::config::Settings;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::browser::{Browser, Seen};
use super::database::{TestDatabase, is_postgres};
use super::flow::{Pair, VERIFIER};
use super::guardian;
use super::{ISSUER, PASSWORD};

/// Longest any command may take, and any wait for readiness: generous, because it only ends tests that hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// How many ports tests choose from.
const PORTS: u32 = 12_000;

/// A folder and an environment to run commands in.
pub struct Folder {
    root: tempfile::TempDir,
    streams: tempfile::TempDir,
    settings: BTreeMap<String, String>,
    database: Option<TestDatabase>,
}

/// What a command did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Exit code; -1 if it was killed.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Standard output as JSON, after success.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("not one JSON object: {self:?}"))
    }

    /// The one line on standard error, after exit code 1 and nothing on standard output.
    pub fn refusal(&self) -> &str {
        assert_eq!((self.code, self.out.as_str()), (1, ""), "{self:?}");
        let line = self.err.strip_suffix('\n').unwrap_or_default();
        assert!(line.starts_with("rescind: ") && !line.contains('\n'), "not one line: {self:?}");
        line
    }
}

impl Folder {
    /// An empty folder; the program uses its embedded database and makes its own keys.
    pub fn new() -> Self {
        Self { root: temporary(), streams: temporary(), settings: BTreeMap::new(), database: None }
    }

    /// The same with an empty database of the engine under test, and given keys where that is PostgreSQL.
    pub async fn of_engine() -> Self {
        if !is_postgres() {
            let folder = Self::new();
            assert_eq!(folder.run(&["migrate"]).code, 0);
            return folder;
        }
        let folder = Self::on(TestDatabase::postgres().await);
        let migrated = folder.run(&["migrate", "--json"]).json();
        assert!(migrated["applied"].as_i64() > Some(0), "{migrated}");
        folder
    }

    /// An empty folder with given keys and an empty PostgreSQL database, which nobody has migrated yet.
    pub fn on(database: TestDatabase) -> Self {
        let keys = Self::new().run(&["keys", "generate", "--json"]).json();
        let key = |name: &str| keys[name].as_str().expect("a key").to_owned();
        let folder = Self { database: Some(database), ..Self::new() };
        let url = folder.database_url();
        ["RESCIND_SECRET_KEY", "RESCIND_DATA_KEY", "RESCIND_PEPPER"]
            .iter()
            .fold(folder.with("RESCIND_DATABASE_URL", &url), |folder, name| folder.with(name, &key(name)))
    }

    /// With a variable set.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.to_owned(), value.to_owned());
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// The database the program uses.
    pub fn database_url(&self) -> String {
        let own = || format!("sqlite:{}/rescind-data/rescind.db", self.path().display());
        self.database.as_ref().map_or_else(own, |database| database.url.clone())
    }

    /// The app on the same database and keys, in this process: for `db_` helpers. It serves nothing.
    pub async fn db_app(&self) -> Arc<App> {
        let mut pairs: Vec<_> = self.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        pairs.push(("RESCIND_ISSUER".to_owned(), ISSUER.to_owned()));
        let settings = Settings::from_pairs(pairs, &BTreeMap::new()).expect("settings");
        let db = rescind::store::Db::open(settings.database_url.expose()).await.expect("database");
        let keys = settings.keys().expect("keys");
        Arc::new(App::new(settings, db, keys, Clock::default()).expect("an app"))
    }

    /// All files below, relative and sorted.
    pub fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect(self.path(), self.path(), &mut found);
        found.sort();
        found
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("written");
    }

    /// Runs a command with nothing on standard input.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "")
    }

    /// Runs a command with a text on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let (mut child, [out, err]) = self.spawn(arguments, input, [&[], &[]]);
        let status = wait(&mut child);
        guardian::gone(child.id());
        let read = |path: &PathBuf| String::from_utf8(fs::read(path).expect("a stream")).expect("UTF-8");
        Ran { code: status.code().unwrap_or(-1), out: read(&out), err: read(&err) }
    }

    /// `defaults`: variables for those the test did not set; `own`: ones that win over those of the folder.
    fn spawn(&self, arguments: &[&str], input: &str, [defaults, own]: [&[(&str, &str)]; 2]) -> (Child, [PathBuf; 2]) {
        let stream = |name: &str| {
            let file = tempfile::Builder::new().prefix(name).tempfile_in(self.streams.path()).expect("a file");
            file.keep().expect("kept")
        };
        let ((mut typed, typed_path), (out, out_path), (err, err_path)) = (stream("in"), stream("out"), stream("err"));
        std::io::Write::write_all(&mut typed, input.as_bytes()).expect("written");
        let child = Command::new(env!("CARGO_BIN_EXE_rescind"))
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path())
            .envs(cfg!(feature = "seeded-bugs").then_some(("RESCIND_SEEDED_BUG", "")))
            .envs(defaults.iter().copied())
            .envs(&self.settings)
            .envs(own.iter().copied())
            .stdin(Stdio::from(File::open(typed_path).expect("opened")))
            .stdout(Stdio::from(out))
            .stderr(Stdio::from(err))
            .spawn()
            .expect("the program starts");
        guardian::watch(child.id());
        (child, [out_path, err_path])
    }

    /// Runs `rescind serve` on a free port, and waits until it is ready.
    pub async fn serve(&self) -> Program {
        let program = self.start(free_port(), &["serve"]);
        program.ready().await
    }

    /// Starts a server on a port, without waiting.
    pub fn start(&self, port: u16, arguments: &[&str]) -> Program {
        self.start_as(port, arguments, &[])
    }

    /// The same with variables of its own, which win over those of the folder.
    pub fn start_as(&self, port: u16, arguments: &[&str], own: &[(&str, &str)]) -> Program {
        let number = port.to_string();
        let defaults: &[(&str, &str)] = &[("ROCKET_PORT", &number), ("RESCIND_ISSUER", ISSUER)];
        let (child, streams) = self.spawn(arguments, "", [defaults, own]);
        Program { child, port, streams }
    }

    /// Enters the bank that most tests use, by commands: an app, an API, a fraud desk and one customer with [`PASSWORD`].
    /// The secrets of the API and of the desk.
    pub fn enter_bank(&self, customer: &str) -> Bank {
        let app = ["--redirect-uri", "http://127.0.0.1/callback", "--first-party", "--scope", "openid accounts:read"];
        let create = |id: &str, kind: &str, more: &[&str]| {
            let mut all = vec!["client", "create", "--json", "--id", id, "--name", id, "--type", kind];
            all.extend_from_slice(more);
            self.run(&all).json()["client_secret"].as_str().unwrap_or_default().to_owned()
        };
        create("naybitono-mobile", "public", &app);
        let api = create("accounts-api", "resource-server", &[]);
        let desk = create("fraud-desk", "confidential", &["--scope", "customers:lock"]);
        let made = self.run_with(&["customer", "create", "--id", customer, "--name", "John Doe"], PASSWORD);
        assert_eq!(made.code, 0, "{made:?}");
        Bank { customer: customer.to_owned(), api, desk }
    }
}

/// What [`Folder::enter_bank`] entered.
#[derive(Clone, Debug)]
pub struct Bank {
    /// The customer's id.
    pub customer: String,
    /// The secret of `accounts-api`.
    pub api: String,
    /// The secret of `fraud-desk`.
    pub desk: String,
}

/// A running server. Killed when dropped.
pub struct Program {
    child: Child,
    /// Where it listens.
    pub port: u16,
    streams: [PathBuf; 2],
}

impl Program {
    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Waits until `/health/ready` says 200.
    pub async fn ready(mut self) -> Self {
        let http = reqwest::Client::new();
        let started = tokio::time::Instant::now();
        loop {
            let answer = http.get(self.url("/health/ready")).send().await;
            if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return self;
            }
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "the server ended: {ended:?} {}", self.log());
            assert!(started.elapsed() < PATIENCE, "the server is not ready: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Everything it wrote to standard error so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.streams[1]).expect("the log")).into_owned()
    }

    /// Everything it wrote to standard output so far.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.streams[0]).expect("the output")).into_owned()
    }

    /// Waits for its end by itself.
    pub fn ended(mut self) -> Ran {
        let status = wait(&mut self.child);
        Ran { code: status.code().unwrap_or(-1), out: self.printed(), err: self.log() }
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("signalled");
    }

    /// Whether it stands still (SIGSTOP).
    pub fn is_stopped(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    }

    /// Asks it to stop (SIGTERM) and waits for its end.
    pub fn stop(self) -> Ran {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).expect("signalled");
        self.ended()
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        wait(&mut self.child);
    }

    /// Posts a form to a direct endpoint.
    pub async fn post(&self, path: &str, auth: Option<(&str, &str)>, form: &[(&str, &str)]) -> Seen {
        let mut request = reqwest::Client::new().post(self.url(path)).form(form);
        if let Some((id, secret)) = auth {
            request = request.basic_auth(id, Some(secret));
        }
        Seen::read(request.send().await.expect("an answer")).await
    }

    /// A code for the app, by a real sign-in.
    pub async fn code(&self, customer: &str, password: &str) -> Seen {
        let mut browser = Browser::at(&self.url(""));
        browser.get(&super::flow::authorize_path("naybitono-mobile", &[])).await;
        let page = browser.get("/login").await;
        browser.type_password(&page, customer, password).await
    }

    /// A pair of tokens for the app, by a real sign-in with [`PASSWORD`].
    pub async fn pair(&self, customer: &str) -> Pair {
        let seen = self.code(customer, PASSWORD).await;
        let code = seen.answer("code").unwrap_or_else(|| panic!("no code: {seen:?}"));
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "naybitono-mobile"),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ];
        Pair::of(&self.post("/oauth/token", None, &form).await)
    }

    /// Refreshes as the app.
    pub async fn refresh(&self, token: &str) -> Seen {
        let form = [("grant_type", "refresh_token"), ("client_id", "naybitono-mobile"), ("refresh_token", token)];
        self.post("/oauth/token", None, &form).await
    }

    /// Whether the API is told that a token is active. Anything but a clear yes or no fails the test.
    pub async fn is_active(&self, bank: &Bank, token: &str) -> bool {
        let seen = self.post("/oauth/introspect", Some(("accounts-api", &bank.api)), &[("token", token)]).await;
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
        if seen.body == "{\"active\":false}" {
            return false;
        }
        assert_eq!(seen.json()["active"], Value::Bool(true), "{}", seen.body);
        true
    }

    /// Locks the customer as the fraud desk.
    pub async fn lock(&self, bank: &Bank) -> Seen {
        let grant = [("grant_type", "client_credentials")];
        let token = Pair::of(&self.post("/oauth/token", Some(("fraud-desk", &bank.desk)), &grant).await).access;
        let request = reqwest::Client::new()
            .post(self.url(&format!("/api/v1/customers/{}/lockdown", bank.customer)))
            .bearer_auth(token)
            .json(&serde_json::json!({ "reason": "phone stolen" }));
        Seen::read(request.send().await.expect("an answer")).await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        guardian::gone(self.child.id());
    }
}

/// A port that was free a moment ago, below those that the system gives to connections: who is started again finds it free.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() * 97 % PORTS).expect("a small number");
    for _ in 0..PORTS {
        let at = u32::from(first) + u32::from(NEXT.fetch_add(1, Ordering::SeqCst));
        let port = 20_000 + u16::try_from(at % PORTS).expect("a small number");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free")
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn collect(base: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(base, &path, found);
        } else {
            found.push(path.strip_prefix(base).expect("below").display().to_string());
        }
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let mut waited = Duration::ZERO;
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        if waited > PATIENCE {
            let _ = child.kill();
            panic!("the program hangs");
        }
        let pause = Duration::from_millis(5);
        std::thread::sleep(pause);
        waited += pause;
    }
}
