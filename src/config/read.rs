//! Reading settings: every name must be known, every value must fit; the first that does not is named.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use rocket::figment::value::Value;
use rocket::figment::{Figment, Profile, Provider};

use super::{ADDRESSES, ConfigError, Lifetimes, REDIS_DEADLINE, SECRETS, SETTINGS, Settings, stopping};
use crate::model::network::Network;
use crate::model::redis_address::RedisAddress;
use crate::place::Places;
use crate::place::networks::NamedNetwork;
use crate::secret::keys::{DataKey, KeyRing, Pepper};
use crate::secret::text::SecretText;
use crate::seeded;

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

/// Settings as text, by name.
pub(super) struct Raw {
    pub(super) values: BTreeMap<&'static str, String>,
}

impl Raw {
    pub(super) fn read(figment: &Figment, pairs: Vec<(String, String)>) -> Result<Self, ConfigError> {
        let mut values = BTreeMap::new();
        for (key, value) in toml_table(figment)? {
            let name = known(&key).ok_or_else(|| ConfigError(format!("Rocket.toml: unknown setting rescind.{key}")))?;
            let text = if name == "networks" { scalar(&value).or_else(|| named(&value)) } else { scalar(&value) };
            let text = text.ok_or_else(|| ConfigError(format!("Rocket.toml: rescind.{key} must be one value")))?;
            values.insert(name, text);
        }
        let mut given = BTreeSet::new();
        for (key, value) in pairs {
            let Some(short) = key.strip_prefix("RESCIND_") else { continue };
            let lower = short.to_lowercase();
            if seeded::accepts(&lower, &value).map_err(ConfigError)? {
                continue;
            }
            let name = known(&lower).or_else(|| {
                known(lower.strip_suffix("_file").filter(|n| SECRETS.contains(n) || ADDRESSES.contains(n))?)
            });
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

    fn database_url(&self) -> Result<String, ConfigError> {
        let wrong = |rule: &str| ConfigError(format!("{} {rule}", env_name("database_url")));
        let text = self.text("database_url");
        if !["sqlite:", "postgres://", "postgresql://"].iter().any(|start| text.starts_with(start)) {
            return Err(wrong("must begin with postgres:// or sqlite:"));
        }
        if !text.starts_with("sqlite:") && url::Url::parse(&text).is_err() {
            return Err(wrong("is not a URL: write postgres://user:password@host/name"));
        }
        Ok(text)
    }

    fn redis(&self) -> Result<Option<RedisAddress>, ConfigError> {
        let wrong = |rule: &str| ConfigError(format!("{} {rule}", env_name("redis_url")));
        let Some(text) = self.optional("redis_url") else { return Ok(None) };
        let address = RedisAddress::parse(&text).map_err(|why| wrong(&why.to_string()))?;
        match address.ca.as_ref().filter(|file| !file.is_file()) {
            Some(file) => Err(wrong(&format!("names a CA that is no file: {}", file.display()))),
            None => Ok(Some(address)),
        }
    }

    pub(super) fn settings(self, rocket: Figment) -> Result<Settings, ConfigError> {
        let wrong = |name: &str, rule: &str| ConfigError(format!("{} {rule}", env_name(name)));
        let database_url = self.database_url()?;
        let token_prefix = self.text("token_prefix");
        crate::secret::seal::Sealer::new(&token_prefix, &KeyRing::generate())
            .map_err(|_| wrong("token_prefix", "must be 2 to 12 of a-z 0-9, the first a letter"))?;
        let issuer = issuer(&self.text("issuer"), &rocket)?;
        let proxies = self.list("trusted_proxies").iter().map(|text| Network::parse(text)).collect::<Option<Vec<_>>>();
        let networks =
            self.list("networks").iter().map(|text| NamedNetwork::parse(text)).collect::<Result<Vec<_>, _>>();
        let networks = networks.map_err(|why| wrong("networks", &why))?;
        let places_file = self.optional("places_file").map(PathBuf::from);
        let phone_country = self.optional("phone_country");
        if phone_country.as_ref().is_some_and(|c| c.len() != 2 || !c.bytes().all(|b| b.is_ascii_uppercase())) {
            return Err(wrong("phone_country", "must be two capital letters, such as KE"));
        }
        let support_phone = self.support_phone()?;
        let threads = usize::try_from(self.number("hash_threads", 0, 256)?).unwrap_or(0);
        let secrets = SECRETS.iter().filter_map(|name| self.optional(name).map(|text| (*name, SecretText::from(text))));
        let secrets: BTreeMap<_, _> = secrets.collect();
        for (name, text) in &secrets {
            check_key(name, text.expose())?;
        }
        let settings = Settings {
            redis: self.redis()?,
            redis_deadline: REDIS_DEADLINE,
            hosts: hosts(&self.list("hosts"), &issuer),
            console_host: self.console_host()?,
            staff_sessions: self.number("staff_sessions", 1, 20)?,
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
            places: Places::open(&networks, places_file.as_deref()).map_err(|why| wrong("places_file", &why))?,
            networks,
            places_file,
            support_phone,
            breached_passwords: self.optional("breached_passwords").map(PathBuf::from),
            lifetimes: self.lifetimes()?,
            limit_scale: u32::try_from(self.number("limit_scale", 1, 1_000_000)?).unwrap_or(1),
            hash_threads: if threads == 0 { half_the_cores() } else { threads },
            is_fast: self.is_fast()?,
            lease: self.lease()?,
            near_cache: usize::try_from(self.number("near_cache", 100, 10_000_000)?).unwrap_or(100),
            metrics_address: self.metrics_address()?,
            log: self.text("log").parse().map_err(|_| wrong("log", "must be error, warn, info, debug or trace"))?,
            keys_folder: PathBuf::from(self.text("keys_folder")),
            secrets,
            database_url: SecretText::from(database_url),
            rocket: stopping::patient(rocket, self.lease()?),
        };
        if let Some(list) = settings.breached_passwords.as_ref().filter(|path| !path.is_file()) {
            return Err(wrong("breached_passwords", &format!("names no file: {}", list.display())));
        }
        Ok(settings)
    }

    fn support_phone(&self) -> Result<Option<String>, ConfigError> {
        let text = self.optional("support_phone");
        let rule = "must be a telephone number of at most 30 digits, spaces and +()-.";
        let is_wrong = text.as_ref().is_some_and(|text| !is_callable(text));
        if is_wrong { Err(ConfigError(format!("{} {rule}", env_name("support_phone")))) } else { Ok(text) }
    }

    fn metrics_address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let Some(text) = self.optional("metrics_address") else { return Ok(None) };
        let read = text.parse().ok().filter(|address: &SocketAddr| address.port() != 0);
        let rule = "must be an address and a port, such as 127.0.0.1:9464 or [::1]:9464";
        read.map(Some).ok_or_else(|| ConfigError(format!("{} {rule}", env_name("metrics_address"))))
    }

    fn lease(&self) -> Result<Duration, ConfigError> {
        Ok(Duration::from_secs(self.number("lease", 1, 30)?.unsigned_abs()))
    }

    fn is_fast(&self) -> Result<bool, ConfigError> {
        match self.text("checks").as_str() {
            "fast" => Ok(true),
            "plain" => Ok(false),
            _ => Err(ConfigError(format!("{} must be fast or plain", env_name("checks")))),
        }
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
            staff: TimeDelta::hours(self.number("staff_hours", 1, 24)?),
            staff_idle: TimeDelta::minutes(self.number("staff_idle_minutes", 2, 60)?),
        })
    }

    /// A host name as it comes in `Host`, in lower case.
    fn console_host(&self) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.optional("console_host") else { return Ok(None) };
        let is_host = url::Host::parse(&text).is_ok_and(|host| host.to_string() == text);
        let rule = || ConfigError(format!("{} must be a host name without port or slash", env_name("console_host")));
        if is_host { Ok(Some(text)) } else { Err(rule()) }
    }
}

/// The process's environment. Values that are not UTF-8 are read as such text.
#[expect(clippy::disallowed_methods, reason = "this is the room the ban points to")]
pub(super) fn environment() -> Vec<(String, String)> {
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

pub(super) fn rocket_figment(pairs: &[(String, String)]) -> Result<Figment, ConfigError> {
    for (name, _) in pairs {
        let Some(key) = name.strip_prefix("ROCKET_").map(str::to_lowercase) else { continue };
        if !ROCKET_KEYS.contains(&key.as_str()) {
            return Err(ConfigError(format!("unknown setting {name}")));
        }
    }
    let figment = rocket::Config::figment();
    let found = figment.data().map_err(|error| ConfigError(format!("Rocket.toml: {error}").replace('\n', " ")))?;
    for (profile, table) in found {
        let odd = table.keys().find(|key| *key != "rescind" && !ROCKET_KEYS.contains(&key.as_str()));
        if let Some(key) = odd {
            return Err(ConfigError(format!("Rocket.toml: unknown setting {profile}.{key}")));
        }
    }
    // A client can set any header: only `trusted_proxies` decides whose address counts.
    let figment = figment.merge(("ip_header", false)).merge(("ident", false)).merge(("log_level", "off"));
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

/// A table of networks by name, as the one line it also can be.
fn named(value: &Value) -> Option<String> {
    let Value::Dict(_, table) = value else { return None };
    let lines = table.iter().map(|(name, network)| Some(format!("{name}={}", scalar(network)?)));
    Some(lines.collect::<Option<Vec<_>>>()?.join(", "))
}

fn known(name: &str) -> Option<&'static str> {
    SETTINGS.iter().map(|(known, _, _)| *known).find(|known| *known == name)
}

pub(super) fn env_name(name: &str) -> String {
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

/// Whether a text is a telephone number as people write one. Short numbers of hotlines count.
fn is_callable(text: &str) -> bool {
    let written = text.chars().all(|c| c.is_ascii_digit() || " +()-.".contains(c));
    written && text.len() <= 30 && text.bytes().filter(u8::is_ascii_digit).count() >= 3
}

fn half_the_cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}
