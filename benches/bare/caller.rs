//! Proving the caller, with the same work as the server's: base64, escapes, SHA-256, a comparison in constant time.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rescind::secret::client_secret;
use rescind::web::guard::pairs::decode;

/// The one caller's name.
const NAME: &str = "bench-api";
/// Its secret: benches/run knows it, too.
const SECRET: &str = "bare_cs_0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdef";

/// Callers by name, each with the digests of its secrets.
pub struct Callers(HashMap<String, Vec<Vec<u8>>>);

impl Default for Callers {
    fn default() -> Self {
        Self(HashMap::from([(NAME.to_owned(), vec![client_secret::digest(SECRET).to_vec()])]))
    }
}

impl Callers {
    /// Whether an `Authorization` header proves one of them.
    pub fn proves(&self, header: &str) -> bool {
        self.proven(header).is_some_and(|proven| proven)
    }

    fn proven(&self, header: &str) -> Option<bool> {
        let (scheme, encoded) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (name, secret) = text.split_once(':')?;
        let (name, secret) = (decode(name).ok()?, decode(secret).ok()?);
        let digests = self.0.get(&name).map_or(&[][..], |digests| digests);
        Some(client_secret::matches(&secret, digests))
    }
}
