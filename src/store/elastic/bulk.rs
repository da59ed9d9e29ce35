//! Writing: bodies by bytes, several under way, and each item's answer read.
//!
//! Answers for a write that the server didn't take being sent again with the same version, within
//! limits, and for one that it never takes being refused alone.

use bytes::Bytes;
use elasticsearch::http::Method;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};

use super::super::{Operation, Result};
use super::connection::{Connection, NoReply, Patience, is_busy};
use super::place::Place;
use super::reply::{Verdict, verdicts};
use crate::effect::{self, Kind};
use crate::escape::url;
use crate::put::{put, put_json};

/// Bodies that are under way at once.
const AT_ONCE: usize = 3;
/// What an item takes beside its key and its document.
const AROUND: usize = 100;
/// An error that isn't told to pass is tried so often before the document is held to be its cause.
const FAILURES: u32 = 3;
/// What is read of an answer. Shards that are away are waited for no longer than this.
const QUESTION: &str = "timeout=5s&filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason,error,status";

/// Operations on one index, with their places among all.
pub type Load<'o> = (&'o Place, Vec<(usize, &'o Operation)>);

/// An operation's place, and what became of it.
pub type Judged = (usize, Verdict);

/// Whether several bodies may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// No key is written twice.
    Any,
    Kept,
}

/// Writes everything.
pub async fn write(
    connection: &Connection,
    loads: &[Load<'_>],
    order: Order,
) -> Result<Vec<Judged>> {
    let mut bodies: Vec<BoxFuture<'_, Result<Vec<Judged>>>> = Vec::new();
    for (place, operations) in loads {
        for part in cut(operations, connection.limits.body_bytes) {
            let writer = Writer { connection, place };
            // Its body is made once it is its turn.
            bodies.push(async move { writer.write(part).await }.boxed());
        }
    }
    let at_once = if order == Order::Any { AT_ONCE } else { 1 };
    let judged: Vec<Vec<Judged>> = stream::iter(bodies).buffered(at_once).try_collect().await?;
    Ok(judged.into_iter().flatten().collect())
}

/// Operations in parts of about so many bytes.
fn cut<'a, 'o>(
    mut left: &'a [(usize, &'o Operation)],
    bytes: usize,
) -> impl Iterator<Item = &'a [(usize, &'o Operation)]> {
    std::iter::from_fn(move || {
        let mut sum = 0;
        let fits = |(_, operation): &&(usize, &Operation)| {
            sum += size(operation);
            sum <= bytes
        };
        let most = left.iter().take_while(fits).count().max(1).min(left.len());
        let (part, rest) = left.split_at(most);
        left = rest;
        (!part.is_empty()).then_some(part)
    })
}

fn size(operation: &Operation) -> usize {
    operation.key.len() + operation.value.as_ref().map_or(0, String::len) + AROUND
}

/// The writer of one part.
struct Writer<'a> {
    connection: &'a Connection,
    place: &'a Place,
}

/// What came of a body as a whole.
enum Came {
    Judged(Vec<Verdict>),
    /// Its size or one of its items is wrong.
    Split(String),
    Later(String),
}

impl Writer<'_> {
    async fn write(&self, all: &[(usize, &Operation)]) -> Result<Vec<Judged>> {
        let mut judged = Vec::with_capacity(all.len());
        let mut parts = vec![all.to_vec()];
        let mut patience = Patience::new(self.connection.limits);
        let mut failures = 0;
        while let Some(part) = parts.pop() {
            let (again, reason) = match self.send(&part).await? {
                Came::Split(reason) => {
                    if let [(at, _)] = part.as_slice() {
                        judged.push((*at, Verdict::Refused(reason)));
                    } else {
                        let (first, second) = part.split_at(part.len() / 2);
                        // The first half goes first.
                        parts.extend([second.to_vec(), first.to_vec()]);
                    }
                    continue;
                }
                Came::Later(reason) => (part, reason),
                Came::Judged(verdicts) => {
                    let (before, failed) = (judged.len(), failures >= FAILURES);
                    let (again, reason) = self.sorted(part, verdicts, failed, &mut judged)?;
                    failures += u32::from(!again.is_empty());
                    if judged.len() > before {
                        patience = Patience::new(self.connection.limits);
                    }
                    (again, reason)
                }
            };
            if again.is_empty() {
                continue;
            }
            let Some(pause) = patience.pause() else {
                return Err(self.connection.of((Method::Post, &self.path()), &reason, true));
            };
            tokio::time::sleep(pause).await;
            parts.push(again);
        }
        Ok(judged)
    }

    /// Takes what is judged; what is to be sent again comes back, and why.
    fn sorted<'o>(
        &self,
        part: Vec<(usize, &'o Operation)>,
        verdicts: Vec<Verdict>,
        has_failed: bool,
        judged: &mut Vec<Judged>,
    ) -> Result<(Vec<(usize, &'o Operation)>, String)> {
        let (mut again, mut why) = (Vec::new(), String::new());
        for ((at, operation), verdict) in part.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Held { reason, passes } => {
                    return Err(self.connection.of((Method::Post, &self.path()), &reason, passes));
                }
                Verdict::Busy(reason) => {
                    again.push((at, operation));
                    why = reason;
                }
                Verdict::Failed(reason) if !has_failed => {
                    again.push((at, operation));
                    why = reason;
                }
                verdict => judged.push((at, verdict)),
            }
        }
        Ok((again, why))
    }

    fn path(&self) -> String {
        format!("/{}/_bulk", url(&self.place.name))
    }

    async fn send(&self, part: &[(usize, &Operation)]) -> Result<Came> {
        let strict = if self.place.is_alias { "require_alias=true&" } else { "" };
        let path = format!("{}?{strict}{QUESTION}", self.path());
        let said = (Method::Post, path.as_str());
        effect::before(Kind::Store, "bulk")
            .map_err(|error| self.connection.of(said, &error.to_string(), true))?;
        let reply = match self.connection.ask_once(said, Some(self.body(part))).await {
            Ok(reply) => reply,
            // Versions make it harmless to send it again.
            Err(NoReply { reason, may_be_done: true }) => return Ok(Came::Later(reason)),
            Err(NoReply { reason, .. }) => return Err(self.connection.of(said, &reason, true)),
        };
        let operations: Vec<&Operation> = part.iter().map(|(_, operation)| *operation).collect();
        let copies = 1 + usize::from(self.place.rebuilding.is_some());
        Ok(match reply.status {
            200..300 => match verdicts(&reply.body, &operations, copies) {
                Some(verdicts) => Came::Judged(verdicts),
                None => Came::Later("an answer that isn't one to what was asked".to_owned()),
            },
            413 => Came::Split(format!("{}: too large for the server", reply.reason())),
            // One item that the server doesn't read at all takes the whole body along.
            400 => Came::Split(reply.reason()),
            status if is_busy(status) => Came::Later(reply.reason()),
            _ => return Err(self.connection.refused(said, &reply)),
        })
    }

    /// A line that says what to do, and one with the document; twice while the index is rebuilt.
    fn body(&self, part: &[(usize, &Operation)]) -> Bytes {
        let copies = 1 + usize::from(self.place.rebuilding.is_some());
        let bytes: usize = part.iter().map(|(_, operation)| size(operation)).sum();
        let mut body = String::with_capacity(bytes * copies + AROUND);
        for (_, operation) in part {
            item(&mut body, None, operation);
            if let Some(other) = &self.place.rebuilding {
                item(&mut body, Some(other), operation);
            }
        }
        Bytes::from(body)
    }
}

fn item(body: &mut String, index: Option<&str>, operation: &Operation) {
    let verb = if operation.value.is_some() { "index" } else { "delete" };
    put!(body, "{{\"{verb}\":{{");
    if let Some(index) = index {
        put!(body, "\"_index\":");
        put_json(body, index);
        body.push(',');
    }
    body.push_str("\"_id\":");
    put_json(body, &operation.key);
    put!(body, ",\"version\":{},\"version_type\":\"external_gte\"}}}}\n", operation.version);
    let Some(value) = &operation.value else { return };
    // A line ends an item; between the parts of a JSON value it is as good as a blank.
    if value.contains(['\n', '\r']) {
        body.push_str(&value.replace(['\n', '\r'], " "));
    } else {
        body.push_str(value);
    }
    body.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(key: &str, value: Option<&str>) -> Operation {
        let value = value.map(str::to_owned);
        Operation { index: "i".into(), key: key.into(), version: 7, value }
    }

    #[test]
    fn an_item_is_a_line_and_a_document_on_one_line() {
        let mut body = String::new();
        item(&mut body, None, &operation("a\"b", Some("{\n\"x\": 1\r\n}")));
        item(&mut body, Some("other"), &operation("c", None));
        let wanted = concat!(
            r#"{"index":{"_id":"a\"b","version":7,"version_type":"external_gte"}}"#,
            "\n{ \"x\": 1  }\n",
            r#"{"delete":{"_index":"other","_id":"c","version":7,"version_type":"external_gte"}}"#,
            "\n"
        );
        assert_eq!(body, wanted);
    }

    #[test]
    fn parts_are_cut_by_bytes_and_none_is_empty() {
        let large = "x".repeat(1000);
        let operations: Vec<Operation> = ["a", "b", "c", "d"]
            .iter()
            .map(|key| operation(key, (*key != "c").then_some(large.as_str())))
            .collect();
        let all: Vec<_> = operations.iter().enumerate().collect();
        let sizes = |bytes| cut(&all, bytes).map(<[_]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(10), [1, 1, 1, 1]);
        assert_eq!(sizes(1300), [1, 2, 1]);
        assert_eq!(sizes(100_000), [4]);
        assert_eq!(cut(&[], 10).count(), 0);
    }
}
