//! Private Redis servers: in folders of their own, on free ports of loopback, killed when dropped.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::database::has_redis;
use super::guardian;
use super::program::free_port;

/// A server that does not answer within this time does not answer.
const ANSWER: Duration = Duration::from_secs(5);

/// A running Redis server, or Sentinel.
pub struct Redis {
    child: Child,
    folder: tempfile::TempDir,
    /// Where it listens.
    pub port: u16,
    more: String,
    is_sentinel: bool,
}

impl Redis {
    /// A server.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// A server with further lines in its configuration. `{folder}` and `{free}` stand for its folder and a free port.
    pub fn start_with(more: &str) -> Self {
        Self::begin(more, false)
    }

    /// A Sentinel with these lines in its configuration.
    pub fn sentinel(more: &str) -> Self {
        Self::begin(more, true)
    }

    fn begin(more: &str, is_sentinel: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for _ in 0..5 {
            // Somebody else may take the port in between.
            let (port, free) = (free_port(), free_port());
            let more = more.replace("{folder}", &shown(folder.path())).replace("{free}", &free.to_string());
            let mut child = spawn(folder.path(), port, &more, is_sentinel);
            if listens(&mut child, port) {
                return Self { child, folder, port, more, is_sentinel };
            }
            let _ = (child.kill(), child.wait());
        }
        panic!("no Redis server: {}", fs::read_to_string(folder.path().join("log")).unwrap_or_default());
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A file beside it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Asks it, as a client of its own.
    pub fn ask<T: redis::FromRedisValue>(&self, words: &[&[u8]]) -> T {
        // A Sentinel that makes another server the master hangs up on everybody.
        for _ in 0..20 {
            match self.try_ask(words) {
                Err(error) if error.is_io_error() => std::thread::sleep(Duration::from_millis(100)),
                answer => return answer.expect("an answer"),
            }
        }
        panic!("Redis hangs up")
    }

    /// The same of one that may be down, frozen or full, once.
    pub fn try_ask<T: redis::FromRedisValue>(&self, words: &[&[u8]]) -> redis::RedisResult<T> {
        let client = redis::Client::open(self.url())?;
        let mut connection = client.get_connection_with_timeout(ANSWER)?;
        connection.set_read_timeout(Some(ANSWER))?;
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        command.query(&mut connection)
    }

    /// The keys that match a pattern.
    pub fn keys(&self, pattern: &str) -> Vec<String> {
        self.ask(&[b"KEYS", pattern.as_bytes()])
    }

    /// The keys of shared copies.
    pub fn copies(&self) -> Vec<String> {
        self.keys("rescind:*:s:*")
    }

    /// Lets it have counted limits for long, as one that was not just started or flushed has.
    pub fn db_has_counted_for_long(&self, prefix: &str) {
        let words = counted_for_long(prefix);
        self.ask::<()>(&words.iter().map(String::as_bytes).collect::<Vec<_>>());
    }

    /// Freezes it.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, signal).expect("signalled");
    }

    /// Kills it. What it held is gone.
    pub fn kill(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
        guardian::gone(self.child.id());
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        self.kill();
        self.child = spawn(self.folder.path(), self.port, &self.more, self.is_sentinel);
        assert!(listens(&mut self.child, self.port), "it does not start again");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A database of its own in a Redis server that all test servers of this process share, if `TEST_REDIS` is 1: its address, or
/// nothing. Limits have been counted there for long.
pub fn shared_url() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = shared_server();
    if server.is_empty() {
        return server;
    }
    let url = format!("{server}/{}", NEXT.fetch_add(1, Ordering::SeqCst));
    let mut connection = redis::Client::open(url.as_str()).expect("an address").get_connection().expect("a connection");
    let mut command = redis::Cmd::new();
    command.arg(counted_for_long("nyb")).query::<()>(&mut connection).expect("written");
    url
}

/// That server. It ends with this process, however that ends: its guardian reads from a pipe that only this process holds.
fn shared_server() -> String {
    static URL: OnceLock<String> = OnceLock::new();
    let made = URL.get_or_init(|| {
        if !has_redis() {
            return String::new();
        }
        let port = free_port();
        let script = format!(
            "redis-server --databases 10000 --port {port} --bind 127.0.0.1 --save '' --appendonly no >/dev/null 2>&1 & \
             server=$!; cat >/dev/null; kill -KILL $server"
        );
        let mut guardian = Command::new("sh");
        let guardian = guardian.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut guardian = guardian.current_dir(std::env::temp_dir()).spawn().expect("a shell");
        assert!(listens(&mut guardian, port), "no Redis server: is redis-server installed?");
        // Never dropped: the pipe stays open.
        std::mem::forget(guardian);
        format!("redis://127.0.0.1:{port}")
    });
    made.clone()
}

/// The command that says for all buckets of limits that they have been counted for long (see `limits/shared`).
fn counted_for_long(prefix: &str) -> Vec<String> {
    let buckets = (0..64).flat_map(|bucket| [format!("rescind:{prefix}:l:{{{bucket:02x}}}:from"), "60000".to_owned()]);
    ["MSET".to_owned()].into_iter().chain(buckets).collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn spawn(folder: &Path, port: u16, more: &str, is_sentinel: bool) -> Child {
    let port_line = if more.contains("tls-port") {
        more.replace("{port}", &port.to_string())
    } else {
        format!("port {port}\n{more}")
    };
    let store = if is_sentinel { "" } else { "save \"\"\nappendonly no\n" };
    let lines = format!("bind 127.0.0.1\ndir {0}\nlogfile {0}/log\n{store}{port_line}\n", shown(folder));
    let file = folder.join("redis.conf");
    fs::write(&file, lines).expect("written");
    let mut command = Command::new("redis-server");
    command.arg(&file).args(is_sentinel.then_some("--sentinel"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().expect("redis-server is installed: tests/run does that");
    guardian::watch(child.id());
    child
}

fn listens(child: &mut Child, port: u16) -> bool {
    for _ in 0..500 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}
