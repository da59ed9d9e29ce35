//! Cases with files: both galleries are folders, and the comparison is looked at alone.
//!
//! Answers for what holds in each: what is compared again, limited to the plan's records, has the same
//! pins.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reconcile::cli::prepare;
use reconcile::compare::files::{Fate, holders};
use reconcile::compare::scan::Candidates;
use reconcile::gallery::compare as both;
use reconcile::gallery::hashes::Hashes;
use reconcile::gallery::local::Local;
use reconcile::job::Context;
use reconcile::job::gallery::JobGalleries;
use reconcile::job::open::{Part, open};
use reconcile::plan::change::Plan;
use reconcile::plan::file::{FilePath, FileState};

use super::format::{Case, Galleries};
use super::play::{Played, compare_plan, said, same, spec};
use super::world::World;

/// Source and target.
struct Folders([PathBuf; 2]);

impl Folders {
    fn make(folder: &Path, galleries: &Galleries) -> Self {
        let make = |name: &str, files: &BTreeMap<String, String>| {
            let root = folder.join(name);
            std::fs::create_dir_all(&root).unwrap();
            for (path, text) in files {
                let path = root.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                match text.strip_prefix("-> ") {
                    Some(to) => std::os::unix::fs::symlink(to, path).unwrap(),
                    None => std::fs::write(path, text).unwrap(),
                }
            }
            root
        };
        Self([make("source-files", &galleries.source), make("target-files", &galleries.target)])
    }
}

impl Folders {
    fn open(&self) -> JobGalleries {
        let [source, target] = self.0.each_ref().map(|root| {
            let name = root.file_name().unwrap().to_string_lossy().into_owned();
            let hashes = Hashes::open(root.with_extension("hashes"));
            (Arc::new(Local::new(name, root.clone(), 1_000_000)), hashes)
        });
        let galleries = both::Galleries {
            source: source.0,
            target: target.0,
            source_hashes: source.1,
            target_hashes: target.1,
        };
        JobGalleries::new(galleries, None)
    }
}

pub async fn compared(case: &Case, world: &World, galleries: &Galleries) -> Played {
    let step = &case.steps()[0];
    let folders = Folders::make(world.folder.path(), galleries);
    world.manifests("sync", &spec(case, world, step));
    let config = world.config();
    let prepared = prepare::prepare(&config).await.map_err(|error| said(&error))?;
    let job = &prepared.manifests.jobs["sync"];
    let context = Context::new(&config, &prepared.manifests);
    let mut opened = open(&context, job).await.map_err(|error| error.to_string())?;
    opened.galleries = Some(folders.open());
    let (plan, comparison) = opened.plan(job, Part::Everything, Vec::new()).await.unwrap();
    compare_plan(step, &plan)?;
    if let Some(expected) = &case.holders {
        let both = galleries.source.keys().chain(galleries.target.keys());
        let paths = both.map(|path| FilePath::try_from(path.clone()).unwrap()).collect();
        let entries = &comparison.entries;
        let found = holders(&mut opened.sides, &opened.model, entries, &paths).await.unwrap();
        let name = |at: usize| format!("{}/{}", plan.changes[at].table, plan.changes[at].id);
        let found = found.into_iter().map(|it| {
            let fate = match it.fate {
                Fate::Keeps => "keeps".into(),
                Fate::LetsGo(at) => format!("lets go by {}", name(at)),
                Fate::Brings(at) => format!("brings by {}", name(at)),
            };
            format!("{} {} {fate}", it.path, it.row)
        });
        same("who holds files", expected, &found.collect::<Vec<_>>())?;
    }
    let mut candidates = Candidates::default();
    for draft in comparison.entries.iter().map(|entry| &entry.draft) {
        let side = match draft.source {
            Some(_) => &mut candidates.source,
            None => &mut candidates.target,
        };
        side.entry(draft.root).or_default().insert(draft.id.clone());
    }
    let part = Part::Only { records: candidates, files: BTreeSet::new() };
    let (again, _) = opened.plan(job, part, Vec::new()).await.unwrap();
    same("the pins of what is compared again", &pins(&plan), &pins(&again))?;
    for change in plan.changes.iter().filter(|change| change.conflict.is_none()) {
        for file in change.files.iter().filter(|file| file.state != FileState::Refused) {
            let source = world.folder.path().join("source-files").join(file.path.as_str());
            if !std::fs::symlink_metadata(&source).is_ok_and(|about| about.is_file()) {
                continue;
            }
            let before = std::fs::read(&source).unwrap();
            std::fs::write(&source, "somebody changed it").unwrap();
            let (now, _) = opened.plan(job, Part::Everything, Vec::new()).await.unwrap();
            std::fs::write(&source, before).unwrap();
            let pin = format!("{}/{}", change.table, change.pin);
            if pins(&now).contains(&pin) {
                return Err(format!("{pin} still holds once {} is another one", file.path));
            }
        }
    }
    Ok(())
}

fn pins(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(|change| format!("{}/{}", change.table, change.pin)).collect()
}
