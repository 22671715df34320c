//! Whoever starts many processes asks for a guardian: a shell in a process group of its own that reads from a pipe which only
//! this process holds. When the pipe ends, however this process ended, what still runs is killed and the folder removed.

use std::fs::{Permissions, set_permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A PostgreSQL that was killed leaves its children, who end by themselves unless they are frozen, and a piece of shared
/// memory, the second word in the seventh line of a file.
const SCRIPT: &str = r#"
watched=' '
while read -r word which; do
    case $word in
    watch) watched="$watched$which " ;;
    gone) case $watched in *" $which "*) watched="${watched%%" $which "*} ${watched#*" $which "}" ;; esac ;;
    esac
done
for each in $watched; do
    children=$(grep -ls "^PPid:[[:space:]]*$each\$" /proc/[0-9]*/status | cut -d / -f 3)
    kill -KILL "$each" $children 2>/dev/null
done
for file in $(find "$0" -name postmaster.pid); do
    set -- $(sed -n 7p "$file")
    ipcrm -m "$2" 2>/dev/null
done
for try in 1 2 3 4 5; do rm -rf "$0" && break; sleep 0.2; done 2>/dev/null
"#;

static PIPE: Mutex<Option<ChildStdin>> = Mutex::new(None);

/// Keeps it; dropped, it does its work.
pub struct Guardian {
    shell: Child,
    folder: PathBuf,
}

impl Guardian {
    /// For this process. All its temporary folders are from now on below the folder that goes.
    pub fn begin() -> Self {
        let folder = tempfile::Builder::new().prefix("rescind-proof-").tempdir().expect("a folder").keep();
        // A server under another account has a folder of its own in it.
        set_permissions(&folder, Permissions::from_mode(0o711)).expect("opened to others");
        tempfile::env::override_temp_dir(&folder).expect("the first to say so");
        let mut command = Command::new("sh");
        let command = command.args(["-c", SCRIPT]).arg(&folder).current_dir("/").process_group(0);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn().expect("a shell");
        *PIPE.lock().unwrap_or_else(PoisonError::into_inner) = shell.stdin.take();
        Self { shell, folder }
    }

    /// The folder that goes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(PIPE.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.shell.wait();
    }
}

/// Lets it do its work now, and waits for it: for whoever is about to end without dropping anything. `folder`: the one that
/// goes.
pub fn finish(folder: &Path) {
    drop(PIPE.lock().unwrap_or_else(PoisonError::into_inner).take());
    for _ in 0..200 {
        if !folder.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A process was started.
pub fn watch(pid: u32) {
    tell("watch", pid);
}

/// A process was seen to be gone: its number may become another's.
pub fn gone(pid: u32) {
    tell("gone", pid);
}

/// Without a guardian, nobody is told.
fn tell(word: &str, pid: u32) {
    if let Some(pipe) = &mut *PIPE.lock().unwrap_or_else(PoisonError::into_inner) {
        let _ = writeln!(pipe, "{word} {pid}");
    }
}
