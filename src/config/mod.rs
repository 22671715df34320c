//! Settings: read once at start from the environment and Rocket.toml, checked whole, then only typed values.
//! An unknown or wrong setting stops the start with one line that names it.

mod keys;
mod read;
mod stopping;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;
use rocket::figment::Figment;

use crate::model::network::Network;
use crate::model::redis_address::RedisAddress;
use crate::place::Places;
use crate::place::networks::NamedNetwork;
use crate::secret::text::SecretText;
use crate::seeded;
pub use keys::Keys;
pub use read::account;
use read::{Raw, env_name, environment, rocket_figment};

/// Settings that hold secrets: each may also be given as `..._FILE`, and none is ever printed.
const SECRETS: [&str; 3] = ["secret_key", "data_key", "pepper"];
/// Addresses with a password in them: the same, but for the password they are printed.
const ADDRESSES: [&str; 2] = ["database_url", "redis_url"];

/// Every setting: name (environment: `RESCIND_` + upper case; Rocket.toml: `[default.rescind]`), default, meaning.
pub const SETTINGS: [(&str, &str, &str); 34] = [
    ("database_url", "sqlite:rescind-data/rescind.db", "postgres://... or sqlite:PATH"),
    (
        "redis_url",
        "",
        "redis://..., rediss://..., several hosts by commas for a cluster, or redis+sentinel://.../master",
    ),
    ("issuer", "", "the issuer; http://localhost:<port> on a loopback bind, else required"),
    ("secret_key", "", "64 random bytes in base64, or a ring id:base64,id:base64"),
    ("data_key", "", "32 to 64 random bytes in base64"),
    ("pepper", "", "32 to 64 random bytes in base64"),
    ("keys_folder", "rescind-keys", "where the embedded mode keeps its keys, apart from the data"),
    ("token_prefix", "rsc", "first part of every token, 2 to 12 of a-z 0-9"),
    ("hosts", "", "host names of the pages, by commas; the issuer's and loopback names if unset"),
    ("console_host", "", "host name that shows the console and nothing else; the pages' if unset"),
    ("trusted_proxies", "", "addresses or networks whose X-Forwarded-For and -Proto count, by commas"),
    ("name", "Rescind", "the name of the bank on the pages"),
    ("support_phone", "", "number people call for help, shown on the pages, such as +254 20 555 0100"),
    ("time_zone", "UTC", "time zone of the pages, such as Africa/Nairobi"),
    ("phone_country", "", "country of telephone numbers without +, such as KE"),
    ("networks", "", "names of networks, by commas, such as Head office=192.0.2.0/24, Branch Westlands=10.20.0.0/16"),
    ("places_file", "", "MaxMind-format file (.mmdb) of cities or countries"),
    ("breached_passwords", "", "file of SHA-1 sums of breached passwords, sorted, one a line"),
    ("access_token_minutes", "10", "life of an access token, 1 to 60"),
    ("session_days", "90", "longest life of a session, 1 to 365"),
    ("session_idle_days", "30", "a session not refreshed for so long is over, 1 to 365"),
    ("refresh_grace_seconds", "10", "for how long a public client may repeat a refresh, 0 to 60"),
    ("sign_in_hours", "12", "longest life of a sign-in on the pages, 1 to 720"),
    ("sign_in_idle_minutes", "30", "a sign-in unused for so long is over, 1 to 1440"),
    ("staff_hours", "12", "longest life of a sign-in to the console, 1 to 24"),
    ("staff_idle_minutes", "15", "a sign-in to the console unused for so long is over, 2 to 60"),
    ("staff_sessions", "3", "sign-ins to the console at once for one person, 1 to 20; the oldest ends"),
    ("limit_scale", "1", "multiplies every rate limit, 1 to 1000000"),
    ("hash_threads", "0", "password hashes at once; 0: half the cores"),
    ("checks", "fast", "fast: from memory while that is surely fresh; plain: every check reads the database"),
    ("lease", "5", "seconds a server may answer from memory without hearing from the database, 1 to 30"),
    ("near_cache", "50000", "sessions kept in memory, 100 to 10000000"),
    ("metrics_address", "", "address and port for /metrics and health alone, such as 10.0.0.5:9464"),
    ("log", "info", "error, warn, info, debug or trace"),
];

/// How long any call to Redis may take. Then the database answers.
pub const REDIS_DEADLINE: Duration = Duration::from_millis(50);

/// Why a start was refused: one line that names the setting.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// How long things live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Access tokens.
    pub access: TimeDelta,
    /// Authorization codes.
    pub code: TimeDelta,
    /// Sessions, whatever happens.
    pub session: TimeDelta,
    /// Sessions that are not refreshed.
    pub session_idle: TimeDelta,
    /// How long a public client may repeat a refresh.
    pub grace: TimeDelta,
    /// Sign-ins on the pages, whatever happens.
    pub sign_in: TimeDelta,
    /// Sign-ins on the pages that are not used.
    pub sign_in_idle: TimeDelta,
    /// Sign-ins that were begun.
    pub login: TimeDelta,
    /// Sign-ins to the console, whatever happens.
    pub staff: TimeDelta,
    /// Sign-ins to the console that are not used.
    pub staff_idle: TimeDelta,
}

/// All settings, checked.
#[derive(Clone)]
pub struct Settings {
    /// Where the truth is. May hold a password: never printed.
    pub database_url: SecretText,
    /// Where copies are shared.
    pub redis: Option<RedisAddress>,
    /// How long any call to Redis may take: [`REDIS_DEADLINE`], but for tests that need its answer however slow they run.
    pub redis_deadline: Duration,
    /// The issuer, exactly.
    pub issuer: String,
    /// First part of every token.
    pub token_prefix: String,
    /// Host names (without port) under which pages are shown.
    pub hosts: Vec<String>,
    /// Host name (without port) that shows the console and nothing else.
    pub console_host: Option<String>,
    /// Sign-ins to the console at once for one person.
    pub staff_sessions: i64,
    /// Who may say whom they forward for.
    pub trusted_proxies: Vec<Network>,
    /// The bank's name.
    pub name: String,
    /// The number people call for help.
    pub support_phone: Option<String>,
    /// Zone of times on pages.
    pub time_zone: Tz,
    /// Country of telephone numbers without `+`.
    pub phone_country: Option<String>,
    /// Networks with names.
    pub networks: Vec<NamedNetwork>,
    /// File of places.
    pub places_file: Option<PathBuf>,
    /// Where addresses are, by both.
    pub places: Places,
    /// Breached-password list.
    pub breached_passwords: Option<PathBuf>,
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// Multiplies every rate limit.
    pub limit_scale: u32,
    /// Password hashes at once.
    pub hash_threads: usize,
    /// Whether checks are answered from memory.
    pub is_fast: bool,
    /// How long a server may answer from memory after it heard from the database.
    pub lease: Duration,
    /// Sessions kept in memory.
    pub near_cache: usize,
    /// Where measures are read, if not at the main address.
    pub metrics_address: Option<SocketAddr>,
    /// Level of our own log lines.
    pub log: tracing::Level,
    /// Folder of the embedded mode's keys.
    pub keys_folder: PathBuf,
    /// Rocket's own settings.
    pub rocket: Figment,
    secrets: BTreeMap<&'static str, SecretText>,
}

impl Settings {
    /// Reads the environment and Rocket.toml.
    pub fn load() -> Result<Self, ConfigError> {
        let pairs = environment();
        let settings = Self::from_pairs(pairs.clone(), &BTreeMap::new())?;
        seeded::begin(&pairs);
        Ok(settings)
    }

    /// Reads given environment pairs, with some settings fixed by the caller (the demo's, a test's).
    pub fn from_pairs(
        pairs: Vec<(String, String)>,
        fixed: &BTreeMap<&'static str, String>,
    ) -> Result<Self, ConfigError> {
        let figment = rocket_figment(&pairs)?;
        let mut raw = Raw::read(&figment, pairs)?;
        for (name, value) in fixed {
            raw.values.insert(name, value.clone());
        }
        raw.settings(figment)
    }

    /// Whether the database is the embedded one.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.database_url.expose().starts_with("sqlite:")
    }

    /// Whether the issuer is https: then plain requests are refused.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.issuer.starts_with("https://")
    }

    /// Whether a host name (without port) is the console's own.
    #[must_use]
    pub fn is_console_host(&self, host: &str) -> bool {
        self.console_host.as_ref().is_some_and(|console| console.eq_ignore_ascii_case(host))
    }

    /// Where the server listens: address, port, and whether it speaks TLS itself.
    pub fn listens(&self) -> Result<(IpAddr, u16, bool), ConfigError> {
        let config: rocket::Config = self.rocket.extract().map_err(|error| ConfigError(error.to_string()))?;
        Ok((config.address, config.port, config.tls_enabled()))
    }

    /// Whether an address is a configured proxy.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.has(peer))
    }

    /// Every setting with its value, secrets redacted, for `rescind config check`.
    #[must_use]
    pub fn lines(&self) -> Vec<(String, String)> {
        let minutes = |t: TimeDelta| t.num_minutes().to_string();
        let hidden = |name: &str| if self.secrets.contains_key(name) { "(set)" } else { "(key folder)" }.to_owned();
        let proxies = self.trusted_proxies.iter().map(|n| n.text());
        let values = [
            without_password(self.database_url.expose()),
            self.redis.as_ref().map(RedisAddress::shown).unwrap_or_default(),
            self.issuer.clone(),
            hidden("secret_key"),
            hidden("data_key"),
            hidden("pepper"),
            self.keys_folder.display().to_string(),
            self.token_prefix.clone(),
            self.hosts.join(","),
            self.console_host.clone().unwrap_or_default(),
            proxies.collect::<Vec<_>>().join(","),
            self.name.clone(),
            self.support_phone.clone().unwrap_or_default(),
            self.time_zone.to_string(),
            self.phone_country.clone().unwrap_or_default(),
            self.networks.iter().map(NamedNetwork::text).collect::<Vec<_>>().join(", "),
            self.places_file.as_ref().map(|p| p.display().to_string()).unwrap_or_default(),
            self.breached_passwords.as_ref().map(|p| p.display().to_string()).unwrap_or_default(),
            minutes(self.lifetimes.access),
            self.lifetimes.session.num_days().to_string(),
            self.lifetimes.session_idle.num_days().to_string(),
            self.lifetimes.grace.num_seconds().to_string(),
            self.lifetimes.sign_in.num_hours().to_string(),
            minutes(self.lifetimes.sign_in_idle),
            self.lifetimes.staff.num_hours().to_string(),
            minutes(self.lifetimes.staff_idle),
            self.staff_sessions.to_string(),
            self.limit_scale.to_string(),
            self.hash_threads.to_string(),
            if self.is_fast { "fast" } else { "plain" }.to_owned(),
            self.lease.as_secs().to_string(),
            self.near_cache.to_string(),
            self.metrics_address.map(|address| address.to_string()).unwrap_or_default(),
            self.log.to_string().to_lowercase(),
        ];
        SETTINGS.iter().zip(values).map(|((name, _, _), value)| (env_name(name), value)).collect()
    }

    /// Whether the ring that seals tokens was given as a setting.
    #[must_use]
    pub fn has_given_key(&self) -> bool {
        self.secrets.contains_key("secret_key")
    }
}

/// As `rescind config check` prints them: no secret, whichever file or variable it came from.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.lines()).finish()
    }
}

/// A database URL as it may be shown: no password, neither before the host nor in the query.
fn without_password(url: &str) -> String {
    if url.starts_with("sqlite:") {
        return url.to_owned();
    }
    let Ok(mut parsed) = url::Url::parse(url) else { return String::from("(set)") };
    if parsed.password().is_some() && parsed.set_password(Some("***")).is_err() {
        return String::from("(set)");
    }
    if parsed.query().is_some() {
        let hidden = |name: &str| name.to_lowercase().contains("password");
        let pairs: Vec<(String, String)> = parsed.query_pairs().into_owned().collect();
        let shown = pairs.iter().map(|(name, value)| (name, if hidden(name) { "***" } else { value }));
        parsed.query_pairs_mut().clear().extend_pairs(shown);
    }
    parsed.to_string()
}
