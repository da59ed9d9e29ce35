//! The daemon as a process of its own, and waiting for what it does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whatever the daemon does in these tests, it does within seconds; a machine under load may take
/// longer.
pub const LIMIT: Duration = Duration::from_secs(90);

/// A daemon that is stopped when the test ends, however it ends.
pub struct Daemon {
    pub child: Child,
    log: PathBuf,
}

/// How a daemon is started.
pub struct Start<'a> {
    /// Another program that becomes it.
    pub by: &'a [&'a str],
    /// What follows `watch`.
    pub arguments: &'a [&'a str],
    pub variables: &'a [(&'a str, &'a str)],
    /// For a run that writes when the daemon is told to end, in seconds.
    pub grace: &'a str,
}

impl Default for Start<'_> {
    fn default() -> Self {
        Self { by: &[], arguments: &[], variables: &[], grace: "20" }
    }
}

impl Daemon {
    /// What it says goes into the log.
    pub fn start(folder: &Path, start: &Start<'_>, log: &str) -> Self {
        let log = folder.join(log);
        let usual = [env!("CARGO_BIN_EXE_reconcile"), "watch", "--grace", start.grace];
        let command = [start.by, &usual, start.arguments].concat();
        let kept = ["PATH", "TMPDIR"];
        let kept = kept.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let child = Command::new(command[0])
            .args(&command[1..])
            .current_dir(folder)
            .env_clear()
            .envs(kept)
            .envs(start.variables.iter().copied())
            .stdin(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    pub async fn says(&self, what: &str) {
        eventually(&format!("the daemon says {what}"), || self.said().contains(what).then_some(()))
            .await;
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(status.unwrap().success());
    }

    pub async fn ends(mut self) -> String {
        self.signal("-TERM");
        let code = eventually("the daemon ends", || self.child.try_wait().unwrap()).await;
        assert_eq!(code.code(), Some(0), "{}", self.said());
        self.said()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.said());
        }
    }
}

pub async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
