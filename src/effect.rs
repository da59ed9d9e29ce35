//! Every effect outside of memory asks here first: statements, files, mail, calls of git, messages of
//! queues, writes to read stores and to buckets.
//!
//! Answers for tests being able to end the process at any one of them, or to have it fail; what
//! follows then is for the rooms above to get right. A release build asks nothing and reads no
//! variable.
//!
//! In a build with debug assertions these variables say what happens:
//! * `RECONCILE_TEST_EFFECT=kill:N` ends the process before its N-th effect, as `kill -9` would;
//!   `fail:N` has that one fail, `fail-from:N` it and all later ones. `kill:N:file` counts files alone
//!   (`statement`, `file`, `mail`, `git`, `queue`, `store`, `bucket`).
//! * `RECONCILE_TEST_UNSYNCED=1` has such a kill take back what isn't brought to the disk, as a power
//!   failure would.
//! * `RECONCILE_TEST_EFFECT_LOG=PATH` has a line for each effect, with no value in it.

pub mod clock;
pub mod unsynced;

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Statement,
    File,
    Mail,
    Git,
    /// Something said to a server of queues.
    Queue,
    /// A write to the server of a read store.
    Store,
    /// A write to the server of a bucket.
    Bucket,
}

/// What is to happen, and to which effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fault {
    what: What,
    /// The first one is 1.
    at: u64,
    kind: Option<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Kill,
    Fail,
    FailFrom,
}

struct Test {
    fault: Option<Fault>,
    log: Option<PathBuf>,
}

static TEST: LazyLock<Option<Test>> = LazyLock::new(|| {
    let fault = std::env::var("RECONCILE_TEST_EFFECT").ok();
    let log = std::env::var_os("RECONCILE_TEST_EFFECT_LOG").map(PathBuf::from);
    let fault = fault.map(|text| fault_of(&text).expect("kill:N, fail:N or fail-from:N"));
    (fault.is_some() || log.is_some()).then_some(Test { fault, log })
});

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Asks before an effect, which is named by the first of these words. An error is the one that the
/// effect would have ended with.
pub fn before(kind: Kind, words: &str) -> io::Result<()> {
    if !cfg!(debug_assertions) {
        return Ok(());
    }
    let Some(test) = &*TEST else { return Ok(()) };
    if let Some(log) = &test.log {
        let word = words.split_whitespace().next().unwrap_or_default();
        let line = format!("{} {}\n", kind.as_str(), word.trim_end_matches(';'));
        let file = OpenOptions::new().create(true).append(true).open(log);
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the log can be written");
    }
    let Some(fault) = test.fault.filter(|fault| fault.kind.is_none_or(|only| only == kind)) else {
        return Ok(());
    };
    let number = COUNT.fetch_add(1, Ordering::SeqCst) + 1;
    match fault.what {
        What::Kill if number >= fault.at => kill(),
        What::Fail if number == fault.at => Err(kind.error()),
        What::FailFrom if number >= fault.at => Err(kind.error()),
        _ => Ok(()),
    }
}

/// Before a file is made, written, renamed or removed.
pub fn file(word: &str) -> io::Result<()> {
    before(Kind::File, word)
}

/// Ends the process before anything else happens in it.
fn kill() -> ! {
    let _held = unsynced::lose_all();
    let myself = rustix::process::getpid();
    // It has the right to, and nothing that it could still do would be seen.
    let _ = rustix::process::kill_process(myself, rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Statement,
        Self::File,
        Self::Mail,
        Self::Git,
        Self::Queue,
        Self::Store,
        Self::Bucket,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::File => "file",
            Self::Mail => "mail",
            Self::Git => "git",
            Self::Queue => "queue",
            Self::Store => "store",
            Self::Bucket => "bucket",
        }
    }

    /// How this kind of thing fails: a server that went, a full disk, a server that isn't there.
    fn error(self) -> io::Error {
        match self {
            Self::Statement | Self::Queue | Self::Store | Self::Bucket => {
                io::ErrorKind::ConnectionReset.into()
            }
            Self::File => io::ErrorKind::StorageFull.into(),
            Self::Mail => io::ErrorKind::ConnectionRefused.into(),
            Self::Git => io::ErrorKind::BrokenPipe.into(),
        }
    }
}

fn fault_of(text: &str) -> Option<Fault> {
    let mut parts = text.split(':');
    let what = match parts.next()? {
        "kill" => What::Kill,
        "fail" => What::Fail,
        "fail-from" => What::FailFrom,
        _ => return None,
    };
    let at = parts.next()?.parse().ok().filter(|at| *at > 0)?;
    let kind = match parts.next() {
        Some(name) => Some(Kind::ALL.into_iter().find(|kind| kind.as_str() == name)?),
        None => None,
    };
    parts.next().is_none().then_some(Fault { what, at, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_happens_to_which_effect() {
        let fault = |what, at, kind| Some(Fault { what, at, kind });
        assert_eq!(fault_of("kill:7"), fault(What::Kill, 7, None));
        assert_eq!(fault_of("fail:1:mail"), fault(What::Fail, 1, Some(Kind::Mail)));
        assert_eq!(fault_of("fail-from:12:git"), fault(What::FailFrom, 12, Some(Kind::Git)));
        for wrong in ["", "kill", "kill:0", "kill:x", "end:1", "kill:1:disk", "kill:1:file:2"] {
            assert_eq!(fault_of(wrong), None, "{wrong}");
        }
    }
}
