//! A shop with a daemon that listens, and a client that says exactly what it is told to.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;

use crate::places::Place;
pub use crate::process::{Daemon, eventually};
use crate::process::{LIMIT, Start};
use crate::shop::{self, Said};

const TABLE: &str = "CREATE TABLE page (id bigint PRIMARY KEY, slug varchar(50) NOT NULL UNIQUE, \
                     title varchar(50) NOT NULL);";
const MODULE: &str = "apiVersion: reconcile/v1\nkind: Module\nmetadata: {name: pages}\nspec:\n  \
                      title: Pages\n  records: [{table: page, identity: [slug], label: title}]\n";

pub const JO: &str = "jo-may-schedule-0001";
pub const KIM: &str = "kim-may-only-view-01";
pub const HOOK: &str = "the-hooks-own-secret";
pub const ORIGIN: &str = "https://reconcile.shop.example";
/// The operator's part, with the port that is chosen by the system.
pub const HTTP: &str = "http: {listen: \"127.0.0.1:0\", publicUrl: \"https://reconcile.shop.example\", tokens: \
                        {jo: {secret: jo-may-schedule-0001, may: schedule}, kim: {secret: \
                        kim-may-only-view-01, may: view}}, hooks: {secret: the-hooks-own-secret}}\n";
pub const MANIFESTS: &str = "manifests: manifests\n";
/// Somebody who is told.
pub const MAIL: &str = "mail: {transport: \"file:outbox\", from: reconcile@shop.example, recipients: \
                        [\"*@shop.example\"]}\n";
pub const FAR_AWAY: &str = "  notify: [jo@shop.example]\n  schedule: {at: \"2999-12-01T02:00\", timeZone: Europe/Warsaw}\n";

pub struct World {
    pub folder: tempfile::TempDir,
    pub prod: Place,
    pub test: Place,
}

impl World {
    /// `more` is the rest of the operator's file.
    pub async fn new(more: &str) -> Self {
        let (prod, test) = (Place::sqlite("").await, Place::sqlite("").await);
        let world = Self { folder: tempfile::tempdir().unwrap(), prod, test };
        world.prod.run(&format!("{TABLE} INSERT INTO page VALUES (1, 'home', 'Home');")).await;
        let rows = "INSERT INTO page VALUES (1, 'home', 'Home'), (2, 'spring', '<b>Spring</b>');";
        world.test.run(&format!("{TABLE} {rows}")).await;
        fs::create_dir(world.path("manifests")).unwrap();
        fs::write(world.path("manifests/pages.yaml"), MODULE).unwrap();
        world.operator(more);
        world
    }

    pub fn operator(&self, more: &str) {
        let (prod, test) = (&self.prod.url, &self.test.url);
        let text = format!(
            "instance: PROD\nenvironments:\n  PROD: {{database: \"{prod}\"}}\n  TEST: {{database: \
             \"{test}\"}}\ntables: {{allow: [page]}}\n{more}"
        );
        fs::write(self.path("reconcile.yaml"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A job that brings pages from TEST to PROD.
    pub fn job(&self, more: &str) {
        let text = format!(
            "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {{name: spring}}\nspec:\n  direction: \
             TEST -> PROD\n  mode: all\n  modules: [pages]\n{more}"
        );
        fs::write(self.path("manifests/spring.yaml"), text).unwrap();
    }

    pub fn approve(&self) {
        self.reconcile(&["approve", "spring", "--new", "page/2"]).ends_with(0);
    }

    pub fn reconcile(&self, arguments: &[&str]) -> Said {
        shop::reconcile(self.folder.path(), arguments)
    }

    pub fn start(&self) -> Daemon {
        self.start_with("reconcile.yaml", "daemon.log")
    }

    /// Another daemon of the same shop, with a state directory of its own.
    pub fn start_beside(&self, directory: &str) -> Daemon {
        let file = fs::read_to_string(self.path("reconcile.yaml")).unwrap();
        let file =
            format!("{file}stateDirectory: {directory}\nresults: {{directory: {directory}/r}}\n");
        fs::write(self.path("other.yaml"), file).unwrap();
        self.start_with("other.yaml", "other.log")
    }

    fn start_with(&self, config: &str, log: &str) -> Daemon {
        let start = Start { arguments: &["--config", config], ..Start::default() };
        Daemon::start(self.folder.path(), &start, log)
    }

    /// The words of a message, once it is there.
    pub async fn message(&self, subject: &str) -> String {
        eventually(&format!("a message `{subject}`"), || {
            let said = self.reconcile(&["messages", "--format", "json"]);
            let all: serde_json::Value = serde_json::from_str(&said.out).ok()?;
            let found = all["messages"].as_array()?.iter().find(|message| {
                message["subject"].as_str().is_some_and(|it| it.starts_with(subject))
            })?;
            Some(found["text"].as_str()?.to_owned())
        })
        .await
    }

    /// The path of the link by which the run can be cancelled.
    pub async fn cancel_link(&self) -> String {
        let text = self.message("Synchronization process").await;
        let link = text.lines().find_map(|line| line.strip_prefix(ORIGIN)).unwrap();
        assert!(link.starts_with("/cancel/"), "{link}");
        link.to_owned()
    }
}

impl Daemon {
    /// Where it listens, once it does.
    pub async fn address(&self) -> SocketAddr {
        eventually("the daemon listens", || {
            let said = self.said();
            ["http: listening on ", "open http://"].iter().find_map(|before| {
                let (_, rest) = said.rsplit_once(before)?;
                rest.split(['/', '\n']).next()?.parse().ok()
            })
        })
        .await
    }

    pub async fn client(&self) -> Client {
        Client { address: self.address().await, cookie: None }
    }
}

/// Speaks HTTP over one connection for each request.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    cookie: Option<String>,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        self
    }

    #[track_caller]
    pub fn says(self, what: &str) -> Self {
        assert!(self.body.contains(what), "{what}:\n{}\n{}", self.head, self.body);
        self
    }
}

impl Client {
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Bytes as they are; everything that comes back.
    pub fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        // A server that has heard enough may close before all is said.
        let _ = stream.write_all(bytes);
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        let said = String::from_utf8_lossy(&said).into_owned();
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or((&said, ""));
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or_default();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            text += &format!("Host: {}\r\n", self.host());
        }
        if let Some(cookie) = &self.cookie {
            text += &format!("Cookie: {cookie}\r\n");
        }
        if method == "POST" {
            text += &format!("Content-Length: {}\r\n", body.len());
            text += "Content-Type: application/x-www-form-urlencoded\r\n";
        }
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        self.raw(format!("{text}\r\n{body}").as_bytes())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    pub fn get_as(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, &[("Authorization", &format!("Bearer {token}"))], "")
    }

    /// A form of one of our own pages.
    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[("Origin", &format!("http://{}", self.host()))], body)
    }

    /// The same client in a session.
    pub fn sign_in(&self, token: &str) -> Self {
        let answer = self.post("/sign-in", &format!("token={token}&next=%2Fmessages")).is(303);
        assert_eq!(answer.header("Location"), Some("/messages"));
        let cookie = answer.header("Set-Cookie").unwrap();
        assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { cookie: Some(cookie), ..self.clone() }
    }
}
