//! Where Redis is, as the setting writes it:
//! - `redis://[user:password@]host[:port][/database]`: one server;
//! - the same with several hosts by commas (`redis://user:password@a:7000,b:7000`): any nodes of one cluster;
//! - `redis+sentinel://[user:password@]host[:port],host[:port]/master`: Sentinels, and the name of the master they watch.
//!
//! `rediss://` and `rediss+sentinel://` are the same over TLS, with `?ca=FILE` for a CA that the system does not know. User
//! and password are those of the Redis servers; the Sentinels' own are `?sentinel_username=` and `?sentinel_password=`.

use std::fmt;
use std::path::PathBuf;

use url::Url;
use zeroize::Zeroizing;

/// Port of a Redis server.
const SERVER_PORT: u16 = 6379;
/// Port of a Sentinel.
const SENTINEL_PORT: u16 = 26379;

/// Why a text is no address of Redis. Says nothing of the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    /// Neither of the four beginnings.
    #[error("must begin with redis://, rediss://, redis+sentinel:// or rediss+sentinel://")]
    Scheme,
    /// Not a URL.
    #[error("is not a URL: write redis://user:password@host:port, what is odd in a password as %XX")]
    Form,
    /// Hosts that differ in more than host and port.
    #[error("has several hosts that differ in scheme, user or password: write redis://user:password@a:7000,b:7000")]
    Differing,
    /// A number that is none.
    #[error("must end in a database from 0 to 1000000, or in no path")]
    Database,
    /// Clusters have one database.
    #[error("names a database of a cluster: a cluster has none")]
    ClusterDatabase,
    /// Sentinels watch masters by name.
    #[error("must end in the name of the master: redis+sentinel://host:26379/name")]
    Master,
    /// A parameter nobody knows, or one that does not belong there.
    #[error("has a parameter that is not ca (with TLS), sentinel_username or sentinel_password (with Sentinels)")]
    Parameter,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Who we are at a server. `Debug` shows nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// A user of the server's access control list; its default user if there is none.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Zeroizing<String>>,
}

/// How servers are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One server, and the number of its database.
    One(HostPort, i64),
    /// Some nodes of a cluster.
    Cluster(Vec<HostPort>),
    /// Sentinels that know the master of this name, and who we are at them.
    Sentinels {
        /// Where they are.
        hosts: Vec<HostPort>,
        /// What they call the master.
        master: String,
        /// Who we are at them.
        login: Login,
    },
}

/// An address of Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisAddress {
    /// How servers are found.
    pub topology: Topology,
    /// Who we are at them.
    pub login: Login,
    /// Whether they, and Sentinels, are spoken to over TLS.
    pub is_tls: bool,
    /// The CA, if it is not one of the system's.
    pub ca: Option<PathBuf>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login([secret])")
    }
}

impl RedisAddress {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, NotAnAddress> {
        let (scheme, _) = text.split_once("://").ok_or(NotAnAddress::Scheme)?;
        let (is_tls, has_sentinels) = match scheme {
            "redis" => (false, false),
            "rediss" => (true, false),
            "redis+sentinel" => (false, true),
            "rediss+sentinel" => (true, true),
            _ => return Err(NotAnAddress::Scheme),
        };
        let (urls, last) = urls(text, scheme)?;
        let hosts = urls.iter().map(|url| host(url, has_sentinels)).collect::<Result<Vec<_>, _>>()?;
        let login = login(urls.first().unwrap_or(&last))?;
        let Parameters { ca, at_sentinels } = Parameters::of(&last)?;
        let is_misplaced = (ca.is_some() && !is_tls) || (at_sentinels != Login::default() && !has_sentinels);
        if is_misplaced {
            return Err(NotAnAddress::Parameter);
        }
        let topology = if has_sentinels {
            Topology::Sentinels { hosts, master: master(&last)?, login: at_sentinels }
        } else {
            servers(hosts, &last)?
        };
        Ok(Self { topology, login, is_tls, ca })
    }

    /// Whether every host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let is_here = |at: &HostPort| {
            at.host == "localhost" || at.host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        };
        match &self.topology {
            Topology::One(at, _) => is_here(at),
            Topology::Cluster(hosts) | Topology::Sentinels { hosts, .. } => hosts.iter().all(is_here),
        }
    }

    /// The address as it may be shown: without password.
    #[must_use]
    pub fn shown(&self) -> String {
        let user = self.login.user.clone().unwrap_or_default();
        let login = match (&self.login.user, &self.login.password) {
            (None, None) => String::new(),
            (_, None) => format!("{user}@"),
            (_, Some(_)) => format!("{user}:***@"),
        };
        let list = |hosts: &[HostPort]| hosts.iter().map(HostPort::text).collect::<Vec<_>>().join(",");
        let s = if self.is_tls { "s" } else { "" };
        let ca = self.ca.as_ref().map(|ca| format!("?ca={}", ca.display())).unwrap_or_default();
        match &self.topology {
            Topology::One(host, 0) => format!("redis{s}://{login}{}{ca}", host.text()),
            Topology::One(host, database) => format!("redis{s}://{login}{}/{database}{ca}", host.text()),
            Topology::Cluster(hosts) => format!("redis{s}://{login}{}{ca}", list(hosts)),
            Topology::Sentinels { hosts, master, .. } => {
                format!("redis{s}+sentinel://{login}{}/{master}{ca}", list(hosts))
            }
        }
    }
}

impl HostPort {
    fn text(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// The parts of the list as URLs of their own; and the last of them, which alone may have a path or parameters.
fn urls(text: &str, scheme: &str) -> Result<(Vec<Url>, Url), NotAnAddress> {
    let mut urls = Vec::new();
    for (at, part) in text.split(',').enumerate() {
        let whole = if at > 0 && !part.contains("://") { format!("{scheme}://{part}") } else { part.to_owned() };
        let url = Url::parse(&whole).map_err(|_| NotAnAddress::Form)?;
        if url.scheme() != scheme {
            return Err(NotAnAddress::Differing);
        }
        urls.push(url);
    }
    let last = urls.last().cloned().ok_or(NotAnAddress::Form)?;
    let is_bare = |url: &Url| matches!(url.path(), "" | "/") && url.query().is_none();
    if urls.iter().any(|url| url.fragment().is_some()) || urls.iter().rev().skip(1).any(|url| !is_bare(url)) {
        return Err(NotAnAddress::Form);
    }
    let has_login = |url: &Url| !url.username().is_empty() || url.password().is_some();
    let first = urls.first().map(|url| (url.username().to_owned(), url.password().map(str::to_owned)));
    let same = |url: &Url| first == Some((url.username().to_owned(), url.password().map(str::to_owned)));
    if urls.iter().skip(1).any(|url| has_login(url) && !same(url)) {
        return Err(NotAnAddress::Differing);
    }
    Ok((urls, last))
}

fn host(url: &Url, is_sentinel: bool) -> Result<HostPort, NotAnAddress> {
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(NotAnAddress::Form)?;
    let host = decoded(host.trim_start_matches('[').trim_end_matches(']'))?;
    let port = url.port().unwrap_or(if is_sentinel { SENTINEL_PORT } else { SERVER_PORT });
    Ok(HostPort { host: host.to_string(), port })
}

fn login(url: &Url) -> Result<Login, NotAnAddress> {
    let user = Some(decoded(url.username())?.to_string()).filter(|user| !user.is_empty());
    Ok(Login { user, password: url.password().map(decoded).transpose()? })
}

/// `%XX` as the byte it stands for.
fn decoded(text: &str) -> Result<Zeroizing<String>, NotAnAddress> {
    // A plus sign stands for itself, unlike in forms.
    let pair = Zeroizing::new(format!("x={}", text.replace('+', "%2B").replace('&', "%26")));
    let first =
        url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| Zeroizing::new(value.into_owned()));
    first.filter(|text| !text.contains('\u{FFFD}')).ok_or(NotAnAddress::Form)
}

/// What stands behind the question mark.
#[derive(Default)]
struct Parameters {
    ca: Option<PathBuf>,
    at_sentinels: Login,
}

impl Parameters {
    fn of(url: &Url) -> Result<Self, NotAnAddress> {
        let mut found = Self::default();
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "ca" if !value.is_empty() => found.ca = Some(PathBuf::from(value.as_ref())),
                "sentinel_username" => found.at_sentinels.user = Some(value.into_owned()),
                "sentinel_password" => found.at_sentinels.password = Some(Zeroizing::new(value.into_owned())),
                _ => return Err(NotAnAddress::Parameter),
            }
        }
        Ok(found)
    }
}

fn master(url: &Url) -> Result<String, NotAnAddress> {
    let name = decoded(url.path().trim_start_matches('/'))?;
    if name.is_empty() || name.contains('/') { Err(NotAnAddress::Master) } else { Ok(name.to_string()) }
}

fn servers(mut hosts: Vec<HostPort>, last: &Url) -> Result<Topology, NotAnAddress> {
    let path = last.path().trim_start_matches('/');
    if hosts.len() > 1 {
        return if path.is_empty() { Ok(Topology::Cluster(hosts)) } else { Err(NotAnAddress::ClusterDatabase) };
    }
    let number = if path.is_empty() { Some(0) } else { path.parse().ok().filter(|n| (0..=1_000_000).contains(n)) };
    let only = hosts.pop().ok_or(NotAnAddress::Form)?;
    number.map(|number| Topology::One(only, number)).ok_or(NotAnAddress::Database)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str, port: u16) -> HostPort {
        HostPort { host: host.to_owned(), port }
    }

    fn read(text: &str) -> RedisAddress {
        RedisAddress::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn sto_10_one_server_a_cluster_and_sentinels_are_told_apart() {
        assert_eq!(read("redis://localhost").topology, Topology::One(at("localhost", 6379), 0));
        assert_eq!(read("redis://[::1]:7/3").topology, Topology::One(at("::1", 7), 3));
        let nodes = Topology::Cluster(vec![at("a", 1), at("b", 2), at("c", 6379)]);
        assert_eq!(read("redis://a:1,b:2,c").topology, nodes);
        assert_eq!(read("redis://u:p@a:1,redis://u:p@b:2,redis://c/").topology, nodes);
        let sentinels = read("redis+sentinel://u:p@a,b:2/bank?sentinel_password=q");
        let login = Login { user: None, password: Some("q".to_owned().into()) };
        let hosts = vec![at("a", 26379), at("b", 2)];
        assert_eq!(sentinels.topology, Topology::Sentinels { hosts, master: "bank".to_owned(), login });
        assert_eq!(sentinels.login.password.as_deref().map(String::as_str), Some("p"));
    }

    #[test]
    fn sec_03_tls_and_its_ca() {
        let address = read("rediss://a:1?ca=/etc/ca.pem");
        assert_eq!((address.is_tls, address.ca), (true, Some(PathBuf::from("/etc/ca.pem"))));
        assert!(read("rediss+sentinel://a/m").is_tls && read("rediss://a,b").is_tls && !read("redis://a").is_tls);
    }

    #[test]
    fn sec_03_what_leaves_the_machine_is_known() {
        for (text, is_here) in [
            ("redis://localhost", true),
            ("redis://127.8.0.1,[::1]:7", true),
            ("redis://127.0.0.1,10.0.0.1", false),
            ("redis+sentinel://localhost/m", true),
            ("redis://redis.bank.example", false),
            ("redis://127.0.0.1.example", false),
        ] {
            assert_eq!(read(text).is_loopback(), is_here, "{text}");
        }
    }

    #[test]
    fn odd_characters_of_a_password_are_written_as_hex() {
        let login = read("redis://us%40er:a%2Cb%3A%2F%40+c%26%25@h").login;
        assert_eq!(login.user.as_deref(), Some("us@er"));
        assert_eq!(login.password.as_deref().map(String::as_str), Some("a,b:/@+c&%"));
        assert_eq!(read("redis://:only@h").login, Login { user: None, password: Some("only".to_owned().into()) });
    }

    #[test]
    fn what_is_shown_holds_no_password() {
        for (text, shown) in [
            ("redis://user:hunter2@h:1/2", "redis://user:***@h:1/2"),
            ("redis://:hunter2@h", "redis://:***@h:6379"),
            ("rediss://user:hunter2@a:1,[::2]:2?ca=/x", "rediss://user:***@a:1,[::2]:2?ca=/x"),
            ("redis+sentinel://a/m?sentinel_password=hunter2", "redis+sentinel://a:26379/m"),
            ("redis://user@h", "redis://user@h:6379"),
        ] {
            let address = read(text);
            assert_eq!(address.shown(), shown);
            assert!(!format!("{address:?}").contains("hunter2"));
        }
    }

    #[test]
    fn anything_else_is_refused_by_name_and_without_a_word_of_it() {
        use NotAnAddress::{ClusterDatabase, Database, Differing, Form, Master, Parameter, Scheme};
        for (text, why) in [
            ("", Scheme),
            ("localhost:6379", Scheme),
            ("unix:///run/redis.sock", Scheme),
            ("http://h", Scheme),
            ("redis://", Form),
            ("redis://hunter2@", Form),
            ("redis://a,", Form),
            ("redis://a:99999", Form),
            ("redis://a#insecure", Form),
            ("redis://a/1,b", Form),
            ("redis://a?ca=x,b", Form),
            ("redis://u:hunter2@a,v:hunter2@b", Differing),
            ("redis://a,rediss://b", Differing),
            ("redis://a/one", Database),
            ("redis://a/-1", Database),
            ("redis://a,b/1", ClusterDatabase),
            ("redis+sentinel://a", Master),
            ("redis+sentinel://a/m/n", Master),
            ("redis://a?ca=/x", Parameter),
            ("rediss://a?insecure=1", Parameter),
            ("rediss://a?sentinel_password=hunter2", Parameter),
        ] {
            let refused = RedisAddress::parse(text);
            assert_eq!(refused, Err(why), "{text}");
            assert!(!why.to_string().contains("hunter2"));
        }
    }
}
