//! The app: wiring and nothing else.

use crate::activity::Activity;
use crate::clock::Clock;
use crate::config::{Keys, Settings};
use crate::limits::Limits;
use crate::place::Places;
use crate::secret::csrf::Csrf;
use crate::secret::keys::Pepper;
use crate::secret::password::{Cost, Hasher};
use crate::secret::seal::{SealError, Sealer};
use crate::store::Db;

/// Sign-ins that may wait for a free hash thread; more are told to come back.
const HASHES_WAITING: usize = 64;

/// Everything that is made from the keys.
#[derive(Debug)]
pub struct Secrets {
    /// Makes and opens tokens and cookies.
    pub sealer: Sealer,
    /// Makes and checks anti-forgery tokens.
    pub csrf: Csrf,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// Names throttle counters.
    pub pepper: Pepper,
}

/// What every service works with.
#[derive(Debug)]
pub struct App {
    /// Settings, checked.
    pub settings: Settings,
    /// The truth.
    pub db: Db,
    /// What is made from the keys.
    pub secrets: Secrets,
    /// How often what may happen.
    pub limits: Limits,
    /// What time it is.
    pub clock: Clock,
    /// Where addresses are, coarsely.
    pub places: Places,
    /// Who was seen since the last flush.
    pub activity: Activity,
}

impl App {
    /// Wires an app on an open, migrated database.
    pub fn new(settings: Settings, db: Db, keys: Keys, clock: Clock) -> Result<Self, SealError> {
        let secrets = Secrets {
            sealer: Sealer::new(&settings.token_prefix, &keys.ring)?,
            csrf: Csrf::new(&keys.ring),
            hasher: Hasher::new(&keys.pepper, Cost::default(), settings.hash_threads, HASHES_WAITING),
            pepper: keys.pepper,
        };
        let limits = Limits::new(settings.limit_scale);
        let places = settings.places.clone();
        Ok(Self { settings, db, secrets, limits, clock, places, activity: Activity::default() })
    }
}
