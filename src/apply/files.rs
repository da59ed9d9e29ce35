//! The files of a run: staged before its transaction, new ones in place just before the commit, the
//! others changed after it.
//!
//! Answers for never a half file under its final name, never a row without its file, and for a file
//! being replaced or deleted only if its run is committed. What a file must hold before and after was
//! decided above.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;

use super::ledger::{AppliedEntry, Ledger};
use super::work::{self, FileRow, FileWork};
use super::{Error, Stage, Watch};
use crate::config::{Environment, environments};
use crate::database::{self, Session};
use crate::gallery::{self, Chunks, Found, Gallery, Place, Staged};
use crate::plan::file::{Content, FileChange, FilePath};

/// Copies under way at a time.
const AT_ONCE: usize = 8;
/// As many files that couldn't be changed are named.
const MOST_NAMED: usize = 5;
/// After so many the others aren't tried.
const MOST_FAILED: usize = 100;

/// Where the contents of a run's files come from.
pub enum Origin {
    Gallery(Arc<dyn Gallery>),
    /// What a run moved away on the target, which is taken back.
    Trash(String),
}

/// All files of a run. A copy's number is its place in the list.
pub struct Files {
    pub target: Arc<dyn Gallery>,
    pub origin: Origin,
    pub run: String,
    pub changes: Vec<FileChange>,
    /// Those that were approved by name.
    pub approved: Vec<AppliedEntry>,
}

impl Files {
    /// How many are new, replaced and deleted.
    pub fn counts(&self) -> [u64; 3] {
        let mut counts = [0; 3];
        for change in &self.changes {
            counts[match (change.before, change.after) {
                (None, _) => 0,
                (Some(_), Some(_)) => 1,
                (Some(_), None) => 2,
            }] += 1;
        }
        counts
    }

    fn written(&self) -> impl Iterator<Item = (usize, &FilePath, Content)> {
        let all = self.changes.iter().enumerate();
        all.filter_map(|(number, it)| Some((number, &it.path, it.after?)))
    }

    fn origin_of<'a>(&'a self, path: &'a FilePath) -> (&'a dyn Gallery, Place<'a>) {
        match &self.origin {
            Origin::Gallery(gallery) => (&**gallery, Place::File(path)),
            Origin::Trash(run) => (&*self.target, Place::Trash { run, path }),
        }
    }

    /// Copies beside the target's files, and checks what was copied.
    ///
    /// # Errors
    /// Whatever was staged is cleared away then, as far as that goes.
    pub async fn stage(&self, watch: &mut dyn Watch) -> Result<(), Error> {
        let staged = self.stage_all(watch).await;
        if staged.is_err() {
            // The first error is the one to tell. Copies that stay below `.reconcile/stage` are read by nobody.
            let _ = self.target.clear(&self.run).await;
        }
        staged
    }

    async fn stage_all(&self, watch: &mut dyn Watch) -> Result<(), Error> {
        let all = self.written().count();
        watch.begin(Stage::Copying, all);
        let copies = self.written().map(|(number, path, after)| async move {
            let (origin, place) = self.origin_of(path);
            let bytes = at_most(origin.read(place).await?, (origin, place), after.size);
            let at = Staged { run: &self.run, number };
            let copied = self.target.stage(at, bytes).await?;
            same(origin, place, copied, after)
        });
        several(copies, all, watch).await?;
        Ok(self.target.sync(&self.run).await?)
    }

    /// Reads the contents that would be copied, and writes nothing.
    pub async fn rehearse(&self, watch: &mut dyn Watch) -> Result<(), Error> {
        let all = self.written().count();
        watch.begin(Stage::Copying, all);
        let read = self.written().map(|(_, path, after)| async move {
            let (origin, place) = self.origin_of(path);
            let mut bytes = at_most(origin.read(place).await?, (origin, place), after.size);
            let (mut hasher, mut size) = (blake3::Hasher::new(), 0);
            while let Some(bytes) = bytes.next().await {
                let bytes = bytes?;
                size += bytes.len() as u64;
                hasher.update(&bytes);
            }
            same(origin, place, Content { size, blake3: hasher.finalize().into() }, after)
        });
        several(read, all, watch).await
    }

    /// Gives new files their names, at which nothing may stand.
    ///
    /// # Errors
    /// Also where a copy is gone that is to replace a file: after the commit it would be too late.
    pub async fn place(&self) -> Result<(), Error> {
        let staged = self.target.staged(&self.run).await?;
        for (number, path, after) in self.written() {
            if staged.get(&number) != Some(&after.size) {
                let (gallery, path) = (self.target.name().to_owned(), path.to_string());
                return Err(gallery::Error::Lost { gallery, path }.into());
            }
        }
        let all = self.changes.iter().enumerate();
        let new = all.filter(|(_, it)| it.before.is_none() && it.after.is_some());
        let new: Vec<_> = new.map(|(number, it)| (number, it.path.clone())).collect();
        match new.is_empty() {
            true => Ok(()),
            false => Ok(self.target.place(&self.run, &new).await?),
        }
    }

    /// What is still to be done once the run is committed.
    pub(super) fn work(&self) -> impl Iterator<Item = FileWork> {
        let all = self.changes.iter().enumerate();
        let late = all.filter(|(_, it)| it.before.is_some());
        late.map(|(number, change)| FileWork { number, change: change.clone() })
    }
}

/// Does several steps of a stage at once, of so many in all.
async fn several(
    steps: impl Iterator<Item = impl Future<Output = Result<(), Error>>>,
    all: usize,
    watch: &mut dyn Watch,
) -> Result<(), Error> {
    let mut steps = stream::iter(steps).buffer_unordered(AT_ONCE);
    let mut done = 0;
    while let Some(step) = steps.next().await {
        step?;
        done += 1;
        watch.step(done, all)?;
    }
    Ok(())
}

/// Waits for a gallery while sessions stand in transactions, which their servers would end for idling. (A
/// process that is stopped says nothing, so its transaction still ends.)
pub async fn awake<T>(
    sessions: &mut [&mut Session],
    work: impl Future<Output = T>,
) -> Result<T, database::Error> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = tokio::time::sleep(database::idle_limit() / 4) => {
                for session in sessions.iter_mut() {
                    session.now().await?;
                }
            }
        }
    }
}

fn same(
    origin: &dyn Gallery,
    place: Place<'_>,
    found: Content,
    wanted: Content,
) -> Result<(), Error> {
    if found == wanted {
        return Ok(());
    }
    Err(another(origin, place).into())
}

/// It isn't what was looked at.
fn another(origin: &dyn Gallery, place: Place<'_>) -> gallery::Error {
    let gallery = origin.name().to_owned();
    match place {
        Place::File(path) => gallery::Error::Changed { gallery, path: path.to_string() },
        Place::Trash { run, path } => {
            gallery::Error::Spoilt { gallery, path: path.to_string(), run: run.to_owned() }
        }
    }
}

/// No more bytes than a file had: one that grows, or never ends, would fill the target's disk.
fn at_most<'a>(
    bytes: Chunks<'a>,
    (origin, place): (&'a dyn Gallery, Place<'a>),
    mut left: u64,
) -> Chunks<'a> {
    let counted = move |chunk: gallery::Result<Bytes>| {
        let chunk = chunk?;
        left = left.checked_sub(chunk.len() as u64).ok_or_else(|| another(origin, place))?;
        Ok(chunk)
    };
    bytes.map(counted).boxed()
}

/// Takes back what a run placed, and what it staged: nothing of it is committed.
pub async fn take_back(target: &dyn Gallery, run: &str) -> Result<(), Error> {
    target.take_back(run).await?;
    Ok(target.clear(run).await?)
}

/// What people are told while files wait for their change, and once one couldn't be changed.
pub const TO_COME: &str = "files will be replaced and deleted next";
pub const NOT_ALL: &str = "not all files are replaced and deleted yet";

/// How far the files are that committed runs left to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// Why not all of them are as they should be, a sentence each.
    Some(Vec<String>),
}

/// What committed runs left to be changed in an environment's gallery. There must be a ledger.
pub async fn to_finish(
    session: &mut Session,
    environment: Environment,
) -> Result<Vec<FileRow>, Error> {
    let ledger = Ledger::default();
    let mut ours: BTreeMap<String, bool> = BTreeMap::new();
    let mut rows = work::files_to_change(session).await?;
    for row in &rows {
        if !ours.contains_key(&row.run) {
            // A copied database brings the work of the one it was copied from along.
            let known = ledger.run(session, &row.run).await?;
            let is_ours = known.is_some_and(|run| environments(run.direction).1 == environment);
            ours.insert(row.run.clone(), is_ours);
        }
    }
    rows.retain(|row| ours[&row.run]);
    Ok(rows)
}

/// Changes the files that committed runs left to be changed after their commit, as far as that goes, and
/// clears what those runs staged. Doing it again, or twice at once, does no harm.
///
/// # Errors
/// Only of the database: what stands against a file is told in [`Left`].
pub async fn finish(
    session: &mut Session,
    target: &dyn Gallery,
    environment: Environment,
) -> Result<Left, Error> {
    let mut reasons = Vec::new();
    let mut rows = to_finish(session, environment).await?;
    let strange = strange_runs(target, &rows).await;
    reasons.extend(
        strange.iter().map(|run| {
            format!("{} has no copies of run {run}; is it the right one?", target.name())
        }),
    );
    rows.retain(|row| !strange.contains(&row.run));
    let changes =
        rows.iter().map(|row| async move { (row, change(target, &row.run, &row.work).await) });
    let mut changes = stream::iter(changes).buffer_unordered(AT_ONCE);
    let mut failed = 0;
    while let Some((row, changed)) = changes.next().await {
        match changed {
            Ok(()) => work::done(session, &[&row.key]).await?,
            Err(error) => {
                failed += 1;
                if failed <= MOST_NAMED {
                    reasons.push(error.to_string());
                }
                if failed > MOST_FAILED
                    || matches!(error, gallery::Error::Server { passes: true, .. })
                {
                    // The others would fail alike, and wait for it as long.
                    break;
                }
            }
        }
    }
    drop(changes);
    let more = failed.saturating_sub(MOST_NAMED);
    reasons.extend((more > 0).then(|| format!("and {more} more like these")));
    if reasons.is_empty() {
        reasons.extend(clear(session, target).await.err().map(|error| error.to_string()));
    }
    Ok(if reasons.is_empty() { Left::Nothing } else { Left::Some(reasons) })
}

/// Runs with copies that aren't in this gallery: in another one nothing must be taken for done. What
/// can't be asked is told by the changes themselves.
async fn strange_runs(target: &dyn Gallery, rows: &[FileRow]) -> BTreeSet<String> {
    let mut copied: BTreeMap<&str, Vec<(FilePath, Content)>> = BTreeMap::new();
    for FileRow { run, work, .. } in rows {
        let FileChange { path, after, .. } = &work.change;
        let Some(after) = after else { continue };
        copied.entry(run).or_default().push((path.clone(), *after));
    }
    let mut strange = BTreeSet::new();
    if copied.is_empty() {
        return strange;
    }
    let Ok(there) = target.left_behind().await else { return strange };
    for (run, files) in copied {
        let is_cleared = !there.iter().any(|left| left == run);
        if is_cleared && !are_in_place(target, &files).await.unwrap_or(false) {
            strange.insert(run.to_owned());
        }
    }
    strange
}

/// Whether files hold what they are to hold: then whoever has a copy of the database was at them, and has
/// cleared the copies.
async fn are_in_place(
    target: &dyn Gallery,
    files: &[(FilePath, Content)],
) -> gallery::Result<bool> {
    let paths: Vec<FilePath> = files.iter().map(|(path, _)| path.clone()).collect();
    let looked = target.look(&paths).await?;
    let found: Vec<Found> = looked.iter().filter_map(|it| it.file().cloned()).collect();
    if found.len() < files.len() {
        return Ok(false);
    }
    let contents = target.contents(&found, &|_| {}).await?;
    Ok(contents.iter().zip(files).all(|(now, (_, after))| now == after))
}

async fn change(target: &dyn Gallery, run: &str, work: &FileWork) -> gallery::Result<()> {
    let FileWork { number, change: FileChange { path, before, after } } = work;
    match (before, after) {
        (Some(before), Some(after)) => {
            let at = Staged { run, number: *number };
            target.replace(at, path, before, after).await
        }
        (Some(before), None) => target.discard(run, path, before).await,
        // It was placed before the commit.
        (None, _) => Ok(()),
    }
}

/// Clears what committed runs staged and have no use for any more.
async fn clear(session: &mut Session, target: &dyn Gallery) -> Result<(), Error> {
    let mut committed = Vec::new();
    for run in target.left_behind().await? {
        if Ledger::default().run(session, &run).await?.is_some() {
            committed.push(run);
        }
    }
    if committed.is_empty() {
        return Ok(());
    }
    // A run's rows of work come with its commit, so these are all that there will ever be.
    let waiting = work::files_to_change(session).await?;
    let waiting: BTreeSet<&str> = waiting.iter().map(|row| row.run.as_str()).collect();
    for run in committed.iter().filter(|run| !waiting.contains(run.as_str())) {
        target.clear(run).await?;
    }
    Ok(())
}
