//! Hashes of files that were read once, so that nothing unchanged is read again.
//!
//! Answers for a hash being remembered only where a later write of the file would show in its stamp, and
//! for a file of memories that is damaged, or another version's, being begun anew.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use super::{Folders, Found};
use crate::plan::file::{Content, FilePath, Hash};
use crate::whole::{make_folder, write_whole};

/// The first line says what follows, and the hash of all that does.
const HEADING: &str = "reconcile gallery hashes 1 ";

/// What is known of one gallery's files: a line each, `HASH SIZE STAMP PATH`.
#[derive(Debug)]
pub struct Hashes {
    place: PathBuf,
    known: BTreeMap<FilePath, Known>,
    is_changed: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Known {
    size: u64,
    stamp: String,
    blake3: Hash,
}

impl Hashes {
    /// Those that were written there, or none.
    pub fn open(place: PathBuf) -> Self {
        let text = fs::read_to_string(&place).unwrap_or_default();
        Self { place, known: parsed(&text).unwrap_or_default(), is_changed: false }
    }

    /// What a file holds, if it is the one that was read.
    pub fn of(&self, file: &Found) -> Option<Content> {
        let known = self.known.get(&file.path)?;
        let is_same = known.size == file.size && known.stamp == file.stamp;
        is_same.then_some(Content { size: known.size, blake3: known.blake3 })
    }

    pub fn learn(&mut self, file: &Found, content: &Content) {
        let Found { path, size, stamp, is_settled, modified: _ } = file;
        if *is_settled {
            let known = Known { size: *size, stamp: stamp.clone(), blake3: content.blake3 };
            self.known.insert(path.clone(), known);
            self.is_changed = true;
        } else if self.known.remove(path).is_some() {
            self.is_changed = true;
        }
    }

    /// Forgets files of some folders that aren't there any more. `files` are in the order of their paths.
    pub fn keep(&mut self, folders: &Folders, files: &[Found]) {
        let before = self.known.len();
        let mut files = files.iter().peekable();
        self.known.retain(|path, _| {
            while files.next_if(|file| file.path < *path).is_some() {}
            files.peek().is_some_and(|file| file.path == *path) || folders.place(path).is_none()
        });
        self.is_changed |= self.known.len() != before;
    }

    /// Writes them where they came from, if there is anything new.
    pub fn write(&mut self) -> io::Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        if let Some(folder) = self.place.parent() {
            make_folder(folder)?;
        }
        let mut lines = Vec::with_capacity(self.known.len() * 200);
        for (path, Known { size, stamp, blake3 }) in &self.known {
            writeln!(lines, "{blake3} {size} {stamp} {path}")?;
        }
        write_whole(&self.place, |out| {
            writeln!(out, "{HEADING}{}", blake3::hash(&lines))?;
            out.write_all(&lines)
        })?;
        self.is_changed = false;
        Ok(())
    }
}

fn parsed(text: &str) -> Option<BTreeMap<FilePath, Known>> {
    let (heading, lines) = text.split_once('\n')?;
    let whole = blake3::Hash::from_hex(heading.strip_prefix(HEADING)?).ok()?;
    if blake3::hash(lines.as_bytes()) != whole {
        return None;
    }
    lines.lines().map(line).collect()
}

fn line(line: &str) -> Option<(FilePath, Known)> {
    let mut parts = line.splitn(4, ' ');
    let blake3 = Hash::try_from(parts.next()?.to_owned()).ok()?;
    let size = parts.next()?.parse().ok()?;
    let stamp = parts.next()?.to_owned();
    let path = FilePath::try_from(parts.next()?.to_owned()).ok()?;
    Some((path, Known { size, stamp, blake3 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, stamp: &str) -> Found {
        let path = FilePath::try_from(path.to_owned()).unwrap();
        Found { path, size: 3, stamp: stamp.to_owned(), is_settled: true, modified: 0 }
    }

    fn content(text: &str) -> Content {
        Content { size: text.len() as u64, blake3: blake3::hash(text.as_bytes()).into() }
    }

    #[test]
    fn what_was_read_is_known_until_the_stamp_changes() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("gallery/TEST.hashes");
        let mut hashes = Hashes::open(place.clone());
        let file = found("a b/c d.png", "1-2-3");
        hashes.learn(&file, &content("one"));
        hashes.write().unwrap();
        let mut hashes = Hashes::open(place.clone());
        assert_eq!(hashes.of(&file), Some(content("one")));
        assert_eq!(hashes.of(&Found { stamp: "1-2-4".into(), ..file.clone() }), None);
        assert_eq!(hashes.of(&Found { size: 4, ..file.clone() }), None);
        let written = fs::metadata(&place).unwrap().modified().unwrap();
        hashes.keep(&Folders::All, std::slice::from_ref(&file));
        hashes.write().unwrap();
        assert_eq!(fs::metadata(&place).unwrap().modified().unwrap(), written);
    }

    #[test]
    fn a_file_that_may_still_change_unseen_is_read_again() {
        let mut hashes = Hashes::open("nowhere".into());
        let file = found("a.png", "1");
        hashes.learn(&file, &content("one"));
        let young = Found { is_settled: false, stamp: "2".into(), ..file.clone() };
        hashes.learn(&young, &content("two"));
        assert_eq!((hashes.of(&young), hashes.of(&file)), (None, None));
    }

    #[test]
    fn files_that_are_gone_are_forgotten_in_the_folders_that_were_looked_at() {
        let mut hashes = Hashes::open("nowhere".into());
        let files = ["spring/a", "spring/b", "summer/a"].map(|path| found(path, "1"));
        for file in &files {
            hashes.learn(file, &content("one"));
        }
        hashes.keep(&Folders::These(vec!["spring".into()]), &files[1..2]);
        let known = files.iter().map(|file| hashes.of(file).is_some()).collect::<Vec<_>>();
        assert_eq!(known, [false, true, true]);
    }

    #[test]
    fn a_damaged_memory_or_another_versions_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("TEST.hashes");
        let file = found("a.png", "1");
        let mut hashes = Hashes::open(place.clone());
        hashes.learn(&file, &content("one"));
        hashes.write().unwrap();
        let good = fs::read_to_string(&place).unwrap();
        for bad in [
            good.replace("hashes 1", "hashes 2"),
            good.replace(" 3 1 a.png", " 3 2 a.png"),
            good[..good.len() - 2].to_owned(),
            String::new(),
        ] {
            fs::write(&place, bad).unwrap();
            assert_eq!(Hashes::open(place.clone()).of(&file), None);
        }
        fs::write(&place, good).unwrap();
        assert!(Hashes::open(place).of(&file).is_some());
    }
}
