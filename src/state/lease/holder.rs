//! Which process holds a lease, in words and so that another one on the same machine can tell whether
//! it is still there.

use std::fs;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    pub host: String,
    pub process: u32,
    pub since: Timestamp,
    /// The machine's start, the process's name space and the process's start, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    space: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    /// Two leases of one process are two holders.
    #[serde(default)]
    word: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, process, since, .. } = self;
        write!(out, "process {process} on {host}, since {since}")
    }
}

/// A holder in words, also one that nobody knows yet.
pub fn in_words(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another process".to_owned(), Holder::to_string)
}

impl Holder {
    /// This process.
    pub fn this() -> Self {
        let process = std::process::id();
        Self {
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            process,
            since: Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default(),
            boot: boot(),
            space: space(),
            started: started(process).known(),
            word: crate::state::random_word(8),
        }
    }

    /// Another process of this machine, as it would write itself down.
    #[cfg(test)]
    pub fn of_process(process: u32) -> Self {
        Self { process, started: started(process).known(), ..Self::this() }
    }

    /// Whether it is this very process.
    pub fn is_this(&self) -> bool {
        let this = Self::this();
        self.process == this.process
            && self.boot == this.boot
            && self.space == this.space
            && self.started == this.started
    }

    /// Whether it was a process of this machine, seen from here by the same number, that isn't there
    /// any more. Of another machine's nobody here knows.
    pub fn is_dead(&self) -> bool {
        let is_here = self.boot.is_some()
            && self.boot == boot()
            && self.space.is_some()
            && self.space == space();
        let Some(before) = self.started.as_ref().filter(|_| is_here) else { return false };
        match started(self.process) {
            Started::At(now) => now != *before,
            Started::Over => true,
            Started::Hidden => false,
        }
    }
}

fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// Containers on one machine count their processes each by itself.
fn space() -> Option<String> {
    let link = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(link.to_string_lossy().into_owned())
}

/// When a process started, in the machine's ticks: numbers of processes are given again.
#[derive(Debug, PartialEq, Eq)]
enum Started {
    At(String),
    /// It ended, or there is none.
    Over,
    /// There is one of which this account is told nothing.
    Hidden,
}

impl Started {
    fn known(self) -> Option<String> {
        match self {
            Self::At(start) => Some(start),
            Self::Over | Self::Hidden => None,
        }
    }
}

fn started(process: u32) -> Started {
    let Ok(about) = fs::read_to_string(format!("/proc/{process}/stat")) else {
        let number = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
        let asked = number.map(rustix::process::test_kill_process);
        let is_over = matches!(asked, Some(Err(rustix::io::Errno::SRCH)));
        return if is_over { Started::Over } else { Started::Hidden };
    };
    // The name before may hold anything, also spaces and brackets.
    let after = about.rsplit_once(") ").map_or("", |(_, after)| after);
    let mut words = after.split(' ');
    if words.next().is_some_and(|state| state == "Z" || state == "X") {
        return Started::Over;
    }
    // State is the third of what `stat` tells, the start the 22nd.
    words.nth(18).map_or(Started::Hidden, |start| Started::At(start.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ended_is_dead_and_of_others_nobody_knows() {
        let this = Holder::this();
        assert!(!this.is_dead() && this.is_this());
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let process = child.id();
        let ended = Holder { process, started: started(process).known(), ..this.clone() };
        assert!(!ended.is_this());
        child.wait().unwrap();
        assert!(Holder { started: Some("1".into()), ..ended.clone() }.is_dead());
        let elsewhere = Holder { boot: Some("another".into()), ..ended.clone() };
        assert!(!Holder { started: Some("1".into()), ..elsewhere }.is_dead());
        let contained = Holder { space: Some("pid:[1]".into()), ..ended };
        assert!(!Holder { started: Some("1".into()), ..contained }.is_dead());
        let reborn = Holder { started: Some("1".into()), ..this };
        assert!(reborn.is_dead(), "its number was given to another process");
    }
}
