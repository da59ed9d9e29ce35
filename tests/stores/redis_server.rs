//! Servers of Redis: a database of one test's own on the shared ones, and servers that a test may kill or fill.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use redis::{Commands, Connection};

use crate::places::say_skipped;
use crate::process::eventually;

/// A number that no other test of this process has, from 1 on.
fn number() -> u32 {
    static TAKEN: AtomicU32 = AtomicU32::new(1);
    TAKEN.fetch_add(1, Ordering::Relaxed)
}

/// An empty database of the shared server; `None`, with a line that says so, where there is none.
pub fn database() -> Option<String> {
    let Ok(server) = std::env::var("RECONCILE_TEST_REDIS") else {
        static SAID: std::sync::Once = std::sync::Once::new();
        SAID.call_once(|| say_skipped("tests on Redis; RECONCILE_TEST_REDIS names no server"));
        return None;
    };
    let url = format!("{server}/{}", number());
    let () = redis::cmd("FLUSHDB").query(&mut connect(&url)).unwrap();
    Some(url)
}

/// The shared cluster, and what the keys of one test begin with.
pub fn cluster() -> Option<(String, String)> {
    let Ok(url) = std::env::var("RECONCILE_TEST_REDIS_CLUSTER") else {
        static SAID: std::sync::Once = std::sync::Once::new();
        let what = "tests on a cluster of Redis; RECONCILE_TEST_REDIS_CLUSTER names none";
        SAID.call_once(|| say_skipped(what));
        return None;
    };
    Some((url, format!("kv:{}-{}:", std::process::id(), number())))
}

pub fn connect(url: &str) -> Connection {
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

/// As another program would, also on a cluster.
pub fn set(url: &str, key: &str, value: &str) {
    let hosts: Vec<&str> = url.trim_start_matches("redis://").split(',').collect();
    match hosts[..] {
        [_] => connect(url).set(key, value).unwrap(),
        _ => {
            let nodes = hosts.iter().map(|host| format!("redis://{host}"));
            let cluster = redis::cluster::ClusterClient::new(nodes).unwrap();
            cluster.get_connection().unwrap().set(key, value).unwrap()
        }
    }
}

/// Removes the documents whose keys begin so, with their versions, from all nodes.
pub fn forget(url: &str, prefix: &str) {
    let (hosts, database) = url.trim_start_matches("redis://").split_once('/').unwrap_or((url, ""));
    for host in hosts.trim_start_matches("redis://").split(',') {
        let mut node = connect(&format!("redis://{host}/{database}"));
        let keys = |node: &mut Connection, pattern: String| -> Vec<String> {
            node.scan_match(pattern).unwrap().collect::<Result<_, _>>().unwrap()
        };
        let patterns = [format!("{prefix}*"), format!("reconcile:version:{{{prefix}*")];
        let all: Vec<_> = patterns.into_iter().flat_map(|it| keys(&mut node, it)).collect();
        for key in all {
            // A replica has them, too, and loses them with its primary.
            let _ = node.del::<_, u64>(key);
        }
    }
}

pub fn is_there() -> bool {
    database().is_some()
}

/// A server that ends with its test.
pub struct Server {
    child: Child,
    pub port: u16,
    arguments: Vec<String>,
    folder: tempfile::TempDir,
}

impl Server {
    /// One that speaks TLS alone, with the certificates that `certificates::make` made in `folder`.
    pub async fn start_secured(folder: &Path, arguments: &[&str]) -> Self {
        let [certificate, key] =
            ["server.pem", "server.key"].map(|name| folder.join(name).display().to_string());
        let tls = ["--tls-port", "PORT", "--port", "0", "--tls-auth-clients", "no"];
        let files = ["--tls-cert-file", &certificate, "--tls-key-file", &key];
        Self::start(&[&tls[..], &files, arguments].concat()).await
    }

    /// With these arguments beside the usual ones; without what it keeps on a disk.
    pub async fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
        let (child, port) = loop {
            // Somebody else may take a port that was free a moment ago.
            let port = free_port();
            let mut child = spawn(port, &arguments, folder.path());
            if is_ready(&mut child, folder.path()).await {
                break (child, port);
            }
        };
        Self { child, port, arguments, folder }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn connect(&self) -> Connection {
        connect(&self.url())
    }

    pub fn set(&self, name: &str, value: &str) {
        let () = redis::cmd("CONFIG")
            .arg("SET")
            .arg(name)
            .arg(value)
            .query(&mut self.connect())
            .unwrap();
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Again at the same port, with nothing of what was in it.
    pub async fn start_again(&mut self) {
        self.child = spawn(self.port, &self.arguments, self.folder.path());
        assert!(is_ready(&mut self.child, self.folder.path()).await, "its port was taken");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Below the range from which outgoing connections get theirs.
pub fn free_port() -> u16 {
    // A cluster's nodes also take the port 10,000 above.
    loop {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let low = 20_000 + port % 12_000;
        let is_free = |port: u16| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free(low) && is_free(low + 10_000) {
            return low;
        }
    }
}

fn spawn(port: u16, arguments: &[String], folder: &Path) -> Child {
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new("redis-server");
    // Of a server with TLS the plain port is another one.
    if !arguments.iter().any(|it| it == "--port") {
        command.args(["--port", &port.to_string()]);
    }
    let arguments = arguments.iter().map(|it| it.replace("PORT", &port.to_string()));
    command.args(arguments).args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command
        .arg("--dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    command.spawn().unwrap()
}

async fn is_ready(child: &mut Child, folder: &Path) -> bool {
    eventually("the server of Redis is ready", || {
        if child.try_wait().unwrap().is_some() {
            return Some(false);
        }
        let log = std::fs::read_to_string(folder.join("log")).unwrap();
        log.contains("Ready to accept connections").then_some(true)
    })
    .await
}

/// Three primaries with a replica each.
pub struct Cluster {
    pub servers: Vec<Server>,
}

impl Cluster {
    pub async fn start() -> Self {
        let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
        let mut servers = Vec::new();
        for _ in 0..6 {
            servers.push(Server::start(&arguments).await);
        }
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]);
        create.args(servers.iter().map(|server| format!("127.0.0.1:{}", server.port)));
        create.args(["--cluster-replicas", "1", "--cluster-yes"]);
        let output = create.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let cluster = Self { servers };
        cluster.is_whole().await;
        cluster
    }

    pub fn url(&self) -> String {
        let hosts: Vec<_> =
            self.servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        format!("redis://{}", hosts.join(","))
    }

    /// Every node knows who serves what, and all replicas follow.
    pub async fn is_whole(&self) {
        for server in &self.servers {
            let said = |section: &str| -> String {
                let mut connection = server.connect();
                redis::cmd(section).arg("INFO").query(&mut connection).unwrap_or_default()
            };
            eventually("the cluster is whole", || {
                said("CLUSTER").contains("cluster_state:ok").then_some(())
            })
            .await;
            let follows = || {
                let said: String =
                    redis::cmd("INFO").arg("replication").query(&mut server.connect()).unwrap();
                (said.contains("role:master") || said.contains("master_link_status:up"))
                    .then_some(())
            };
            eventually("the replicas follow", follows).await;
        }
    }

    /// Begins to move so many slots from all other primaries to the first one.
    pub fn moves_slots(&self, number: usize) -> Child {
        let first = &self.servers[0];
        let id: String = redis::cmd("CLUSTER").arg("MYID").query(&mut first.connect()).unwrap();
        let mut command = Command::new("redis-cli");
        command.args(["--cluster", "reshard", &format!("127.0.0.1:{}", first.port)]);
        command.args(["--cluster-from", "all", "--cluster-to", &id, "--cluster-yes"]);
        command.args(["--cluster-slots", &number.to_string(), "--cluster-pipeline", "1"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
    }

    /// One of the primaries, by its place.
    pub fn primary(&self) -> usize {
        self.servers.iter().position(is_primary).unwrap()
    }
}

/// Three primaries that speak TLS alone, also with each other.
pub struct SecuredCluster {
    pub servers: Vec<Server>,
    ca: String,
}

impl SecuredCluster {
    /// `folder` has the certificates that `certificates::make` makes.
    pub async fn start(folder: &Path) -> Self {
        let ca = folder.join("ca.pem").display().to_string();
        let shared =
            ["--tls-ca-cert-file", &ca, "--tls-cluster", "yes", "--cluster-enabled", "yes"];
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(Server::start_secured(folder, &shared).await);
        }
        let cluster = Self { servers, ca };
        let hosts: Vec<String> =
            cluster.servers.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        let mut create = vec!["--cluster", "create"];
        create.extend(hosts.iter().map(String::as_str));
        create.push("--cluster-yes");
        cluster.said(&create);
        for server in &cluster.servers {
            let port = server.port.to_string();
            eventually("the cluster is whole", || {
                cluster.said(&["-p", &port, "CLUSTER", "INFO"]).contains("state:ok").then_some(())
            })
            .await;
        }
        cluster
    }

    /// Has every node do this.
    pub fn all(&self, command: &[&str]) {
        for server in &self.servers {
            let port = server.port.to_string();
            assert_eq!(self.said(&[&["-p", &port], command].concat()).trim(), "OK");
        }
    }

    fn said(&self, arguments: &[&str]) -> String {
        let tls = ["--tls", "--cacert", &self.ca];
        let output = Command::new("redis-cli").args(tls).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }
}

fn is_primary(server: &Server) -> bool {
    let said: String = redis::cmd("INFO").arg("replication").query(&mut server.connect()).unwrap();
    said.contains("role:master")
}
