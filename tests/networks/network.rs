//! Networks of their own on this machine: a namespace each, with a link to ours that can be cut. What
//! listens on our loopback is reached at the link's own address.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

pub struct Network {
    name: String,
    link: String,
    here: Ipv4Addr,
    /// Ports here that lead to ports of the loopback.
    ports: Arc<Mutex<BTreeMap<u16, u16>>>,
}

impl Network {
    /// So many of them; `None` where this user may not make any.
    pub fn make(number: usize) -> Option<Vec<Self>> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("networks can only be made by root");
            return None;
        }
        Some((0..number).map(Self::one).collect())
    }

    fn one(number: usize) -> Self {
        let process = std::process::id();
        let (name, link) =
            (format!("reconcile-{process}-{number}"), format!("rc{process}n{number}"));
        // A block that nobody else on this machine is likely to use, different for each process.
        let part = |number: usize| u8::try_from(number).unwrap();
        let process_part = usize::try_from(process).unwrap();
        let (third, fourth) = (part(process_part / 64 % 256), part(process_part % 64 * 4));
        let at = |last| Ipv4Addr::new(10, 200 + part(number), third, fourth + last);
        let (here, there) = (at(1), at(2));
        ip(&["netns", "add", &name]);
        ip(&["link", "add", &link, "type", "veth", "peer", "name", "eth0", "netns", &name]);
        ip(&["address", "add", &format!("{here}/30"), "dev", &link]);
        ip(&["link", "set", &link, "up"]);
        ip(&["-n", &name, "address", "add", &format!("{there}/30"), "dev", "eth0"]);
        ip(&["-n", &name, "link", "set", "eth0", "up"]);
        ip(&["-n", &name, "link", "set", "lo", "up"]);
        Self { name, link, here, ports: Arc::default() }
    }

    /// A program in it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    pub fn cut(&self) {
        ip(&["link", "set", &self.link, "down"]);
    }

    pub fn mend(&self) {
        ip(&["link", "set", &self.link, "up"]);
    }

    /// A text in which every address of our loopback is one that is reached from inside.
    pub fn seen_from_inside(&self, text: &str) -> String {
        let mut out = String::new();
        let mut parts = text.split("127.0.0.1:");
        out.push_str(parts.next().unwrap());
        for part in parts {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            let (port, rest) = part.split_at(digits);
            let port = self.port_to(port.parse().unwrap());
            out.push_str(&format!("{}:{port}{rest}", self.here));
        }
        out
    }

    fn port_to(&self, port: u16) -> u16 {
        *self.ports.lock().unwrap().entry(port).or_insert_with(|| {
            let listener = std::net::TcpListener::bind((self.here, 0)).unwrap();
            listener.set_nonblocking(true).unwrap();
            let own = listener.local_addr().unwrap().port();
            let listener = TcpListener::from_std(listener).unwrap();
            Handle::current().spawn(forward(listener, SocketAddr::from(([127, 0, 0, 1], port))));
            own
        })
    }
}

async fn forward(listener: TcpListener, server: SocketAddr) {
    while let Ok((mut client, _)) = listener.accept().await {
        tokio::spawn(async move {
            if let Ok(mut server) = TcpStream::connect(server).await {
                // However it ends, it ends for both.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Its link goes with it.
        ip(&["netns", "delete", &self.name]);
    }
}

#[track_caller]
fn ip(arguments: &[&str]) {
    let done = Command::new("ip").args(arguments).output().unwrap();
    assert!(done.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}
