//! Files that only their owner can read.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// Makes a file only its owner can read, with its folder; refuses to replace one.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut line = String::from(text);
    writeln!(line).map_err(std::io::Error::other)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

/// Replaces a file only its owner can read, in one step.
pub fn replace_private(path: &Path, text: &str) -> std::io::Result<()> {
    let next = path.with_extension("new");
    if next.exists() {
        fs::remove_file(&next)?;
    }
    write_private(&next, text)?;
    fs::rename(&next, path)
}
