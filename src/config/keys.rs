//! The three keys: given as settings, or for the embedded engine kept in a folder of their own.

use std::fs;
use std::path::PathBuf;

use super::read::env_name;
use super::{ConfigError, Settings};
use crate::files::write_private;
use crate::secret::keys::{DataKey, KeyRing, Pepper};
use crate::secret::text::SecretText;

/// The three keys. They live apart from the database.
#[derive(Debug)]
pub struct Keys {
    /// Seals tokens and cookies.
    pub ring: KeyRing,
    /// Seals stored seeds and signing keys.
    pub data: DataKey,
    /// Applied to passwords before they are hashed.
    pub pepper: Pepper,
    /// Files that were made just now, for telling the operator.
    pub made: Vec<PathBuf>,
}

impl Settings {
    /// The keys: from the settings, or for the embedded engine from its key folder, which is made on first use.
    pub fn keys(&self) -> Result<Keys, ConfigError> {
        let mut made = Vec::new();
        let mut text = |name: &'static str, new: &dyn Fn() -> SecretText| match self.secrets.get(name) {
            Some(given) => Ok(given.clone()),
            None => self.key_file(name, new, &mut made),
        };
        let ring = text("secret_key", &|| KeyRing::generate().to_text())?;
        let data = text("data_key", &|| DataKey::generate().to_text())?;
        let pepper = text("pepper", &|| Pepper::generate().to_text())?;
        let wrong = |name: &str, error: &dyn std::fmt::Display| ConfigError(format!("{}: {error}", env_name(name)));
        Ok(Keys {
            ring: KeyRing::parse(ring.expose()).map_err(|e| wrong("secret_key", &e))?,
            data: DataKey::parse(data.expose()).map_err(|e| wrong("data_key", &e))?,
            pepper: Pepper::parse(pepper.expose()).map_err(|e| wrong("pepper", &e))?,
            made,
        })
    }

    fn key_file(
        &self,
        name: &'static str,
        new: &dyn Fn() -> SecretText,
        made: &mut Vec<PathBuf>,
    ) -> Result<SecretText, ConfigError> {
        let missing = || ConfigError(format!("{} is not set: `rescind keys generate` prints one", env_name(name)));
        let Some(database) = self.embedded_file() else { return Err(missing()) };
        let path = self.keys_folder.join(name);
        let wrong = |error: std::io::Error| ConfigError(format!("{}: {error}", path.display()));
        match fs::read_to_string(&path) {
            Ok(text) => return Ok(SecretText::from(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(wrong(error)),
        }
        if database.exists() && made.is_empty() {
            return Err(ConfigError(format!(
                "{} is missing, but {} exists: bring the key back (without it nobody can sign in)",
                path.display(),
                database.display()
            )));
        }
        let text = new();
        write_private(&path, text.expose()).map_err(wrong)?;
        made.push(path);
        Ok(text)
    }

    /// The embedded engine's database file.
    #[must_use]
    pub fn embedded_file(&self) -> Option<PathBuf> {
        let rest = self.database_url.expose().strip_prefix("sqlite:")?;
        let path = rest.split('?').next().unwrap_or(rest);
        Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
    }
}
