//! The small images of a plan, to be carried inside of a page that needs no server.
//!
//! Answers for the page staying small, and for a gallery that can't be read costing its images alone:
//! the plan says what differs without them.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::config::{Config, environments};
use crate::gallery::{self, Found, Gallery, Looked, media_type};
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
/// All of it.
const LONGEST: Duration = Duration::from_secs(30);

/// Images by their side and path, as `data:` addresses.
pub struct Thumbnails(BTreeMap<(Side, String), String>);

impl Images for Thumbnails {
    fn address(&self, side: Side, path: &str) -> Option<String> {
        self.0.get(&(side, path.to_owned())).cloned()
    }
}

/// The images that are small enough, in the order of the plan, as far as they come within a time.
pub async fn thumbnails(config: &Config, plan: &Plan, asked: &SyncJobSpec) -> Thumbnails {
    let mut found = Thumbnails(BTreeMap::new());
    // What an undo goes back to is in no source's gallery.
    let is_there = |(side, _): &(Side, &str)| *side == Side::Target || asked.undo.is_none();
    let wanted: Vec<(Side, &str)> = images(plan).filter(is_there).take(MOST).collect();
    if !wanted.is_empty() {
        // What was found until then is shown.
        let _ = tokio::time::timeout(LONGEST, look(config, plan, &wanted, &mut found)).await;
    }
    found
}

async fn look(config: &Config, plan: &Plan, wanted: &[(Side, &str)], found: &mut Thumbnails) {
    let (source, target) = environments(plan.direction);
    let open = |environment| async move { gallery::open(config, environment).await.ok().flatten() };
    let mut galleries =
        BTreeMap::from([(Side::Source, open(source).await), (Side::Target, open(target).await)]);
    let mut room = ALL;
    for (side, path) in wanted {
        let key = (*side, (*path).to_owned());
        let Some(Some(gallery)) = galleries.get(side) else { continue };
        if found.0.contains_key(&key) {
            continue;
        }
        match small(gallery.as_ref(), path).await {
            Ok(Some(address)) if address.len() <= room => {
                room -= address.len();
                found.0.insert(key, address);
            }
            Ok(_) => {}
            // Nobody waits for each of its files.
            Err(_) => {
                galleries.remove(side);
            }
        }
    }
}

/// None where it is large, no image, or nothing at all.
async fn small(gallery: &dyn Gallery, path: &str) -> gallery::Result<Option<String>> {
    let Ok(path) = FilePath::try_from(path.to_owned()) else { return Ok(None) };
    let looked = gallery.look(std::slice::from_ref(&path)).await?;
    let is_small = |file: &Found| file.size <= LARGEST as u64;
    if !looked.first().and_then(Looked::file).is_some_and(is_small) {
        return Ok(None);
    }
    let bytes = gallery.beginning(&path, LARGEST).await?;
    let kind = media_type(&bytes);
    Ok(kind.map(|kind| format!("data:{kind};base64,{}", BASE64.encode(bytes))))
}
