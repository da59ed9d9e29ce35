//! What two galleries hold differently, in some folders.
//!
//! Answers for files being equal only where their contents are, for nothing that is refused on a side
//! being taken for absent there, and for reading as little as that takes. What becomes of a difference
//! is decided above.

mod pairs;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use futures_util::{StreamExt as _, future, stream};

use super::hashes::Hashes;
use super::{Error, Folders, Found, Gallery, Listing, Looked, Refused, Result, alike, image};
use crate::compare::files::Held;
use crate::manifest::sync_job::Mode;
use crate::manifest::words::suggestion;
use crate::plan::change::Class;
use crate::plan::file::{Content, FilePath, is_named_like_image};
use pairs::{Pair, Pairs};

/// Above so many differences nobody looks at the images' sizes.
pub const MOST_IMAGES: usize = 10_000;
/// How many images are looked into at once: a bucket answers each after a while.
const AT_ONCE: usize = 16;
/// How many refused files are named.
const MOST_NAMED: usize = 24;

/// Both galleries of a job.
pub struct Galleries {
    pub source: Arc<dyn Gallery>,
    pub target: Arc<dyn Gallery>,
    pub source_hashes: Hashes,
    pub target_hashes: Hashes,
}

/// A file on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    pub content: Content,
    /// Pixels, where it is an image that can be read.
    pub dimensions: Option<[u32; 2]>,
    /// Microseconds since 1970.
    pub modified: i64,
}

/// A file that isn't the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub folder: String,
    /// The path below the folder.
    pub id: String,
    pub path: FilePath,
    pub class: Class,
    /// On the target.
    pub from: Option<Facts>,
    /// On the source.
    pub to: Option<Facts>,
    /// The target's file was written after the source's.
    pub target_newer: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// In the order of folder, class and ID.
    pub differences: Vec<Difference>,
    pub unchanged: u64,
    /// What is refused, a sentence each; where there are many, the first ones and a count.
    pub notes: Vec<String>,
    /// `gallery/FOLDER` of folders without any file on the source, from which files would be deleted.
    pub empty_sources: Vec<String>,
    /// How many files of each `gallery/FOLDER` the target has.
    pub target_files: BTreeMap<String, u64>,
}

/// The name that changes, approvals and limits have for a folder.
pub fn table(folder: &str) -> String {
    format!("gallery/{folder}")
}

impl Galleries {
    /// Compares all files of some folders. `read` hears of the bytes that were read.
    pub async fn compare(
        &mut self,
        folders: &Folders,
        mode: Mode,
        read: &(dyn Fn(u64) + Sync),
    ) -> Result<Compared> {
        let (mut source, mut target) =
            future::try_join(self.source.list(folders), self.target.list(folders)).await?;
        let galleries = [&*self.source, &*self.target];
        alike::refuse_across(galleries, folders, [&mut source, &mut target]).await?;
        self.refuse_unknown(&source, &target)?;
        let Pairs { pairs, refused } = Pairs::of(&source, &target);
        let notes = self.notes(&refused);
        let (wanted, others): (Vec<_>, Vec<_>) =
            pairs.into_iter().partition(|pair| mode == Mode::All || pair.is_new());
        let contents = self.contents(&wanted, read).await?;
        self.source_hashes.keep(folders, &source.files);
        self.target_hashes.keep(folders, &target.files);
        let mut differences = differences(folders, &wanted, &contents);
        self.look_into_images(&mut differences).await;
        let left = others.iter().filter(|pair| pair.source.is_some()).count();
        let unchanged = wanted.len() - differences.len() + left;
        let empty_sources = empty_sources(folders, &source, &differences);
        let target_files = counted(folders, &target);
        let unchanged = unchanged as u64;
        Ok(Compared { differences, unchanged, notes, empty_sources, target_files })
    }

    /// What both sides have of any files, as they are now: the source's first.
    pub async fn held(
        &mut self,
        paths: &BTreeSet<FilePath>,
    ) -> Result<BTreeMap<FilePath, [Held; 2]>> {
        let paths: Vec<FilePath> = paths.iter().cloned().collect();
        let (source, target) =
            future::try_join(self.source.look(&paths), self.target.look(&paths)).await?;
        let pairs: Vec<Pair<'_>> = source
            .iter()
            .zip(&target)
            .map(|(source, target)| Pair { source: source.file(), target: target.file() })
            .collect();
        let contents = self.contents(&pairs, &|_| {}).await?;
        let looks = source.iter().zip(&target).zip(contents);
        let held = looks
            .map(|((source, target), [ours, theirs])| [held(source, ours), held(target, theirs)]);
        Ok(paths.into_iter().zip(held).collect())
    }

    /// Refuses what would be brought though a file beside it has a name that some systems take for the same.
    pub async fn refuse_alike(&self, held: &mut BTreeMap<FilePath, [Held; 2]>) -> Result<()> {
        alike::refuse(&*self.target, 1, held).await?;
        alike::refuse(&*self.source, 0, held).await
    }

    /// Writes down what was read, for the next comparison.
    pub fn remember(&mut self) -> io::Result<()> {
        self.source_hashes.write()?;
        self.target_hashes.write()
    }

    fn refuse_unknown(&self, source: &Listing, target: &Listing) -> Result<()> {
        let Some(folder) = source.missing.iter().find(|it| target.missing.contains(it)) else {
            return Ok(());
        };
        let there: BTreeSet<&str> =
            source.folders.iter().chain(&target.folders).map(String::as_str).collect();
        Err(Error::NoFolder {
            folder: folder.clone(),
            source_gallery: self.source.name().to_owned(),
            target_gallery: self.target.name().to_owned(),
            help: suggestion(folder, there).map_or(String::new(), |help| format!("; {help}")),
        })
    }

    /// The source's refused files, and the target's.
    fn notes(&self, refused: &[Vec<Refused>; 2]) -> Vec<String> {
        let named = [self.source.name(), self.target.name()];
        let all = || {
            named.iter().zip(refused).flat_map(|(name, refused)| {
                refused.iter().map(move |Refused { path, reason }| {
                    format!("{name}: {path} {reason}; it is neither copied, replaced nor deleted")
                })
            })
        };
        let count = all().count();
        let more = count.saturating_sub(MOST_NAMED);
        let rest = (more > 0).then(|| {
            format!("{more} more files of the galleries are left as they are, for such reasons")
        });
        all().take(MOST_NAMED).chain(rest).collect()
    }

    /// What both sides of the pairs hold, the source's first.
    async fn contents(
        &mut self,
        pairs: &[Pair<'_>],
        read: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<[Option<Content>; 2]>> {
        let of_source: Vec<&Found> = pairs.iter().filter_map(|pair| pair.source).collect();
        let of_target: Vec<&Found> = pairs.iter().filter_map(|pair| pair.target).collect();
        let (source, target) = future::try_join(
            known_or_read(&*self.source, &mut self.source_hashes, &of_source, read),
            known_or_read(&*self.target, &mut self.target_hashes, &of_target, read),
        )
        .await?;
        let (mut source, mut target) = (source.into_iter(), target.into_iter());
        let both = pairs.iter().map(|pair| {
            [pair.source.and_then(|_| source.next()), pair.target.and_then(|_| target.next())]
        });
        Ok(both.collect())
    }

    async fn look_into_images(&self, differences: &mut [Difference]) {
        if differences.len() > MOST_IMAGES {
            return;
        }
        let mut looks = Vec::new();
        for Difference { path, from, to, .. } in differences {
            for (gallery, facts) in [(&self.target, from), (&self.source, to)] {
                let Some(facts) = facts else { continue };
                looks.push(look_into(&**gallery, path, facts));
            }
        }
        stream::iter(looks).buffer_unordered(AT_ONCE).collect::<()>().await;
    }
}

fn held(look: &Looked, content: Option<Content>) -> Held {
    match (look, content) {
        (Looked::Refused(refused), _) => Held::Refused(refused.reason.clone()),
        (_, Some(content)) => Held::File(content),
        (_, None) => Held::Nothing,
    }
}

impl Difference {
    /// Of a path in one of the folders, and what the source and the target hold there: nothing where that
    /// is the same.
    pub fn of(
        folders: &Folders,
        path: &FilePath,
        [source, target]: [Option<Content>; 2],
    ) -> Option<Self> {
        let (folder, id) = folders.place(path)?;
        let facts = |content| Facts { content, dimensions: None, modified: 0 };
        let (from, to) = (target.map(facts), source.map(facts));
        (source != target).then(|| Self {
            folder: folder.to_owned(),
            id: id.to_owned(),
            path: path.clone(),
            class: class(from.as_ref(), to.as_ref()),
            from,
            to,
            target_newer: false,
        })
    }
}

impl Compared {
    /// Puts the differences in the order of folder, class and ID.
    pub fn in_order(&mut self) {
        in_order(&mut self.differences);
    }
}

fn in_order(differences: &mut [Difference]) {
    differences.sort_by(|a, b| (&a.folder, a.class, &a.id).cmp(&(&b.folder, b.class, &b.id)));
}

async fn look_into(gallery: &dyn Gallery, path: &FilePath, facts: &mut Facts) {
    facts.dimensions = dimensions(gallery, path).await;
}

/// Width and height of what is named like an image. Whatever is wrong there, it has none.
pub async fn dimensions(gallery: &dyn Gallery, path: &FilePath) -> Option<[u32; 2]> {
    if !is_named_like_image(path.as_str()) {
        return None;
    }
    image::dimensions(&gallery.beginning(path, image::BEGINNING).await.ok()?)
}

/// The contents of files, in their order; only what isn't known is read.
async fn known_or_read(
    gallery: &dyn Gallery,
    hashes: &mut Hashes,
    files: &[&Found],
    read: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Content>> {
    let known: Vec<Option<Content>> = files.iter().map(|file| hashes.of(file)).collect();
    let unknown = files.iter().zip(&known).filter(|(_, known)| known.is_none());
    let unknown: Vec<Found> = unknown.map(|(file, _)| (*file).clone()).collect();
    let contents = gallery.contents(&unknown, read).await?;
    for (file, content) in unknown.iter().zip(&contents) {
        hashes.learn(file, content);
    }
    let mut contents = contents.into_iter();
    Ok(known.into_iter().filter_map(|known| known.or_else(|| contents.next())).collect())
}

/// The pairs that don't hold the same, in the order of folder, class and ID.
fn differences(
    folders: &Folders,
    pairs: &[Pair<'_>],
    contents: &[[Option<Content>; 2]],
) -> Vec<Difference> {
    let different = pairs.iter().zip(contents).filter(|(_, [source, target])| source != target);
    let mut differences: Vec<Difference> = different
        .filter_map(|(pair, [source, target])| {
            let path = pair.path()?;
            let (folder, id) = folders.place(path)?;
            let facts = |file: Option<&Found>, content: &Option<Content>| {
                let (modified, content) = (file?.modified, (*content)?);
                Some(Facts { content, dimensions: None, modified })
            };
            let (from, to) = (facts(pair.target, target), facts(pair.source, source));
            Some(Difference {
                folder: folder.to_owned(),
                id: id.to_owned(),
                path: path.clone(),
                class: class(from.as_ref(), to.as_ref()),
                target_newer: from.zip(to).is_some_and(|(from, to)| from.modified > to.modified),
                from,
                to,
            })
        })
        .collect();
    in_order(&mut differences);
    differences
}

fn class(from: Option<&Facts>, to: Option<&Facts>) -> Class {
    match (from, to) {
        (None, _) => Class::New,
        (Some(_), Some(_)) => Class::Modified,
        (Some(_), None) => Class::Deleted,
    }
}

/// Folders that would be emptied because the source has no file there: rather a folder that is away.
fn empty_sources(folders: &Folders, source: &Listing, differences: &[Difference]) -> Vec<String> {
    let filled = counted(folders, source);
    let deleted = differences.iter().filter(|it| it.class == Class::Deleted);
    let deleted: BTreeSet<String> = deleted.map(|it| table(&it.folder)).collect();
    deleted.into_iter().filter(|table| !filled.contains_key(table)).collect()
}

/// How many files each folder has.
fn counted(folders: &Folders, listing: &Listing) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (folder, _) in listing.files.iter().filter_map(|file| folders.place(&file.path)) {
        *counts.entry(folder).or_default() += 1;
    }
    counts.into_iter().map(|(folder, count)| (table(folder), count)).collect()
}
