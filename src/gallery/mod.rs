//! Galleries: folders of files below one root, on this machine or in a bucket.
//!
//! Answers for what counts as a file, for a file being known by its content, and for a copy that is
//! never half there: it is staged, verified, and then given its name. Which files a job may touch, and
//! when, is decided above.

mod alike;
pub mod bucket;
pub mod compare;
mod folders;
pub mod hashes;
mod image;
pub mod local;
pub mod names;
mod open;
pub mod plan;

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

pub use alike::Names;
pub use folders::{Folders, ROOT, joined};
pub use image::media_type;
pub use open::open;

use crate::plan::file::{Content, FilePath};

/// What can be wrong with a gallery. Each names the gallery and the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another content than was looked at before: somebody wrote it meanwhile.
    #[error("{gallery}: {path} changed while it was read; leave it as it is and try again")]
    Changed { gallery: String, path: String },
    /// A name that a run wants to give is taken by something else.
    #[error("{gallery}: {path} is there already, with another content than expected")]
    Taken { gallery: String, path: String },
    /// A folder was asked for that is on neither side.
    #[error("neither {source_gallery} nor {target_gallery} has a folder `{folder}`{help}")]
    NoFolder { folder: String, source_gallery: String, target_gallery: String, help: String },
    #[error("{gallery}: {path}: {source}")]
    File { gallery: String, path: String, source: std::io::Error },
    /// Two environments have one gallery, or one within the other.
    #[error(
        "PROD and TEST have the same gallery, or one lies within the other; name two different ones under \
         `environments` in the operator's file"
    )]
    Shared,
    /// Something removed the copy of a file before the run could use it.
    #[error(
        "{gallery}: the staged copy of {path} is gone, or isn't whole; the run has to begin again"
    )]
    Lost { gallery: String, path: String },
    /// What a run moved away isn't what the run found any more.
    #[error(
        "{gallery}: {path} can't be taken back: what run {run} moved to {} holds something else by now; put \
         back what was there, or mend {path} by hand",
        names::trash_of(run)
    )]
    Spoilt { gallery: String, path: String, run: String },
    /// The server of a bucket.
    #[error("{gallery}: {message}")]
    Server { gallery: String, message: String, passes: bool },
}

impl Error {
    /// The same may go well later. What is taken stays so until somebody looks.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Changed { .. } | Self::Lost { .. } | Self::File { .. } => true,
            Self::Server { passes, .. } => *passes,
            Self::Taken { .. } | Self::Spoilt { .. } | Self::NoFolder { .. } | Self::Shared => {
                false
            }
        }
    }
}

pub type Result<T> = std::result::Result<T, Error>;

/// A file as a listing tells of it, nothing of it read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub path: FilePath,
    /// Bytes.
    pub size: u64,
    /// Whatever changes when the content does: modification time, change time and number of a local
    /// file, `ETag` of an object. Compared for being the same, nothing else.
    pub stamp: String,
    /// Whether any later write would show in the stamp. Where it depends on a clock of coarse ticks, a
    /// write of this moment might not.
    pub is_settled: bool,
    /// Microseconds since 1970.
    pub modified: i64,
}

/// Something below a gallery's root that is never copied, and that doesn't count as absent either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// As it is written there, for people.
    pub path: String,
    /// `is a symbolic link`
    pub reason: String,
}

/// The files of some folders, in the order of their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    pub files: Vec<Found>,
    /// Whatever isn't a regular file with a decent name, of a size within the operator's limit; and names
    /// that only differ in case or in their Unicode form, all of them.
    pub refused: Vec<Refused>,
    /// Of the folders that were asked for, those that aren't there.
    pub missing: Vec<String>,
    /// Folders that could have been meant: all directly below the root, and those beside a missing one.
    pub folders: Vec<String>,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    Nothing,
    File(Found),
    /// As in a listing; other files' names aren't looked at.
    Refused(Refused),
}

impl Looked {
    pub fn file(&self) -> Option<&Found> {
        match self {
            Self::File(file) => Some(file),
            Self::Nothing | Self::Refused(_) => None,
        }
    }

    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            Self::Nothing | Self::File(_) => None,
        }
    }
}

/// A copy that has no name in the gallery yet: of a run, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staged<'r> {
    pub run: &'r str,
    pub number: usize,
}

/// What [`Gallery::read`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'p> {
    File(&'p FilePath),
    /// What a run moved away from this path.
    Trash {
        run: &'p str,
        path: &'p FilePath,
    },
}

/// Bytes in their order. It ends with an error where it couldn't be read to its end.
pub type Chunks<'a> = BoxStream<'a, Result<Bytes>>;

/// One environment's gallery.
///
/// What the tool keeps for itself, staged copies and the trash, stands below `.reconcile` in the root
/// and is in no listing.
pub trait Gallery: Send + Sync {
    /// As people know it, without credentials: `the gallery of PROD`.
    fn name(&self) -> &str;

    /// Every file of the folders. A folder that isn't there has no files; a root that isn't there, or a
    /// folder that can't be read, is an error.
    fn list<'a>(&'a self, folders: &'a Folders) -> BoxFuture<'a, Result<Listing>>;

    /// What lies directly in a folder, by name; nothing where the folder isn't there.
    fn names<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Names>>;

    /// Single files, in the order asked. What the tool keeps for itself isn't there.
    fn look<'a>(&'a self, paths: &'a [FilePath]) -> BoxFuture<'a, Result<Vec<Looked>>>;

    /// The contents of files as they were found, in the order asked. `read` hears of the bytes read.
    ///
    /// # Errors
    /// [`Error::Changed`] where a file isn't what was found any more.
    fn contents<'a>(
        &'a self,
        files: &'a [Found],
        read: &'a (dyn Fn(u64) + Sync),
    ) -> BoxFuture<'a, Result<Vec<Content>>>;

    /// The first bytes of a file, at most `most`.
    fn beginning<'a>(&'a self, path: &'a FilePath, most: usize) -> BoxFuture<'a, Result<Vec<u8>>>;

    /// The bytes of a file, without links being followed.
    fn read<'a>(&'a self, place: Place<'a>) -> BoxFuture<'a, Result<Chunks<'a>>>;

    /// Writes a copy beside the files, and says what it holds. One that is there already is replaced.
    fn stage<'a>(&'a self, at: Staged<'a>, bytes: Chunks<'a>) -> BoxFuture<'a, Result<Content>>;

    /// Brings a run's staged copies to the disk.
    fn sync<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<()>>;

    /// The sizes of a run's staged copies, by their numbers.
    fn staged<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<BTreeMap<usize, u64>>>;

    /// Gives staged copies of a run their names, at which nothing may stand. Durable on return.
    ///
    /// # Errors
    /// [`Error::Taken`]; those before it have their names, see [`Self::take_back`].
    fn place<'a>(&'a self, run: &'a str, new: &'a [(usize, FilePath)])
    -> BoxFuture<'a, Result<()>>;

    /// Takes every name back that [`Self::place`] gave for a run, also of a process that died, and no
    /// others: not what somebody else put there since.
    fn take_back<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Puts a staged copy in a file's place, which goes to the run's trash. At every moment the path has
    /// the old content or the new one. Doing it again does no harm. Durable on return.
    ///
    /// # Errors
    /// [`Error::Taken`] where the path holds neither `before` nor `after`; nothing was changed then.
    fn replace<'a>(
        &'a self,
        at: Staged<'a>,
        path: &'a FilePath,
        before: &'a Content,
        after: &'a Content,
    ) -> BoxFuture<'a, Result<()>>;

    /// Moves a file to the run's trash. Doing it again does no harm. Durable on return.
    ///
    /// # Errors
    /// [`Error::Taken`] where the path holds something else than `before`; nothing was changed then.
    fn discard<'a>(
        &'a self,
        run: &'a str,
        path: &'a FilePath,
        before: &'a Content,
    ) -> BoxFuture<'a, Result<()>>;

    /// Removes what a run staged; its trash stays.
    fn clear<'a>(&'a self, run: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Runs that left staged copies, of which [`Self::clear`] wasn't called.
    fn left_behind(&self) -> BoxFuture<'_, Result<Vec<String>>>;
}
