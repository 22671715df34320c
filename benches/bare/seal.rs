//! Tokens for sessions that nobody signed in to: as many as a measurement needs, without as many sign-ins.

use std::io::{BufRead, BufWriter, Write};

use rescind::secret::keys::KeyRing;
use rescind::secret::seal::{Kind, Reference, Sealer};
use uuid::Uuid;

use super::Failure;

/// Reads a key ring and ids of sessions, writes access and refresh token of each, good until a Unix second.
pub fn run(prefix: &str, until: u32) -> Result<(), Failure> {
    let mut lines = std::io::stdin().lock().lines();
    let ring = lines.next().ok_or("no key ring")??;
    let sealer = Sealer::new(prefix, &KeyRing::parse(&ring)?)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in lines {
        // The first generation, and the first shape.
        let reference = Reference { session: Uuid::parse_str(&line?)?, serial: 1, shape: 0, expires_at: until };
        let of = |kind| sealer.seal(kind, &reference);
        writeln!(out, "{} {}", of(Kind::Access).expose(), of(Kind::Refresh).expose())?;
    }
    out.flush().map_err(Failure::from)
}
