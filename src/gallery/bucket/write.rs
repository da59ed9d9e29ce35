//! Objects that are written: put, copied within the bucket, deleted, each under a condition.
//!
//! Answers for large ones going in parts, and for what the server refuses since its condition doesn't
//! hold. Which condition, and what follows from it, is the callers'.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use hyper::Method;
use serde::Deserialize;

use super::super::{Chunks, Result, Staged};
use super::wire::{Ask, Reply};
use super::{Bucket, Seen, trouble};
use crate::plan::file::{Content, FilePath};
use crate::put::put;

/// Objects up to here are written by one request; above it is the size of a part.
const PART: usize = 8 << 20;
/// The largest part that is copied within the bucket.
const COPIED_PART: u64 = 1 << 30;

/// What must hold of the object that is written.
#[derive(Debug, Clone, Copy)]
pub enum Only<'e> {
    Always,
    IfNew,
    /// It has this `ETag`.
    If(&'e str),
}

/// Whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Yes,
    /// The condition doesn't hold; or it did, and the answer to an earlier try was lost.
    Refused,
}

/// Not the condition, and not an upload that was completed before.
const CONDITION: [u16; 2] = [404, 412];

type Headers = Vec<(&'static str, String)>;

impl Ask<'_> {
    fn only(self, only: Only<'_>) -> Self {
        match only {
            Only::Always => self,
            Only::IfNew => self.header("if-none-match", "*"),
            Only::If(etag) => self.header("if-match", etag),
        }
    }

    fn headers(mut self, headers: &Headers) -> Self {
        self.headers.extend(headers.iter().cloned());
        self
    }
}

/// An object that is made of parts, which are told by their `ETag`s.
struct Upload {
    id: String,
    parts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Begun {
    upload_id: String,
}

#[derive(Debug, Deserialize)]
struct CopiedPart {
    #[serde(rename = "ETag")]
    etag: String,
}

impl Bucket {
    /// Writes what comes under the name of a staged copy.
    pub(super) async fn put_staged(
        &self,
        at: Staged<'_>,
        mut bytes: Chunks<'_>,
    ) -> Result<Content> {
        let key = format!("{}{}", self.staged_folder(at.run), at.number);
        let (mut hasher, mut size) = (blake3::Hasher::new(), 0_u64);
        let mut part = BytesMut::new();
        let mut upload: Option<Upload> = None;
        while let Some(chunk) = bytes.next().await {
            let chunk = self.or_abort(&key, upload.as_ref(), chunk).await?;
            hasher.update(&chunk);
            size += chunk.len() as u64;
            part.extend_from_slice(&chunk);
            while part.len() > PART {
                let full = part.split_to(PART).freeze();
                let sent = self.send_part(&key, &mut upload, full).await;
                self.or_abort(&key, upload.as_ref(), sent).await?;
            }
        }
        let rest = part.freeze();
        if upload.is_none() {
            self.put(&key, rest, &Headers::new(), Only::Always).await?;
        } else {
            let sent = self.send_part(&key, &mut upload, rest).await;
            self.or_abort(&key, upload.as_ref(), sent).await?;
        }
        if let Some(upload) = upload {
            let done = self.complete(&key, &upload, Only::Always).await;
            self.or_abort(&key, Some(&upload), done).await?;
        }
        Ok(Content { size, blake3: hasher.finalize().into() })
    }

    /// One request, whole or not at all.
    pub(super) async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        headers: &Headers,
        only: Only<'_>,
    ) -> Result<Done> {
        let ask = Ask::new(Method::PUT, key).headers(headers).only(only).body(bytes);
        let reply = match only {
            Only::Always => self.wire.ask(&ask, &[]).await?,
            Only::IfNew | Only::If(_) => self.wire.ask(&ask, &CONDITION).await?,
        };
        self.done(&ask, &reply)
    }

    /// An answer may begin as a success long before it ends as an error.
    fn done(&self, ask: &Ask<'_>, reply: &Reply) -> Result<Done> {
        match (reply.is_success(), trouble::code(reply)) {
            (true, None) => Ok(Done::Yes),
            (true, Some(_)) => Err(self.wire.refused(ask, reply)),
            (false, _) => Ok(Done::Refused),
        }
    }

    /// The bytes of a staged copy get a name.
    pub(super) async fn give(
        &self,
        (from, size): (&str, u64),
        to: &str,
        headers: &Headers,
        only: Only<'_>,
    ) -> Result<Done> {
        if size > PART as u64 {
            return self.copy_parts((from, None), size, to, headers, only).await;
        }
        let reply = self.wire.ask(&Ask::new(Method::GET, from), &[]).await?;
        self.put(to, reply.body, headers, only).await
    }

    /// Copies an object as it was seen, with all that the server keeps about it.
    pub(super) async fn keep(&self, from: &str, seen: &Seen, to: &str) -> Result<Done> {
        if seen.size > COPIED_PART {
            let headers = seen.kept();
            let source = (from, Some(seen.etag.as_str()));
            return self.copy_parts(source, seen.size, to, &headers, Only::Always).await;
        }
        let ask = Ask::new(Method::PUT, to)
            .header("x-amz-copy-source", self.wire.source(from))
            .header("x-amz-copy-source-if-match", &seen.etag);
        let reply = self.wire.ask(&ask, &CONDITION).await?;
        self.done(&ask, &reply)
    }

    pub(super) async fn delete(&self, key: &str, only: Only<'_>) -> Result<Done> {
        let ask = Ask::new(Method::DELETE, key).only(only);
        let reply = self.wire.ask(&ask, &CONDITION).await?;
        self.done(&ask, &reply)
    }

    /// A copy is only complete under the condition; what a large object costs is done by the server.
    async fn copy_parts(
        &self,
        (from, etag): (&str, Option<&str>),
        size: u64,
        to: &str,
        headers: &Headers,
        only: Only<'_>,
    ) -> Result<Done> {
        let mut upload = self.begin(to, headers).await?;
        let mut start = 0;
        while start < size {
            let end = size.min(start + COPIED_PART);
            let copied = self.copy_part((from, etag), [start, end], to, &upload).await;
            let Some(part) = self.or_abort(to, Some(&upload), copied).await? else {
                self.abort(to, &upload).await;
                return Ok(Done::Refused);
            };
            upload.parts.push(part);
            start = end;
        }
        let done = self.complete(to, &upload, only).await;
        let done = self.or_abort(to, Some(&upload), done).await?;
        if done == Done::Refused {
            self.abort(to, &upload).await;
        }
        Ok(done)
    }

    async fn copy_part(
        &self,
        (from, etag): (&str, Option<&str>),
        [start, end]: [u64; 2],
        to: &str,
        upload: &Upload,
    ) -> Result<Option<String>> {
        let mut ask = Ask::new(Method::PUT, to)
            .query("partNumber", (upload.parts.len() + 1).to_string())
            .query("uploadId", upload.id.as_str())
            .header("x-amz-copy-source", self.wire.source(from))
            .header("x-amz-copy-source-range", format!("bytes={start}-{}", end - 1));
        if let Some(etag) = etag {
            ask = ask.header("x-amz-copy-source-if-match", etag);
        }
        let reply = self.wire.ask(&ask, &[412]).await?;
        match reply.is_success() {
            true => self.read::<CopiedPart>(to, &reply).map(|part| Some(part.etag)),
            false => Ok(None),
        }
    }

    async fn begin(&self, key: &str, headers: &Headers) -> Result<Upload> {
        let ask = Ask::new(Method::POST, key).query("uploads", "").headers(headers);
        let reply = self.wire.ask(&ask, &[]).await?;
        let id = self.read::<Begun>(key, &reply)?.upload_id;
        Ok(Upload { id, parts: Vec::new() })
    }

    async fn send_part(&self, key: &str, upload: &mut Option<Upload>, bytes: Bytes) -> Result<()> {
        if upload.is_none() {
            *upload = Some(self.begin(key, &Headers::new()).await?);
        }
        let Some(upload) = upload else { return Ok(()) };
        let ask = Ask::new(Method::PUT, key)
            .query("partNumber", (upload.parts.len() + 1).to_string())
            .query("uploadId", upload.id.as_str())
            .body(bytes);
        let reply = self.wire.ask(&ask, &[]).await?;
        let etag = reply.header("etag").map(str::to_owned);
        let unread = || self.wire.error(format!("{key}: the server tells no `ETag`"), false);
        upload.parts.push(etag.ok_or_else(unread)?);
        Ok(())
    }

    async fn complete(&self, key: &str, upload: &Upload, only: Only<'_>) -> Result<Done> {
        let mut body = "<CompleteMultipartUpload>".to_owned();
        for (at, etag) in upload.parts.iter().enumerate() {
            let etag = quick_xml::escape::escape(etag.as_str());
            put!(body, "<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag></Part>", at + 1);
        }
        body.push_str("</CompleteMultipartUpload>");
        let ask = Ask::new(Method::POST, key)
            .query("uploadId", upload.id.as_str())
            .only(only)
            .body(body.into());
        let reply = self.wire.ask(&ask, &CONDITION).await?;
        self.done(&ask, &reply)
    }

    async fn or_abort<T>(&self, key: &str, upload: Option<&Upload>, done: Result<T>) -> Result<T> {
        if let (Err(_), Some(upload)) = (&done, upload) {
            self.abort(key, upload).await;
        }
        done
    }

    /// Parts that nobody completes cost money. The first error is the one to tell.
    async fn abort(&self, key: &str, upload: &Upload) {
        let ask = Ask::new(Method::DELETE, key).query("uploadId", upload.id.as_str());
        let _ = self.wire.ask(&ask, &[404]).await;
    }

    fn read<T: for<'d> Deserialize<'d>>(&self, key: &str, reply: &Reply) -> Result<T> {
        let text = String::from_utf8_lossy(&reply.body);
        quick_xml::de::from_str(&text).map_err(|error| {
            self.wire.error(format!("{key}: the server's answer can't be read: {error}"), false)
        })
    }
}

impl Seen {
    /// What a server keeps about an object beside its bytes, and gives out with them.
    pub(super) fn kept(&self) -> Headers {
        const KEPT: [&str; 6] = [
            "cache-control",
            "content-disposition",
            "content-encoding",
            "content-language",
            "content-type",
            "x-amz-storage-class",
        ];
        let kept = KEPT.iter().filter_map(|name| Some((*name, self.header(name)?.to_owned())));
        kept.collect()
    }
}

/// What browsers are told that a file is, by its name.
pub(super) fn content_type(path: &FilePath) -> Option<&'static str> {
    const TYPES: [(&str, &str); 22] = [
        ("avif", "image/avif"),
        ("bmp", "image/bmp"),
        ("css", "text/css"),
        ("csv", "text/csv"),
        ("gif", "image/gif"),
        ("htm", "text/html"),
        ("html", "text/html"),
        ("ico", "image/x-icon"),
        ("jpeg", "image/jpeg"),
        ("jpg", "image/jpeg"),
        ("js", "text/javascript"),
        ("json", "application/json"),
        ("mp4", "video/mp4"),
        ("pdf", "application/pdf"),
        ("png", "image/png"),
        ("svg", "image/svg+xml"),
        ("txt", "text/plain"),
        ("webm", "video/webm"),
        ("webp", "image/webp"),
        ("woff2", "font/woff2"),
        ("xml", "application/xml"),
        ("zip", "application/zip"),
    ];
    let (_, extension) = path.as_str().rsplit_once('.')?;
    let known = TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
    known.map(|(_, name)| *name)
}
