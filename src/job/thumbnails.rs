//! The small images of a plan, to be carried inside of a page that needs no server.
//!
//! Answers for the page staying small, and for a gallery that can't be read costing its images alone:
//! the plan says what differs without them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::config::{Config, environments};
use crate::gallery::{self, Gallery, media_type};
use crate::manifest::sync_job::SyncJobSpec;
use crate::plan::change::Plan;
use crate::plan::file::FilePath;
use crate::plan::render::html::{Images, Side, images};

/// Bytes of an image that is carried along.
const LARGEST: usize = 32 * 1024;
/// Bytes of all of them.
const ALL: usize = 4 * 1024 * 1024;
/// Files that are looked into.
const MOST: usize = 1000;

/// Images by their side and path, as `data:` addresses.
pub struct Thumbnails(BTreeMap<(Side, String), String>);

impl Images for Thumbnails {
    fn address(&self, side: Side, path: &str) -> Option<String> {
        self.0.get(&(side, path.to_owned())).cloned()
    }
}

/// The images that are small enough, in the order of the plan.
pub async fn thumbnails(config: &Config, plan: &Plan, asked: &SyncJobSpec) -> Thumbnails {
    let mut found = Thumbnails(BTreeMap::new());
    // What an undo goes back to is in no source's gallery.
    let is_there = |(side, _): &(Side, &str)| *side == Side::Target || asked.undo.is_none();
    let wanted: Vec<(Side, &str)> = images(plan).filter(is_there).take(MOST).collect();
    if wanted.is_empty() {
        return found;
    }
    let (source, target) = environments(plan.direction);
    let open = |environment| async move { gallery::open(config, environment).await.ok().flatten() };
    let (source, target) = (open(source).await, open(target).await);
    let (mut room, mut seen) = (ALL, BTreeSet::new());
    for (side, path) in wanted {
        let gallery = match side {
            Side::Source => &source,
            Side::Target => &target,
        };
        let Some(gallery) = gallery.as_deref().filter(|_| seen.insert((side, path))) else {
            continue;
        };
        let Some(address) = small(gallery, path).await.filter(|it| it.len() <= room) else {
            continue;
        };
        room -= address.len();
        found.0.insert((side, path.to_owned()), address);
    }
    found
}

async fn small(gallery: &dyn Gallery, path: &str) -> Option<String> {
    let path = FilePath::try_from(path.to_owned()).ok()?;
    let bytes = gallery.beginning(&path, LARGEST + 1).await.ok()?;
    let kind = media_type(&bytes).filter(|_| bytes.len() <= LARGEST)?;
    Some(format!("data:{kind};base64,{}", BASE64.encode(bytes)))
}
