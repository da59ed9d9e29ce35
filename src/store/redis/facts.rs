//! What a Redis says of itself, for those who look whether it serves: memory, clock, disk, rights.
//!
//! Answers for changing nothing: rights are found out by commands that have no effect.

use std::collections::BTreeMap;

use ::redis::cluster_routing::Slot;
use ::redis::{Cmd, RedisResult, Value, cmd};
use jiff::{SignedDuration, Timestamp};

use super::link::{Link, text};
use super::sibling::sibling;
use super::trouble::Trouble;
use super::{Redis, Result};

/// A key that nobody has.
const PROBE: &str = "kv:reconcile-doctor";

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub version: String,
    /// The server, or the cluster.
    pub host: String,
    pub is_cluster: bool,
    /// The server, or each primary.
    pub nodes: Vec<Node>,
    /// Commands that the account may not use, or not on the keys of documents and their versions.
    pub lacking: Vec<String>,
    /// It isn't the one that this installation wrote to before.
    pub is_another: bool,
    /// What a cluster says of its state: `cluster_state` and the like.
    pub cluster: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `used_memory` and the like; empty where the account may not ask.
    pub info: BTreeMap<String, String>,
    /// When it saves to its disk; unknown where the account may not ask.
    pub saves: Option<String>,
    /// How far its clock is ahead of ours.
    pub ahead: SignedDuration,
}

impl Facts {
    /// Some of a cluster's slots are nobody's.
    pub fn is_down(&self) -> bool {
        self.cluster.get("cluster_state").is_some_and(|state| state != "ok")
    }
}

impl Redis {
    pub async fn facts(&mut self) -> Result<Facts> {
        let tried = "asking";
        let mut link = self.link().await?;
        let (host, version) = match &self.connected {
            Some(connected) => (connected.host.clone(), connected.hello.version.clone()),
            None => Default::default(),
        };
        let mut facts = Facts {
            version,
            host,
            is_cluster: link.is_cluster(),
            nodes: Vec::new(),
            lacking: Vec::new(),
            is_another: self.is_noted_otherwise().await?,
            cluster: BTreeMap::new(),
        };
        if facts.is_cluster {
            let answer = link.ask(cmd("CLUSTER").arg("INFO")).await;
            facts.cluster = answer.map(lines).unwrap_or_default();
            if facts.is_down() {
                // Its nodes would be waited for.
                return Ok(facts);
            }
        }
        for slot in self.nodes(tried).await?.slots() {
            facts.nodes.push(node(&mut link, *slot).await);
        }
        let lacking = lacking(&mut link).await;
        facts.lacking = lacking.map_err(|error| self.failed(tried, Trouble::of(&error)))?;
        Ok(facts)
    }
}

/// What a server, or a slot's primary, says of itself.
async fn node(link: &mut Link, slot: Slot) -> Node {
    let mut ask = async |words: &[&str]| {
        let mut command = cmd(words[0]);
        command.arg(&words[1..]);
        link.ask_at(slot, command).await
    };
    let info = ask(&["INFO"]).await;
    let saves = ask(&["CONFIG", "GET", "save"]).await;
    let begun = Timestamp::now();
    let time = ask(&["TIME"]).await.ok().and_then(moment);
    Node {
        info: info.map(lines).unwrap_or_default(),
        saves: saves.ok().and_then(second),
        ahead: time.map_or(SignedDuration::ZERO, |time| time.duration_since(begun)),
    }
}

/// The commands that the account may not use.
async fn lacking(link: &mut Link) -> RedisResult<Vec<String>> {
    let mut lacking = Vec::new();
    for (name, command) in tries() {
        let Err(error) = link.ask(&command).await else { continue };
        match error.code() {
            Some("NOPERM") => lacking.push(name.to_owned()),
            // That it was understood is enough.
            Some("ERR" | "NOSCRIPT" | "OOM" | "READONLY" | "MISCONF") => {}
            _ => return Err(error),
        }
    }
    Ok(lacking)
}

/// What is used, in ways that change nothing: keys that aren't there, a list that is a word short.
fn tries() -> Vec<(&'static str, Cmd)> {
    let version = sibling(PROBE);
    let no_script = "0".repeat(40);
    let words: [(&str, &[&str]); 9] = [
        ("MGET", &[PROBE, &version]),
        ("EXISTS", &[PROBE]),
        ("TYPE", &[PROBE]),
        ("MSET", &[PROBE, "", &version]),
        ("SET", &[&version, "", "XX"]),
        ("DEL", &[PROBE]),
        ("EVAL", &["return 1", "1", PROBE]),
        ("EVALSHA", &[&no_script, "1", PROBE]),
        ("SCAN", &["0", "COUNT", "1"]),
    ];
    let command =
        |(name, arguments): (&'static str, &[&str])| (name, cmd(name).arg(arguments).to_owned());
    words.into_iter().map(command).collect()
}

/// `NAME:VALUE` on each line.
fn lines(answer: Value) -> BTreeMap<String, String> {
    let of =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text(answer).lines().filter_map(of).collect()
}

fn second(answer: Value) -> Option<String> {
    match answer {
        Value::Array(list) => list.into_iter().nth(1).map(text),
        _ => None,
    }
}

/// Seconds and microseconds.
fn moment(answer: Value) -> Option<Timestamp> {
    let Value::Array(list) = answer else { return None };
    let parts: Vec<i64> = list.into_iter().filter_map(|part| text(part).parse().ok()).collect();
    let [seconds, micros] = parts[..] else { return None };
    Timestamp::from_microsecond(seconds * 1_000_000 + micros).ok()
}
