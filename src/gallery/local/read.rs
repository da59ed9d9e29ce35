//! Reading files of the disk: their contents' hashes, and their bytes.
//!
//! Answers for a file that somebody writes meanwhile being found out: what is told of it must be the same
//! before and after.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use rustix::fs::{Stat, fstat};
use tokio::sync::mpsc::UnboundedSender;

use super::folder::{Folder, Reach};
use super::walk::{size, stamp};
use crate::gallery::Found;
use crate::plan::file::{Content, FilePath};

/// Threads that read one gallery; the other one is read meanwhile.
const THREADS: usize = 2;
/// Bytes that are read at once.
pub const CHUNK: usize = 1 << 20;
/// Bytes after which a reader says how far it is.
const TOLD: u64 = 8 << 20;

/// Why a file couldn't be read.
pub enum Failed {
    Changed(FilePath),
    File(FilePath, io::Error),
}

/// The contents of files as they were found, in their order. It ends early once nobody listens.
pub fn contents(
    root: &Folder,
    files: &[Found],
    told: &UnboundedSender<u64>,
) -> Result<Vec<Content>, Failed> {
    let (next, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let reader = || {
        let read = reader(root, files, (&next, &is_over), told);
        is_over.fetch_or(read.is_err(), Ordering::Relaxed);
        read
    };
    let mut contents: Vec<(usize, Content)> = Vec::with_capacity(files.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(reader)).collect();
        for thread in threads {
            contents.extend(thread.join().expect("reading doesn't panic")?);
        }
        Ok(())
    })?;
    contents.sort_unstable_by_key(|(at, _)| *at);
    Ok(contents.into_iter().map(|(_, content)| content).collect())
}

/// Takes stretches of the files, so that a folder is mostly opened once.
fn reader(
    root: &Folder,
    files: &[Found],
    (next, is_over): (&AtomicUsize, &AtomicBool),
    told: &UnboundedSender<u64>,
) -> Result<Vec<(usize, Content)>, Failed> {
    const STRETCH: usize = 64;
    let (mut reach, mut buffer, mut contents) = (Reach::new(root), vec![0; CHUNK], Vec::new());
    let mut untold = 0;
    loop {
        let begin = next.fetch_add(STRETCH, Ordering::Relaxed);
        if begin >= files.len() || is_over.load(Ordering::Relaxed) || told.is_closed() {
            break;
        }
        let end = files.len().min(begin + STRETCH);
        for (at, found) in files.iter().enumerate().take(end).skip(begin) {
            let content = content_of(&mut reach, found, &mut buffer)?;
            contents.push((at, content));
            untold += content.size;
            if untold >= TOLD {
                // Nobody may be listening any more.
                let _ = told.send(std::mem::take(&mut untold));
            }
        }
    }
    let _ = told.send(untold);
    Ok(contents)
}

fn content_of(reach: &mut Reach<'_>, found: &Found, buffer: &mut [u8]) -> Result<Content, Failed> {
    let changed = || Failed::Changed(found.path.clone());
    let failed = |error| Failed::File(found.path.clone(), error);
    let (file, before) = match reach.of(&found.path).and_then(|(folder, name)| folder.file(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(changed()),
        opened => opened.map_err(failed)?,
    };
    if size(&before) != found.size || stamp(&before) != found.stamp {
        return Err(changed());
    }
    let content = hashed(&file, buffer).map_err(failed)?;
    let is_same = is_untouched(&file, &before).map_err(failed)?;
    if is_same && content.size == found.size { Ok(content) } else { Err(changed()) }
}

/// The content of a file, from where it stands to its end.
pub fn hashed(mut file: &File, buffer: &mut [u8]) -> io::Result<Content> {
    let (mut hasher, mut size) = (blake3::Hasher::new(), 0);
    loop {
        match file.read(buffer) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Content { size, blake3: hasher.finalize().into() })
}

fn is_untouched(file: &File, before: &Stat) -> io::Result<bool> {
    let after = fstat(file)?;
    Ok(size(&after) == size(before) && stamp(&after) == stamp(before))
}

/// A file that is read piece by piece.
pub struct Reading {
    file: File,
    before: Stat,
    left: u64,
}

/// What comes next of a file.
pub enum Next {
    Bytes(Bytes, Reading),
    End,
    Changed,
}

impl Reading {
    pub fn of(folder: &Folder, name: &str) -> io::Result<Self> {
        let (file, before) = folder.file(name)?;
        Ok(Self { file, left: size(&before), before })
    }

    /// Everything that was there when it was opened, and an end only if that is still so.
    pub fn next(mut self) -> io::Result<Next> {
        if self.left == 0 {
            return Ok(match is_untouched(&self.file, &self.before)? {
                true => Next::End,
                false => Next::Changed,
            });
        }
        let wanted = self.left.min(CHUNK as u64);
        let mut bytes = Vec::with_capacity(usize::try_from(wanted).unwrap_or(CHUNK));
        let count = (&self.file).take(wanted).read_to_end(&mut bytes)? as u64;
        if count < wanted {
            return Ok(Next::Changed);
        }
        self.left -= count;
        Ok(Next::Bytes(bytes.into(), self))
    }
}

/// The first bytes of a file.
pub fn beginning(folder: &Folder, name: &str, most: usize) -> io::Result<Vec<u8>> {
    let (file, stat) = folder.file(name)?;
    let most = (most as u64).min(size(&stat));
    let mut bytes = Vec::with_capacity(usize::try_from(most).unwrap_or_default());
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
