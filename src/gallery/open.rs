//! Opening an environment's gallery, as the operator's file names it.
//!
//! Answers for two environments never sharing one: neither the same place nor one inside the other,
//! whatever names lead there.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::bucket::Bucket;
use super::bucket::wire::Limits;
use super::local::Local;
use super::names::MEGABYTE;
use super::{Error, Gallery, Result};
use crate::config::gallery::BucketConfig;
use crate::config::{Config, Environment, GalleryPlace};

/// An environment's gallery; none: the operator's file names none.
pub async fn open(config: &Config, environment: Environment) -> Result<Option<Box<dyn Gallery>>> {
    let Some(place) = &config.environment(environment).gallery else { return Ok(None) };
    if let Some(other) = config.environment(environment.other()).gallery.clone() {
        let place = place.clone();
        // A directory may lie on another machine.
        let overlaps = tokio::task::spawn_blocking(move || overlap(&place, &other)).await;
        if overlaps.expect("comparing places doesn't panic") {
            return Err(Error::Shared);
        }
    }
    let name = format!("the gallery of {environment}");
    let most_bytes = config.limits.max_file_megabytes.saturating_mul(MEGABYTE);
    Ok(Some(match place {
        GalleryPlace::Local(root) => Box::new(Local::new(name, root.clone(), most_bytes)),
        GalleryPlace::Bucket(bucket) => {
            Box::new(Bucket::open(bucket, &name, most_bytes, Limits::default())?)
        }
    }))
}

/// Whether one holds the other, or they are the same.
fn overlap(one: &GalleryPlace, other: &GalleryPlace) -> bool {
    match (one, other) {
        (GalleryPlace::Local(one), GalleryPlace::Local(other)) => {
            is_within(one, other) || is_within(other, one)
        }
        (GalleryPlace::Bucket(one), GalleryPlace::Bucket(other)) => {
            same_bucket(one, other)
                && (is_prefix(&one.prefix, &other.prefix) || is_prefix(&other.prefix, &one.prefix))
        }
        _ => false,
    }
}

/// By the directories themselves: links and mounts give one several paths.
fn is_within(inner: &Path, outer: &Path) -> bool {
    let number = |path: &Path| fs::metadata(path).ok().map(|about| (about.dev(), about.ino()));
    let (Ok(inner), Some(outer)) = (inner.canonicalize(), number(outer)) else { return false };
    inner.ancestors().any(|around| number(around) == Some(outer))
}

fn same_bucket(one: &BucketConfig, other: &BucketConfig) -> bool {
    let place = |bucket: &BucketConfig| bucket.endpoint.as_ref().map(|it| it.to_lowercase());
    // The names of Amazon's buckets are the whole world's.
    one.bucket == other.bucket && place(one) == place(other)
}

fn is_prefix(outer: &str, inner: &str) -> bool {
    let rest = inner.strip_prefix(outer);
    outer.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
