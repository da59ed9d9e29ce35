//! Hashes of files that were read once, so that nothing unchanged is read again.
//!
//! Answers for a hash being remembered only where a later write of the file would show in its stamp, and
//! for a file of memories that is damaged, or another version's, being begun anew.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use super::{Folders, Found};
use crate::plan::file::{Content, FilePath};
use crate::put::put;
use crate::whole::{make_folder, write_whole};

/// The first line says what follows, and the hash of all that does.
const HEADING: &str = "reconcile gallery hashes 1 ";

/// What is known of one gallery's files. Of a large one nearly everything is looked up once and stays as
/// it is, so it is left as the text that was read.
#[derive(Debug)]
pub struct Hashes {
    place: PathBuf,
    /// A line each, in the order of the paths.
    written: String,
    /// Where the lines begin.
    lines: Vec<usize>,
    /// The line that is most likely asked for next: files are asked for in the order of their paths.
    next: usize,
    /// What is known since; none: it was forgotten.
    learned: BTreeMap<FilePath, Option<Known>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Known {
    size: u64,
    stamp: String,
    content: Content,
}

impl Hashes {
    /// Those that were written there, or none.
    pub fn open(place: PathBuf) -> Self {
        let text = fs::read_to_string(&place).unwrap_or_default();

        let written = text.split_once('\n').filter(|(heading, lines)| is_whole(heading, lines));
        let written = written.map_or_else(String::new, |(_, lines)| lines.to_owned());
        let lines = beginnings(&written);
        Self { place, written, lines, next: 0, learned: BTreeMap::new() }
    }

    /// What a file holds, if it is the one that was read.
    pub fn of(&mut self, file: &Found) -> Option<Content> {
        let is_same = |size: u64, stamp: &str| size == file.size && stamp == file.stamp;
        if let Some(known) = self.learned.get(&file.path) {
            let known = known.as_ref().filter(|known| is_same(known.size, &known.stamp))?;
            return Some(known.content);
        }
        let at = self.find(file.path.as_str())?;
        self.next = at + 1;
        let line = self.line(at)?;
        is_same(line.size.parse().ok()?, line.stamp).then(|| line.content())?
    }

    pub fn learn(&mut self, file: &Found, content: &Content) {
        let Found { path, size, stamp, is_settled, modified: _ } = file;
        let known = Known { size: *size, stamp: stamp.clone(), content: *content };
        self.learned.insert(path.clone(), is_settled.then_some(known));
    }

    /// Forgets files of some folders that aren't there any more. `files` are in the order of their paths.
    pub fn keep(&mut self, folders: &Folders, files: &[Found]) {
        for (path, known) in &mut self.learned {
            let is_there = files.binary_search_by(|file| file.path.cmp(path)).is_ok();
            if !is_there && folders.place(path).is_some() {
                *known = None;
            }
        }
        let mut gone = Vec::new();
        let mut files = files.iter().peekable();
        for line in (0..self.lines.len()).filter_map(|at| self.line(at)) {
            while files.next_if(|file| file.path.as_str() < line.path).is_some() {}
            let is_there = files.peek().is_some_and(|file| file.path.as_str() == line.path);
            if !is_there && let Ok(path) = FilePath::try_from(line.path.to_owned()) {
                gone.push(path);
            }
        }
        gone.retain(|path| folders.place(path).is_some());
        self.learned.extend(gone.into_iter().map(|path| (path, None)));
    }

    /// Writes them where they came from, if there is anything new.
    pub fn write(&mut self) -> io::Result<()> {
        let is_news = |(path, known): (&FilePath, &Option<Known>)| {
            known.is_some() || self.find(path.as_str()).is_some()
        };
        if !self.learned.iter().any(is_news) {
            return Ok(());
        }
        if let Some(folder) = self.place.parent() {
            make_folder(folder)?;
        }
        let text = self.merged();
        write_whole(&self.place, |out| {
            writeln!(out, "{HEADING}{}", blake3::hash(text.as_bytes()))?;
            out.write_all(text.as_bytes())
        })?;
        self.lines = beginnings(&text);
        (self.written, self.next) = (text, 0);
        self.learned.clear();
        Ok(())
    }

    /// The lines that still hold, and what was learned, in the order of the paths.
    fn merged(&self) -> String {
        let mut text = String::with_capacity(self.written.len() + 200 * self.learned.len());
        let mut learned = self.learned.iter().peekable();
        for line in (0..self.lines.len()).filter_map(|at| self.line(at)) {
            while let Some((path, known)) = learned.next_if(|(path, _)| path.as_str() < line.path) {
                put_known(&mut text, path, known.as_ref());
            }
            if let Some((path, known)) = learned.next_if(|(path, _)| path.as_str() == line.path) {
                put_known(&mut text, path, known.as_ref());
            } else {
                let Line { path, size, stamp, blake3 } = line;
                put!(text, "{path}\t{size}\t{stamp}\t{blake3}\n");
            }
        }
        learned.for_each(|(path, known)| put_known(&mut text, path, known.as_ref()));
        text
    }

    /// The line of a path.
    fn find(&self, path: &str) -> Option<usize> {
        if self.line(self.next).is_some_and(|line| line.path == path) {
            return Some(self.next);
        }
        let is_before = |begin: &usize| {
            let (there, _) = self.written[*begin..].split_once('\t').unwrap_or_default();
            there < path
        };
        let at = self.lines.partition_point(is_before);
        self.line(at).is_some_and(|line| line.path == path).then_some(at)
    }

    fn line(&self, at: usize) -> Option<Line<'_>> {
        Line::of(&self.written[*self.lines.get(at)?..])
    }
}

/// No part holds a tab: paths hold nothing that can't be seen.
struct Line<'t> {
    path: &'t str,
    size: &'t str,
    stamp: &'t str,
    blake3: &'t str,
}

impl<'t> Line<'t> {
    /// The line that a text begins with.
    fn of(text: &'t str) -> Option<Self> {
        let (path, rest) = text.split_once('\t')?;
        let (size, rest) = rest.split_once('\t')?;
        let (stamp, rest) = rest.split_once('\t')?;
        Some(Self { path, size, stamp, blake3: rest.get(..2 * blake3::OUT_LEN)? })
    }

    fn content(&self) -> Option<Content> {
        let blake3 = blake3::Hash::from_hex(self.blake3).ok()?.into();
        Some(Content { size: self.size.parse().ok()?, blake3 })
    }
}

fn put_known(text: &mut String, path: &FilePath, known: Option<&Known>) {
    if let Some(Known { size, stamp, content }) = known {
        put!(text, "{path}\t{size}\t{stamp}\t{}\n", content.blake3);
    }
}

fn is_whole(heading: &str, lines: &str) -> bool {
    let hash = heading.strip_prefix(HEADING).and_then(|hex| blake3::Hash::from_hex(hex).ok());
    hash.is_some_and(|hash| blake3::hash(lines.as_bytes()) == hash)
}

fn beginnings(lines: &str) -> Vec<usize> {
    let ends = lines.match_indices('\n').map(|(end, _)| end + 1);
    std::iter::once(0).chain(ends).filter(|begin| *begin < lines.len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, stamp: &str) -> Found {
        let path = FilePath::try_from(path.to_owned()).unwrap();
        Found { path, size: 3, stamp: stamp.to_owned(), is_settled: true, modified: 0 }
    }

    /// Of three bytes, as files are here.
    fn content(text: &str) -> Content {
        Content { size: 3, blake3: blake3::hash(text.as_bytes()).into() }
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
    fn what_is_learned_stands_in_its_place_among_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("TEST.hashes");
        let files = ["b", "d", "f", "a", "c", "e", "g"].map(|path| found(path, "1"));
        for some in [&files[..3], &files[3..]] {
            let mut hashes = Hashes::open(place.clone());
            for file in some {
                hashes.learn(file, &content(file.path.as_str()));
            }
            hashes.write().unwrap();
            assert!(some.iter().all(|file| hashes.of(file).is_some()));
        }
        let mut hashes = Hashes::open(place.clone());
        hashes.keep(&Folders::All, &[files[3].clone(), files[4].clone()]);
        hashes.write().unwrap();
        for mut hashes in [hashes, Hashes::open(place)] {
            let known = files.each_ref().map(|file| hashes.of(file));
            let expected = files.each_ref().map(|file| {
                let path = file.path.as_str();
                ["a", "c"].contains(&path).then(|| content(path))
            });
            assert_eq!(known, expected);
        }
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
            good.replace("\t3\t1\t", "\t3\t2\t"),
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
