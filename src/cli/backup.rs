//! `rescind backup`: a copy of the embedded database, beside a running server.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::output::Output;
use super::{Failure, open};
use crate::config::Settings;
use crate::files;
use crate::store::backup;

/// Where to.
#[derive(Debug, Args)]
pub struct Options {
    /// The file to make; it must not be there
    file: PathBuf,
}

/// Copies, checks the copy, and only then gives it its name.
pub async fn run(out: Output, options: Options) -> Result<(), Failure> {
    let settings = Settings::load()?;
    let Some(database) = settings.embedded_file() else {
        return Err(Failure::new(
            "this copies the embedded database; back up PostgreSQL with its own tools, such as `pg_dump --format=custom --file FILE \"$RESCIND_DATABASE_URL\"` or `pg_basebackup`",
        ));
    };
    open::must_exist(&settings)?;
    let file = options.file;
    if file.symlink_metadata().is_ok() {
        return Err(there_already(&file));
    }
    let part = PathBuf::from(format!("{}.part", file.display()));
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
    new.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::new(format!(
            "{} is there: another backup runs, or one was cut off; then remove it",
            part.display()
        )),
        _ => Failure::new(format!("{}: {error}", part.display())),
    })?;
    let done = finish(&database, &part, &file).await;
    if done.is_err() {
        let _ = fs::remove_file(&part);
    }
    let bytes = done?;
    let text =
        format!("{}: {bytes} bytes, checked. The keys are not in it: keep a copy of them elsewhere.", file.display());
    out.say(&json!({ "file": file, "bytes": bytes }), &text)
}

async fn finish(database: &Path, part: &Path, file: &Path) -> Result<u64, Failure> {
    backup::copy(database, part).await?;
    backup::check(part).await?;
    let copied = File::open(part)?;
    copied.sync_all()?;
    files::give_name(part, file).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => there_already(file),
        _ => error.into(),
    })?;
    Ok(copied.metadata()?.len())
}

fn there_already(file: &Path) -> Failure {
    Failure::new(format!("{} is there already: a backup replaces nothing", file.display()))
}
