//! The galleries: whether they are there, can be listed, and, where a job writes to them, written.
//!
//! Answers for what is tried on the side that runs write to: a copy is staged, and cleared away. No
//! file gets a name.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};

use super::Finding;
use super::host::CLOCKS_APART;
use crate::config::gallery::BucketConfig;
use crate::config::{Config, Environment, GalleryPlace};
use crate::gallery::bucket::Bucket;
use crate::gallery::bucket::wire::Limits;
use crate::gallery::names::MEGABYTE;
use crate::gallery::{self, Folders, Gallery, ROOT, Staged};
use crate::manifest::Manifests;
use crate::plan::render::words::count;

/// With less room a run is likely to fail.
const LITTLE_ROOM: u64 = 1_000_000_000;

/// What is to be said of each that the operator's file names.
pub async fn examine(
    config: &Config,
    manifests: Option<&Manifests>,
    targets: &BTreeSet<Environment>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for environment in [Environment::Prod, Environment::Test] {
        let about = format!("{environment} gallery");
        let Some(place) = &config.environment(environment).gallery else {
            findings.extend(manifests.and_then(|it| missing(&about, environment, it)));
            continue;
        };
        let writes = config.instance == Environment::Prod && targets.contains(&environment);
        match gallery::open(config, environment).await {
            Ok(Some(gallery)) => {
                findings.extend(of(&about, place, gallery.as_ref(), writes).await);
            }
            Ok(None) => {}
            Err(error) => findings.push(broken(&about, environment, &error)),
        }
    }
    findings
}

/// Whom it keeps from running.
fn missing(about: &str, environment: Environment, manifests: &Manifests) -> Option<Finding> {
    let jobs = manifests.jobs.iter().filter(|(_, job)| job.spec.gallery_folders.is_some());
    let names: Vec<&str> = jobs.map(|(name, _)| name.as_str()).collect();
    let advice = format!(
        "add one under `environments.{environment}` in the operator's file, as in `gallery: file:media`"
    );
    let message = format!("there is none, and {} select gallery folders", names.join(", "));
    (!names.is_empty()).then(|| Finding::broken(about, message).advice(advice))
}

fn broken(about: &str, environment: Environment, error: &gallery::Error) -> Finding {
    let advice = format!("see environments.{environment}.gallery in the operator's file");
    Finding::broken(about, error.to_string()).advice(advice)
}

async fn of(
    about: &str,
    place: &GalleryPlace,
    gallery: &dyn Gallery,
    writes: bool,
) -> Vec<Finding> {
    let root = Folders::These(vec![ROOT.to_owned()]);
    let listing = match gallery.list(&root).await {
        Ok(listing) => listing,
        Err(error) => return vec![unusable(about, place, &error)],
    };
    let folders = count(listing.folders.len() as u64, "folder", "folders");
    let mut findings = vec![Finding::ok(about, format!("{}, {folders}", described(place)))];
    if let GalleryPlace::Bucket(config) = place {
        findings.extend(clock(about, config).await);
    }
    if writes {
        findings.extend(written(about, place, gallery).await);
    }
    findings
}

fn unusable(about: &str, place: &GalleryPlace, error: &gallery::Error) -> Finding {
    let advice = match place {
        GalleryPlace::Local(_) => "make the directory, or give this account the right to it",
        GalleryPlace::Bucket(_) => {
            "see `gallery` of this environment in the operator's file, and whether the server runs"
        }
    };
    Finding::broken(about, error.to_string()).advice(advice)
}

fn described(place: &GalleryPlace) -> String {
    match place {
        GalleryPlace::Local(root) => format!("the directory {}", crate::escape::near(root)),
        GalleryPlace::Bucket(BucketConfig { bucket, endpoint, region, .. }) => match endpoint {
            Some(endpoint) => format!("the bucket {bucket} at {endpoint}"),
            None => format!("the bucket {bucket} in {region}"),
        },
    }
}

/// Servers refuse who is some minutes off.
async fn clock(about: &str, config: &BucketConfig) -> Option<Finding> {
    let bucket = Bucket::open(config, about, 0, Limits::default()).ok()?;
    let apart = bucket.clock_apart().await.ok()??;
    (apart > CLOCKS_APART.as_secs()).then(|| {
        let message = format!("the server's clock is {apart} s off this machine's");
        Finding::warning(about, message)
            .advice("set both by a time server; above 15 minutes requests are refused")
    })
}

/// Tried with a staged copy, since rights alone don't tell of full or read-only disks.
async fn written(about: &str, place: &GalleryPlace, gallery: &dyn Gallery) -> Vec<Finding> {
    let run = format!("doctor-{}", std::process::id());
    let tried = try_writing(gallery, &run).await;
    let mut findings = Vec::new();
    if let GalleryPlace::Local(root) = place {
        findings.extend(tried.is_ok().then(|| links(about, root, &run)).flatten());
        findings.extend(room(about, root));
    }
    let cleared = gallery.clear(&run).await;
    findings.insert(
        0,
        match tried.and(cleared) {
            Ok(()) => Finding::ok(about, "can be written"),
            Err(error) => Finding::broken(about, error.to_string()).advice(
                "a job writes to it: give this account the right to read, write and delete there",
            ),
        },
    );
    findings
}

/// Of a bucket, no names being given tries whether the server gives them under a condition.
async fn try_writing(gallery: &dyn Gallery, run: &str) -> gallery::Result<()> {
    let bytes = stream::iter([Ok(Bytes::from_static(b"reconcile doctor"))]).boxed();
    gallery.stage(Staged { run, number: 0 }, bytes).await?;
    gallery.sync(run).await?;
    gallery.place(run, &[]).await
}

fn links(about: &str, root: &Path, run: &str) -> Option<Finding> {
    let stage = root.join(".reconcile/stage").join(run);
    let linked = std::fs::hard_link(stage.join("0"), stage.join("1"));
    linked.err().map(|error| {
        Finding::warning(about, format!("its disk can't link files: {error}"))
            .advice("runs work, but copy each new file twice")
    })
}

fn room(about: &str, root: &Path) -> Option<Finding> {
    let told = rustix::fs::statvfs(root).ok()?;
    let free = told.f_bavail.saturating_mul(told.f_frsize);
    (free < LITTLE_ROOM).then(|| {
        Finding::warning(about, format!("its disk has {} MB left", free / MEGABYTE)).advice(
            "what a run replaces or deletes is kept in .reconcile/trash; remove old days there",
        )
    })
}
