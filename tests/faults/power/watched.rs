//! Commands and servers whose every write to their folder is written down, in the order in which it happened: by a small
//! library in C that is loaded into them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::program::Folder;

/// A place in the log: how much of it there was.
pub type Moment = u64;

/// A folder that is watched.
pub struct Watched {
    /// Whatever runs in it is written down.
    pub folder: Folder,
    /// Without links in its path, as processes see it.
    pub root: PathBuf,
    beside: tempfile::TempDir,
}

impl Watched {
    /// An empty folder. Builds the library.
    pub fn empty() -> Self {
        let beside = tempfile::tempdir().expect("a temporary folder");
        let library = beside.path().join("unsynced.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/power/unsynced.c");
        let mut compiler = Command::new("cc");
        let compiler = compiler.args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread", "-o"]);
        let built = compiler.arg(&library).arg(&source).arg("-ldl").output();
        let built = built.expect("there is no C compiler (`cc`): Rescind can't be built without one");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

        let mut folder = Folder::new().with("RESCIND_LIMIT_SCALE", "1000000");
        let root = fs::canonicalize(folder.path()).expect("a path");
        let log = beside.path().join("log");
        for (name, value) in [("LD_PRELOAD", &library), ("UNSYNCED_BELOW", &root), ("UNSYNCED_LOG", &log)] {
            folder.set(name, value.to_str().expect("UTF-8"));
        }
        Self { folder, root, beside }
    }

    fn log(&self) -> PathBuf {
        self.beside.path().join("log")
    }

    /// Now.
    pub fn now(&self) -> Moment {
        fs::metadata(self.log()).map_or(0, |log| log.len())
    }

    /// Everything that happened.
    pub fn happened(&self) -> Vec<Happened> {
        let log = fs::read(self.log()).expect("the log: the library was not loaded");
        let mut rest = log.as_slice();
        let mut all = Vec::new();
        while let Some((head, body)) = rest.split_at_checked(32) {
            let number = |at: usize| u64::from_le_bytes(head[8 * at..8 * (at + 1)].try_into().expect("eight"));
            let length = usize::try_from(number(3)).expect("a length");
            // Whoever was killed in between did not finish its last line, nor what comes after it.
            let Some((bytes, more)) = body.split_at_checked(length) else { break };
            rest = more;
            let at = u64::try_from(log.len() - rest.len()).expect("a place");
            let kind = char::from(u8::try_from(number(0)).expect("a letter"));
            all.push(Happened { at, kind, inode: number(1), place: number(2), bytes: bytes.to_vec() });
        }
        all
    }
}

/// One thing that happened to a file. Kinds and fields are those of `unsynced.c`.
#[derive(Clone, Debug)]
pub struct Happened {
    /// When it was over.
    pub at: Moment,
    /// What.
    pub kind: char,
    /// To which file.
    pub inode: u64,
    /// Offset, size, or length of the first of two paths.
    pub place: u64,
    /// What was written, or paths.
    pub bytes: Vec<u8>,
}
