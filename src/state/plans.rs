//! Plans that were shown, kept as files, so that `all@DIGEST` can name them.
//!
//! Answers for whole files only, and for what becomes of the oldest.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Error, at, make};
use crate::config::Config;
use crate::manifest::sync_job::SyncJobSpec;
use crate::plan::change::Plan;
use crate::plan::render::html::{About, NoImages};
use crate::plan::render::{html, write_pretty};
use crate::whole::{also_as, remove, write_whole};

/// Stored plans kept per job; `all@DIGEST` names one of them.
const KEPT_PLANS: usize = 50;
/// The plan that was shown last.
const LATEST: &str = "plan.json";
/// The same as a page.
const PAGE: &str = "plan.html";

/// Keeps a plan that was shown, of a job that asks for this.
pub fn keep_plan(config: &Config, plan: &Plan, asked: &SyncJobSpec) -> Result<PathBuf, Error> {
    let directory = plans(config, &plan.job);
    make(&directory)?;
    let kept = directory.join(format!("{}.json", &plan.digest[..16]));
    let about =
        About { asked: Some(asked), as_of: None, is_stored: true, served: None, images: &NoImages };
    let (written, shown) = rayon::join(
        || write_whole(&kept, |out| write_pretty(plan, out)).map_err(at(&kept)),
        || html(plan, &about),
    );
    written?;
    let latest = directory.join(LATEST);
    also_as(&kept, &latest).map_err(at(&latest))?;
    let page = directory.join(PAGE);
    write_whole(&page, |out| out.write_all(shown.as_bytes())).map_err(at(&page))?;
    forget_oldest(&directory)?;
    Ok(latest)
}

/// Those of the named plans of a job that were shown before, by the first 16 digits of their digests.
/// Files that can't be read as a plan of this version are left out: an approval that names one says
/// so.
pub fn kept_plans(config: &Config, job: &str, named: &BTreeSet<String>) -> BTreeMap<String, Plan> {
    let directory = plans(config, job);
    let kept = named.iter().filter_map(|digest| {
        let plan = read(&directory.join(format!("{digest}.json")))?;
        plan.digest.starts_with(digest).then_some((digest.clone(), plan))
    });
    kept.collect()
}

/// The plan of a job that was shown last, where this version can read it.
pub fn latest_plan(config: &Config, job: &str) -> Option<Plan> {
    read(&plans(config, job).join(LATEST))
}

/// When that plan was written: another one has another time.
pub fn latest_plan_written(config: &Config, job: &str) -> Option<SystemTime> {
    std::fs::metadata(plans(config, job).join(LATEST)).ok()?.modified().ok()
}

fn read(path: &Path) -> Option<Plan> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

fn plans(config: &Config, job: &str) -> PathBuf {
    config.state_directory.join("plans").join(job)
}

fn digests(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.file_stem().is_some_and(|stem| stem.len() == 16))
        .collect()
}

fn forget_oldest(directory: &Path) -> Result<(), Error> {
    let mut files = digests(directory);
    files.sort_by_key(|path| std::fs::metadata(path).and_then(|about| about.modified()).ok());
    let surplus = files.len().saturating_sub(KEPT_PLANS);
    for path in files.into_iter().take(surplus) {
        remove(&path).map_err(|source| Error::File { path, source })?;
    }
    Ok(())
}
