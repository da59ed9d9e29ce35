//! What went wrong with a Redis, in plain words: what was tried where, what was answered, what to do.
//!
//! Answers for what may go away by itself being told from what won't, and for no credentials in it.

use ::redis::{ErrorKind, RedisError};

use crate::config::Environment;
use crate::config::target::Part;
use crate::escape::visible;
use crate::store::Error;

/// Why something couldn't be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub said: String,
    /// It may go away by itself.
    pub passes: bool,
    /// The connection is of no use any longer.
    pub is_lost: bool,
}

/// What servers answer when they refuse: the word they begin with, whether it passes, and what it means.
const ANSWERS: &[(&str, bool, &str)] = &[
    (
        "OOM",
        true,
        "it has no memory left (`maxmemory`), and takes deletions alone until it has more",
    ),
    (
        "READONLY",
        true,
        "it is a replica, which takes no writes; the primary is to be named, or waited for",
    ),
    ("MISCONF", true, "it can't save to its disk, and takes no writes until it can"),
    ("NOREPLICAS", true, "fewer replicas follow it than it needs to take writes"),
    ("LOADING", true, "it still loads its data"),
    ("MASTERDOWN", true, "it is a replica that lost its primary"),
    ("BUSY", true, "somebody's script keeps it busy"),
    ("CLUSTERDOWN", true, "some of the cluster's slots are served by no node"),
    ("TRYAGAIN", true, "these keys are being moved to another node"),
    ("MOVED", true, "these keys went over to another node"),
    ("ASK", true, "these keys are going over to another node"),
    ("UNBLOCKED", true, "it became a replica"),
    ("NOAUTH", false, "it asks for a user and a password, as in `redis://USER:PASSWORD@HOST`"),
    ("WRONGPASS", false, "it doesn't take this user and password, or the user is switched off"),
    ("NOPERM", false, "the account lacks a right; `reconcile doctor` names those that are needed"),
];

impl Trouble {
    pub fn of(error: &RedisError) -> Self {
        let text = error.to_string();
        let is_lost = error.is_unrecoverable_error() || error.is_io_error();
        if let Some((word, passes, meaning)) = answered(error, &text) {
            // Another host may be the primary by now.
            let is_lost = is_lost || *word == "READONLY";
            return Self {
                said: format!("{meaning} ({})", visible(&text)),
                passes: *passes,
                is_lost,
            };
        }
        let passes = match error.kind() {
            // A certificate that isn't trusted today won't be tomorrow.
            ErrorKind::Io => !text.contains("certificate"),
            ErrorKind::ClusterConnectionNotFound => true,
            _ => false,
        };
        let said = match error.kind() {
            ErrorKind::Io if error.is_timeout() => "it doesn't answer in time".to_owned(),
            ErrorKind::Parse => format!("it doesn't speak as a Redis does ({})", visible(&text)),
            _ => visible(&text).into_owned(),
        };
        Self { said, passes, is_lost }
    }

    pub fn lasting(said: impl Into<String>) -> Self {
        Self { said: said.into(), passes: false, is_lost: false }
    }

    pub fn passing(said: impl Into<String>) -> Self {
        Self { said: said.into(), passes: true, is_lost: false }
    }

    /// As the error of an environment's storage: `tried` at `host`.
    pub fn at(self, environment: Environment, tried: &str, host: &str) -> Error {
        let reason = format!("{tried} {host}: {}", self.said);
        Error::Server { environment, part: Part::Storage, reason, passes: self.passes }
    }
}

/// Before Redis 7 what a command inside of a script answered stands within another error's text.
fn answered(error: &RedisError, text: &str) -> Option<&'static (&'static str, bool, &'static str)> {
    let code = match error.kind() {
        ErrorKind::AuthenticationFailed => "WRONGPASS",
        _ => error.code().unwrap_or_default(),
    };
    let within = |word: &str| code == "ERR" && text.contains(&format!("-{word} "));
    ANSWERS.iter().find(|(word, ..)| code == *word || within(word))
}
