//! A fresh index beside the one that is read, and its taking that one's place.
//!
//! # Flow
//! `begin` makes the index behind an alias of its own, by which workers find it; whoever calls it fills it;
//! `end` has the name mean the fresh index and removes the old one, in one request.
//!
//! # Guarantees
//! Whatever ends in between leaves the old index as it was, and the fresh one under a name by which the
//! next `begin` finds and removes it. Of two who rebuild one index only the later one can end.

use bytes::Bytes;
use elasticsearch::http::Method;
use serde_json::json;

use super::super::{Field, Fresh, Result};
use super::SEEN;
use super::connection::Connection;
use super::place::{self, Filled, REBUILDING};
use crate::effect::{self, Kind};
use crate::escape::url;

/// Makes an index to be filled; one that was left is removed.
pub async fn begin(connection: &Connection, name: &str, fields: &[Field]) -> Result<Fresh> {
    if let Some(reason) = place::refusal_of_name(name) {
        return Err(connection.error(reason, false));
    }
    let alias = format!("{name}{REBUILDING}");
    let found = place::indexes(connection, &[name.to_owned(), alias.clone()]).await?;
    if found.contains_key(name) {
        let reason = format!(
            "{name} is an index and no alias, so no other index can take its place; have a search \
             without it for a moment: remove it (`DELETE /{name}`) and run `reconcile sync:data`, which \
             makes one behind an alias"
        );
        return Err(connection.error(reason, false));
    }
    for (left, _) in found.iter().filter(|(_, aliases)| aliases.contains(&alias)) {
        let path = format!("/{}", url(left));
        asked(connection, (Method::Delete, &path), None).await?;
    }
    let made = place::make(connection, (name, &alias), fields, Filled::AtOnce).await?;
    let index = made.ok_or_else(|| taken(connection, name))?;
    Ok(Fresh { beside: REBUILDING.to_owned(), token: index, wait: SEEN })
}

fn taken(connection: &Connection, name: &str) -> super::super::Error {
    let reason = format!("index {name}: another process began to rebuild it meanwhile");
    connection.error(reason, false)
}

/// Has the name mean the fresh index.
pub async fn end(connection: &Connection, name: &str, fresh: &Fresh) -> Result<()> {
    let index = &fresh.token;
    let path = format!("/{}/_settings", url(index));
    let settings = json!({ "index": { "refresh_interval": null } });
    asked(connection, (Method::Put, &path), Some(settings)).await?;
    let path = format!("/{}/_refresh", url(index));
    asked(connection, (Method::Post, &path), None).await?;
    let alias = format!("{name}{REBUILDING}");
    let found = place::indexes(connection, &[name.to_owned(), alias.clone()]).await?;
    if !found.get(index).is_some_and(|aliases| aliases.contains(&alias)) {
        return Err(taken(connection, name));
    }
    let mut actions = vec![
        json!({ "remove": { "index": index, "alias": alias, "must_exist": true } }),
        json!({ "add": { "index": index, "alias": name, "is_write_index": true } }),
    ];
    for (old, _) in found.iter().filter(|(_, aliases)| aliases.contains(name)) {
        actions.push(json!({ "remove_index": { "index": old } }));
    }
    asked(connection, (Method::Post, "/_aliases"), Some(json!({ "actions": actions }))).await
}

async fn asked(
    connection: &Connection,
    said: (Method, &str),
    body: Option<serde_json::Value>,
) -> Result<()> {
    let word = said.1.rsplit('/').next().unwrap_or_default();
    effect::before(Kind::Store, word)
        .map_err(|error| connection.of(said, &error.to_string(), true))?;
    let body = body.map(|body| Bytes::from(body.to_string()));
    connection.get(said, body).await?;
    Ok(())
}
