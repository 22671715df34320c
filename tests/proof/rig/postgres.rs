//! One PostgreSQL server of the rig: in a folder of its own, on a port that stays, killed as a whole.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;

use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::support::guardian;
use crate::support::program::free_port;

/// Longer than anything here takes: it only ends runs that hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// What both servers run with. Either may have to be the primary: then it waits for the other.
const SETTINGS: [(&str, &str); 19] = [
    ("listen_addresses", "127.0.0.1"),
    // Commits that wait for a standby that is away keep their connection, also when who asked has long gone.
    ("max_connections", "600"),
    ("shared_buffers", "48MB"),
    ("wal_level", "replica"),
    ("hot_standby", "on"),
    ("wal_keep_size", "512MB"),
    ("max_wal_size", "256MB"),
    ("max_wal_senders", "8"),
    ("wal_sender_timeout", "4s"),
    ("wal_receiver_timeout", "4s"),
    ("wal_receiver_status_interval", "1s"),
    ("wal_retrieve_retry_interval", "200ms"),
    ("recovery_target_timeline", "latest"),
    ("synchronous_standby_names", "standby"),
    // Leaves nothing in /dev/shm when it is killed.
    ("dynamic_shared_memory_type", "mmap"),
    ("autovacuum_naptime", "20s"),
    ("log_min_messages", "warning"),
    ("restart_after_crash", "off"),
    ("full_page_writes", "on"),
];

/// A server, running or not.
pub struct Postgres {
    /// Its folder, with `data` in it.
    folder: PathBuf,
    /// Where it listens whenever it runs.
    pub port: u16,
    /// Where its primary is, whenever it is a standby: the link to it.
    source: u16,
    child: Option<Child>,
}

impl Postgres {
    /// One that was never started, and whose data are not there yet. `source`: the port of the link to its primary.
    pub fn new(folder: &Path, source: u16) -> Self {
        fs::create_dir(folder).expect("a folder");
        if let Some((user, group)) = owner() {
            std::os::unix::fs::chown(folder, Some(user), Some(group)).expect("given away");
        }
        Self { folder: folder.to_owned(), port: free_port(), source, child: None }
    }

    /// Makes empty data.
    pub fn initialize(&self) {
        let data = self.data();
        let arguments = ["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"];
        // `pg_rewind` wants checksums.
        self.program("initdb", &[arguments.as_slice(), &["-k"]].concat()).expect("initdb");
        // In the file, where also the recovery before a rewind finds them: it may not run with less.
        let mut file =
            fs::File::options().append(true).open(self.folder.join("data/postgresql.conf")).expect("settings");
        for (name, value) in &SETTINGS {
            writeln!(file, "{name} = '{value}'").expect("written");
        }
    }

    /// Turns its data back to where a server has them from; false if that can't be done.
    pub fn rewind(&self, primary: u16) -> bool {
        let source = format!("host=127.0.0.1 port={primary} user=postgres dbname=postgres");
        let arguments = ["-D", &self.data(), "--source-server", &source, "--no-sync"];
        let has_data = fs::exists(self.folder.join("data/PG_VERSION")).unwrap_or(false);
        has_data && self.program("pg_rewind", &arguments).is_ok() && self.will_follow()
    }

    /// Takes all its data from a server.
    pub fn copy(&self, primary: u16) {
        let (data, port) = (self.data(), primary.to_string());
        let _ = fs::remove_dir_all(&data);
        let arguments = ["-D", &data, "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-c", "fast", "--no-sync"];
        self.program("pg_basebackup", &arguments).expect("pg_basebackup");
        self.will_follow();
    }

    fn will_follow(&self) -> bool {
        fs::write(self.folder.join("data/standby.signal"), "").expect("written");
        if let Some((user, group)) = owner() {
            let file = self.folder.join("data/standby.signal");
            std::os::unix::fs::chown(file, Some(user), Some(group)).expect("given away");
        }
        true
    }

    /// Starts it, as what its data say.
    pub fn start(&mut self) {
        let mut command = as_owner(&program_path("postgres"));
        command.args(["-D", &self.data(), "-p", &self.port.to_string(), "-k", &self.folder.display().to_string()]);
        let source = format!(
            "primary_conninfo=host=127.0.0.1 port={} user=postgres application_name=standby connect_timeout=3",
            self.source
        );
        command.args(["-c", &source]);
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log")).expect("a log");
        let command = command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.process_group(0).spawn().expect("postgres");
        guardian::watch(child.id());
        self.child = Some(child);
    }

    /// Makes a standby the primary, and waits until it is one.
    pub fn promote(&self) -> Result<(), String> {
        self.program("pg_ctl", &["-D", &self.data(), "-w", "-t", "30", "promote"])
    }

    /// Kills it and all its children, and waits until nothing of it is left.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // The first frozen, so that it makes no children that nobody sees.
        signal(child.id(), Signal::STOP);
        let children = children_of(child.id());
        let _ = (child.kill(), child.wait());
        for pid in &children {
            signal(*pid, Signal::KILL);
        }
        let began = Instant::now();
        while children.iter().any(|pid| is_running(*pid)) {
            assert!(began.elapsed() < PATIENCE, "PostgreSQL can't be killed");
            std::thread::sleep(Duration::from_millis(5));
        }
        guardian::gone(child.id());
        self.free_memory();
    }

    /// The piece of shared memory that a killed server leaves.
    fn free_memory(&self) {
        let text = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap_or_default();
        if let Some(id) = text.lines().nth(6).and_then(|line| line.split_whitespace().nth(1)) {
            let mut command = Command::new("ipcrm");
            let _ = command.args(["-m", id]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
    }

    /// Freezes it and all its children.
    pub fn freeze(&self) {
        let Some(child) = &self.child else { return };
        signal(child.id(), Signal::STOP);
        for pid in children_of(child.id()) {
            signal(pid, Signal::STOP);
        }
    }

    /// Lets it and all its children go on.
    pub fn thaw(&self) {
        let Some(child) = &self.child else { return };
        for pid in children_of(child.id()) {
            signal(pid, Signal::CONT);
        }
        signal(child.id(), Signal::CONT);
    }

    /// Lets no file grow beyond so many bytes: writes then fail as on a full disk. `None`: as they like.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let Some(child) = &self.child else { return };
        let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
        for pid in [vec![child.id()], children_of(child.id())].concat() {
            // By the account itself: another may not.
            let mut command = as_owner(Path::new("prlimit"));
            let command = command.arg(format!("--pid={pid}")).arg(format!("--fsize={limit}:unlimited"));
            let ran = command.stdin(Stdio::null()).stderr(Stdio::null()).status().expect("prlimit of util-linux");
            assert!(ran.success() || pid != child.id() || !is_running(pid), "the size of its files can't be limited");
        }
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    /// The end of what it logged: for a run that fails.
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(4_000)..]).into_owned()
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    /// Runs one of the programs that come with PostgreSQL; what it complained of.
    fn program(&self, name: &str, arguments: &[&str]) -> Result<(), String> {
        let mut command = as_owner(&program_path(name));
        let ran = command.args(arguments).current_dir(&self.folder).stdin(Stdio::null()).output().expect("it runs");
        if ran.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ran.stderr).into_owned()) }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.kill();
    }
}

/// PostgreSQL refuses to run as root: then it runs as the account that is there for it.
fn owner() -> Option<(u32, u32)> {
    static OWNER: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *OWNER.get_or_init(|| {
        if !geteuid().is_root() {
            return None;
        }
        let accounts = fs::read_to_string("/etc/passwd").expect("accounts");
        let line = accounts.lines().find(|line| line.starts_with("postgres:")).expect("an account called postgres");
        let number = |at| line.split(':').nth(at).and_then(|text| text.parse().ok()).expect("its number");
        Some((number(2), number(3)))
    })
}

fn as_owner(program: &Path) -> Command {
    let Some((user, group)) = owner() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]).arg(program);
    command
}

/// The newest version that is installed.
fn program_path(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed: tests/run does that");
    let versions = versions.filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.parse::<u32>().ok());
    let newest = versions.max().expect("a version");
    PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin/{name}"))
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// What `/proc` says of a process: its state and its parent.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may contain anything.
    let mut rest = text.rsplit_once(')')?.1.split_whitespace();
    Some((rest.next()?.chars().next()?, rest.next()?.parse().ok()?))
}

fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

fn children_of(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, above)| above == parent)).collect()
}
