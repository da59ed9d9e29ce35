//! Giving staged copies their names, and taking these back.
//!
//! Answers for no name being given that something else has, and for knowing after a crash which names
//! were given: what a run is about to name stands in its folder first, and a file is its own if it is the
//! very copy. Where a disk can't link, the copy is copied, and known by when it was written and what it
//! holds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _, Write as _};

use rustix::fs::Stat;
use rustix::io::Errno;

use super::folder::{Folder, For, Reach, is_absent, parted};
use super::read::{CHUNK, hashed};
use crate::gallery::names::OWN;
use crate::plan::file::FilePath;
use crate::put::put;

/// What a run is about to name: a line for each folder that it makes, and for each file.
pub const JOURNAL: &str = "names";
/// When copies of copies were written, a line each.
pub const COPIED: &str = "copied";
/// Some disks tell times in steps of so many seconds.
const STEP_SECONDS: u64 = 2;

/// Why a run's files weren't named.
pub enum Failed {
    Taken(FilePath),
    File(String, io::Error),
}

type New = [(usize, FilePath)];

pub fn place(root: &Folder, stage: &Folder, run: &str, new: &New) -> Result<(), Failed> {
    let failed = |error| Failed::File(run.to_owned(), error);
    let mut journal = Journal { folders: missing_folders(root, new)?, files: new.to_vec() };
    // One that was ended may have made some already.
    let before = Journal::read(stage).map_err(failed)?;
    journal.folders.extend(before.into_iter().flat_map(|before| before.folders));
    journal.write(stage).map_err(failed)?;
    for folder in &journal.folders {
        root.made(folder, For::Everybody).map_err(|error| Failed::File(folder.clone(), error))?;
    }
    let mut reach = Reach::new(root);
    for (number, path) in new {
        let failed = |error| Failed::File(path.to_string(), error);
        let (folder, name) = reach.of(path).map_err(failed)?;
        if !give(stage, (run, *number), folder, name).map_err(failed)? {
            return Err(Failed::Taken(path.clone()));
        }
    }
    sync_folders(root, new.iter().map(|(_, path)| path))
}

/// Folders of the files that aren't there yet, outer ones first.
fn missing_folders(root: &Folder, new: &New) -> Result<BTreeSet<String>, Failed> {
    let mut missing = BTreeSet::new();
    let around: BTreeSet<&str> = new.iter().map(|(_, path)| parted(path).0).collect();
    for folder in around {
        match root.below(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failed::File(folder.to_owned(), error)),
            Ok(_) => continue,
        }
        let outer = folder.match_indices('/').map(|(end, _)| end).chain([folder.len()]);
        for part in outer.map(|end| &folder[..end]) {
            if root.below(part).is_err_and(|error| is_absent(&error)) {
                missing.insert(part.to_owned());
            }
        }
    }
    Ok(missing)
}

fn sync_folders<'p>(
    root: &Folder,
    paths: impl Iterator<Item = &'p FilePath>,
) -> Result<(), Failed> {
    let folders: BTreeSet<&str> = paths.map(|path| parted(path).0).collect();
    for folder in folders {
        let synced = match root.below(folder) {
            Err(error) if is_absent(&error) => Ok(()),
            folder => folder.and_then(|folder| folder.sync()),
        };
        synced.map_err(|error| Failed::File(folder.to_owned(), error))?;
    }
    Ok(())
}

/// Gives one copy its name; `false`: something else has it.
fn give(
    stage: &Folder,
    (run, number): (&str, usize),
    folder: &Folder,
    name: &str,
) -> io::Result<bool> {
    let copy = number.to_string();
    match stage.link(&copy, folder, name) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            is_ours(stage, number, folder, name)
        }
        Err(error) if cannot_link(&error) => {
            if is_ours(stage, number, folder, name)? {
                return Ok(true);
            }
            let draft = draft_of(run, number);
            let written = copied(stage, &copy, folder, &draft)?;
            note_copied(stage, number, written)?;
            match folder.rename_new(&draft, name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    folder.remove(&draft)?;
                    Ok(false)
                }
                renamed => renamed.map(|()| true),
            }
        }
        linked => linked.map(|()| true),
    }
}

/// Another disk, or one that has no links.
pub fn cannot_link(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        number,
        Some(Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK)
    )
}

/// What a file is called until all of it is there.
pub fn draft_of(run: &str, number: usize) -> String {
    format!("{OWN}-{run}-{number}")
}

/// Copies a file into a folder, and says when that was, in seconds since 1970.
pub fn copied(from: &Folder, name: &str, folder: &Folder, other: &str) -> io::Result<u64> {
    let (mut file, _) = from.file(name)?;
    let mut copy = folder.create_anew(other)?;
    crate::effect::file("write")?;
    io::copy(&mut file, &mut copy)?;
    folder.sync_file(&copy, other)?;
    seconds(&rustix::fs::fstat(&copy)?)
}

fn seconds(stat: &Stat) -> io::Result<u64> {
    u64::try_from(stat.st_mtime).map_err(io::Error::other)
}

fn note_copied(stage: &Folder, number: usize, written: u64) -> io::Result<()> {
    let mut notes = copies(stage)?;
    notes.insert(number, written);
    let mut lines = String::new();
    for (number, written) in notes {
        put!(lines, "{number} {written}\n");
    }
    write_whole(stage, COPIED, &lines)
}

/// When copies of copies were written, by their numbers.
fn copies(stage: &Folder) -> io::Result<BTreeMap<usize, u64>> {
    let text = text_of(stage, COPIED)?.unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    Ok(pairs
        .filter_map(|(number, written)| Some((number.parse().ok()?, written.parse().ok()?)))
        .collect())
}

/// Whether a file is what a run put there.
fn is_ours(stage: &Folder, number: usize, folder: &Folder, name: &str) -> io::Result<bool> {
    let copy = number.to_string();
    let (Some(staged), Some(there)) = (stage.stat(copy.as_str())?, folder.stat(name)?) else {
        return Ok(false);
    };
    if (staged.st_dev, staged.st_ino) == (there.st_dev, there.st_ino) {
        return Ok(true);
    }
    let Some(written) = copies(stage)?.get(&number).copied() else { return Ok(false) };
    if written.abs_diff(seconds(&there)?) > STEP_SECONDS {
        return Ok(false);
    }
    let content = |folder: &Folder, name: &str| {
        let (file, _) = folder.file(name)?;
        hashed(&file, &mut vec![0; CHUNK])
    };
    Ok(content(stage, &copy)? == content(folder, name)?)
}

pub fn take_back(root: &Folder, stage: &Folder, run: &str) -> Result<(), Failed> {
    let failed = |error| Failed::File(run.to_owned(), error);
    let Some(journal) = Journal::read(stage).map_err(failed)? else { return Ok(()) };
    journal.sweep(root, run)?;
    let mut reach = Reach::new(root);
    for (number, path) in &journal.files {
        let failed = |error| Failed::File(path.to_string(), error);
        let (folder, name) = match reach.of(path) {
            Err(error) if is_absent(&error) => continue,
            found => found.map_err(failed)?,
        };
        if is_ours(stage, *number, folder, name).map_err(failed)? {
            folder.remove(name).map_err(failed)?;
        }
    }
    sync_folders(root, journal.files.iter().map(|(_, path)| path))?;
    // Inner ones first.
    for path in journal.folders.iter().rev() {
        let failed = |error| Failed::File(path.clone(), error);
        let (around, name) = path.rsplit_once('/').unwrap_or(("", path));
        match root.below(around) {
            Err(error) if is_absent(&error) => {}
            folder => {
                let folder = folder.map_err(failed)?;
                folder.remove_folder(name).and_then(|()| folder.sync()).map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// Removes what a run that died was about to copy into folders.
pub fn sweep(root: &Folder, stage: &Folder, run: &str) -> Result<(), Failed> {
    let journal = Journal::read(stage).map_err(|error| Failed::File(run.to_owned(), error))?;
    journal.map_or(Ok(()), |journal| journal.sweep(root, run))
}

struct Journal {
    folders: BTreeSet<String>,
    files: Vec<(usize, FilePath)>,
}

impl Journal {
    fn write(&self, stage: &Folder) -> io::Result<()> {
        let mut text = String::new();
        for folder in &self.folders {
            put!(text, "folder {folder}\n");
        }
        for (number, path) in &self.files {
            put!(text, "{number} {path}\n");
        }
        write_whole(stage, JOURNAL, &text)
    }

    fn read(stage: &Folder) -> io::Result<Option<Self>> {
        let Some(text) = text_of(stage, JOURNAL)? else { return Ok(None) };
        let mut journal = Self { folders: BTreeSet::new(), files: Vec::new() };
        for (first, path) in text.lines().filter_map(|line| line.split_once(' ')) {
            let path = FilePath::try_from(path.to_owned()).map_err(io::Error::other)?;
            match first.parse() {
                Ok(number) => journal.files.push((number, path)),
                Err(_) => drop(journal.folders.insert(path.into())),
            }
        }
        Ok(Some(journal))
    }

    fn sweep(&self, root: &Folder, run: &str) -> Result<(), Failed> {
        let mut reach = Reach::new(root);
        for (number, path) in &self.files {
            let swept = match reach.of(path) {
                Err(error) if is_absent(&error) => Ok(()),
                Err(error) => Err(error),
                Ok((folder, _)) => folder.remove_if_there(&draft_of(run, *number)),
            };
            swept.map_err(|error| Failed::File(path.to_string(), error))?;
        }
        Ok(())
    }
}

fn text_of(stage: &Folder, name: &str) -> io::Result<Option<String>> {
    let mut text = String::new();
    match stage.file(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok((mut file, _)) => file.read_to_string(&mut text).map(|_| Some(text)),
    }
}

fn write_whole(stage: &Folder, name: &str, text: &str) -> io::Result<()> {
    let draft = format!("{name}.new");
    let mut file = stage.create_anew(&draft)?;
    file.write_all(text.as_bytes())?;
    stage.sync_file(&file, &draft)?;
    stage.rename(&draft, stage, name)?;
    stage.sync()
}
