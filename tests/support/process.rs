//! The real program, `rescind serve`, with everything it writes to its log.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use super::database::TestDatabase;
use super::{ISSUER, KEY};

/// A running program. Killed when dropped.
pub struct Program {
    child: Child,
    lines: Receiver<String>,
    /// Where it listens.
    pub port: u16,
    /// Dropped last.
    _database: TestDatabase,
    _folder: tempfile::TempDir,
}

impl Program {
    /// Starts it on a fresh database, logging everything at `level`.
    pub async fn start(level: &str) -> Self {
        let database = TestDatabase::create().await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut child = Command::new(env!("CARGO_BIN_EXE_rescind"))
            .arg("serve")
            .env_clear()
            .current_dir(folder.path())
            .envs([("RESCIND_DATABASE_URL", database.url.as_str()), ("RESCIND_ISSUER", ISSUER)])
            .envs([("RESCIND_SECRET_KEY", KEY), ("RESCIND_DATA_KEY", KEY), ("RESCIND_PEPPER", KEY)])
            .envs([("RESCIND_LOG", level), ("ROCKET_PORT", "0")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut errors = BufReader::new(child.stderr.take().expect("its log"));
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            let mut line = Vec::new();
            while errors.by_ref().read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                let _ = tell.send(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned());
                line.clear();
            }
        });
        let mut program = Self { child, lines, port: 0, _database: database, _folder: folder };
        let serving = program.until("serving");
        let line = serving.last().expect("a line");
        program.port = u16::try_from(object(line)["port"].as_u64().expect("a port")).expect("a port");
        program
    }

    /// The log lines up to and with the first that holds a text.
    pub fn until(&self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(20)) {
            let found = line.contains(text);
            seen.push(line);
            if found {
                return seen;
            }
        }
        panic!("the log never said {text}; it said {seen:#?}");
    }
}

/// A log line as the one JSON object it must be.
pub fn object(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line:?}"));
    assert!(value.is_object(), "{line}");
    value
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
