//! The serving nodes: processes that are killed, frozen and started again, each with variables of its own.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rescind::app::App;
use rustix::process::Signal;

use crate::support::KEY;
use crate::support::program::{Folder, Program, free_port};

/// How many there are.
pub const NODES: usize = 3;

/// Variables that only one node has.
pub type Own = Vec<(String, String)>;

/// The nodes, running or not.
pub struct Nodes {
    programs: [Mutex<Option<Program>>; NODES],
    /// Where they listen: another port after each start.
    pub ports: Arc<[AtomicU16; NODES]>,
    own: [Mutex<Own>; NODES],
    /// The same database and keys, in this process, which serves nothing.
    pub app: Arc<App>,
    /// Where they run, and where commands run.
    pub folder: Folder,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Nodes {
    /// Nodes that were not started yet, on a database that has all tables. `settings`: of all of them; `own`: of each.
    pub async fn prepare(folder: Folder, settings: &[(String, String)], own: [Own; NODES]) -> Self {
        let mut folder = folder.with("RESCIND_CHECKS", "fast").with("RESCIND_LIMIT_SCALE", "1000000");
        // `db_` helpers hash with the pepper of all tests.
        for name in ["RESCIND_SECRET_KEY", "RESCIND_DATA_KEY", "RESCIND_PEPPER"] {
            folder.set(name, KEY);
        }
        for (name, value) in settings {
            folder.set(name, value);
        }
        let app = folder.db_app().await;
        let ports = Arc::new([0, 0, 0].map(AtomicU16::new));
        Self { programs: Default::default(), ports, own: own.map(Mutex::new), app, folder }
    }

    /// Starts a node, and waits until it is ready.
    pub async fn start(&self, node: usize) {
        let program = self.spawn(node).ready().await;
        *locked(&self.programs[node]) = Some(program);
    }

    /// Starts a node without waiting.
    pub fn begin(&self, node: usize) {
        let program = self.spawn(node);
        *locked(&self.programs[node]) = Some(program);
    }

    fn spawn(&self, node: usize) -> Program {
        let own = locked(&self.own[node]).clone();
        let own: Vec<_> = own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let program = self.folder.start_as(free_port(), &["serve"], &own);
        self.ports[node].store(program.port, Ordering::SeqCst);
        program
    }

    /// Kills a node.
    pub fn kill(&self, node: usize) {
        if let Some(program) = locked(&self.programs[node]).take() {
            program.kill();
        }
    }

    /// Tells a node to stop, and waits until it has; what it ended with, and what it logged last.
    pub fn stop(&self, node: usize) -> Option<(i32, String)> {
        let program = locked(&self.programs[node]).take()?;
        let ran = program.stop();
        Some((ran.code, ran.err.lines().last().unwrap_or_default().to_owned()))
    }

    /// Sends a node a signal.
    pub fn signal(&self, node: usize, signal: Signal) {
        if let Some(program) = &*locked(&self.programs[node]) {
            program.signal(signal);
        }
    }

    /// Whether a node was stopped by a signal, from outside or by itself.
    pub fn is_frozen(&self, node: usize) -> bool {
        let Some(pid) = locked(&self.programs[node]).as_ref().map(|program| program.pid().as_raw_nonzero()) else {
            return false;
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
    }

    /// Sets a variable for a node's next life; nothing takes it away.
    pub fn set_own(&self, node: usize, name: &str, value: &str) {
        let mut own = locked(&self.own[node]);
        own.retain(|(known, _)| known != name);
        if !value.is_empty() {
            own.push((name.to_owned(), value.to_owned()));
        }
    }

    /// What a node logged in this life.
    pub fn log(&self, node: usize) -> String {
        locked(&self.programs[node]).as_ref().map(Program::log).unwrap_or_default()
    }
}
