//! Where an environment's gallery is: a directory of this machine, or a bucket.
//!
//! Answers for what a URL and the settings beside it mean. Whether two of them are the same place is
//! asked where they are opened.

use std::path::{Path, PathBuf};

use super::Secret;
use super::address::{decoded, host_and_port};
use super::read::{file, secret};
use crate::manifest::fields::{At, Fields, Problems};
use crate::manifest::paths::bad_path;
use crate::manifest::problem::Problem;
use crate::manifest::scalars::{boolean, text};
use crate::manifest::tree::Content;

/// Where Amazon's own servers sign for, and others are content with.
const USUAL_REGION: &str = "us-east-1";

/// A gallery's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GalleryPlace {
    Local(PathBuf),
    Bucket(BucketConfig),
}

/// A bucket of S3, or of a server that speaks like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketConfig {
    pub bucket: String,
    /// What the keys of the gallery begin with, without `/` at its ends; empty for the whole bucket.
    pub prefix: String,
    pub region: String,
    /// `https://HOST[:PORT]`; none: Amazon's, by the region.
    pub endpoint: Option<String>,
    /// None: what the machine gives its processes (environment, role).
    pub credentials: Option<BucketCredentials>,
    /// A file of certificates (PEM) that may sign the server's beside those that are generally trusted.
    pub ca: Option<PathBuf>,
    /// Whether the bucket stands in the path of a request, and not in its host.
    pub path_style: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketCredentials {
    pub access_key_id: Secret,
    pub secret_access_key: Secret,
    /// Of credentials that end.
    pub session_token: Option<Secret>,
}

/// A URL, or a map of a URL and settings.
pub(super) fn gallery(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<GalleryPlace> {
    if !matches!(at.node.content, Content::Map(_)) {
        return match url(at, folder, problems)? {
            Url::Directory(path) => Some(GalleryPlace::Local(path)),
            Url::Bucket { .. } => {
                let message = format!("`{}` is a bucket, which needs settings beside it", at.path);
                let help = "as in `{url: 's3://BUCKET/PREFIX', region: eu-central-1, accessKeyId: …, secretAccessKey: …}`";
                problems.push(at.error("missing-key", message).help(help));
                None
            }
        };
    }
    let mut fields = Fields::open(at, problems)?;
    let place = fields.need("url", problems, |at, problems| url(at, folder, problems));
    let is_directory = matches!(place, Some(Url::Directory(_)));
    if is_directory && let Content::Map(entries) = &at.node.content {
        for entry in entries.iter().filter(|entry| entry.key.text != "url") {
            let message = format!("`{}` holds for a bucket alone", at.key(entry).path);
            problems.push(Problem::error("unknown-key", message).at(entry.key.span));
        }
    }
    let settings = settings(&mut fields, folder, problems);
    if !is_directory {
        fields.close(problems);
    }
    match place? {
        Url::Directory(path) => Some(GalleryPlace::Local(path)),
        Url::Bucket { bucket, prefix } => {
            Some(GalleryPlace::Bucket(BucketConfig { bucket, prefix, ..settings }))
        }
    }
}

/// What stands beside the URL of a bucket.
fn settings(fields: &mut Fields<'_>, folder: &Path, problems: &mut Problems) -> BucketConfig {
    let allow_http = fields.get("allowHttp", problems, boolean).unwrap_or(false);
    let has_endpoint = fields.has("endpoint");
    let endpoint =
        fields.get("endpoint", problems, |at, problems| endpoint(at, allow_http, problems));
    let region = fields.get("region", problems, region);
    let path_style = fields.get("pathStyle", problems, boolean).unwrap_or(has_endpoint);
    let ca = fields.get("ca", problems, |at, problems| file(at, folder, problems));
    let session_token = fields.get("sessionToken", problems, secret);
    if fields.has("accessKeyId") || fields.has("secretAccessKey") || fields.has("sessionToken") {
        fields.require("accessKeyId", problems);
        fields.require("secretAccessKey", problems);
    }
    let key = fields.get("accessKeyId", problems, secret);
    let secret_key = fields.get("secretAccessKey", problems, secret);
    let credentials = key.zip(secret_key).map(|(access_key_id, secret_access_key)| {
        BucketCredentials { access_key_id, secret_access_key, session_token }
    });
    BucketConfig {
        bucket: String::new(),
        prefix: String::new(),
        region: region.unwrap_or_else(|| USUAL_REGION.to_owned()),
        endpoint,
        credentials,
        ca,
        path_style,
    }
}

enum Url {
    Directory(PathBuf),
    Bucket { bucket: String, prefix: String },
}

fn url(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<Url> {
    let written = secret(at, problems)?;
    match read_url(written.expose(), folder) {
        Ok(url) => Some(url),
        Err(reason) => {
            let help = "as in `file:media`, `file:///srv/shop/media` or `s3://BUCKET/PREFIX`";
            let message = format!("`{}` {reason}", at.path);
            problems.push(at.error("bad-url", message).help(help));
            None
        }
    }
}

/// `file:PATH` starts from the operator's file.
fn read_url(url: &str, folder: &Path) -> Result<Url, String> {
    if let Some(path) = url.strip_prefix("file:") {
        let path = match path.strip_prefix("//") {
            // No host, or the one that means this machine.
            Some(rest) => rest
                .strip_prefix("localhost")
                .unwrap_or(rest)
                .starts_with('/')
                .then(|| rest.strip_prefix("localhost").unwrap_or(rest))
                .ok_or("names a host; a directory of this machine has three slashes")?,
            None => path,
        };
        let path = decoded(path).ok_or("has a `%` without two digits; write it as %25")?;
        return match path.is_empty() {
            true => Err("names no directory".to_owned()),
            false => Ok(Url::Directory(folder.join(path))),
        };
    }
    if let Some(rest) = url.strip_prefix("s3://") {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let is_bucket = (3..=63).contains(&bucket.len())
            && bucket.chars().all(is_name)
            && bucket.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !is_bucket {
            return Err("names no bucket: three to 63 letters, digits, `-` and `.`".to_owned());
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        return match bad_path(prefix) {
            Some(reason) if !prefix.is_empty() => Err(format!("has no good prefix: {reason}")),
            _ => Ok(Url::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() }),
        };
    }
    Err(match url.contains("://") {
        true => "names a gallery of an unknown kind".to_owned(),
        false => "is no URL; before the path of a directory stands `file:`".to_owned(),
    })
}

/// `http://` sends what is read and written in plain sight, though never the secret key.
fn endpoint(at: &At<'_>, allow_http: bool, problems: &mut Problems) -> Option<String> {
    let written = text(at, problems)?;
    let plain = written.strip_suffix('/').unwrap_or(&written);
    let (scheme, place) = plain.split_once("://").unwrap_or(("", plain));
    let mut bad = |reason: &str, help: &str| {
        let message = format!("`{}` {reason}", at.path);
        problems.push(at.error("bad-url", message).help(help));
        None
    };
    if !["http", "https"].contains(&scheme) {
        return bad("is no URL of a server", "as in `https://s3.shop.example`");
    }
    let host = match host_and_port(place) {
        Ok((host, _)) if !place.contains('@') => host,
        Ok(_) => {
            return bad("holds credentials", "write them as `accessKeyId` and `secretAccessKey`");
        }
        Err(reason) => {
            let help =
                "as in `https://s3.shop.example`; credentials and the bucket stand elsewhere";
            return bad(reason, help);
        }
    };
    let is_loopback = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if scheme == "http" && !is_loopback && !allow_http {
        let help =
            "use `https://…`, or say `allowHttp: true` where everybody in between may read it";
        return bad("isn't encrypted", help);
    }
    Some(plain.to_owned())
}

fn region(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let region = text(at, problems)?;
    let is_right = !region.is_empty()
        && region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !is_right {
        let message = format!("`{}` is no region", at.path);
        problems.push(at.error("bad-value", message).help("as in `eu-central-1`"));
        return None;
    }
    Some(region)
}
