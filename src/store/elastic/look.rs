//! Reading: documents by key, all keys of an index, documents by words.

use bytes::Bytes;
use elasticsearch::http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::super::{Hit, Page, Result, Stored};
use super::connection::{Cause, Connection};
use crate::escape::url;

/// Documents asked for at once.
const DOCUMENTS: usize = 1000;
/// The most that servers give at once.
const MOST: usize = 10_000;
/// A point in time ends after so long without a question.
const KEPT: &str = "2m";
/// Stands between the parts of a page's beginning; neither has a line's end in it.
const BETWEEN: char = '\n';

#[derive(Deserialize)]
struct Documents<'a> {
    #[serde(borrow)]
    docs: Vec<Document<'a>>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(rename = "_version", default)]
    version: Option<i64>,
    #[serde(default)]
    found: bool,
    #[serde(rename = "_source", borrow, default)]
    source: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<Cause>,
}

/// Documents by key. Of an index that isn't there nothing is found.
pub async fn get(
    connection: &Connection,
    index: &str,
    keys: &[&str],
) -> Result<Vec<Option<Stored>>> {
    // Filtered answers have their documents' numbers written anew.
    let path = format!("/{}/_mget", url(index));
    let said = (Method::Post, path.as_str());
    let mut all = Vec::with_capacity(keys.len());
    for keys in keys.chunks(DOCUMENTS) {
        let body = Bytes::from(json!({ "ids": keys }).to_string());
        let reply = connection.get(said, Some(body)).await?;
        let Documents { docs } = serde_json::from_slice(&reply)
            .map_err(|error| connection.of(said, &format!("its answer: {error}"), false))?;
        if docs.len() != keys.len() {
            return Err(connection.of(said, "it answers to other keys than asked", true));
        }
        for document in docs {
            all.push(stored(connection, said, document)?);
        }
    }
    Ok(all)
}

fn stored(
    connection: &Connection,
    said: (Method, &str),
    document: Document<'_>,
) -> Result<Option<Stored>> {
    if let Some(cause) = document.error {
        if cause.kind == "index_not_found_exception" {
            return Ok(None);
        }
        return Err(connection.of(said, &cause.said(), false));
    }
    let value = document.source.map_or("{}", RawValue::get).to_owned();
    Ok(document.found.then_some(Stored { value, version: document.version }))
}

#[derive(Deserialize)]
struct Found {
    /// A server may go on with another one.
    #[serde(default)]
    pit_id: Option<String>,
    #[serde(default)]
    hits: Hits,
}

#[derive(Default, Deserialize)]
struct Hits {
    #[serde(default)]
    hits: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    sort: Vec<i64>,
}

/// A page of the keys that begin with `prefix`. Servers don't look keys up by their beginning, so all are
/// gone through; what was there when the first page was asked for is.
pub async fn keys(
    connection: &Connection,
    index: &str,
    prefix: &str,
    from: Option<&str>,
    most: usize,
) -> Result<Page> {
    let (mut point, mut after) = match from.and_then(|from| from.split_once(BETWEEN)) {
        Some((point, after)) => (point.to_owned(), after.parse::<i64>().ok()),
        None => match open_point(connection, index).await? {
            Some(point) => (point, None),
            None => return Ok(Page::default()),
        },
    };
    let mut keys = Vec::new();
    let size = most.clamp(1, MOST);
    loop {
        let found = match page(connection, &point, after, size).await {
            Ok(found) => found,
            Err(error) => {
                // The error that was first is the one that matters; the point ends by itself.
                let _ = close_point(connection, &point).await;
                return Err(error);
            }
        };
        point = found.pit_id.unwrap_or(point);
        let hits = found.hits.hits;
        let is_last = hits.len() < size;
        after = hits.last().and_then(|hit| hit.sort.first().copied());
        keys.extend(hits.into_iter().map(|hit| hit.id).filter(|key| key.starts_with(prefix)));
        let Some(after) = after.filter(|_| !is_last) else {
            close_point(connection, &point).await?;
            return Ok(Page { keys, next: None });
        };
        if keys.len() >= most {
            return Ok(Page { keys, next: Some(format!("{point}{BETWEEN}{after}")) });
        }
    }
}

async fn page(
    connection: &Connection,
    point: &str,
    after: Option<i64>,
    size: usize,
) -> Result<Found> {
    let mut body = json!({
        "size": size,
        "_source": false,
        "track_total_hits": false,
        "pit": { "id": point, "keep_alive": KEPT },
        "sort": [{ "_shard_doc": "asc" }],
    });
    if let Some(after) = after {
        body["search_after"] = json!([after]);
    }
    let said = (Method::Post, "/_search?filter_path=pit_id,hits.hits._id,hits.hits.sort");
    connection.read(said, Some(Bytes::from(body.to_string()))).await
}

/// Begins to look at an index as it is now; none where there is none. Elasticsearch has the first of the
/// two addresses, OpenSearch the second.
async fn open_point(connection: &Connection, index: &str) -> Result<Option<String>> {
    refresh(connection, index).await?;
    let name = url(index);
    let paths = [
        format!("/{name}/_pit?keep_alive={KEPT}"),
        format!("/{name}/_search/point_in_time?keep_alive={KEPT}"),
    ];
    let said = (Method::Post, paths[0].as_str());
    let mut reply = connection.ask(said, None).await?;
    if !reply.is_fine() && reply.cause().is_none() {
        reply = connection.ask((Method::Post, &paths[1]), None).await?;
    }
    if reply.status == 404 {
        return Ok(None);
    }
    let point: Option<Json> =
        reply.is_fine().then(|| serde_json::from_slice(&reply.body).ok()).flatten();
    let id = |point: &Json| point["id"].as_str().or(point["pit_id"].as_str()).map(str::to_owned);
    match point.as_ref().and_then(id) {
        Some(id) => Ok(Some(id)),
        None => Err(connection.refused(said, &reply)),
    }
}

/// A point that ended by itself meanwhile needs no closing.
async fn close_point(connection: &Connection, point: &str) -> Result<()> {
    let body = Bytes::from(json!({ "id": point }).to_string());
    let reply = connection.ask((Method::Delete, "/_pit"), Some(body)).await?;
    if reply.is_fine() || reply.status == 404 {
        return Ok(());
    }
    let body = Bytes::from(json!({ "pit_id": [point] }).to_string());
    let said = (Method::Delete, "/_search/point_in_time");
    let reply = connection.ask(said, Some(body)).await?;
    match reply.is_fine() || reply.status == 404 {
        true => Ok(()),
        false => Err(connection.refused(said, &reply)),
    }
}

/// Has everything written be found. Who may only read sees what is a moment old.
async fn refresh(connection: &Connection, index: &str) -> Result<()> {
    let path = format!("/{}/_refresh", url(index));
    let said = (Method::Post, path.as_str());
    let reply = connection.ask(said, None).await?;
    match reply.is_fine() || matches!(reply.status, 403 | 404) {
        true => Ok(()),
        false => Err(connection.refused(said, &reply)),
    }
}

#[derive(Deserialize)]
struct Answers<'a> {
    #[serde(borrow, default)]
    hits: Answered<'a>,
}

#[derive(Default, Deserialize)]
struct Answered<'a> {
    #[serde(borrow, default)]
    hits: Vec<Answer<'a>>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_source", borrow, default)]
    source: Option<&'a RawValue>,
}

/// Documents that hold all words, in whatever fields, of the last one its beginning.
pub async fn search(
    connection: &Connection,
    index: &str,
    words: &str,
    most: usize,
) -> Result<Vec<Hit>> {
    let Some(query) = query(words) else { return Ok(Vec::new()) };
    refresh(connection, index).await?;
    let path = format!("/{}/_search", url(index));
    let said = (Method::Post, path.as_str());
    let body = json!({ "size": most.min(MOST), "track_total_hits": false, "query": query });
    let reply = connection.ask(said, Some(Bytes::from(body.to_string()))).await?;
    if reply.status == 404 {
        return Ok(Vec::new());
    }
    if !reply.is_fine() {
        return Err(connection.refused(said, &reply));
    }
    let answers: Answers<'_> = serde_json::from_slice(&reply.body)
        .map_err(|error| connection.of(said, &format!("its answer: {error}"), false))?;
    let value = |source: Option<&RawValue>| source.map_or("{}", RawValue::get).to_owned();
    let hits = answers.hits.hits.into_iter();
    Ok(hits.map(|hit| Hit { key: hit.id, value: value(hit.source) }).collect())
}

/// What is asked for words; none where nothing could be found by them.
fn query(words: &str) -> Option<Json> {
    let mut words: Vec<&str> =
        words.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).collect();
    let last = words.pop()?;
    words.sort_unstable();
    words.dedup();
    let whole = |word: &str| json!({ "multi_match": { "query": word, "fields": ["*"], "operator": "and", "lenient": true } });
    let begun = json!({ "multi_match": {
        "query": last, "type": "bool_prefix", "fields": ["*"], "operator": "and", "lenient": true,
    } });
    let all: Vec<Json> = words.into_iter().map(whole).chain([begun]).collect();
    Some(json!({ "bool": { "must": all } }))
}
