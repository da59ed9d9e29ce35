//! What there is to know of a server and its indexes before anything is written. Only looks, and one try
//! that changes nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use elasticsearch::http::Method;
use serde::Deserialize;
use serde_json::Value as Json;

use super::super::{Field, Result};
use super::connection::{Connection, Reply};
use super::mapping::Known;
use super::place::REBUILDING;
use crate::escape::url;

/// What a server says of itself; what this account may not ask is left out.
#[derive(Debug, Default)]
pub struct Facts {
    /// Of its nodes, in order.
    pub versions: Vec<String>,
    /// `green`, `yellow` or `red`.
    pub health: Option<String>,
    /// Seconds since 1970 by its clock.
    pub clock: Option<i64>,
    pub indexes: Vec<Index>,
}

/// An index behind a name that begins with our prefix.
#[derive(Debug, Default)]
pub struct Index {
    /// What it is called at the server.
    pub name: String,
    pub aliases: Vec<String>,
    pub health: String,
    pub is_closed: bool,
    /// How long deletions are remembered; not set: a minute.
    pub gc_deletes: Option<String>,
    pub blocks: Vec<String>,
    known: Known,
    pub may_be_written: bool,
}

impl Index {
    /// It was left by a rebuild that didn't end.
    pub fn is_left(&self) -> bool {
        self.aliases.iter().any(|alias| alias.ends_with(REBUILDING))
    }

    pub fn takes_anything(&self) -> bool {
        self.known.takes_anything
    }

    /// Fields that it lacks, by name.
    pub fn missing(&self, fields: &[Field]) -> Vec<String> {
        self.known.missing(fields).into_iter().map(|field| field.name.clone()).collect()
    }

    /// Fields that it knows as something else, in words.
    pub fn conflicts(&self, fields: &[Field]) -> Vec<String> {
        self.known.conflicts(fields)
    }
}

#[derive(Deserialize)]
struct Listed {
    index: String,
    #[serde(default)]
    health: Option<String>,
    #[serde(default)]
    status: Option<String>,
}

/// Looks at a server, and at its indexes that begin with a prefix.
pub async fn facts(connection: &Connection, prefix: &str) -> Result<Facts> {
    let mut facts = Facts::default();
    if let Some(nodes) = told(connection, "/_nodes?filter_path=nodes.*.version").await? {
        let nodes = nodes["nodes"].as_object().cloned().unwrap_or_default();
        let versions = nodes.values().filter_map(|node| node["version"].as_str());
        facts.versions = versions.map(str::to_owned).collect();
        facts.versions.sort();
        facts.versions.dedup();
    }
    if let Some(health) = told(connection, "/_cat/health?format=json&h=status,epoch").await? {
        facts.health = health[0]["status"].as_str().map(str::to_owned);
        facts.clock = health[0]["epoch"].as_str().and_then(|epoch| epoch.parse().ok());
    }
    let mut indexes = listed(connection, prefix).await?;
    for index in indexes.values_mut().filter(|index| !index.is_closed) {
        look_into(connection, index).await?;
    }
    facts.indexes = indexes.into_values().collect();
    Ok(facts)
}

async fn listed(connection: &Connection, prefix: &str) -> Result<BTreeMap<String, Index>> {
    let pattern = format!("{}*", url(prefix));
    let mut indexes = BTreeMap::new();
    let path = format!("/{pattern}/_alias?ignore_unavailable=true&expand_wildcards=open,closed");
    let aliases: BTreeMap<String, Json> = connection.read((Method::Get, &path), None).await?;
    for (name, of) in aliases.into_iter().filter(|(name, _)| !name.starts_with('.')) {
        let aliases = of["aliases"].as_object().into_iter().flat_map(|it| it.keys().cloned());
        let index = Index { name: name.clone(), aliases: aliases.collect(), ..Index::default() };
        indexes.insert(name, index);
    }
    let path = format!("/_cat/indices/{pattern}?format=json&h=index,health,status");
    let list = told(connection, &path).await?.unwrap_or_default();
    let list: Vec<Listed> = serde_json::from_value(list).unwrap_or_default();
    for Listed { index, health, status } in list {
        if let Some(index) = indexes.get_mut(&index) {
            index.health = health.unwrap_or_default();
            index.is_closed = status.as_deref() == Some("close");
        }
    }
    Ok(indexes)
}

async fn look_into(connection: &Connection, index: &mut Index) -> Result<()> {
    let name = url(&index.name);
    let path = format!("/{name}/_settings?flat_settings=true");
    if let Some(settings) = told(connection, &path).await? {
        let settings = &settings[&index.name]["settings"];
        index.gc_deletes = settings["index.gc_deletes"].as_str().map(str::to_owned);
        let all = settings.as_object().into_iter().flatten();
        let blocks =
            all.filter(|(key, value)| key.starts_with("index.blocks.") && *value == "true");
        index.blocks = blocks.map(|(key, _)| key.clone()).collect();
    }
    if let Some(mapping) = told(connection, &format!("/{name}/_mapping")).await? {
        index.known = Known::read(&mapping[&index.name]["mappings"]);
    }
    index.may_be_written = may_be_written(connection, &name).await?;
    Ok(())
}

/// An update of a document that isn't there changes nothing; who may not write is told so.
async fn may_be_written(connection: &Connection, name: &str) -> Result<bool> {
    let path = format!("/{name}/_bulk");
    let body =
        "{\"update\":{\"_id\":\"reconcile doctor asks whether it may write\"}}\n{\"doc\":{}}\n";
    let reply =
        connection.ask((Method::Post, &path), Some(Bytes::from_static(body.as_bytes()))).await?;
    Ok(!is_forbidden(&reply)
        && !String::from_utf8_lossy(&reply.body).contains("security_exception"))
}

/// An answer as a value; none where this account may not ask.
async fn told(connection: &Connection, path: &str) -> Result<Option<Json>> {
    let said = (Method::Get, path);
    let reply = connection.ask(said, None).await?;
    if reply.status == 403 || reply.status == 404 {
        return Ok(None);
    }
    if !reply.is_fine() {
        return Err(connection.refused(said, &reply));
    }
    Ok(serde_json::from_slice(&reply.body).ok())
}

fn is_forbidden(reply: &Reply) -> bool {
    matches!(reply.status, 401 | 403)
}
