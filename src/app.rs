//! The app: wiring and nothing else.

use std::sync::Arc;

use uuid::Uuid;

use crate::activity::Activity;
use crate::cache::near::Near;
use crate::cache::redis::{Copies, Sharing};
use crate::clock::{Clock, unix_seconds};
use crate::config::{Keys, Settings};
use crate::limits::{self, Limits};
use crate::metrics::Metrics;
use crate::place::Places;
use crate::secret::copies::CopySealer;
use crate::secret::csrf::Csrf;
use crate::secret::fingerprint::{Fingerprint, Fingerprints};
use crate::secret::keys::{KeyRing, Pepper};
use crate::secret::password::{Cost, Hasher};
use crate::secret::random;
use crate::secret::seal::{SealError, Sealer};
use crate::store::Db;
use crate::store::clients::KnownClient;
use crate::store::sessions::Whole;
use crate::view::node::{Making, Node, Role, Serving};

/// Sign-ins that may wait for a free hash thread; more are told to come back.
const HASHES_WAITING: usize = 64;

/// Clients whose records are kept in memory.
const CLIENTS: usize = 10_000;

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
    /// Recognises credentials that were proven before.
    pub fingerprints: Fingerprints,
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
    /// What checks are answered from besides the truth.
    pub checks: Checks,
    /// What is counted for whoever watches.
    pub metrics: Metrics,
}

/// This process among the nodes that answer checks.
#[derive(Debug)]
pub struct Checks {
    /// What was taken back, and whether that is surely fresh.
    pub node: Arc<Node>,
    /// Copies of sessions.
    pub sessions: Near<Uuid, Whole>,
    /// Copies of sessions that all nodes share.
    pub copies: Option<Arc<Copies>>,
    /// Copies of the records of clients that check tokens.
    pub clients: Near<String, Arc<KnownClient>>,
    /// The same by the fingerprint of an `Authorization` header that proved one of them.
    pub callers: Near<Fingerprint, Arc<KnownClient>>,
    /// The sessions that stand for clients' own tokens, by client and shape. Whether one is good, its record says.
    pub standing: Near<String, Uuid>,
}

impl Checks {
    fn new(settings: &Settings, db: &Db, clock: &Clock, ring: &KeyRing) -> Self {
        let copies = settings.redis.clone().filter(|_| settings.is_fast).map(|address| {
            let (sealer, prefix) = (CopySealer::new(ring), settings.token_prefix.clone());
            let (clock, deadline) = (clock.clone(), settings.redis_deadline);
            Arc::new(Copies::new(Sharing { address, sealer, prefix, clock, deadline }))
        });
        let (db, clock) = (db.clone(), clock.clone());
        let making = Making { db, clock, lease: settings.lease, draw: random::id };
        let refills = if making.db.is_embedded() { 4 } else { 8 };
        let (clients, callers) = (Near::new(CLIENTS, refills), Near::new(CLIENTS, refills));
        let standing = Near::new(CLIENTS, refills);
        let sessions = Near::new(settings.near_cache, refills);
        Self { node: Arc::new(Node::new(making)), sessions, copies, clients, callers, standing }
    }
}

/// Counts that all nodes share where there is a Redis, also where copies are not.
fn limits(settings: &Settings, clock: &Clock, node: &Node, pepper: &Pepper) -> Limits {
    let limits = Limits::new(settings.limit_scale, node.registered());
    let Some(address) = settings.redis.clone() else { return limits };
    let (pepper, prefix) = (pepper.clone(), settings.token_prefix.clone());
    let (clock, deadline) = (clock.clone(), settings.redis_deadline);
    limits.shared_in(limits::Sharing { address, pepper, prefix, clock, deadline })
}

impl App {
    /// Wires an app on an open, migrated database.
    pub fn new(settings: Settings, db: Db, keys: Keys, clock: Clock) -> Result<Self, SealError> {
        let secrets = Secrets {
            sealer: Sealer::new(&settings.token_prefix, &keys.ring)?,
            csrf: Csrf::new(&keys.ring),
            hasher: Hasher::new(&keys.pepper, Cost::default(), settings.hash_threads, HASHES_WAITING),
            pepper: keys.pepper,
            fingerprints: Fingerprints::draw(),
        };
        let checks = Checks::new(&settings, &db, &clock, &keys.ring);
        let limits = limits(&settings, &clock, &checks.node, &secrets.pepper);
        let places = settings.places.clone();
        let metrics = Metrics::new(unix_seconds(clock.now()));
        let activity = Activity::default();
        Ok(Self { settings, db, secrets, limits, clock, places, activity, checks, metrics })
    }

    /// Begins to serve: checks are answered from memory or from the truth, as the settings say. Stopped after the last
    /// answer.
    #[must_use]
    pub fn serve_checks(&self) -> Serving {
        self.limits.connect();
        if let Some(copies) = &self.checks.copies {
            copies.connect();
        }
        self.checks.node.serve(if self.settings.is_fast { Role::Fast } else { Role::Plain })
    }

    /// Waits until it is known whether Redis answers, so that the first checks find what is there, and limits
    /// are counted together from the first. Not for long.
    pub async fn looked_for_redis(&self) {
        self.limits.tried().await;
        if let Some(copies) = &self.checks.copies {
            copies.tried().await;
        }
    }

    /// Whether checks can be answered: in the plain variant always, else while the lease runs.
    pub async fn knows_what_was_taken_back(&self) -> bool {
        !self.settings.is_fast || self.checks.node.is_fresh_soon().await
    }
}
