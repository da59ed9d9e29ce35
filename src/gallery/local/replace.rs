//! Putting staged copies in the place of files, and taking files away.
//!
//! Answers for the old content being in the trash, on the disk, before its name says something else.

use std::io;

use rustix::fs::Stat;

use super::folder::{Folder, For, is_absent, parted};
use super::place::{cannot_link, copied, draft_of};
use super::read::{CHUNK, hashed};
use super::stage::trash_of;
use super::walk::{size, written};
use crate::plan::file::{Content, FilePath};

/// What a file is called in the trash until all of it is there; no file of a gallery has such a name.
const KEEPING: &str = ".reconcile-keeping";

/// Why a file wasn't changed.
pub enum Failed {
    Taken,
    File(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// A file and what it is to become.
pub struct Change<'c> {
    pub run: &'c str,
    pub path: &'c FilePath,
    pub before: &'c Content,
}

/// # Flow
/// The old file gets a second name in the trash; then the copy is given its name, which takes it away
/// from the old one.
///
/// # Guarantees
/// The path always holds one of both contents, and whatever it held is kept.
///
/// # Assumptions
/// Nobody gives the path another file between the look at it and the rename, some microseconds.
pub fn replace(
    root: &Folder,
    stage: Option<&Folder>,
    change: &Change<'_>,
    (number, after): (usize, &Content),
) -> Result<(), Failed> {
    let (around, name) = parted(change.path);
    let folder = match root.below(around) {
        Err(error) if is_absent(&error) => return Err(Failed::Taken),
        folder => folder?,
    };
    let Some((held, old)) = held(&folder, name)? else { return Err(Failed::Taken) };
    if held == *after {
        return Ok(folder.sync()?);
    }
    if held != *change.before {
        return Err(Failed::Taken);
    }
    let lost = || io::Error::new(io::ErrorKind::NotFound, "the staged copy is gone");
    let (stage, copy) = (stage.ok_or_else(lost)?, number.to_string());
    keep(root, &folder, name, (change, &old))?;
    stage.dress(&copy, &old)?;
    unchanged(&folder, name, &old)?;
    match stage.rename(&copy, &folder, name) {
        Err(error) if cannot_link(&error) => {
            let draft = draft_of(change.run, number);
            copied(stage, &copy, &folder, &draft)?;
            folder.dress(&draft, &old)?;
            unchanged(&folder, name, &old)?;
            folder.rename(&draft, &folder, name)?;
        }
        renamed => renamed?,
    }
    Ok(folder.sync()?)
}

fn unchanged(folder: &Folder, name: &str, old: &Stat) -> Result<(), Failed> {
    match is_same(folder, name, old)? {
        true => Ok(()),
        false => Err(Failed::Taken),
    }
}

/// # Flow
/// The file is renamed into the trash; from another disk it is copied there, and then removed.
///
/// # Guarantees
/// Its content is under one of both names, or under both.
pub fn discard(root: &Folder, change: &Change<'_>) -> Result<(), Failed> {
    let (around, name) = parted(change.path);
    let folder = match root.below(around) {
        Err(error) if is_absent(&error) => return Ok(()),
        folder => folder?,
    };
    let Some((held, old)) = held(&folder, name)? else { return Ok(folder.sync()?) };
    if held != *change.before {
        return Err(Failed::Taken);
    }
    let trash = root.made(&trash_of(change.run, around), For::Us)?;
    unchanged(&folder, name, &old)?;
    match folder.rename(name, &trash, name) {
        Err(error) if cannot_link(&error) => {
            keep(root, &folder, name, (change, &old))?;
            unchanged(&folder, name, &old)?;
            folder.remove(name)?;
        }
        renamed => renamed.and_then(|()| trash.sync())?,
    }
    Ok(folder.sync()?)
}

/// What a name's file holds, with what is told of it; none: there is no such file.
fn held(folder: &Folder, name: &str) -> Result<Option<(Content, Stat)>, Failed> {
    match folder.file(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // A link or a pipe has come there.
        Err(_) if folder.stat(name)?.is_some_and(|stat| !is_file(&stat)) => Err(Failed::Taken),
        Err(error) => Err(error.into()),
        Ok((file, stat)) => Ok(Some((hashed(&file, &mut vec![0; CHUNK])?, stat))),
    }
}

fn is_file(stat: &Stat) -> bool {
    rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile
}

/// Whether a name still stands for the file that was looked at, as it was. Its links may have changed.
fn is_same(folder: &Folder, name: &str, old: &Stat) -> io::Result<bool> {
    let told = |stat: &Stat| (stat.st_dev, stat.st_ino, size(stat), written(stat));
    Ok(folder.stat(name)?.is_some_and(|now| told(&now) == told(old)))
}

/// Gives a file a second name in the trash, or a copy.
///
/// # Guarantees
/// What the trash holds of it already stays, also where another process does the same just now: what
/// is in the trash under the file's name is always what the file held before.
fn keep(
    root: &Folder,
    folder: &Folder,
    name: &str,
    (change, old): (&Change<'_>, &Stat),
) -> Result<(), Failed> {
    let trash = root.made(&trash_of(change.run, parted(change.path).0), For::Us)?;
    if held(&trash, name)?.is_some_and(|(content, _)| content == *change.before) {
        return Ok(trash.sync()?);
    }
    trash.remove_if_there(KEEPING)?;
    let is_it = match folder.link(name, &trash, KEEPING) {
        Err(error) if cannot_link(&error) => {
            copied(folder, name, &trash, KEEPING)?;
            held(&trash, KEEPING)?.is_some_and(|(content, _)| content == *change.before)
        }
        linked => linked.and_then(|()| is_same(&trash, KEEPING, old))?,
    };
    if !is_it {
        trash.remove_if_there(KEEPING)?;
        return Err(Failed::Taken);
    }
    trash.rename(KEEPING, &trash, name)?;
    Ok(trash.sync()?)
}
