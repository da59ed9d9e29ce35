//! The scripts that write and delete many keys, each only where no later version stands.
//!
//! Answers for what a call says and for what its answer means. A script is carried out as a whole, and
//! called once more with its text where the server doesn't know it.

use std::sync::LazyLock;

use ::redis::{Cmd, Script, Value};

use super::sibling::sibling;
use crate::store::Operation;

/// For so long a deletion's version is kept, in seconds.
const REMEMBERED: u32 = 7 * 24 * 3600;
/// The greatest version that the scripts compare exactly.
pub const MOST_VERSION: i64 = 1 << 53;

const WRITE: &str = concat!(include_str!("versions.lua"), include_str!("write.lua"));
const DELETE: &str = concat!(include_str!("versions.lua"), include_str!("delete.lua"));
static WRITE_HASH: LazyLock<String> = LazyLock::new(|| hash(WRITE));
static DELETE_HASH: LazyLock<String> = LazyLock::new(|| hash(DELETE));

fn hash(text: &str) -> String {
    Script::new(text).get_hash().to_owned()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Write,
    Delete,
}

/// How the script is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Its hash, by which a server knows what it was sent before.
    Hash,
    Text,
}

/// What stood under a key before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stand {
    /// Nothing, or what doesn't say how old it is.
    Nothing,
    At(i64),
    /// Something else than a text, by its name.
    Other(String),
}

impl Verb {
    pub fn of(operation: &Operation) -> Self {
        if operation.value.is_some() { Self::Write } else { Self::Delete }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Write => WRITE,
            Self::Delete => DELETE,
        }
    }

    fn hash(self) -> &'static str {
        match self {
            Self::Write => &WRITE_HASH,
            Self::Delete => &DELETE_HASH,
        }
    }

    /// One call for operations on different keys.
    pub fn call(self, by: By, operations: &[&Operation]) -> Cmd {
        let bytes =
            operations.iter().map(|it| 2 * it.key.len() + it.value.as_ref().map_or(0, String::len));
        let mut call = Cmd::with_capacity(
            4 * operations.len() + 4,
            bytes.sum::<usize>() + 64 * operations.len(),
        );
        match by {
            By::Hash => call.arg("EVALSHA").arg(self.hash()),
            By::Text => call.arg("EVAL").arg(self.text()),
        };
        call.arg(2 * operations.len());
        for operation in operations {
            call.arg(&operation.key);
        }
        for operation in operations {
            call.arg(sibling(&operation.key));
        }
        for operation in operations {
            call.arg(operation.version);
        }
        match self {
            Self::Write => {
                for operation in operations {
                    call.arg(operation.value.as_deref().unwrap_or_default());
                }
            }
            Self::Delete => drop(call.arg(REMEMBERED)),
        }
        call
    }
}

/// What stood under each key of a call, in their order; `None` for an answer that isn't one of ours.
pub fn stands(answer: Value, number: usize) -> Option<Vec<Stand>> {
    let Value::Array(list) = answer else { return None };
    let stand = |value| match value {
        Value::Nil => Some(Stand::Nothing),
        Value::Int(version) => Some(Stand::At(version)),
        Value::BulkString(kind) => Some(Stand::Other(String::from_utf8_lossy(&kind).into_owned())),
        _ => None,
    };
    let list: Option<Vec<Stand>> = list.into_iter().map(stand).collect();
    list.filter(|list| list.len() == number)
}
