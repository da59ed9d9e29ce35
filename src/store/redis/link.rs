//! Connecting to a Redis: one server, or a cluster, whichever answers.
//!
//! Answers for a limit of every wait. A cluster's redirections, and finding its nodes again when they
//! changed, are the driver's; what is sent may be sent twice.

use std::time::Duration;

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::cluster::ClusterClient;
use ::redis::cluster_async::ClusterConnection;
use ::redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, Slot, SlotAddr};
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, RedisError, RedisResult, TlsCertificates, TlsMode, Value,
    cmd,
};

use super::address::{Address, Host};
use super::trouble::Trouble;

const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
/// A cluster that chooses a new primary is asked again for about twenty seconds.
const RETRIES: u32 = 40;
const RETRY_WAIT_MS: (u64, u64) = (50, 1000);
/// What is put together before it is handed to the network.
const WRITTEN_AT_ONCE: usize = 256 * 1024;

/// A connection, which any number of calls share.
#[derive(Clone)]
pub enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// What a server says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hello {
    pub version: String,
    /// `standalone`, `cluster` or `sentinel`.
    pub mode: String,
    /// `master` or `replica`.
    pub role: String,
}

/// A connection and where it leads.
pub struct Connected {
    pub link: Link,
    pub host: String,
    pub hello: Hello,
}

impl Link {
    /// Connects to the first host that answers; to one that takes writes, if there is one.
    pub async fn open(address: &Address) -> Result<Connected, (String, Trouble)> {
        let (mut replica, mut first) = (None, None);
        for host in &address.hosts {
            match one(address, host).await {
                Ok((_, hello)) if hello.mode == "cluster" => {
                    return cluster(address, hello).await;
                }
                Ok((link, hello)) if hello.role == "master" => {
                    return Ok(Connected { link: Self::One(link), host: host.to_string(), hello });
                }
                Ok((link, hello)) => {
                    let connected =
                        Connected { link: Self::One(link), host: host.to_string(), hello };
                    replica.get_or_insert(connected);
                }
                Err(trouble) => drop(first.get_or_insert((host.to_string(), trouble))),
            }
        }
        replica.ok_or_else(|| first.unwrap_or_else(|| (String::new(), Trouble::lasting("no host"))))
    }

    /// Asks wherever the keys of a command lie.
    pub async fn ask(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self {
            Self::One(link) => link.req_packed_command(command).await,
            Self::Cluster(link) => link.req_packed_command(command).await,
        };
        answer?.extract_error()
    }

    /// Asks the primary of a slot; of a single server that is the server.
    pub async fn ask_at(&mut self, slot: Slot, command: Cmd) -> RedisResult<Value> {
        let answer = match self {
            Self::One(link) => link.req_packed_command(&command).await,
            Self::Cluster(link) => {
                let primary = Route::with_slot(slot, SlotAddr::Master);
                let routing = SingleNodeRoutingInfo::SpecificNode(primary);
                link.route_command(command, RoutingInfo::SingleNode(routing)).await
            }
        };
        answer?.extract_error()
    }

    pub fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }
}

async fn one(address: &Address, host: &Host) -> Result<(MultiplexedConnection, Hello), Trouble> {
    let of = |error: RedisError| Trouble::of(&error);
    let info = address.of(host).map_err(of)?;
    let client = match address.is_tls {
        false => Client::open(info),
        true => Client::build_with_tls(info, certificates(address)),
    };
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER))
        .set_write_backpressure_boundary(WRITTEN_AT_ONCE);
    let client = client.map_err(of)?;
    let mut link =
        client.get_multiplexed_async_connection_with_config(&config).await.map_err(of)?;
    let hello = link.req_packed_command(&cmd("HELLO")).await.and_then(Value::extract_error);
    let hello = Hello::read(hello.map_err(of)?);
    if hello.mode == "sentinel" {
        return Err(Trouble::lasting(
            "it is a Sentinel, which stores nothing: name the Redis itself",
        ));
    }
    Ok((link, hello))
}

async fn cluster(address: &Address, hello: Hello) -> Result<Connected, (String, Trouble)> {
    let hosts: Vec<String> = address.hosts.iter().map(Host::to_string).collect();
    let host = format!("the cluster of {}", hosts.join(", "));
    let failed = |error: RedisError| (host.clone(), Trouble::of(&error));
    if address.database != 0 {
        let said = "a cluster has no numbered databases: leave the number out of the URL";
        return Err((host, Trouble::lasting(said)));
    }
    let nodes: RedisResult<Vec<_>> = address.hosts.iter().map(|host| address.of(host)).collect();
    let mut builder = ClusterClient::builder(nodes.map_err(failed)?)
        .connection_timeout(CONNECT)
        .response_timeout(ANSWER)
        .retries(RETRIES)
        .min_retry_wait(RETRY_WAIT_MS.0)
        .max_retry_wait(RETRY_WAIT_MS.1)
        .write_backpressure_boundary(WRITTEN_AT_ONCE);
    if address.is_tls {
        builder = builder.tls(TlsMode::Secure).certs(certificates(address));
    }
    let client = builder.build().map_err(failed)?;
    let connected = tokio::time::timeout(ANSWER, client.get_async_connection()).await;
    let late = |_| (host.clone(), Trouble::passing("its nodes don't answer in time"));
    let link = Link::Cluster(connected.map_err(late)?.map_err(failed)?);
    Ok(Connected { link, host, hello })
}

fn certificates(address: &Address) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: address.ca.clone() }
}

impl Hello {
    fn read(answer: Value) -> Self {
        let words: Vec<String> = match answer {
            Value::Array(list) => list.into_iter().map(text).collect(),
            Value::Map(map) => {
                map.into_iter().flat_map(|(key, value)| [text(key), text(value)]).collect()
            }
            _ => Vec::new(),
        };
        let of = |name: &str| {
            let pair = words.chunks(2).find(|pair| pair[0] == name);
            pair.and_then(|pair| pair.get(1)).cloned().unwrap_or_default()
        };
        Self { version: of("version"), mode: of("mode"), role: of("role") }
    }
}

/// A word of an answer; empty where it is no word.
pub fn text(value: Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Value::SimpleString(text) => text,
        Value::Int(number) => number.to_string(),
        _ => String::new(),
    }
}
