//! Listing folders of the disk.
//!
//! Answers for links never being followed, and for telling of everything that is no regular file. Other
//! disks that are mounted below the root belong to it.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::SystemTime;

use rustix::fs::{DirEntry, FileType, Stat};

use super::folder::{Folder, is_absent};
use crate::gallery::folders::{Folders, ROOT, joined};
use crate::gallery::names::{OWN, is_draft, is_own, judged, tell_apart};
use crate::gallery::{Found, Listing, Looked, Names, Refused};
use crate::manifest::paths::bad_path;
use crate::plan::file::FilePath;

/// Threads that list one gallery; the other gallery is listed meanwhile.
const THREADS: usize = 2;
/// Times of files come in ticks, on some disks of two seconds: a write in the same tick doesn't show.
const TICK_NANOSECONDS: i64 = 2_000_000_000;

/// Why something couldn't be listed: its path, and what is wrong with it.
pub type Failed = (String, io::Error);

/// Lists the files of some folders.
pub fn list(root: &Folder, folders: &Folders, most_bytes: u64) -> Result<Listing, Failed> {
    let judge = Judge { most_bytes, now: now() };
    let mut listing = Listing {
        folders: folder_names(root, "").map_err(|error| (ROOT.to_owned(), error))?,
        ..Listing::default()
    };
    let begun = begun(root, folders, &mut listing)?;
    let work = Work {
        state: Mutex::new(State { waiting: begun, busy: 0, failed: None }),
        more: Condvar::new(),
    };
    let parts = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|_| scope.spawn(|| walk(root, &work, &judge))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a listing doesn't panic"))
            .collect::<Vec<_>>()
    });
    if let Some(failed) = work.lock().failed.take() {
        return Err(failed);
    }
    for part in parts {
        listing.files.extend(part.files);
        listing.refused.extend(part.refused);
    }
    tell_apart(&mut listing);
    Ok(listing)
}

/// What stands at a path of the root.
pub fn look(folder: &Folder, name: &str, path: &FilePath, most_bytes: u64) -> io::Result<Looked> {
    let judge = Judge { most_bytes, now: now() };
    Ok(match folder.stat(name)? {
        None => Looked::Nothing,
        Some(stat) if is_folder(&stat) => Looked::Nothing,
        Some(stat) => match judge.file(path.as_str(), &stat) {
            Ok(found) => Looked::File(found),
            Err(refused) => Looked::Refused(refused),
        },
    })
}

/// What stands where a folder can't be opened: something that is refused, or nothing.
pub fn in_the_way(root: &Folder, path: &str) -> io::Result<Option<Refused>> {
    for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
        let (around, name) = path[..end].rsplit_once('/').unwrap_or(("", &path[..end]));
        let stat = match root.below(around) {
            Err(error) if is_absent(&error) => return Ok(None),
            folder => folder?.stat(name)?,
        };
        let Some(stat) = stat else { return Ok(None) };
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            return Ok(Some(odd(&path[..end], FileType::Symlink)));
        }
    }
    Ok(None)
}

/// What lies directly in a folder.
pub fn names(root: &Folder, path: &str) -> io::Result<Names> {
    let mut names = Names::default();
    let folder = match root.below(if path == ROOT { "" } else { path }) {
        Err(error) if is_absent(&error) || in_the_way(root, path)?.is_some() => return Ok(names),
        folder => folder?,
    };
    for entry in folder.entries()? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        match kind(&folder, &entry)? {
            _ if matches!(name, "." | "..") || is_own(&below(path, name)) => {}
            FileType::Directory => names.folders.push(name.to_owned()),
            _ => names.files.push(name.to_owned()),
        }
    }
    Ok(names)
}

/// A folder to look into.
struct Task {
    /// Empty: the root.
    path: String,
    with_folders: bool,
}

/// The folders that were asked for, as far as they are there.
fn begun(root: &Folder, folders: &Folders, listing: &mut Listing) -> Result<Vec<Task>, Failed> {
    let Folders::These(these) = folders else {
        return Ok(vec![Task { path: String::new(), with_folders: true }]);
    };
    let mut begun = Vec::new();
    for folder in these {
        let failed = |error| (folder.clone(), error);
        if folder == ROOT {
            begun.push(Task { path: String::new(), with_folders: false });
            continue;
        }
        match root.below(folder) {
            Ok(_) => begun.push(Task { path: folder.clone(), with_folders: true }),
            Err(_) => match in_the_way(root, folder).map_err(failed)? {
                Some(refused) => listing.refused.push(refused),
                None => missing(root, folder, listing).map_err(failed)?,
            },
        }
    }
    Ok(begun)
}

fn missing(root: &Folder, folder: &str, listing: &mut Listing) -> io::Result<()> {
    // A folder that may not be looked into isn't missing.
    match root.below(folder) {
        Err(error) if !is_absent(&error) => return Err(error),
        _ => listing.missing.push(folder.to_owned()),
    }
    if let Some((around, _)) = folder.rsplit_once('/')
        && let Ok(beside) = root.below(around)
    {
        listing.folders.extend(folder_names(&beside, around)?);
    }
    Ok(())
}

/// The folders directly in one, by their paths.
fn folder_names(folder: &Folder, path: &str) -> io::Result<Vec<String>> {
    let mut names = BTreeSet::new();
    for entry in folder.entries()? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        let is_own = path.is_empty() && name == OWN;
        if name != "." && name != ".." && !is_own && kind(folder, &entry)? == FileType::Directory {
            names.insert(below(path, name));
        }
    }
    Ok(names.into_iter().collect())
}

/// What threads share: folders that nobody has looked into yet.
struct Work {
    state: Mutex<State>,
    more: Condvar,
}

struct State {
    waiting: Vec<Task>,
    busy: usize,
    failed: Option<Failed>,
}

impl Work {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next folder; none: nothing is left, and nobody will bring more.
    fn next(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if state.failed.is_some() {
                return None;
            }
            if let Some(task) = state.waiting.pop() {
                state.busy += 1;
                return Some(task);
            }
            if state.busy == 0 {
                return None;
            }
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn done(&self, more: Result<Vec<Task>, Failed>) {
        let mut state = self.lock();
        state.busy -= 1;
        match more {
            Ok(more) => state.waiting.extend(more),
            Err(failed) => state.failed = Some(failed),
        }
        self.more.notify_all();
    }
}

fn walk(root: &Folder, work: &Work, judge: &Judge) -> Listing {
    let mut listing = Listing::default();
    while let Some(task) = work.next() {
        let inside = look_into(root, &task, judge, &mut listing);
        work.done(inside.map_err(|error| (task.path.clone(), error)));
    }
    listing
}

/// Adds a folder's files, and returns its folders.
fn look_into(
    root: &Folder,
    task: &Task,
    judge: &Judge,
    listing: &mut Listing,
) -> io::Result<Vec<Task>> {
    let folder = match root.below(&task.path) {
        // It was there a moment ago.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        folder => folder?,
    };
    let mut inside = Vec::new();
    for entry in folder.entries()? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let Ok(text) = name.to_str() else {
            let path = below(&task.path, &name.to_string_lossy());
            listing.refused.push(Refused { path, reason: "has a name that isn't UTF-8".into() });
            continue;
        };
        let is_own = is_draft(text) || task.path.is_empty() && text == OWN;
        let path = below(&task.path, text);
        match kind(&folder, &entry)? {
            _ if is_own => {}
            FileType::Directory => match bad_path(&path) {
                _ if !task.with_folders => {}
                None => inside.push(Task { path, with_folders: true }),
                Some(reason) => {
                    let reason = format!("has a name that isn't allowed: {reason}");
                    listing.refused.push(Refused { path, reason });
                }
            },
            _ => match folder.stat(name)?.map(|stat| judge.file(&path, &stat)) {
                Some(Ok(found)) => listing.files.push(found),
                Some(Err(refused)) => listing.refused.push(refused),
                None => {}
            },
        }
    }
    Ok(inside)
}

fn kind(folder: &Folder, entry: &DirEntry) -> io::Result<FileType> {
    Ok(match entry.file_type() {
        // Some disks don't tell in their folders.
        FileType::Unknown => folder
            .stat(entry.file_name())?
            .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
        kind => kind,
    })
}

fn below(folder: &str, name: &str) -> String {
    joined(if folder.is_empty() { ROOT } else { folder }, name)
}

/// What decides about a single file.
struct Judge {
    most_bytes: u64,
    /// Nanoseconds since 1970, before anything was looked at.
    now: i64,
}

impl Judge {
    fn file(&self, path: &str, stat: &Stat) -> Result<Found, Refused> {
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind != FileType::RegularFile {
            return Err(odd(path, kind));
        }
        let size = size(stat);
        let path = judged(path, size, self.most_bytes)?;
        Ok(Found {
            path,
            size,
            stamp: stamp(stat),
            is_settled: changed(stat).saturating_add(TICK_NANOSECONDS) <= self.now,
            modified: written(stat) / 1000,
        })
    }
}

fn odd(path: &str, kind: FileType) -> Refused {
    let reason = match kind {
        FileType::Symlink => "is a symbolic link",
        FileType::Fifo => "is a named pipe",
        FileType::Socket => "is a socket",
        FileType::BlockDevice | FileType::CharacterDevice => "is a device",
        _ => "is no regular file",
    };
    Refused { path: path.to_owned(), reason: reason.to_owned() }
}

fn is_folder(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// Whatever is told of a file that changes with its content.
pub fn stamp(stat: &Stat) -> String {
    format!("{:x}.{:x}.{:x}", written(stat), changed(stat), stat.st_ino)
}

pub fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or_default()
}

/// Nanoseconds since 1970.
pub fn written(stat: &Stat) -> i64 {
    nanoseconds(stat.st_mtime, stat.st_mtime_nsec)
}

/// As the system has it: nobody can set it back.
fn changed(stat: &Stat) -> i64 {
    nanoseconds(stat.st_ctime, stat.st_ctime_nsec)
}

/// Until the year 2262.
fn nanoseconds(seconds: impl TryInto<i64>, more: impl TryInto<i64>) -> i64 {
    let (seconds, more) = (seconds.try_into().unwrap_or(0), more.try_into().unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(more)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
