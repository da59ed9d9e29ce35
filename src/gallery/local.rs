//! A gallery that is a folder of this machine.
//!
//! Answers for what [`Gallery`] promises, with calls that wait for the disk kept off the threads that
//! answer servers. `object_store` can do folders, too, but its copy is a hard link and its listing
//! follows links.

mod folder;
mod place;
mod read;
mod replace;
mod stage;
mod walk;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};

use super::names::is_own;
use super::{
    Chunks, Error, Folders, Found, Gallery, Listing, Looked, Names, Place, Result, Staged,
};
use crate::plan::file::{Content, FilePath};
use folder::{Folder, Reach, is_absent, parted};
use read::{Next, Reading};
use replace::Change;
use stage::Copying;

pub struct Local {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    root: PathBuf,
    most_bytes: u64,
    /// The folder of the run that stages: what goes wrong when its copies are written to the disk is
    /// told to whoever had it open before.
    staging: Mutex<Option<(String, Arc<Folder>)>>,
    /// One change at a time, also where nobody waits for the last one any more.
    changing: Mutex<()>,
}

impl Local {
    /// `most_bytes` is the operator's limit for a file.
    pub fn new(name: String, root: PathBuf, most_bytes: u64) -> Self {
        let (staging, changing) = (Mutex::default(), Mutex::default());
        Self { inner: Arc::new(Inner { name, root, most_bytes, staging, changing }) }
    }

    /// Does what waits for the disk.
    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T>> {
        let inner = Arc::clone(&self.inner);
        blocking(move || work(&inner)).boxed()
    }

    /// Does what changes the gallery.
    fn changing(
        &self,
        work: impl FnOnce(&Inner, &Folder) -> Result<()> + Send + 'static,
    ) -> BoxFuture<'static, Result<()>> {
        self.blocking(move |inner| {
            let _one = inner.changing.lock().unwrap_or_else(PoisonError::into_inner);
            work(inner, &inner.root()?)
        })
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

impl Inner {
    fn root(&self) -> Result<Folder> {
        Folder::root(&self.root).map_err(self.failed(&self.root.display().to_string()))
    }

    fn failed(&self, path: &str) -> impl FnOnce(io::Error) -> Error {
        let (gallery, path) = (self.name.clone(), path.to_owned());
        move |source| Error::File { gallery, path, source }
    }

    fn changed(&self, path: &str) -> Error {
        Error::Changed { gallery: self.name.clone(), path: path.to_owned() }
    }

    fn taken(&self, path: &FilePath) -> Error {
        Error::Taken { gallery: self.name.clone(), path: path.to_string() }
    }

    fn staging(&self, run: &str) -> Result<Arc<Folder>> {
        let mut staging = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, folder)) = staging.as_ref().filter(|(of, _)| of == run) {
            return Ok(Arc::clone(folder));
        }
        let folder = stage::stage_of(&self.root()?, run).map_err(self.failed(run))?;
        let folder = Arc::new(folder);
        *staging = Some((run.to_owned(), Arc::clone(&folder)));
        Ok(folder)
    }

    fn look(&self, root: &Folder, path: &FilePath, reach: &mut Reach<'_>) -> Result<Looked> {
        if is_own(path.as_str()) {
            return Ok(Looked::Nothing);
        }
        let looked = match reach.of(path) {
            Ok((folder, name)) => walk::look(folder, name, path, self.most_bytes),
            Err(error) => match walk::in_the_way(root, path.as_str()) {
                Ok(Some(refused)) => Ok(Looked::Refused(refused)),
                Ok(None) if is_absent(&error) => Ok(Looked::Nothing),
                Ok(None) => Err(error),
                Err(error) => Err(error),
            },
        };
        looked.map_err(self.failed(path.as_str()))
    }

    /// A file, or what a run took away, to be read.
    fn open(&self, root: &Folder, place: &Wanted) -> Result<Reading> {
        let (around, name) = parted(&place.path);
        let around = match &place.run {
            None => around.to_owned(),
            Some(run) => stage::trash_of(run, around),
        };
        let opened = root.below(&around).and_then(|folder| Reading::of(&folder, name));
        opened.map_err(self.failed(place.path.as_str()))
    }

    fn read_failed(&self, failed: read::Failed) -> Error {
        match failed {
            read::Failed::Changed(path) => self.changed(path.as_str()),
            read::Failed::File(path, error) => self.failed(path.as_str())(error),
        }
    }

    fn place_failed(&self, failed: place::Failed) -> Error {
        match failed {
            place::Failed::Taken(path) => self.taken(&path),
            place::Failed::File(path, error) => self.failed(&path)(error),
        }
    }

    fn replace_failed(&self, path: &FilePath, failed: replace::Failed) -> Error {
        match failed {
            replace::Failed::Taken => self.taken(path),
            replace::Failed::File(error) => self.failed(path.as_str())(error),
        }
    }
}

/// A [`Place`] that outlives its asker.
#[derive(Clone)]
struct Wanted {
    path: FilePath,
    run: Option<String>,
}

impl Gallery for Local {
    fn name(&self) -> &str {
        &self.inner.name
    }

    fn list<'a>(&'a self, folders: &'a Folders) -> BoxFuture<'a, Result<Listing>> {
        let folders = folders.clone();
        self.blocking(move |inner| {
            walk::list(&inner.root()?, &folders, inner.most_bytes)
                .map_err(|(path, error)| inner.failed(&path)(error))
        })
    }

    fn names<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Names>> {
        let folder = folder.to_owned();
        self.blocking(move |inner| {
            walk::names(&inner.root()?, &folder).map_err(inner.failed(&folder))
        })
    }

    fn look<'a>(&'a self, paths: &'a [FilePath]) -> BoxFuture<'a, Result<Vec<Looked>>> {
        let paths = paths.to_vec();
        self.blocking(move |inner| {
            let root = inner.root()?;
            let mut reach = Reach::new(&root);
            paths.iter().map(|path| inner.look(&root, path, &mut reach)).collect()
        })
    }

    fn contents<'a>(
        &'a self,
        files: &'a [Found],
        read: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<Vec<Content>>> {
        if files.is_empty() {
            return async { Ok(Vec::new()) }.boxed();
        }
        let (telling, mut told) = tokio::sync::mpsc::unbounded_channel();
        let files = files.to_vec();
        let contents = self.blocking(move |inner| {
            let contents = read::contents(&inner.root()?, &files, &telling);
            contents.map_err(|failed| inner.read_failed(failed))
        });
        async move {
            let hear = async {
                while let Some(bytes) = told.recv().await {
                    read(bytes);
                }
            };
            futures_util::future::join(contents, hear).await.0
        }
        .boxed()
    }

    fn beginning<'a>(&'a self, path: &'a FilePath, most: usize) -> BoxFuture<'a, Result<Vec<u8>>> {
        let path = path.clone();
        self.blocking(move |inner| {
            let (around, name) = parted(&path);
            let folder = inner.root()?.below(around);
            let bytes = folder.and_then(|folder| read::beginning(&folder, name, most));
            bytes.map_err(inner.failed(path.as_str()))
        })
    }

    fn read<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<Chunks<'a>>> {
        let wanted = match place {
            Place::File(path) => Wanted { path: path.clone(), run: None },
            Place::Trash { run, path } => Wanted { path: path.clone(), run: Some(run.to_owned()) },
        };
        let path = wanted.path.clone();
        let opened = self.blocking(move |inner| inner.open(&inner.root()?, &wanted));
        async move {
            let reading = opened.await?;
            let chunks = stream::try_unfold(reading, move |reading| {
                let (inner, path) = (Arc::clone(&self.inner), path.clone());
                blocking(move || match reading.next().map_err(inner.failed(path.as_str()))? {
                    Next::Bytes(bytes, reading) => Ok(Some((bytes, reading))),
                    Next::End => Ok(None),
                    Next::Changed => Err(inner.changed(path.as_str())),
                })
            });
            Ok(chunks.boxed())
        }
        .boxed()
    }

    fn stage<'a>(
        &'a self,
        at: Staged<'a>,
        mut bytes: Chunks<'a>,
    ) -> BoxFuture<'a, Result<Content>> {
        let (run, number) = (at.run.to_owned(), at.number);
        async move {
            let what = format!("copy {number} of {run}");
            let mut copying: Option<Copying> = None;
            loop {
                let chunk = bytes.next().await.transpose()?;
                let is_last = chunk.is_none();
                let (begun, run, what) = (copying.take(), run.clone(), what.clone());
                let written = self
                    .blocking(move |inner| {
                        let mut copying = match begun {
                            Some(copying) => copying,
                            None => Copying::begin(&*inner.staging(&run)?, number)
                                .map_err(inner.failed(&what))?,
                        };
                        if let Some(chunk) = chunk {
                            copying.write(&chunk).map_err(inner.failed(&what))?;
                        }
                        Ok(copying)
                    })
                    .await?;
                if is_last {
                    return Ok(written.content());
                }
                copying = Some(written);
            }
        }
        .boxed()
    }

    fn sync<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<()>> {
        let run = run.to_owned();
        self.blocking(move |inner| inner.staging(&run)?.sync_disk().map_err(inner.failed(&run)))
    }

    fn place<'a>(
        &'a self,
        run: &'a str,
        new: &'a [(usize, FilePath)],
    ) -> BoxFuture<'a, Result<()>> {
        let (run, new) = (run.to_owned(), new.to_vec());
        self.changing(move |inner, root| {
            let placed = place::place(root, &*inner.staging(&run)?, &run, &new);
            placed.map_err(|failed| inner.place_failed(failed))
        })
    }

    fn take_back<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<()>> {
        let run = run.to_owned();
        self.changing(move |inner, root| {
            match stage::stage_if_there(root, &run).map_err(inner.failed(&run))? {
                None => Ok(()),
                Some(stage) => place::take_back(root, &stage, &run)
                    .map_err(|failed| inner.place_failed(failed)),
            }
        })
    }

    fn replace<'a>(
        &'a self,
        at: Staged<'a>,
        path: &'a FilePath,
        before: &'a Content,
        after: &'a Content,
    ) -> BoxFuture<'a, Result<()>> {
        let (run, number) = (at.run.to_owned(), at.number);
        let (path, before, after) = (path.clone(), *before, *after);
        self.changing(move |inner, root| {
            let change = Change { run: &run, path: &path, before: &before };
            let stage = stage::stage_if_there(root, &run).map_err(inner.failed(&run))?;
            let replaced = replace::replace(root, stage.as_ref(), &change, (number, &after));
            replaced.map_err(|failed| inner.replace_failed(&path, failed))
        })
    }

    fn discard<'a>(
        &'a self,
        run: &'a str,
        path: &'a FilePath,
        before: &'a Content,
    ) -> BoxFuture<'a, Result<()>> {
        let (run, path, before) = (run.to_owned(), path.clone(), *before);
        self.changing(move |inner, root| {
            let change = Change { run: &run, path: &path, before: &before };
            replace::discard(root, &change).map_err(|failed| inner.replace_failed(&path, failed))
        })
    }

    fn clear<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<()>> {
        let run = run.to_owned();
        self.changing(move |inner, root| {
            *inner.staging.lock().unwrap_or_else(PoisonError::into_inner) = None;
            let Some(stage) = stage::stage_if_there(root, &run).map_err(inner.failed(&run))? else {
                return Ok(());
            };
            place::sweep(root, &stage, &run).map_err(|failed| inner.place_failed(failed))?;
            let last = [place::COPIED, place::JOURNAL];
            stage::clear(root, &run, &last).map_err(inner.failed(&run))
        })
    }

    fn staged<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<BTreeMap<usize, u64>>> {
        let run = run.to_owned();
        self.blocking(move |inner| stage::sizes(&inner.root()?, &run).map_err(inner.failed(&run)))
    }

    fn left_behind(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        self.blocking(|inner| stage::left_behind(&inner.root()?).map_err(inner.failed("stage")))
    }
}
