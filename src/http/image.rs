//! `GET /jobs/{job}/image`: an image that a plan names, of the source's or the target's gallery.
//!
//! Answers for no file being shown that the job's latest plan doesn't name, for nothing but images of
//! five kinds that browsers only draw, and for galleries in buckets not holding up the rest. Nothing is
//! decoded here.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::guard::Viewer;
use super::page::{nothing_here, plain};
use super::site::{Settings, Site};
use crate::config::{Config, Environment, environments};
use crate::gallery::{self, Gallery, Looked, Place, joined, media_type};
use crate::manifest::Manifests;
use crate::plan::change::Plan;
use crate::plan::file::{FilePath, GALLERY};
use crate::plan::render::html::Side;
use crate::state;

/// Bytes of an image, as thumbnails of a page go.
const LARGEST: u64 = 10_000_000;
/// Read at once; others wait.
const AT_ONCE: usize = 4;
/// Plans of which it is known what they name.
const MOST_PLANS: usize = 8;
const POLICY: &str = "default-src 'none'; sandbox";
/// What it shows is of a plan that is a minute old at most.
const CACHED: &str = "private, max-age=60";

#[derive(Deserialize)]
pub struct Wanted {
    side: Side,
    path: String,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("there is nothing here")]
    NotThere,
    #[error("it has more than 10,000,000 bytes; look at it in the gallery")]
    TooLarge,
    #[error("this is no image of a kind that is shown: PNG, JPEG, GIF, WebP, BMP")]
    NoImage,
    #[error(transparent)]
    Gallery(#[from] gallery::Error),
}

/// Where a file is read, and as what.
struct Found {
    environment: Environment,
    path: FilePath,
    /// The run that is to be undone: what it moved away is the source.
    trash: Option<String>,
}

/// What is kept between requests, of which a page sends many.
pub struct Images {
    room: Semaphore,
    /// Whoever reads a plan is waited for.
    named: tokio::sync::Mutex<Vec<Arc<Named>>>,
    galleries: Mutex<Vec<Opened>>,
}

/// The gallery of an operator's file.
type Opened = (Arc<Config>, Environment, Arc<dyn Gallery>);

/// The files that a plan names.
struct Named {
    config: Arc<Config>,
    job: String,
    written: SystemTime,
    source: Environment,
    target: Environment,
    paths: BTreeSet<FilePath>,
}

impl Default for Images {
    fn default() -> Self {
        let (named, galleries) = (tokio::sync::Mutex::default(), Mutex::default());
        Self { room: Semaphore::new(AT_ONCE), named, galleries }
    }
}

pub async fn show(
    State(site): State<Arc<Site>>,
    _: Viewer,
    Path(job): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let settings = site.settings();
    match image(&site.images, &settings, &job, wanted).await {
        Ok((kind, bytes)) => {
            let about = [
                (header::CONTENT_TYPE, kind),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::CACHE_CONTROL, CACHED),
            ];
            (about, bytes).into_response()
        }
        Err(Failed::NotThere) => nothing_here().await,
        Err(failed) => {
            let status = match &failed {
                Failed::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
                Failed::NoImage => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Failed::NotThere | Failed::Gallery(_) => StatusCode::BAD_GATEWAY,
            };
            plain(status, &failed.to_string())
        }
    }
}

async fn image(
    images: &Images,
    settings: &Settings,
    job: &str,
    Wanted { side, path }: Wanted,
) -> Result<(&'static str, Vec<u8>), Failed> {
    let checked = settings.board.known().checked.ok_or(Failed::NotThere)?;
    // A name that no manifest has may lead anywhere.
    if !checked.manifests.job_names().contains(job) {
        return Err(Failed::NotThere);
    }
    let path = FilePath::try_from(path).map_err(|_| Failed::NotThere)?;
    let _room = images.room.acquire().await.map_err(|_| Failed::NotThere)?;
    let named = images.named(&settings.config, job).await.ok_or(Failed::NotThere)?;
    if !named.paths.contains(&path) {
        return Err(Failed::NotThere);
    }
    let found = found(&checked.manifests, &named, side, path);
    let gallery = images.gallery(&settings.config, found.environment).await?;
    let bytes = read(&*gallery, &found).await?;
    let kind = media_type(&bytes).ok_or(Failed::NoImage)?;
    Ok((kind, bytes))
}

/// What an undo goes back to is in the trash of the gallery that its run wrote to.
fn found(manifests: &Manifests, named: &Named, side: Side, path: FilePath) -> Found {
    let undone = manifests.jobs.get(&named.job).and_then(|job| job.spec.undo.clone());
    match (side, undone) {
        (Side::Source, Some(run)) => Found { environment: named.target, path, trash: Some(run) },
        (Side::Source, None) => Found { environment: named.source, path, trash: None },
        (Side::Target, _) => Found { environment: named.target, path, trash: None },
    }
}

/// The whole of a file, unless it is too large. One that isn't there, or is refused, is nothing.
async fn read(gallery: &dyn Gallery, found: &Found) -> Result<Vec<u8>, Failed> {
    let Found { path, trash, .. } = found;
    let place = if let Some(run) = trash {
        Place::Trash { run, path }
    } else {
        let looked = gallery.look(std::slice::from_ref(path)).await?;
        let file = looked.first().and_then(Looked::file).ok_or(Failed::NotThere)?;
        if file.size > LARGEST {
            return Err(Failed::TooLarge);
        }
        Place::File(path)
    };
    let mut chunks = match (gallery.read(place).await, trash) {
        (Ok(chunks), _) => chunks,
        (Err(_), Some(_)) => return Err(Failed::NotThere),
        (Err(error), None) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk?);
        if bytes.len() as u64 > LARGEST {
            return Err(Failed::TooLarge);
        }
    }
    Ok(bytes)
}

impl Images {
    /// What the latest plan of a job names. A plan is read once: it may have a hundred thousand changes.
    async fn named(&self, config: &Arc<Config>, job: &str) -> Option<Arc<Named>> {
        let written = state::latest_plan_written(config, job)?;
        let is_it = |named: &&Arc<Named>| {
            named.job == job && named.written == written && Arc::ptr_eq(&named.config, config)
        };
        let mut kept = self.named.lock().await;
        if let Some(known) = kept.iter().find(is_it) {
            return Some(Arc::clone(known));
        }
        let (config, job) = (Arc::clone(config), job.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            let plan = state::latest_plan(&config, &job)?;
            let (source, target) = environments(plan.direction);
            Some(Named { paths: paths(&plan), config, job, written, source, target })
        });
        let named = Arc::new(read.await.ok().flatten()?);
        kept.retain(|other| other.job != named.job);
        kept.truncate(MOST_PLANS - 1);
        kept.insert(0, Arc::clone(&named));
        Some(named)
    }

    /// A bucket's connections are used again.
    async fn gallery(
        &self,
        config: &Arc<Config>,
        environment: Environment,
    ) -> Result<Arc<dyn Gallery>, Failed> {
        let is_of = |of: &Arc<Config>| Arc::ptr_eq(of, config);
        let known = locked(&self.galleries)
            .iter()
            .find(|(of, known, _)| is_of(of) && *known == environment)
            .map(|(_, _, gallery)| Arc::clone(gallery));
        if let Some(known) = known {
            return Ok(known);
        }
        let opened = gallery::open(config, environment).await?.ok_or(Failed::NotThere)?;
        let opened: Arc<dyn Gallery> = Arc::from(opened);
        let mut kept = locked(&self.galleries);
        // Those of an operator's file that was read before lead elsewhere, perhaps.
        kept.retain(|(of, known, _)| is_of(of) && *known != environment);
        kept.push((Arc::clone(config), environment, Arc::clone(&opened)));
        Ok(opened)
    }
}

/// Files of folders, and files that come along with records.
fn paths(plan: &Plan) -> BTreeSet<FilePath> {
    let of_folders = plan.changes.iter().filter_map(|change| {
        let folder = change.table.strip_prefix(GALLERY)?;
        FilePath::try_from(joined(folder, &change.id)).ok()
    });
    let of_records = plan.changes.iter().flat_map(|change| &change.files);
    of_folders.chain(of_records.map(|file| file.path.clone())).collect()
}

fn locked<T>(kept: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
