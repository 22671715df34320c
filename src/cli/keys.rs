//! `rescind keys`.

use clap::Subcommand;
use serde_json::json;

use super::output::Output;
use super::{Failure, open};
use crate::config::Settings;
use crate::files::replace_private;
use crate::secret::keys::{DataKey, KeyRing, Pepper};

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print a new set of keys as settings; they are kept nowhere
    #[command(after_help = "Example: rescind keys generate > keys.env && chmod 600 keys.env")]
    Generate,
    /// Put a new key first in the ring that seals tokens; the old ones still open theirs
    #[command(
        after_help = "Example: rescind keys rotate\nWith several nodes give all of them the new key last in the ring first, then first: a node without it calls its tokens inactive.\nTake the oldest key out of the ring once its tokens have expired."
    )]
    Rotate,
}

/// Runs one.
pub fn run(out: Output, command: Command) -> Result<(), Failure> {
    match command {
        Command::Generate => {
            let (ring, data, pepper) =
                (KeyRing::generate().to_text(), DataKey::generate().to_text(), Pepper::generate().to_text());
            let object = json!({
                "RESCIND_SECRET_KEY": ring.expose(), "RESCIND_DATA_KEY": data.expose(), "RESCIND_PEPPER": pepper.expose(),
            });
            let text = format!(
                "RESCIND_SECRET_KEY={}\nRESCIND_DATA_KEY={}\nRESCIND_PEPPER={}",
                ring.expose(),
                data.expose(),
                pepper.expose()
            );
            out.say(&object, &text)
        }
        Command::Rotate => rotate(out),
    }
}

/// An embedded server's key file is replaced; otherwise the new ring is printed for the operator to set.
fn rotate(out: Output) -> Result<(), Failure> {
    let settings = Settings::load()?;
    open::must_exist(&settings)?;
    let keys = settings.keys()?;
    let ring = keys.ring.rotated().map_err(Failure::new)?;
    let path = settings.keys_folder.join("secret_key");
    let first = ring.first_id();
    if settings.is_embedded() && path.is_file() && !settings.has_given_key() {
        replace_private(&path, ring.to_text().expose())?;
        let text = format!("{}: key {first} is first now. Restart the server.", path.display());
        return out.say(&json!({ "file": path, "first": first }), &text);
    }
    let text = ring.to_text();
    out.say(&json!({ "RESCIND_SECRET_KEY": text.expose() }), &format!("RESCIND_SECRET_KEY={}", text.expose()))
}
