//! The shared RabbitMQ, told what to do by `rabbitmqctl`, and one of a test's own, to be killed.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use crate::places::say_skipped;

const SERVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/services.d/rabbitmq-serve");

/// A broker's port, which is all that is needed to ask anything of it.
#[derive(Debug, Clone, Copy)]
pub struct Rabbit(pub u16);

impl Rabbit {
    /// The one that `RECONCILE_TEST_RABBITMQ` names.
    pub fn shared() -> Option<Self> {
        let Ok(url) = std::env::var("RECONCILE_TEST_RABBITMQ") else {
            static SAID: Once = Once::new();
            SAID.call_once(|| say_skipped("tests on RabbitMQ; RECONCILE_TEST_RABBITMQ names none"));
            return None;
        };
        Some(Self(url.rsplit(':').next().unwrap().parse().unwrap()))
    }

    pub fn url(self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.0)
    }

    /// Has the broker carry out Erlang, all at once: the tool needs a second to start.
    pub fn eval(self, erlang: &str) -> String {
        let home = tempfile::tempdir().unwrap();
        let program = Path::new("/usr/lib/rabbitmq/bin/rabbitmqctl");
        let program = if program.exists() { program } else { Path::new("rabbitmqctl") };
        let done = Command::new(program)
            .args(["-q", "--erlang-cookie", "reconcile", "--node", "reconcile@localhost"])
            .args(["eval", erlang])
            .env("ERL_EPMD_PORT", (self.0 + 1).to_string())
            .env("HOME", home.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
        said
    }

    /// A vhost of that name, which everybody may use.
    pub fn vhost(self, name: &str) -> String {
        self.eval(&format!(
            "rabbit_vhost:add(<<\"{name}\">>, <<\"test\">>), rabbit_auth_backend_internal:set_permissions(\
             <<\"guest\">>, <<\"{name}\">>, <<\".*\">>, <<\".*\">>, <<\".*\">>, <<\"test\">>)."
        ));
        format!("{}/{name}", self.url())
    }
}

/// A broker that is killed when the test ends, however it ends.
pub struct Own {
    folder: tempfile::TempDir,
    process: Child,
    pub rabbit: Rabbit,
}

impl Own {
    /// `None` where no broker is installed. `more` is added to its settings; `TLS` in it is a free port.
    pub fn start(more: &str) -> Option<Self> {
        Rabbit::shared()?;
        let folder = tempfile::tempdir().unwrap();
        let port = free_ports();
        let more = more.replace("TLS", &(port + 3).to_string());
        fs::write(folder.path().join("more.conf"), more).unwrap();
        let process = serve(folder.path(), port);
        let mut own = Self { folder, process, rabbit: Rabbit(port) };
        own.wait(1);
        Some(own)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("logs/broker.log")
    }

    fn wait(&mut self, starts: usize) {
        let begun = Instant::now();
        loop {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            if log.matches("Server startup complete").count() >= starts {
                return;
            }
            assert!(begun.elapsed() < Duration::from_mins(2), "it doesn't start: {log}");
            assert!(self.process.try_wait().unwrap().is_none(), "it ended: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// As `kill -9`.
    pub fn kill(&mut self) {
        let pid = fs::read_to_string(self.folder.path().join("pid")).unwrap();
        assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
        self.process.wait().unwrap();
    }

    /// Again, with what it had brought to its disk.
    pub fn start_again(&mut self) {
        let log = fs::read_to_string(self.log()).unwrap();
        let before = log.matches("Server startup complete").count();
        self.process = serve(self.folder.path(), self.rabbit.0);
        self.wait(before + 1);
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let pid = self.process.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.process.wait();
    }
}

fn serve(folder: &Path, port: u16) -> Child {
    Command::new("setsid")
        .args([SERVE, folder.to_str().unwrap(), &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The first of four in a row, below those that the kernel hands out by itself.
fn free_ports() -> u16 {
    let begin = 12_000 + u16::try_from(std::process::id() % 700).unwrap() * 10;
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    loop {
        let port = begin + NEXT.fetch_add(5, std::sync::atomic::Ordering::SeqCst);
        if (port..port + 4).all(free) {
            return port;
        }
    }
}
