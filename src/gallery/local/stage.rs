//! Copies that have no name in the gallery yet, and what is kept beside them: `.reconcile/stage/RUN/N`.
//!
//! Answers for where the tool's own files are, and for a copy being on the disk before anybody relies on
//! it: once for all of a run, which costs less than once for each.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};

use bytes::Bytes;

use super::folder::{Folder, For, is_absent};
use super::walk::size;
use crate::gallery::names::{self, OWN};
use crate::plan::file::Content;

/// The folder of a run's copies, made if it isn't there.
pub fn stage_of(root: &Folder, run: &str) -> io::Result<Folder> {
    root.made(&format!("{OWN}/stage/{run}"), For::Us)
}

/// The same, if it is there.
pub fn stage_if_there(root: &Folder, run: &str) -> io::Result<Option<Folder>> {
    match root.below(&format!("{OWN}/stage/{run}")) {
        Err(error) if is_absent(&error) => Ok(None),
        folder => folder.map(Some),
    }
}

/// The folder below the root that keeps what a run took away from there, by its path.
pub fn trash_of(run: &str, folder: &str) -> String {
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{}{slash}{folder}", names::trash_of(run))
}

/// A copy that is being written.
pub struct Copying {
    file: File,
    hasher: blake3::Hasher,
    size: u64,
}

impl Copying {
    pub fn begin(stage: &Folder, number: usize) -> io::Result<Self> {
        let file = stage.create_anew(&number.to_string())?;
        Ok(Self { file, hasher: blake3::Hasher::new(), size: 0 })
    }

    pub fn write(&mut self, bytes: &Bytes) -> io::Result<()> {
        crate::effect::file("write")?;
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    pub fn content(&self) -> Content {
        Content { size: self.size, blake3: self.hasher.finalize().into() }
    }
}

/// The sizes of a run's copies, by their numbers.
pub fn sizes(root: &Folder, run: &str) -> io::Result<BTreeMap<usize, u64>> {
    let mut sizes = BTreeMap::new();
    let Some(stage) = stage_if_there(root, run)? else { return Ok(sizes) };
    for name in names(&stage)? {
        if let (Ok(number), Some(stat)) = (name.parse(), stage.stat(name.as_str())?) {
            sizes.insert(number, size(&stat));
        }
    }
    Ok(sizes)
}

/// Runs that have a folder of copies.
pub fn left_behind(root: &Folder) -> io::Result<Vec<String>> {
    let stages = match root.below(&format!("{OWN}/stage")) {
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        stages => stages?,
    };
    let mut runs = names(&stages)?;
    runs.sort_unstable();
    Ok(runs)
}

/// What lies in a folder of ours.
fn names(folder: &Folder) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in folder.entries()? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// Removes a run's copies; `last` goes last.
pub fn clear(root: &Folder, run: &str, last: &[&str]) -> io::Result<()> {
    let Some(stage) = stage_if_there(root, run)? else { return Ok(()) };
    for name in names(&stage)?.iter().filter(|name| !last.contains(&name.as_str())) {
        stage.remove(name)?;
    }
    for name in last {
        stage.remove_if_there(name)?;
    }
    let stages = root.below(&format!("{OWN}/stage"))?;
    stages.remove_folder(run)?;
    stages.sync()
}
