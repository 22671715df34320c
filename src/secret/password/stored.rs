//! Reads stored hashes: argon2id as a PHC string (RFC 9106) or bcrypt in its modular form.
//! Whatever would take unreasonable time or memory to check is not a hash.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Params, Version};
use bcrypt::HashParts;

use super::Cost;

/// 1 GiB.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 10;
/// Bcrypt's cost is a power of two; 16 takes some seconds.
const MOST_BCRYPT_COST: u32 = 16;
/// Shorter outputs could be hit by chance.
const LEAST_OUTPUT: usize = 16;

/// A stored hash that can be checked.
pub(super) enum Stored<'a> {
    /// `$argon2id$...`
    Argon2(Argon2Hash),
    /// `$2a$`, `$2b$` or `$2y$`
    Bcrypt(&'a str),
}

/// The parts of an argon2id hash, within bounds.
pub(super) struct Argon2Hash {
    pub(super) version: Version,
    pub(super) params: Params,
    pub(super) salt: Salt,
    pub(super) output: Output,
}

impl Cost {
    /// The nearest cost that may be used: what this room hashes, it must also be willing to check.
    pub(super) fn bounded(self) -> Self {
        Self {
            memory_kib: self.memory_kib.clamp(Params::MIN_M_COST, MOST_MEMORY_KIB),
            passes: self.passes.clamp(Params::MIN_T_COST, MOST_PASSES),
        }
    }
}

impl<'a> Stored<'a> {
    /// `None` for anything that is no hash, or not one that may be checked.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if text.starts_with("$argon2id$") {
            return Argon2Hash::parse(text).map(Self::Argon2);
        }
        let is_bcrypt = ["$2a$", "$2b$", "$2y$"].iter().any(|tag| text.starts_with(tag));
        let cost = text.parse::<HashParts>().ok()?.get_cost();

        (is_bcrypt && (4..=MOST_BCRYPT_COST).contains(&cost)).then_some(Self::Bcrypt(text))
    }
}

impl Argon2Hash {
    fn parse(text: &str) -> Option<Self> {
        let phc = PasswordHash::new(text).ok()?;
        let output = phc.hash?;
        let hash = Self {
            version: Version::try_from(phc.version?).ok()?,
            params: Params::try_from(&phc).ok()?,
            salt: phc.salt?,
            output,
        };

        (names_its_cost(&phc.params) && hash.is_within_bounds()).then_some(hash)
    }

    /// Names the pepper of our own hashes; empty for imported ones.
    pub(super) fn key_id(&self) -> &[u8] {
        self.params.keyid()
    }

    /// Whether a new hash of this cost would be made the same way.
    pub(super) fn has_cost(&self, cost: Cost) -> bool {
        self.version == Version::V0x13
            && self.params.m_cost() == cost.memory_kib
            && self.params.t_cost() == cost.passes
            && self.params.p_cost() == 1
    }

    fn is_within_bounds(&self) -> bool {
        self.params.m_cost() <= MOST_MEMORY_KIB
            && self.params.t_cost() <= MOST_PASSES
            && self.params.data().is_empty()
            && self.output.len() >= LEAST_OUTPUT
    }
}

/// Defaults differ between implementations, so nothing is left to them.
fn names_its_cost(params: &ParamsString) -> bool {
    ["m", "t", "p"].iter().all(|name| params.get(*name).is_some())
}

/// Whether an import may store this hash: argon2id as a PHC string (at most 1 GiB and 10 passes, no `keyid` or `data`)
/// or bcrypt `$2a$`, `$2b$`, `$2y$` with cost 4 to 16.
#[must_use]
pub fn looks_like_hash(text: &str) -> bool {
    match Stored::parse(text) {
        Some(Stored::Argon2(hash)) => hash.key_id().is_empty(),
        Some(Stored::Bcrypt(_)) => true,
        None => false,
    }
}
