//! A gallery in a bucket of S3, or of a server that speaks like it.
//!
//! Answers for an object being known by its `ETag`: it is read, replaced and deleted only as the one
//! that was looked at. Objects stay whole by themselves; new names are given under the condition that
//! nothing has them, which the server must understand. What is written is in `write`, when it is
//! given its name in `place`.

mod listing;
mod place;
mod trouble;
pub mod wire;
mod write;

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use hyper::{HeaderMap, Method};
use jiff::fmt::rfc2822;

use super::folders::Folders;
use super::names::{OWN, is_own, judged, trash_of};
use super::{Chunks, Error, Found, Gallery, Listing, Looked, Names, Place, Result, Staged};
use crate::config::gallery::BucketConfig;
use crate::plan::file::{Content, FilePath};
use listing::Depth;
use wire::{Ask, Limits, Wire};

/// Requests under way at a time.
const AT_ONCE: usize = 16;
/// How often an object is read whose bytes ended in the midst.
const TRIES: usize = 3;
const MICROSECONDS: i64 = 1_000_000;

pub struct Bucket {
    wire: Wire,
    /// Ends with `/`, or is empty.
    prefix: String,
    most_bytes: u64,
    name: String,
}

/// An object as it was found.
#[derive(Debug, Clone)]
struct Seen {
    etag: String,
    size: u64,
    seconds: i64,
    headers: HeaderMap,
}

impl Bucket {
    /// Asks nothing of the server yet.
    pub fn open(
        config: &BucketConfig,
        name: &str,
        most_bytes: u64,
        limits: Limits,
    ) -> Result<Self> {
        let prefix = match config.prefix.as_str() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let wire = Wire::open(config, name, limits)?;
        Ok(Self { wire, prefix, most_bytes, name: name.to_owned() })
    }

    /// How many seconds the server's clock and this machine's are apart, as far as it tells.
    pub async fn clock_apart(&self) -> Result<Option<i64>> {
        let ask = Ask::new(Method::GET, "").query("list-type", "2").query("max-keys", "1");
        Ok(trouble::apart(&self.wire.ask(&ask, &[]).await?))
    }

    fn key(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// A key as seen from the gallery's root.
    fn path<'k>(&self, key: &'k str) -> &'k str {
        key.strip_prefix(&self.prefix).unwrap_or(key)
    }

    fn staged_folder(&self, run: &str) -> String {
        self.key(&format!("{OWN}/stage/{run}/"))
    }

    fn trash(&self, run: &str, path: &FilePath) -> String {
        self.key(&format!("{}/{path}", trash_of(run)))
    }

    fn changed(&self, path: &FilePath) -> Error {
        Error::Changed { gallery: self.name.clone(), path: path.to_string() }
    }

    fn taken(&self, path: &FilePath) -> Error {
        Error::Taken { gallery: self.name.clone(), path: path.to_string() }
    }

    async fn head(&self, key: &str) -> Result<Option<Seen>> {
        let reply = self.wire.ask(&Ask::new(Method::HEAD, key), &[404]).await?;
        if reply.status == 404 {
            return Ok(None);
        }
        let seen = Seen::read(reply.headers);
        let unread =
            || self.wire.error(format!("{key}: the server doesn't tell its `ETag`"), false);
        seen.map(Some).ok_or_else(unread)
    }

    async fn looked(&self, path: &FilePath) -> Result<Looked> {
        if is_own(path.as_str()) {
            return Ok(Looked::Nothing);
        }
        let Some(seen) = self.head(&self.key(path.as_str())).await? else {
            return Ok(Looked::Nothing);
        };
        Ok(match judged(path.as_str(), seen.size, self.most_bytes) {
            Ok(path) => Looked::File(found(path, seen.size, &seen.etag, seen.seconds)),
            Err(refused) => Looked::Refused(refused),
        })
    }

    /// What an object holds, as long as it is the one with this `ETag`. Of one that turns out to be larger
    /// than it should be no more is read.
    async fn content(
        &self,
        key: &str,
        (etag, most): (&str, u64),
        read: &(dyn Fn(u64) + Sync),
    ) -> Result<Option<Content>> {
        let ask = Ask::new(Method::GET, key).header("if-match", etag);
        let mut failed = None;
        for _ in 0..TRIES {
            let Some(mut body) = self.wire.bytes(&ask).await? else { return Ok(None) };
            let (mut hasher, mut size) = (blake3::Hasher::new(), 0);
            let ended = loop {
                match body.bytes.next().await {
                    None => break Ok(()),
                    Some(_) if size > most => break Ok(()),
                    Some(Ok(bytes)) => {
                        hasher.update(&bytes);
                        size += bytes.len() as u64;
                        read(bytes.len() as u64);
                    }
                    Some(Err(reason)) => break Err(reason),
                }
            };
            match ended {
                Ok(()) => return Ok(Some(Content { size, blake3: hasher.finalize().into() })),
                Err(reason) => failed = Some(self.cut(key, &reason)),
            }
        }
        Err(failed.unwrap_or_else(|| self.cut(key, "it wasn't read")))
    }

    fn cut(&self, key: &str, reason: &str) -> Error {
        self.wire.error(format!("{key} couldn't be read to its end: {reason}"), true)
    }

    async fn opened(&self, place: Place<'_>) -> Result<Chunks<'static>> {
        let (key, path) = match place {
            Place::File(path) => (self.key(path.as_str()), path),
            Place::Trash { run, path } => (self.trash(run, path), path),
        };
        let Some(body) = self.wire.bytes(&Ask::new(Method::GET, &key)).await? else {
            let (gallery, source) = (self.name.clone(), std::io::ErrorKind::NotFound.into());
            let path = match place {
                Place::File(_) => path.to_string(),
                Place::Trash { .. } => self.path(&key).to_owned(),
            };
            return Err(Error::File { gallery, path, source });
        };
        let gallery = self.name.clone();
        let cut = move |reason: String| Error::Server {
            gallery: gallery.clone(),
            message: format!("{key} couldn't be read to its end: {reason}"),
            passes: true,
        };
        Ok(body.bytes.map_err(cut).boxed())
    }

    async fn first(&self, path: &FilePath, most: usize) -> Result<Vec<u8>> {
        let range = format!("bytes=0-{}", most.saturating_sub(1));
        let key = self.key(path.as_str());
        let ask = Ask::new(Method::GET, &key).header("range", range);
        // Of an empty object there is no range.
        let reply = self.wire.ask(&ask, &[404, 416]).await?;
        match reply.status {
            404 => Err(self.changed(path)),
            416 => Ok(Vec::new()),
            _ => Ok(reply.body[..most.min(reply.body.len())].to_vec()),
        }
    }
}

impl Seen {
    fn read(headers: HeaderMap) -> Option<Self> {
        let header = |name: &str| headers.get(name)?.to_str().ok();
        let modified = header("last-modified").and_then(|it| rfc2822::parse(it).ok());
        Some(Self {
            etag: header("etag")?.to_owned(),
            size: header("content-length")?.parse().ok()?,
            seconds: modified.map_or(0, |it| it.timestamp().as_second()),
            headers,
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The time stands in the stamp, too: a gateway to a file system may keep the `ETag` of a file that
/// somebody wrote beside it.
fn found(path: FilePath, size: u64, etag: &str, seconds: i64) -> Found {
    let (stamp, modified) = (format!("{seconds} {etag}"), seconds * MICROSECONDS);
    Found { path, size, stamp, is_settled: true, modified }
}

fn etag_of(found: &Found) -> &str {
    found.stamp.split_once(' ').map_or("", |(_, etag)| etag)
}

impl Gallery for Bucket {
    fn name(&self) -> &str {
        &self.name
    }

    fn list<'a>(&'a self, folders: &'a Folders) -> BoxFuture<'a, Result<Listing>> {
        self.listing(folders).boxed()
    }

    fn names<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Names>> {
        self.names_in(folder).boxed()
    }

    fn look<'a>(&'a self, paths: &'a [FilePath]) -> BoxFuture<'a, Result<Vec<Looked>>> {
        let looks = paths.iter().map(|path| self.looked(path));
        stream::iter(looks).buffered(AT_ONCE).try_collect().boxed()
    }

    fn contents<'a>(
        &'a self,
        files: &'a [Found],
        read: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<Vec<Content>>> {
        let read = files.iter().map(move |file| async move {
            let key = self.key(file.path.as_str());
            let content = self.content(&key, (etag_of(file), file.size), read).await?;
            let same = content.filter(|content| content.size == file.size);
            same.ok_or_else(|| self.changed(&file.path))
        });
        stream::iter(read).buffered(AT_ONCE).try_collect().boxed()
    }

    fn beginning<'a>(&'a self, path: &'a FilePath, most: usize) -> BoxFuture<'a, Result<Vec<u8>>> {
        self.first(path, most).boxed()
    }

    fn read<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<Chunks<'a>>> {
        async move { Ok(self.opened(place).await? as Chunks<'a>) }.boxed()
    }

    fn stage<'a>(&'a self, at: Staged<'a>, bytes: Chunks<'a>) -> BoxFuture<'a, Result<Content>> {
        self.put_staged(at, bytes).boxed()
    }

    /// Whatever the server took it has.
    fn sync<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<()>> {
        std::future::ready(Ok(())).boxed()
    }

    fn place<'a>(
        &'a self,
        run: &'a str,
        new: &'a [(usize, FilePath)],
    ) -> BoxFuture<'a, Result<()>> {
        self.place_all(run, new).boxed()
    }

    fn take_back<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<()>> {
        self.take_all_back(run).boxed()
    }

    fn replace<'a>(
        &'a self,
        at: Staged<'a>,
        path: &'a FilePath,
        before: &'a Content,
        after: &'a Content,
    ) -> BoxFuture<'a, Result<()>> {
        self.put_over(at, path, [before, after]).boxed()
    }

    fn discard<'a>(
        &'a self,
        run: &'a str,
        path: &'a FilePath,
        before: &'a Content,
    ) -> BoxFuture<'a, Result<()>> {
        self.move_away(run, path, before).boxed()
    }

    fn clear<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<()>> {
        self.clear_stage(run).boxed()
    }

    fn staged<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<BTreeMap<usize, u64>>> {
        async move {
            let stage = self.staged_folder(run);
            let found = listing::under(&self.wire, &stage, Depth::Below).await?;
            let number = |key: &str| key.strip_prefix(&stage)?.parse().ok();
            let objects = found.objects.iter();
            Ok(objects.filter_map(|it| Some((number(&it.key)?, it.size))).collect())
        }
        .boxed()
    }

    fn left_behind(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        async move {
            let stage = self.key(&format!("{OWN}/stage/"));
            let found = listing::under(&self.wire, &stage, Depth::Here).await?;
            let run = |prefix: &String| {
                let run = prefix.strip_prefix(&stage)?.strip_suffix('/')?;
                (!run.is_empty()).then(|| run.to_owned())
            };
            Ok(found.folders.iter().filter_map(run).collect())
        }
        .boxed()
    }
}
