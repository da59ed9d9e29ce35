//! A shop of one table with its manifests, and a daemon that looks after it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use reconcile::database::{Access, Session};

use crate::mail::server::Server;
use crate::places::Place;
use crate::process::Start;
pub use crate::process::{Daemon, LIMIT, eventually};
use crate::shop::{self, Said};

const TABLE: &str = "CREATE TABLE page (id bigint PRIMARY KEY, slug varchar(50) NOT NULL UNIQUE, \
                     title varchar(50) NOT NULL);";
pub const MODULE: &str = "apiVersion: reconcile/v1\nkind: Module\nmetadata: {name: pages}\nspec:\n  \
                      title: Pages\n  records: [{table: page, identity: [slug], label: title}]\n";

/// The daemon's clock goes over every pause.
pub const HASTE: (&str, &str) = ("RECONCILE_TEST_CLOCK", "0");

/// A shop of one table, a repository with its manifests, and a daemon's folder.
pub struct World {
    pub folder: tempfile::TempDir,
    pub prod: Place,
    pub test: Place,
    /// Where several daemons could share their state; else it is a file of the one.
    pub state: Option<Place>,
    /// Where mails may go; else into a folder.
    pub mail_server: Option<Server>,
}

impl World {
    pub async fn new(prod: Place, test: Place, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Self { folder, prod, test, state: None, mail_server: None };
        world.prod.run(&format!("{TABLE} INSERT INTO page VALUES (1, 'home', 'Home');")).await;
        world
            .test
            .run(&format!(
                "{TABLE} INSERT INTO page VALUES (1, 'home', 'Home, new'), (2, 'spring', 'Spring');"
            ))
            .await;
        let (prod, test) = (&world.prod.url, &world.test.url);
        let text = format!(
            "instance: PROD\nstateDirectory: state\nenvironments:\n  PROD: {{database: \"{prod}\"}}\n  \
             TEST: {{database: \"{test}\"}}\ntables: {{allow: [page]}}\n{more}"
        );
        fs::write(world.path("reconcile.yaml"), text).unwrap();
        fs::create_dir(world.path("manifests")).unwrap();
        world
    }

    pub async fn sqlite(more: &str) -> Self {
        Self::new(Place::sqlite("").await, Place::sqlite("").await, more).await
    }

    /// On PostgreSQL, with a job and a state that several could share.
    pub async fn sharing() -> Option<Self> {
        let (prod, test) = (Place::postgres("").await?, Place::postgres("").await?);
        let state = Place::postgres("").await?;
        let more = format!("manifests: manifests\nstate: \"{}\"\n", state.url);
        let mut world = Self::new(prod, test, &more).await;
        world.manifest("pages.yaml", MODULE);
        world.job("");
        world.state = Some(state);
        Some(world)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn manifest(&self, name: &str, text: &str) {
        fs::write(self.path("manifests").join(name), text).unwrap();
    }

    /// A job that brings pages from TEST to PROD.
    pub fn job(&self, more: &str) {
        let text = format!(
            "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {{name: spring}}\nspec:\n  direction: \
             TEST -> PROD\n  mode: all\n  modules: [pages]\n{more}"
        );
        self.manifest("spring.yaml", &text);
    }

    pub fn reconcile(&self, arguments: &[&str]) -> Said {
        shop::reconcile(self.folder.path(), arguments)
    }

    /// In the checkout, as people work.
    pub fn approve(&self) {
        let arguments = ["--config", "../reconcile.yaml", "approve", "spring", "--new", "page/2"];
        shop::reconcile(&self.path("manifests"), &arguments).ends_with(0);
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        crate::git::world::git(&self.path("manifests"), arguments, b"")
    }

    /// The manifests' folder as a clone of a bare repository beside it.
    pub fn repository(&self) {
        crate::git::world::git(
            self.folder.path(),
            &["init", "-q", "--bare", "-b", "main", "remote.git"],
            b"",
        );
        self.git(&["init", "-q", "-b", "main"]);
        for (key, value) in [("user.name", "Jo"), ("user.email", "jo@users.example")] {
            self.git(&["config", key, value]);
        }
        self.git(&["remote", "add", "origin", self.path("remote.git").to_str().unwrap()]);
        self.commit("What goes where");
    }

    pub fn commit(&self, message: &str) {
        self.commit_by("Jo <jo@shop.example>", message);
    }

    pub fn commit_by(&self, author: &str, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "-q", "--author", author, "-m", message]);
        self.git(&["push", "-q", "origin", "main"]);
    }

    /// A file on the branch of results, once it is there and says so.
    pub async fn result(&self, name: &str, says: &str) -> String {
        let remote = self.path("remote.git");
        eventually(&format!("{name} says {says}"), || {
            let file = format!("reconcile-results:results/{name}");
            let output = Command::new("git").args(["show", &file]).current_dir(&remote).output();
            let text = String::from_utf8(output.unwrap().stdout).unwrap();
            text.contains(says).then_some(text)
        })
        .await
    }

    pub fn watch(&self) -> Daemon {
        self.watch_with(&[])
    }

    pub fn watch_with(&self, variables: &[(&str, &str)]) -> Daemon {
        self.started(&[], variables)
    }

    /// The daemon, started by another program that becomes it.
    pub fn watch_by(&self, starter: &[&str], variables: &[(&str, &str)]) -> Daemon {
        self.started(starter, variables)
    }

    fn started(&self, by: &[&str], variables: &[(&str, &str)]) -> Daemon {
        // Daemons of several operator's files may run at once.
        let of = variables.iter().find(|(name, _)| *name == "RECONCILE_CONFIG");
        let log = format!("{}.log", of.map_or("daemon", |(_, file)| file));
        Daemon::start(self.folder.path(), &Start { by, variables, ..Start::default() }, &log)
    }

    /// Everything as it was before any daemon ran.
    pub async fn begin_again(&self) {
        let rows = "DELETE FROM page WHERE id <> 1; UPDATE page SET title = 'Home' WHERE id = 1;";
        self.prod.run(&(drops(&self.prod.url).await + rows)).await;
        if let Some(state) = &self.state {
            state.run(&drops(&state.url).await).await;
        }
        if let Some(server) = &self.mail_server {
            server.forget();
        }
        for name in ["state", "results", "mails", "effects"] {
            let path = self.path(name);
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else if path.exists() {
                fs::remove_file(path).unwrap();
            }
        }
        if self.path("remote.git").is_dir() {
            let delete = ["update-ref", "-d", "refs/heads/reconcile-results"];
            crate::git::world::git(&self.path("remote.git"), &delete, b"");
        }
    }

    pub async fn titles(&self) -> Vec<String> {
        texts(&self.prod.url, "page", &["title"]).await.into_iter().flatten().collect()
    }
}

/// Removes everything of ours from a database.
async fn drops(url: &str) -> String {
    let mut session = Session::open(url, "PROD", Access::ReadOnly).await.unwrap();
    let tables = session.catalog().await.unwrap().tables.into_keys();
    let ours = tables.filter(|name| name.starts_with("reconcile_"));
    ours.map(|name| format!("DROP TABLE {name};")).collect()
}

/// Columns of all rows of a table as texts, in the order of its key; nothing where there is no such
/// table.
pub async fn texts(url: &str, table: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let mut session = Session::open(url, "test", Access::ReadOnly).await.unwrap();
    let catalog = session.catalog().await.unwrap();
    let Some(table) = catalog.table(table) else { return Vec::new() };
    let columns: Vec<_> = columns.iter().map(|&name| name.to_owned()).collect();
    session.begin().await.unwrap();
    let mut found = Vec::new();
    let none = BTreeMap::new();
    let mut rows = session.scan(table, &columns, &table.primary_key, &none).await.unwrap();
    while let Some(row) = rows.next().await.unwrap() {
        found.push(row.iter().map(|value| value.display().into_owned()).collect());
    }
    drop(rows);
    session.close().await.unwrap();
    found
}
