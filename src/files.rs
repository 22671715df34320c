//! Files that only their owner can read, and that a power cut leaves whole: as they were, or as they were to be.

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher};
use std::io::{ErrorKind, Result, Write as _};
use std::path::{Path, PathBuf};

/// Makes a file only its owner can read, with its folder; refuses to replace one. It gets its name when all of it is on the
/// disk: half a key would be worse than none.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    make_folder(folder_of(path))?;
    let part = beside(path);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    let mut line = String::from(text);
    writeln!(line).map_err(std::io::Error::other)?;
    let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_all());
    let named = written.and_then(|()| give_name(&part, path));
    if named.is_err() {
        let _ = fs::remove_file(&part);
    }
    named
}

/// Gives a file that was synced its name; refuses to replace one.
pub(crate) fn give_name(part: &Path, path: &Path) -> Result<()> {
    // A link does not replace what came there meanwhile. Where the file system has none, a rename must do.
    match fs::hard_link(part, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists && !path.exists() => fs::rename(part, path)?,
        linked => linked.and_then(|()| fs::remove_file(part))?,
    }
    keep_names(folder_of(path))
}

/// A name that nobody else has: what a process left that was cut off is never written to again, nor is what somebody put there.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{:016x}.part", RandomState::new().build_hasher().finish()));
    name.into()
}

/// Replaces a file only its owner can read, in one step.
pub fn replace_private(path: &Path, text: &str) -> Result<()> {
    let next = path.with_extension("new");
    if next.exists() {
        fs::remove_file(&next)?;
    }
    write_private(&next, text)?;
    fs::rename(&next, path)?;
    keep_names(folder_of(path))
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a folder for its owner alone, with those that it is in, unless it is there.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if folder.is_dir() || folder_of(folder) == folder {
        return Ok(());
    }
    make_folder(folder_of(folder))?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    keep_names(folder_of(folder))
}

/// The sync of a file does not keep its name; that of its folder does. Some file systems know no such sync, and some folders
/// may be written and not read: there it is up to them, as it is for SQLite.
pub(crate) fn keep_names(folder: &Path) -> Result<()> {
    let unknown = [ErrorKind::InvalidInput, ErrorKind::Unsupported, ErrorKind::PermissionDenied];
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if unknown.contains(&error.kind()) => Ok(()),
        synced => synced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_whole_alone_and_never_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("er").join("key");
        write_private(&path, "one").unwrap();
        assert_eq!(write_private(&path, "two").unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\n");
        replace_private(&path, "three").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left there");
    }
}
