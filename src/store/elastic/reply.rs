//! What a server says of a body of writes, item by item: pure.

use serde::Deserialize;

use super::super::{Fate, Operation};
use super::connection::Cause;

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The lesser ones first: of two writes of one operation the greater verdict counts.
    Outdated,
    Done,
    /// Never of this document.
    Refused(String),
    /// An error of the server, perhaps because of this document.
    Failed(String),
    /// Later, perhaps.
    Busy(String),
    /// There is no index of this name any longer.
    Gone,
    /// Not as long as the index is as it is, and whether that may pass by itself.
    Held {
        reason: String,
        passes: bool,
    },
}

impl Verdict {
    pub fn fate(self) -> Fate {
        match self {
            Self::Done => Fate::Done,
            Self::Outdated => Fate::Outdated,
            Self::Refused(reason) | Self::Failed(reason) | Self::Busy(reason) => {
                Fate::Refused(reason)
            }
            Self::Held { reason, .. } => Fate::Refused(reason),
            Self::Gone => Fate::Refused("its index is gone".to_owned()),
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    errors: bool,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(alias = "delete")]
    index: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    #[serde(default)]
    error: Option<Cause>,
}

/// The verdicts of operations that were written to so many indexes each; none where the answer isn't
/// one to them.
pub fn verdicts(body: &[u8], operations: &[&Operation], copies: usize) -> Option<Vec<Verdict>> {
    let Answer { errors, items } = serde_json::from_slice(body).ok()?;
    if items.len() != operations.len() * copies {
        return None;
    }
    if !errors {
        return Some(vec![Verdict::Done; operations.len()]);
    }
    let mut items = items.into_iter();
    let of = |operation: &&Operation| {
        let copies = items.by_ref().take(copies).map(|item| verdict(operation, item.index));
        copies.max().unwrap_or(Verdict::Done)
    };
    Some(operations.iter().map(of).collect())
}

fn verdict(operation: &Operation, Outcome { status, error }: Outcome) -> Verdict {
    let Some(cause) = error else {
        let is_gone_already = operation.value.is_none() && status == 404;
        return match status {
            200..300 => Verdict::Done,
            409 => Verdict::Outdated,
            _ if is_gone_already => Verdict::Done,
            _ => Verdict::Failed(format!("status {status}")),
        };
    };
    let reason = cause.said();
    let has_no_writer = || reason.contains("no write index is defined for alias");
    match (status, cause.kind.as_str()) {
        (_, "cluster_block_exception" | "unavailable_shards_exception") if status != 429 => {
            Verdict::Held { reason, passes: true }
        }
        (404, "index_not_found_exception") => Verdict::Gone,
        (400, "illegal_argument_exception") if has_no_writer() => {
            Verdict::Held { reason, passes: false }
        }
        (_, "index_closed_exception") | (401 | 403, _) => Verdict::Held { reason, passes: false },
        (409, _) => Verdict::Outdated,
        (429 | 502..=504, _) => Verdict::Busy(reason),
        (500.., _) => Verdict::Failed(reason),
        _ => Verdict::Refused(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(value: Option<&str>) -> Operation {
        let value = value.map(str::to_owned);
        Operation { index: "i".into(), key: "k".into(), version: 1, value }
    }

    fn read(items: &str, count: usize, copies: usize) -> Option<Vec<Verdict>> {
        let write = operation(Some("{}"));
        let body = format!("{{\"errors\":true,\"items\":[{items}]}}");
        verdicts(body.as_bytes(), &vec![&write; count], copies)
    }

    fn error(status: u16, kind: &str) -> String {
        format!(
            "{{\"index\":{{\"status\":{status},\"error\":{{\"type\":\"{kind}\",\"reason\":\"why\"}}}}}}"
        )
    }

    #[test]
    fn each_item_has_its_own_verdict() {
        let refused = |text: &str| Verdict::Refused(text.into());
        for (status, kind, wanted) in [
            (409, "version_conflict_engine_exception", Verdict::Outdated),
            (
                429,
                "es_rejected_execution_exception",
                Verdict::Busy("es_rejected_execution_exception: why".into()),
            ),
            (429, "cluster_block_exception", Verdict::Busy("cluster_block_exception: why".into())),
            (
                403,
                "cluster_block_exception",
                Verdict::Held { reason: "cluster_block_exception: why".into(), passes: true },
            ),
            (
                503,
                "unavailable_shards_exception",
                Verdict::Held { reason: "unavailable_shards_exception: why".into(), passes: true },
            ),
            (
                403,
                "security_exception",
                Verdict::Held { reason: "security_exception: why".into(), passes: false },
            ),
            (
                400,
                "index_closed_exception",
                Verdict::Held { reason: "index_closed_exception: why".into(), passes: false },
            ),
            (
                400,
                "strict_dynamic_mapping_exception",
                refused("strict_dynamic_mapping_exception: why"),
            ),
            (404, "index_not_found_exception", Verdict::Gone),
            (500, "x", Verdict::Failed("x: why".into())),
        ] {
            let read = read(&error(status, kind), 1, 1).unwrap();
            assert_eq!(read, [wanted], "{status} {kind}");
        }
    }

    #[test]
    fn of_two_copies_the_worse_counts() {
        let items = format!("{{\"index\":{{\"status\":201}}}},{}", error(429, "full"));
        assert_eq!(read(&items, 1, 2).unwrap(), [Verdict::Busy("full: why".into())]);
        let items = format!("{{\"index\":{{\"status\":201}}}},{}", error(409, "old"));
        assert_eq!(read(&items, 1, 2).unwrap(), [Verdict::Done]);
        assert_eq!(read(&items, 2, 1).unwrap(), [Verdict::Done, Verdict::Outdated]);
        assert_eq!(read(&items, 1, 1), None);
    }

    #[test]
    fn deleting_what_is_not_there_is_done() {
        let deletion = operation(None);
        let body =
            br#"{"errors":true,"items":[{"delete":{"status":404}},{"delete":{"status":200}}]}"#;
        let read = verdicts(body, &[&deletion, &deletion], 1).unwrap();
        assert_eq!(read, [Verdict::Done, Verdict::Done]);
        let cut = br#"{"errors":true,"items":[{"del"#;
        assert_eq!(verdicts(cut, &[&deletion], 1), None);
    }
}
