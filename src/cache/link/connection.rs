//! Connections: to one server, to a cluster, or to the master that Sentinels name. TLS is verified always, against the
//! system's roots or the CA of the setting.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo,
    RedisConnectionInfo, RedisError, ServerErrorKind, TlsCertificates,
};

use crate::model::redis_address::{HostPort, Login, RedisAddress, Topology};

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(1);
/// Commands under way at once on one connection.
const MOST_AT_ONCE: usize = 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// No connection right now.
    #[error("there is no connection")]
    Away,
    /// Too late.
    #[error("no answer in time")]
    Late,
    /// The server or the connection says why.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// The CA can't be read.
    #[error("the CA: {0}")]
    Ca(#[from] std::io::Error),
    /// The Sentinels know no master of that name.
    #[error("no Sentinel knows the master")]
    NoMaster,
}

impl Trouble {
    /// The server answered, and is well.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        // Whoever put another type there: it is no copy. A script it does not know yet is sent again, whole.
        matches!(self, Self::Redis(error) if error.code() == Some("WRONGTYPE")) || self.is_unknown_script()
    }

    /// The server does not know the script by its name: it was started anew, or was told to forget.
    #[must_use]
    pub fn is_unknown_script(&self) -> bool {
        matches!(self, Self::Redis(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript))
    }

    /// Nothing more can be expected of a connection to one server: it is gone, or its server is no master any more.
    #[must_use]
    pub fn is_the_end(&self) -> bool {
        let Self::Redis(error) = self else { return false };
        let kind = error.kind();
        let is_no_master = matches!(kind, ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown));
        let is_gone = error.is_unrecoverable_error() || (error.is_io_error() && !error.is_timeout());
        is_no_master || is_gone || error.code() == Some("NOAUTH")
    }
}

/// A connection. Clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    /// To one server.
    One(MultiplexedConnection),
    /// To a cluster, which looks after its nodes itself.
    Cluster(ClusterConnection),
}

impl Connection {
    /// Sends a command, and waits so long for the answer.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd, deadline: Duration) -> Result<T, Trouble> {
        let asked = async {
            match self.clone() {
                Self::One(mut to) => command.query_async(&mut to).await,
                Self::Cluster(mut to) => command.query_async(&mut to).await,
            }
        };
        tokio::time::timeout(deadline, asked).await.map_err(|_| Trouble::Late)?.map_err(Trouble::from)
    }

    /// Whether it mends itself.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

/// Makes a connection.
pub(super) async fn connect(address: &RedisAddress) -> Result<Connection, Trouble> {
    match &address.topology {
        Topology::One(at, database) => {
            let login = logged_in(&address.login).set_db(*database);
            Ok(Connection::One(one(address, at, login).await?))
        }
        Topology::Cluster(nodes) => Ok(Connection::Cluster(cluster(address, nodes).await?)),
        Topology::Sentinels { hosts, master, login } => {
            let mut trouble = Trouble::NoMaster;
            for host in hosts {
                match through(address, host, master, login).await {
                    Ok(found) => return Ok(Connection::One(found)),
                    Err(why) => trouble = why,
                }
            }
            Err(trouble)
        }
    }
}

/// The master that one Sentinel names.
async fn through(
    address: &RedisAddress,
    sentinel: &HostPort,
    master: &str,
    login: &Login,
) -> Result<MultiplexedConnection, Trouble> {
    let mut asked = one(address, sentinel, logged_in(login)).await?;
    let command = redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(master).to_owned();
    let named: Option<(String, u16)> =
        tokio::time::timeout(CONNECT, command.query_async(&mut asked)).await.map_err(|_| Trouble::Late)??;
    let (host, port) = named.ok_or(Trouble::NoMaster)?;
    one(address, &HostPort { host, port }, logged_in(&address.login)).await
}

async fn one(
    address: &RedisAddress,
    at: &HostPort,
    login: RedisConnectionInfo,
) -> Result<MultiplexedConnection, Trouble> {
    let info = place(address, at)?.set_redis_settings(login);
    let client =
        if address.is_tls { Client::build_with_tls(info, certificates(address)?)? } else { Client::open(info)? };
    // Waiting for answers is bounded by whoever asks; the handshake by the time for a connection.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(CONNECT))
        .set_pipeline_buffer_size(MOST_AT_ONCE)
        .set_concurrency_limit(MOST_AT_ONCE);
    Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
}

async fn cluster(address: &RedisAddress, nodes: &[HostPort]) -> Result<ClusterConnection, Trouble> {
    let login = logged_in(&address.login);
    let info = |node| Ok::<_, Trouble>(place(address, node)?.set_redis_settings(login.clone()));
    let nodes = nodes.iter().map(info).collect::<Result<Vec<_>, _>>()?;
    let builder = ClusterClientBuilder::new(nodes)
        .connection_timeout(CONNECT)
        .response_timeout(CONNECT)
        .overall_response_timeout(Some(CONNECT))
        .retries(2)
        .max_retry_wait(20)
        .connection_concurrency_limit(MOST_AT_ONCE);
    let builder = if address.is_tls { builder.certs(certificates(address)?) } else { builder };
    // The builder's own time-outs are for single nodes.
    let made = tokio::time::timeout(CONNECT * 3, builder.build()?.get_async_connection()).await;
    Ok(made.map_err(|_| Trouble::Late)??)
}

fn place(address: &RedisAddress, at: &HostPort) -> Result<ConnectionInfo, Trouble> {
    let (host, port) = (at.host.clone(), at.port);
    let place = if address.is_tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    Ok(place.into_connection_info()?)
}

fn logged_in(login: &Login) -> RedisConnectionInfo {
    // The library's name is nobody's business, and telling it would need a right more.
    let mut info = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(user) = &login.user {
        info = info.set_username(user);
    }
    if let Some(password) = &login.password {
        info = info.set_password(password.as_str());
    }
    info
}

/// Read anew for every connection: a new CA needs no restart.
fn certificates(address: &RedisAddress) -> Result<TlsCertificates, Trouble> {
    let root_cert = address.ca.as_ref().map(std::fs::read).transpose()?;
    Ok(TlsCertificates { client_tls: None, root_cert })
}
