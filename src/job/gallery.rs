//! The galleries of a job: what differs in its folders, and what both sides have of files that records
//! name.
//!
//! Answers for who is source and who is target, for a file that a row needs being left alone, and for
//! what an undo goes back to. Copying is `apply::files`'s part.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};

use super::{Context, Error};
use crate::apply::files::Origin;
use crate::compare::files::{Contents, Fate, Held, Holder, Unread};
use crate::compare::fingerprint::PinKey;
use crate::config::{Environment, environments};
use crate::gallery::compare::{Compared, Difference, Galleries};
use crate::gallery::hashes::Hashes;
use crate::gallery::{self, Folders, Gallery, Place};
use crate::manifest::SyncJob;
use crate::manifest::sync_job::{Direction, Mode, Selection};
use crate::plan::change::{Change, Class, Conflict, ConflictKind};
use crate::plan::file::{Content, FileChange, FilePath, NamedFile, ShownContent};

/// Which files are looked at.
#[derive(Debug, Clone)]
pub enum Which {
    /// All of the job's folders.
    Everything,
    /// These alone.
    Only(BTreeSet<FilePath>),
}

/// Both galleries, or what an undo has of them.
pub struct JobGalleries {
    galleries: Galleries,
    /// What the job selects; none for a job that leaves folders alone.
    folders: Option<Folders>,
    /// A run that is taken back: its files, instead of the source's gallery.
    undone: Option<Undone>,
}

struct Undone {
    run: String,
    images: BTreeMap<FilePath, FileChange>,
}

/// Opens the galleries of a job that compares two environments, if it has to do with files: it selects
/// folders, or its records name some.
pub async fn open(
    context: &Context<'_>,
    job: &SyncJob,
    direction: Direction,
    names_files: bool,
) -> Result<Option<JobGalleries>, Error> {
    let (from, to) = environments(direction);
    let folders = folders(job);
    if folders.is_none() && !names_files {
        return Ok(None);
    }
    let is_configured = |it: &Environment| context.config.environment(*it).gallery.is_some();
    if let Some(lacking) = [from, to].into_iter().find(|it| !is_configured(it)) {
        return match folders {
            Some(_) => Err(Error::NoGallery(lacking)),
            None => Ok(None),
        };
    }
    Ok(Some(JobGalleries::new(both(context, from, to).await?, folders)))
}

/// Opens the gallery that a run wrote to, where it changed files.
pub async fn open_undone(
    context: &Context<'_>,
    environment: Environment,
    run: &str,
    images: Vec<FileChange>,
) -> Result<Option<JobGalleries>, Error> {
    if images.is_empty() {
        return Ok(None);
    }
    if context.config.environment(environment).gallery.is_none() {
        return Err(Error::NoGallery(environment));
    }
    let galleries = both(context, environment, environment).await?;
    let images = images.into_iter().map(|image| (image.path.clone(), image)).collect();
    let undone = Some(Undone { run: run.to_owned(), images });
    Ok(Some(JobGalleries { galleries, folders: Some(Folders::All), undone }))
}

async fn both(
    context: &Context<'_>,
    from: Environment,
    to: Environment,
) -> Result<Galleries, Error> {
    let source = opened(context, from).await?;
    let target = opened(context, to).await?;
    let hashes = |it: Environment| {
        Hashes::open(context.config.state_directory.join("gallery").join(format!("{it}.hashes")))
    };
    Ok(Galleries { source, target, source_hashes: hashes(from), target_hashes: hashes(to) })
}

async fn opened(context: &Context<'_>, it: Environment) -> Result<Arc<dyn Gallery>, Error> {
    gallery::open(context.config, it).await?.map(Arc::from).ok_or(Error::NoGallery(it))
}

/// The folders that a job selects.
fn folders(job: &SyncJob) -> Option<Folders> {
    match job.spec.gallery_folders.as_ref()? {
        Selection::All => Some(Folders::All),
        Selection::Names(names) if names.is_empty() => None,
        Selection::Names(names) => Some(Folders::These(names.clone())),
    }
}

impl JobGalleries {
    /// Source and target, and the folders that are compared as a whole.
    pub fn new(galleries: Galleries, folders: Option<Folders>) -> Self {
        Self { galleries, folders, undone: None }
    }

    /// What differs in the job's folders. `read` hears of the bytes that were read.
    pub async fn compare(
        &mut self,
        which: &Which,
        mode: Mode,
        read: &(dyn Fn(u64) + Sync),
    ) -> Result<Compared, Error> {
        let Some(folders) = self.folders.clone() else { return Ok(Compared::default()) };
        let compared = match (which, &self.undone) {
            (Which::Everything, None) => self.galleries.compare(&folders, mode, read).await?,
            (Which::Everything, Some(undone)) => {
                let paths = undone.images.keys().cloned().collect();
                self.compare_single(&folders, &paths).await?
            }
            (Which::Only(paths), _) => self.compare_single(&folders, paths).await?,
        };
        // What can't be written down is read again.
        let _ = self.galleries.remember();
        Ok(compared)
    }

    async fn compare_single(
        &mut self,
        folders: &Folders,
        paths: &BTreeSet<FilePath>,
    ) -> Result<Compared, Error> {
        let mut compared = Compared::default();
        for (path, held) in self.held(paths).await? {
            let contents = match held.each_ref().map(content) {
                [Ok(to), Ok(from)] => [to, from],
                [Err(why), _] | [_, Err(why)] => {
                    compared.notes.push(format!("{path} is left as it is: {why}"));
                    continue;
                }
            };
            match Difference::of(folders, &path, contents) {
                Some(difference) => compared.differences.push(difference),
                None => compared.unchanged += 1,
            }
        }
        compared.in_order();
        Ok(compared)
    }

    /// What both sides have. An undo's source is what the run found.
    async fn held(
        &mut self,
        paths: &BTreeSet<FilePath>,
    ) -> gallery::Result<BTreeMap<FilePath, [Held; 2]>> {
        let mut found = self.galleries.held(paths).await?;
        let Some(Undone { run, images }) = &self.undone else {
            self.galleries.refuse_alike(&mut found).await?;
            return Ok(found);
        };
        for (path, [source, now]) in &mut found {
            if let Some(image) = images.get(path) {
                *source = match image.before {
                    None => Held::Nothing,
                    // It wasn't replaced or deleted yet.
                    Some(before) if *now == Held::File(before) => Held::File(before),
                    Some(before) => in_trash(&*self.galleries.target, run, path, before).await,
                };
            }
        }
        self.galleries.refuse_alike(&mut found).await?;
        Ok(found)
    }

    /// The files that differ, as changes. Those that a row of the target needs as they are, or that were
    /// changed since the run that is undone, become conflicts; others wait for the entries, by their names,
    /// that let them go.
    pub fn changes(
        &self,
        compared: &mut Compared,
        holders: &[Holder],
        names: &dyn Fn(usize) -> String,
        (direction, key): (Direction, &PinKey),
    ) -> Vec<Change> {
        let mut by_path: BTreeMap<&FilePath, Vec<&Holder>> = BTreeMap::new();
        for holder in holders {
            by_path.entry(&holder.path).or_default().push(holder);
        }
        let mut conflicts = BTreeMap::new();
        for difference in &mut compared.differences {
            let held = by_path.get(&difference.path).map_or(&[][..], Vec::as_slice);
            if let Some(conflict) = self.changed_since(difference).or_else(|| taken(held)) {
                difference.class = Class::Conflict;
                conflicts.insert(difference.path.clone(), conflict);
            }
        }
        compared.in_order();
        let mut changes = gallery::plan::changes(&compared.differences, direction, key);
        for (change, difference) in changes.iter_mut().zip(&compared.differences) {
            change.conflict = conflicts.remove(&difference.path);
            let held = by_path.get(&difference.path).into_iter().flatten();
            let needs: BTreeSet<String> = held
                .filter_map(|holder| match holder.fate {
                    Fate::Keeps => None,
                    Fate::LetsGo(at) | Fate::Brings(at) => Some(names(at)),
                })
                .collect();
            change.depends_on = needs.into_iter().collect();
        }
        changes
    }

    /// Why a file can't be taken back.
    fn changed_since(&self, difference: &Difference) -> Option<Conflict> {
        let image = self.undone.as_ref()?.images.get(&difference.path)?;
        let now = difference.from.map(|facts| facts.content);
        (now != image.after).then(|| {
            let detail = "the file was changed since the run; nobody reviewed that it goes";
            conflict(ConflictKind::ChangedSince, vec![detail.to_owned()])
        })
    }

    /// Whether a file lies in a folder that the job selects.
    pub fn selects(&self, path: &FilePath) -> bool {
        self.folders.as_ref().is_some_and(|folders| folders.place(path).is_some())
    }

    /// Looks how large the images are that records bring. What an undo brings isn't in a gallery.
    pub async fn look_into_images(&self, changes: &mut [Change]) {
        const AT_ONCE: usize = 16;
        let Galleries { source, target, .. } = &self.galleries;
        let mut looks = Vec::new();
        for NamedFile { path, from, to, .. } in changes.iter_mut().flat_map(|it| &mut it.files) {
            let path = &*path;
            let sides =
                [(source, to.as_mut().filter(|_| self.undone.is_none())), (target, from.as_mut())];
            for (gallery, shown) in sides {
                looks.extend(shown.map(|shown| look_into(&**gallery, path, shown)));
            }
        }
        if looks.len() <= gallery::compare::MOST_IMAGES {
            stream::iter(looks).buffer_unordered(AT_ONCE).collect::<()>().await;
        }
    }

    /// The gallery that is written to.
    pub fn target(&self) -> Arc<dyn Gallery> {
        Arc::clone(&self.galleries.target)
    }

    pub fn origin(&self) -> Origin {
        match &self.undone {
            Some(undone) => Origin::Trash(undone.run.clone()),
            None => Origin::Gallery(Arc::clone(&self.galleries.source)),
        }
    }
}

impl Contents for JobGalleries {
    fn of<'a>(
        &'a mut self,
        paths: &'a BTreeSet<FilePath>,
    ) -> BoxFuture<'a, Result<BTreeMap<FilePath, [Held; 2]>, Unread>> {
        async move {
            let held = self.held(paths).await?;
            let _ = self.galleries.remember();
            Ok(held)
        }
        .boxed()
    }
}

async fn look_into(gallery: &dyn Gallery, path: &FilePath, shown: &mut ShownContent) {
    let size = gallery::compare::dimensions(gallery, path).await;
    shown.dimensions = size.map(|[width, height]| format!("{width} x {height}"));
}

/// The file as a run found it, if the trash still has it.
async fn in_trash(target: &dyn Gallery, run: &str, path: &FilePath, before: Content) -> Held {
    match target.read(Place::Trash { run, path }).await {
        Ok(_) => Held::File(before),
        Err(error) => Held::Refused(format!("can't be read as it was before the run: {error}")),
    }
}

fn content(held: &Held) -> Result<Option<Content>, &str> {
    match held {
        Held::Nothing => Ok(None),
        Held::File(content) => Ok(Some(*content)),
        Held::Refused(why) => Err(why),
    }
}

/// A row keeps the file, whatever is approved.
fn taken(held: &[&Holder]) -> Option<Conflict> {
    let keeps = held.iter().filter(|holder| holder.fate == Fate::Keeps);
    let details: Vec<String> = keeps
        .map(|holder| format!("{} names it, and needs what the target has", holder.row))
        .collect();
    (!details.is_empty()).then(|| conflict(ConflictKind::FileTaken, details))
}

/// One that can only be mended.
fn conflict(kind: ConflictKind, details: Vec<String>) -> Conflict {
    Conflict {
        kind,
        target_id: None,
        target_identity: None,
        also: Vec::new(),
        details,
        answers: Vec::new(),
        needs: BTreeMap::new(),
    }
}
