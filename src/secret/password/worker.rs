//! The work itself, on a blocking thread: pepper the password, run argon2id exactly once, compare.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, Zeroizing};

use super::stored::{Argon2Hash, Stored};
use super::{Cost, HashError, LONGEST, Verdict};
use crate::secret::derive::{Key64, hmac};
use crate::secret::keys::Pepper;
use crate::secret::random;

/// Bytes of the salts and outputs made here (RFC 9106 section 4).
const SALT: usize = 16;
const OUTPUT: usize = 32;
/// What bcrypt looks at; it would ignore the rest of a longer password.
const BCRYPT_LONGEST: usize = 72;

/// Holds the keys made from the pepper, and the memory of earlier runs for the next ones.
pub(super) struct Worker {
    pepper: Key64,
    key_id: [u8; 6],
    cost: Cost,
    dummy_salt: [u8; SALT],
    runs: AtomicU64,
    spare: Mutex<Vec<Vec<Block>>>,
    at_once: usize,
}

impl Worker {
    pub(super) fn new(pepper: &Pepper, cost: Cost, at_once: usize) -> Self {
        let mut key_id = [0; 6];
        let name = hmac(&pepper.derive64("password-key-id", ""), [""]);
        key_id.copy_from_slice(&name[..6]);

        Self {
            pepper: pepper.derive64("password", ""),
            key_id,
            cost: cost.bounded(),
            dummy_salt: random::bytes(),
            runs: AtomicU64::new(0),
            spare: Mutex::default(),
            at_once,
        }
    }

    pub(super) fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// A PHC string with a random salt.
    pub(super) fn hash(&self, password: &str) -> Result<String, HashError> {
        let salt = random::bytes::<SALT>();
        let mut output = Zeroizing::new([0; OUTPUT]);
        let argon2 = argon2(Version::V0x13, self.params()?);
        self.run(&argon2, &*self.peppered(password), &salt, &mut *output)?;

        Ok(format!(
            "$argon2id$v=19$m={},t={},p=1,keyid={}${}${}",
            self.cost.memory_kib,
            self.cost.passes,
            STANDARD_NO_PAD.encode(self.key_id),
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode(*output)
        ))
    }

    /// Exactly one argon2 run on every path.
    pub(super) fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verdict, HashError> {
        let stored = match stored {
            Some(text) if password.len() <= LONGEST => Stored::parse(text),
            Some(_) | None => return self.dummy_run().map(|()| Verdict::Wrong),
        };
        match stored {
            Some(Stored::Argon2(hash)) => self.verify_argon2(password, &hash),
            Some(Stored::Bcrypt(hash)) => {
                self.dummy_run()?;
                verify_bcrypt(password, hash)
            }
            None => {
                self.dummy_run()?;
                Err(HashError::Failed("the stored hash can't be read"))
            }
        }
    }

    fn verify_argon2(&self, password: &str, stored: &Argon2Hash) -> Result<Verdict, HashError> {
        if stored.key_id() == self.key_id {
            let is_current = stored.has_cost(self.cost);
            let right = self.matches(&*self.peppered(password), stored)?;
            return Ok(verdict(right, is_current));
        }
        if stored.key_id().is_empty() {
            // Imported: hashed as typed, without pepper or normalisation.
            let right = self.matches(password.as_bytes(), stored)?;
            return Ok(verdict(right, false));
        }
        self.dummy_run()?;
        Err(HashError::Failed("the stored hash has another pepper"))
    }

    fn matches(&self, input: &[u8], stored: &Argon2Hash) -> Result<bool, HashError> {
        let mut output = Zeroizing::new(vec![0; stored.output.len()]);
        let argon2 = argon2(stored.version, stored.params.clone());
        self.run(&argon2, input, &stored.salt, &mut output)?;

        Ok(output.ct_eq(stored.output.as_bytes()).into())
    }

    /// What an unknown user costs.
    fn dummy_run(&self) -> Result<(), HashError> {
        let argon2 = argon2(Version::V0x13, self.params()?);
        let mut output = Zeroizing::new([0; OUTPUT]);
        self.run(&argon2, &[0; OUTPUT], &self.dummy_salt, &mut *output)
    }

    /// HMAC-SHA256 of the password in Unicode normalisation form C, so that every way to type a letter is the same.
    fn peppered(&self, password: &str) -> Zeroizing<[u8; 32]> {
        // Three times the bytes is the most that NFC makes of a text: it never grows and leaves copies behind.
        let mut normal = Zeroizing::new(String::with_capacity(3 * password.len()));
        normal.extend(password.nfc());

        Zeroizing::new(hmac(&self.pepper, [normal.as_bytes()]))
    }

    fn params(&self) -> Result<Params, HashError> {
        Params::new(self.cost.memory_kib, self.cost.passes, 1, Some(OUTPUT))
            .map_err(|_| HashError::Failed("the cost is not possible"))
    }

    /// The only way to argon2.
    fn run(&self, argon2: &Argon2<'_>, input: &[u8], salt: &[u8], output: &mut [u8]) -> Result<(), HashError> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let mut memory = self.borrow(argon2.params().block_count())?;
        let done = argon2.hash_password_into_with_memory(input, salt, output, &mut memory);
        self.give_back(memory);

        done.map_err(|_| HashError::Failed("argon2 refused its input"))
    }

    /// Memory for one run: that of an earlier one if it is of the same size.
    fn borrow(&self, blocks: usize) -> Result<Vec<Block>, HashError> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fitting) = spare.pop_if(|memory| memory.len() == blocks) {
            return Ok(fitting);
        }
        drop(spare);
        let mut memory = Vec::new();
        memory.try_reserve_exact(blocks).map_err(|_| HashError::Failed("there is not enough memory"))?;
        memory.resize(blocks, Block::default());

        Ok(memory)
    }

    /// Wipes the memory and keeps it, unless it is of an unusual size.
    fn give_back(&self, mut memory: Vec<Block>) {
        memory.iter_mut().zeroize();
        let usual = self.params().is_ok_and(|params| params.block_count() == memory.len());
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if usual && spare.len() < self.at_once {
            spare.push(memory);
        }
    }
}

fn argon2(version: Version, params: Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, version, params)
}

fn verdict(right: bool, is_current: bool) -> Verdict {
    match (right, is_current) {
        (false, _) => Verdict::Wrong,
        (true, true) => Verdict::Right,
        (true, false) => Verdict::RightButOld,
    }
}

/// Bcrypt ignores what follows its 72nd byte and repeats the password with a NUL between, so that `a` and `a\0a` are
/// the same to it. Neither may let anyone in.
fn verify_bcrypt(password: &str, hash: &str) -> Result<Verdict, HashError> {
    let right = bcrypt::verify(password, hash).map_err(|_| HashError::Failed("the stored hash can't be read"))?;
    let faithful = password.len() <= BCRYPT_LONGEST && !password.contains('\0');

    Ok(verdict(right && faithful, false))
}
