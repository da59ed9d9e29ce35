//! Indexes by their names: which there are, what stands behind a name, and making one.
//!
//! Answers for a name meaning an alias of one index of ours, or an index as it was found; and for two
//! makers of one index ending with one. # Guarantees: an index is never removed here.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use elasticsearch::http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::super::{Field, Result};
use super::connection::{Cause, Connection, Said};
use super::mapping;
use crate::effect::{self, Kind};
use crate::escape::{url, visible};

/// Behind the name of an index that is being filled beside the one that is read.
pub const REBUILDING: &str = "-rebuilding";
/// The longest name a server takes, and what we may put behind one.
const LONGEST: usize = 255 - 20;
/// Deletions are remembered for so long, so that older writes that come late are told from new ones.
/// Messages that are older aren't believed anyway.
pub const GC_DELETES: &str = "1h";

/// What stands behind a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// With the prefix.
    pub name: String,
    /// It is an alias; else an index as it was found.
    pub is_alias: bool,
    /// The alias of the index that is filled to take its place.
    pub rebuilding: Option<String>,
}

/// Indexes with their aliases.
pub type Indexes = BTreeMap<String, BTreeSet<String>>;

#[derive(Deserialize)]
struct Aliases {
    #[serde(default)]
    aliases: BTreeMap<String, Json>,
}

/// Why no index can have a name; none where one can.
pub fn refusal_of_name(name: &str) -> Option<String> {
    let forbidden = |c: char| c.is_control() || "\\/*?\"<>| ,#:".contains(c);
    let why = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.starts_with(['-', '_', '+', '.']) {
        "it begins with `-`, `_`, `+` or `.`".to_owned()
    } else if let Some(c) = name.chars().find(|c| forbidden(*c)) {
        format!("`{}` can't stand in it", visible(&c.to_string()))
    } else if name.len() > LONGEST {
        format!("it takes {} bytes, and may take {LONGEST}", name.len())
    } else if name.to_lowercase() != name {
        "it has upper-case letters".to_owned()
    } else if name.ends_with(REBUILDING) {
        format!("it ends with `{REBUILDING}`, which means an index that is being filled")
    } else {
        return None;
    };
    let short = crate::escape::shortened(name, 80).into_owned();
    Some(format!("no index can be called {}: {why}", visible(&short)))
}

/// The indexes that names or patterns mean, with all their aliases.
pub async fn indexes(connection: &Connection, names: &[String]) -> Result<Indexes> {
    let list: Vec<String> = names.iter().map(|name| url(name).replace("%2A", "*")).collect();
    let path = format!("/{}/_alias?ignore_unavailable=true&expand_wildcards=open", list.join(","));
    let found: BTreeMap<String, Aliases> = connection.read((Method::Get, &path), None).await?;
    let names = |of: Aliases| of.aliases.into_keys().collect();
    Ok(found.into_iter().map(|(index, of)| (index, names(of))).collect())
}

/// What stands behind names; nothing for those that aren't there.
pub async fn places(connection: &Connection, names: &[String]) -> Result<BTreeMap<String, Place>> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let asked: Vec<String> =
        names.iter().flat_map(|name| [name.clone(), format!("{name}{REBUILDING}")]).collect();
    let indexes = indexes(connection, &asked).await?;
    let has = |alias: &str| indexes.values().any(|aliases| aliases.contains(alias));
    let place = |name: &String| {
        let is_alias = has(name);
        let other = format!("{name}{REBUILDING}");
        let rebuilding = (is_alias && has(&other)).then_some(other);
        let is_there = is_alias || indexes.contains_key(name);
        is_there.then(|| (name.clone(), Place { name: name.clone(), is_alias, rebuilding }))
    };
    Ok(names.iter().filter_map(place).collect())
}

/// How an index is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// By writes that are searched at once.
    ByAndBy,
    /// As a whole, before it is searched.
    AtOnce,
}

/// Makes an index behind an alias; its name.
///
/// # Flow
/// Index and alias are made by one request, and the alias can be written through to one index alone. So
/// of two who make it at once one is refused, and looks again.
pub async fn make(
    connection: &Connection,
    (name, alias): (&str, &str),
    fields: &[Field],
    filled: Filled,
) -> Result<Option<String>> {
    let index = format!("{name}-{}", Timestamp::now().strftime("%Y%m%d%H%M%S%3f"));
    let mut settings = json!({ "gc_deletes": GC_DELETES });
    if filled == Filled::AtOnce {
        settings["refresh_interval"] = "-1".into();
    }
    let body = json!({
        "settings": { "index": settings },
        "mappings": mapping::of(fields),
        "aliases": { alias: { "is_write_index": true } },
    });
    let path = format!("/{}", url(&index));
    let said = (Method::Put, path.as_str());
    effect::before(Kind::Store, "index")
        .map_err(|error| connection.of(said, &error.to_string(), true))?;
    let reply = connection.ask(said, Some(Bytes::from(body.to_string()))).await?;
    if reply.is_fine() {
        return Ok(Some(index));
    }
    if is_there_already(&reply.cause().unwrap_or_default()) {
        return Ok(None);
    }
    Err(connection.refused(said, &reply))
}

/// Somebody else made it in between.
fn is_there_already(cause: &Cause) -> bool {
    let reason = cause.reason.as_deref().unwrap_or_default();
    cause.kind == "resource_already_exists_exception"
        || reason.contains("has more than one write index")
}

/// What came of making an index know fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    Knows,
    /// It isn't there any more, or not under this name: an index was just made anew.
    Gone,
}

/// Has an index, or whatever is behind an alias, know these fields. Indexes of ours that know one as
/// something else are an error; those of others are used as they are.
pub async fn fit(connection: &Connection, name: &str, fields: &[Field]) -> Result<Fit> {
    let path = format!("/{}/_mapping", url(name));
    let Some(found) = unless_gone(connection, (Method::Get, path.as_str()), None).await? else {
        return Ok(Fit::Gone);
    };
    let found: BTreeMap<String, Json> =
        serde_json::from_slice(&found).map_err(|error| connection.error(error, false))?;
    for (index, found) in &found {
        let known = mapping::Known::read(&found["mappings"]);
        if known.is_ours {
            let conflicts = known.conflicts(fields);
            if !conflicts.is_empty() {
                let conflicts = conflicts.join("; ");
                return Err(connection.error(
                    format!(
                        "index {name}: {conflicts}; `reconcile sync:data --rebuild` makes it anew"
                    ),
                    false,
                ));
            }
        }
        let missing = known.missing(fields);
        if missing.is_empty() || known.takes_anything {
            continue;
        }
        let path = format!("/{}/_mapping", url(index));
        let said = (Method::Put, path.as_str());
        effect::before(Kind::Store, "mapping")
            .map_err(|error| connection.of(said, &error.to_string(), true))?;
        let body = json!({ "properties": mapping::properties(missing) });
        let body = Some(Bytes::from(body.to_string()));
        if unless_gone(connection, said, body).await?.is_none() {
            return Ok(Fit::Gone);
        }
    }
    Ok(Fit::Knows)
}

/// The answer, unless what was asked for isn't there.
async fn unless_gone(
    connection: &Connection,
    said: Said<'_>,
    body: Option<Bytes>,
) -> Result<Option<Bytes>> {
    let reply = connection.ask(said, body).await?;
    match reply.status {
        404 => Ok(None),
        _ if reply.is_fine() => Ok(Some(reply.body)),
        _ => Err(connection.refused(said, &reply)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_every_server_takes() {
        for name in ["de_page", "shop_de_page", "größe", "a.b-c", "1"] {
            assert_eq!(refusal_of_name(name), None, "{name}");
        }
        let long = "x".repeat(236);
        for name in [
            "",
            "-a",
            "_a",
            "+a",
            ".",
            "..",
            ".a",
            "a b",
            "a,b",
            "a#b",
            "a:b",
            "a*",
            "a?",
            "a\"b",
            "a/b",
            "a\\b",
            "<a>",
            "a|b",
            "De",
            "a\nb",
            "de_page-rebuilding",
            &long,
        ] {
            assert!(refusal_of_name(name).is_some(), "{name}");
        }
        let said = refusal_of_name("a\u{7}b").unwrap();
        assert!(!said.contains('\u{7}'), "{said}");
    }
}
