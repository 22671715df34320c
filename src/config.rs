//! Settings: read once at start from the environment and Rocket.toml, checked whole, then only typed values.
//! An unknown or wrong setting stops the start with one line that names it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use chrono_tz::Tz;
use rocket::figment::value::Value;
use rocket::figment::{Figment, Profile, Provider};

use crate::secret::keys::{DataKey, KeyRing, Pepper};
use crate::secret::text::SecretText;

/// Settings that hold secrets: each may also be given as `..._FILE`, and none is ever printed.
const SECRETS: [&str; 3] = ["secret_key", "data_key", "pepper"];

/// Every setting: name (environment: `RESCIND_` + upper case; Rocket.toml: `[default.rescind]`), default, meaning.
pub const SETTINGS: [(&str, &str, &str); 21] = [
    ("database_url", "sqlite:rescind-data/rescind.db", "postgres://... or sqlite:PATH"),
    ("issuer", "", "the issuer; http://localhost:<port> on a loopback bind, else required"),
    ("secret_key", "", "64 random bytes in base64, or a ring id:base64,id:base64"),
    ("data_key", "", "32 to 64 random bytes in base64"),
    ("pepper", "", "32 to 64 random bytes in base64"),
    ("token_prefix", "rsc", "first part of every token, 2 to 12 of a-z 0-9"),
    ("hosts", "", "host names of the pages, by commas; the issuer's and loopback names if unset"),
    ("trusted_proxies", "", "addresses or networks whose X-Forwarded-For and -Proto count, by commas"),
    ("name", "Rescind", "the name of the bank on the pages"),
    ("time_zone", "UTC", "time zone of the pages, such as Africa/Nairobi"),
    ("phone_country", "", "country of telephone numbers without +, such as KE"),
    ("breached_passwords", "", "file of SHA-1 sums of breached passwords, sorted, one a line"),
    ("access_token_minutes", "10", "life of an access token, 1 to 60"),
    ("session_days", "90", "longest life of a session, 1 to 365"),
    ("session_idle_days", "30", "a session not refreshed for so long is over, 1 to 365"),
    ("refresh_grace_seconds", "10", "for how long a public client may repeat a refresh, 0 to 60"),
    ("sign_in_hours", "12", "longest life of a sign-in on the pages, 1 to 720"),
    ("sign_in_idle_minutes", "30", "a sign-in unused for so long is over, 1 to 1440"),
    ("limit_scale", "1", "multiplies every rate limit, 1 to 1000000"),
    ("hash_threads", "0", "password hashes at once; 0: half the cores"),
    ("log", "info", "error, warn, info, debug or trace"),
];

/// Keys of Rocket's own that may stand in Rocket.toml or in `ROCKET_*`.
const ROCKET_KEYS: [&str; 17] = [
    "address",
    "port",
    "workers",
    "max_blocking",
    "ident",
    "ip_header",
    "proxy_proto_header",
    "limits",
    "tls",
    "temp_dir",
    "keep_alive",
    "shutdown",
    "log_level",
    "cli_colors",
    "secret_key",
    "profile",
    "config",
];

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
}

/// All settings, checked.
#[derive(Clone)]
pub struct Settings {
    /// Where the truth is. May hold a password: never printed.
    pub database_url: SecretText,
    /// The issuer, exactly.
    pub issuer: String,
    /// First part of every token.
    pub token_prefix: String,
    /// Host names (without port) under which pages are shown.
    pub hosts: Vec<String>,
    /// Who may say whom they forward for.
    pub trusted_proxies: Vec<Network>,
    /// The bank's name.
    pub name: String,
    /// Zone of times on pages.
    pub time_zone: Tz,
    /// Country of telephone numbers without `+`.
    pub phone_country: Option<String>,
    /// Breached-password list.
    pub breached_passwords: Option<PathBuf>,
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// Multiplies every rate limit.
    pub limit_scale: u32,
    /// Password hashes at once.
    pub hash_threads: usize,
    /// Level of our own log lines.
    pub log: tracing::Level,
    /// Folder of the embedded mode's keys.
    pub keys_folder: PathBuf,
    /// Rocket's own settings.
    pub rocket: Figment,
    secrets: BTreeMap<&'static str, SecretText>,
}

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

/// An address, or a network in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: u128,
    bits: u32,
}

impl Settings {
    /// Reads the environment and Rocket.toml.
    pub fn load() -> Result<Self, ConfigError> {
        Self::from_pairs(environment(), &BTreeMap::new())
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
        let proxies = self.trusted_proxies.iter().map(|n| format!("{}/{}", n.text(), n.bits));
        let values = [
            without_password(self.database_url.expose()),
            self.issuer.clone(),
            hidden("secret_key"),
            hidden("data_key"),
            hidden("pepper"),
            self.token_prefix.clone(),
            self.hosts.join(","),
            proxies.collect::<Vec<_>>().join(","),
            self.name.clone(),
            self.time_zone.to_string(),
            self.phone_country.clone().unwrap_or_default(),
            self.breached_passwords.as_ref().map(|p| p.display().to_string()).unwrap_or_default(),
            minutes(self.lifetimes.access),
            self.lifetimes.session.num_days().to_string(),
            self.lifetimes.session_idle.num_days().to_string(),
            self.lifetimes.grace.num_seconds().to_string(),
            self.lifetimes.sign_in.num_hours().to_string(),
            minutes(self.lifetimes.sign_in_idle),
            self.limit_scale.to_string(),
            self.hash_threads.to_string(),
            self.log.to_string().to_lowercase(),
        ];
        SETTINGS.iter().zip(values).map(|((name, _, _), value)| (env_name(name), value)).collect()
    }

    /// Whether the ring that seals tokens was given as a setting.
    #[must_use]
    pub fn has_given_key(&self) -> bool {
        self.secrets.contains_key("secret_key")
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

    fn embedded_file(&self) -> Option<PathBuf> {
        let rest = self.database_url.expose().strip_prefix("sqlite:")?;
        let path = rest.split('?').next().unwrap_or(rest);
        Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
    }
}

/// As `rescind config check` prints them: no secret, whichever file or variable it came from.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.lines()).finish()
    }
}

impl Network {
    /// `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse::<u32>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let bits = match (address, bits) {
            (IpAddr::V4(_), Some(bits)) if bits <= 32 => bits + 96,
            (IpAddr::V6(_), Some(bits)) if bits <= 128 => bits,
            (_, None) => 128,
            (_, Some(_)) => return None,
        };
        Some(Self { address: as_v6(address), bits })
    }

    fn has(self, peer: IpAddr) -> bool {
        let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
        self.address & mask == as_v6(peer) & mask
    }

    fn text(self) -> String {
        std::net::Ipv6Addr::from(self.address).to_canonical().to_string()
    }
}

/// Settings as text, by name.
struct Raw {
    values: BTreeMap<&'static str, String>,
}

impl Raw {
    fn read(figment: &Figment, pairs: Vec<(String, String)>) -> Result<Self, ConfigError> {
        let mut values = BTreeMap::new();
        for (key, value) in toml_table(figment)? {
            let name = known(&key).ok_or_else(|| ConfigError(format!("Rocket.toml: unknown setting rescind.{key}")))?;
            values.insert(
                name,
                scalar(&value).ok_or_else(|| ConfigError(format!("Rocket.toml: rescind.{key} must be one value")))?,
            );
        }
        let mut given = BTreeSet::new();
        for (key, value) in pairs {
            let Some(short) = key.strip_prefix("RESCIND_") else { continue };
            let lower = short.to_lowercase();
            let name = known(&lower).or_else(|| known(lower.strip_suffix("_file").filter(|n| SECRETS.contains(n))?));
            let name = name.ok_or_else(|| ConfigError(format!("unknown setting {key}")))?;
            let from_file = lower != name;
            if !given.insert(name) {
                return Err(ConfigError(format!("{} is given twice, as a value and as a file", env_name(name))));
            }
            values.insert(name, if from_file { read_file(&key, &value)? } else { value });
        }
        Ok(Self { values })
    }

    fn text(&self, name: &'static str) -> String {
        let default = SETTINGS.iter().find(|(known, _, _)| *known == name).map_or("", |(_, default, _)| *default);
        self.values.get(name).cloned().unwrap_or_else(|| default.to_owned())
    }

    fn optional(&self, name: &'static str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    fn number(&self, name: &'static str, from: i64, to: i64) -> Result<i64, ConfigError> {
        let found = self.text(name).parse::<i64>().ok().filter(|n| (from..=to).contains(n));
        found.ok_or_else(|| ConfigError(format!("{} must be a whole number from {from} to {to}", env_name(name))))
    }

    fn list(&self, name: &'static str) -> Vec<String> {
        self.text(name).split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
    }

    fn settings(self, rocket: Figment) -> Result<Settings, ConfigError> {
        let wrong = |name: &str, rule: &str| ConfigError(format!("{} {rule}", env_name(name)));
        let database_url = self.text("database_url");
        if !["sqlite:", "postgres://", "postgresql://"].iter().any(|start| database_url.starts_with(start)) {
            return Err(wrong("database_url", "must begin with postgres:// or sqlite:"));
        }
        if !database_url.starts_with("sqlite:") && url::Url::parse(&database_url).is_err() {
            return Err(wrong("database_url", "is not a URL: write postgres://user:password@host/name"));
        }
        let token_prefix = self.text("token_prefix");
        crate::secret::seal::Sealer::new(&token_prefix, &KeyRing::generate())
            .map_err(|_| wrong("token_prefix", "must be 2 to 12 of a-z 0-9, the first a letter"))?;
        let issuer = issuer(&self.text("issuer"), &rocket)?;
        let proxies = self.list("trusted_proxies").iter().map(|text| Network::parse(text)).collect::<Option<Vec<_>>>();
        let phone_country = self.optional("phone_country");
        if phone_country.as_ref().is_some_and(|c| c.len() != 2 || !c.bytes().all(|b| b.is_ascii_uppercase())) {
            return Err(wrong("phone_country", "must be two capital letters, such as KE"));
        }
        let threads = usize::try_from(self.number("hash_threads", 0, 256)?).unwrap_or(0);
        let secrets = SECRETS.iter().filter_map(|name| self.optional(name).map(|text| (*name, SecretText::from(text))));
        let secrets: BTreeMap<_, _> = secrets.collect();
        for (name, text) in &secrets {
            check_key(name, text.expose())?;
        }
        let settings = Settings {
            hosts: hosts(&self.list("hosts"), &issuer),
            issuer,
            token_prefix,
            trusted_proxies: proxies
                .ok_or_else(|| wrong("trusted_proxies", "must be addresses or networks by commas"))?,
            name: self.text("name"),
            time_zone: self
                .text("time_zone")
                .parse()
                .map_err(|_| wrong("time_zone", "must be a zone such as Africa/Nairobi"))?,
            phone_country,
            breached_passwords: self.optional("breached_passwords").map(PathBuf::from),
            lifetimes: self.lifetimes()?,
            limit_scale: u32::try_from(self.number("limit_scale", 1, 1_000_000)?).unwrap_or(1),
            hash_threads: if threads == 0 { half_the_cores() } else { threads },
            log: self.text("log").parse().map_err(|_| wrong("log", "must be error, warn, info, debug or trace"))?,
            keys_folder: PathBuf::from("rescind-keys"),
            secrets,
            database_url: SecretText::from(database_url),
            rocket,
        };
        if let Some(list) = settings.breached_passwords.as_ref().filter(|path| !path.is_file()) {
            return Err(wrong("breached_passwords", &format!("names no file: {}", list.display())));
        }
        Ok(settings)
    }

    fn lifetimes(&self) -> Result<Lifetimes, ConfigError> {
        Ok(Lifetimes {
            access: TimeDelta::minutes(self.number("access_token_minutes", 1, 60)?),
            code: TimeDelta::seconds(60),
            session: TimeDelta::days(self.number("session_days", 1, 365)?),
            session_idle: TimeDelta::days(self.number("session_idle_days", 1, 365)?),
            grace: TimeDelta::seconds(self.number("refresh_grace_seconds", 0, 60)?),
            sign_in: TimeDelta::hours(self.number("sign_in_hours", 1, 720)?),
            sign_in_idle: TimeDelta::minutes(self.number("sign_in_idle_minutes", 1, 1440)?),
            login: TimeDelta::minutes(15),
        })
    }
}

/// The process's environment. Values that are not UTF-8 are read as such text.
#[expect(clippy::disallowed_methods, reason = "this is the room the ban points to")]
fn environment() -> Vec<(String, String)> {
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect()
}

/// The account a command runs under, for the audit trail.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the room the ban points to")]
pub fn account() -> String {
    let named = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).or_else(|_| std::env::var("LOGNAME"));
    let harmless = |name: &String| (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
    named.ok().filter(harmless).unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()))
}

fn rocket_figment(pairs: &[(String, String)]) -> Result<Figment, ConfigError> {
    for (name, _) in pairs {
        let Some(key) = name.strip_prefix("ROCKET_").map(str::to_lowercase) else { continue };
        if !ROCKET_KEYS.contains(&key.as_str()) {
            return Err(ConfigError(format!("unknown setting {name}")));
        }
    }
    let figment = rocket::Config::figment();
    let found = figment.data().map_err(|error| ConfigError(format!("Rocket.toml: {error}").replace('\n', " ")))?;
    for (profile, table) in found {
        for key in table.keys().filter(|key| *key != "rescind" && !ROCKET_KEYS.contains(&key.as_str())) {
            return Err(ConfigError(format!("Rocket.toml: unknown setting {profile}.{key}")));
        }
    }
    // A client can set any header: only `trusted_proxies` decides whose address counts.
    let figment = figment
        .join(("address", "127.0.0.1"))
        .merge(("ip_header", false))
        .merge(("ident", false))
        .merge(("log_level", "off"));
    check_rocket(&figment)?;
    Ok(figment)
}

/// What Rocket would refuse once everything else is open, refused before anything is.
fn check_rocket(figment: &Figment) -> Result<(), ConfigError> {
    let wrong = |error: rocket::figment::Error| {
        let name = error.path.first().map(|key| key.to_uppercase()).unwrap_or_default();
        ConfigError(format!("ROCKET_{name}: {}", error.kind).replace('\n', " "))
    };
    let config: rocket::Config = figment.extract().map_err(wrong)?;
    let Some(tls) = &config.tls else { return Ok(()) };
    let files = [tls.certs().left(), tls.key().left()];
    match files.into_iter().flatten().find(|path| !path.is_file()) {
        Some(path) => Err(ConfigError(format!("ROCKET_TLS names no file: {}", path.display()))),
        None => Ok(()),
    }
}

/// A key as given: refused before anything is opened, and by `rescind config check`.
fn check_key(name: &str, text: &str) -> Result<(), ConfigError> {
    let read = match name {
        "secret_key" => KeyRing::parse(text).map(|_| ()),
        "data_key" => DataKey::parse(text).map(|_| ()),
        _ => Pepper::parse(text).map(|_| ()),
    };
    read.map_err(|error| ConfigError(format!("{}: {error}", env_name(name))))
}

fn toml_table(figment: &Figment) -> Result<BTreeMap<String, Value>, ConfigError> {
    let data = figment.data().map_err(|error| ConfigError(format!("Rocket.toml: {error}").replace('\n', " ")))?;
    let mut merged = BTreeMap::new();
    for profile in [Profile::Default, figment.profile().clone(), Profile::Global] {
        match data.get(&profile).and_then(|table| table.get("rescind")) {
            Some(Value::Dict(_, table)) => merged.extend(table.clone()),
            Some(_) => return Err(ConfigError("Rocket.toml: rescind must be a table".to_owned())),
            None => {}
        }
    }
    Ok(merged)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Bool(_, flag) => Some(flag.to_string()),
        Value::Num(_, number) => {
            number.to_i128().map(|n| n.to_string()).or_else(|| number.to_u128().map(|n| n.to_string()))
        }
        Value::Char(..) | Value::Empty(..) | Value::Dict(..) | Value::Array(..) => None,
    }
}

fn known(name: &str) -> Option<&'static str> {
    SETTINGS.iter().map(|(known, _, _)| *known).find(|known| *known == name)
}

fn env_name(name: &str) -> String {
    format!("RESCIND_{}", name.to_uppercase())
}

fn read_file(name: &str, path: &str) -> Result<String, ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| ConfigError(format!("{name}: {path}: {error}")))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// https, or http on loopback names; no path, query or fragment; written exactly as it will be compared.
fn issuer(text: &str, rocket: &Figment) -> Result<String, ConfigError> {
    let name = env_name("issuer");
    if text.is_empty() {
        let address: IpAddr =
            rocket.extract_inner("address").map_err(|e| ConfigError(format!("ROCKET_ADDRESS: {e}")))?;
        let port: u16 = rocket.extract_inner("port").map_err(|e| ConfigError(format!("ROCKET_PORT: {e}")))?;
        let default = format!("http://localhost:{port}");
        let refused = ConfigError(format!("{name} must be set when the server is not bound to loopback"));
        return if address.is_loopback() { Ok(default) } else { Err(refused) };
    }
    let url = url::Url::parse(text).map_err(|error| ConfigError(format!("{name} is not a URL: {error}")))?;
    if url.origin().ascii_serialization() != text {
        return Err(ConfigError(format!("{name} must be scheme://host[:port] in lower case, without path or slash")));
    }
    let is_loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(text.to_owned()),
        "http" if is_loopback => Ok(text.to_owned()),
        "http" => Err(ConfigError(format!("{name} must be https, except on loopback"))),
        _ => Err(ConfigError(format!("{name} must be https"))),
    }
}

fn hosts(given: &[String], issuer: &str) -> Vec<String> {
    if !given.is_empty() {
        return given.to_vec();
    }
    let own = url::Url::parse(issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
    let mut all: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into();
    all.extend(own.filter(|host| !all.contains(host)));
    all
}

fn half_the_cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

fn as_v6(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
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

/// Makes a file only its owner can read, with its folder; refuses to replace one.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut line = String::from(text);
    writeln!(line).map_err(std::io::Error::other)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()
}

/// Replaces a file only its owner can read, in one step.
pub fn replace_private(path: &Path, text: &str) -> std::io::Result<()> {
    let next = path.with_extension("new");
    if next.exists() {
        fs::remove_file(&next)?;
    }
    write_private(&next, text)?;
    fs::rename(&next, path)
}
