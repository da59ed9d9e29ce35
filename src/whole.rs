//! Files that are there whole or not at all.
//!
//! Answers for a reader seeing the old content or the new one and never half of one, also after the
//! power failed. Which files, and what they say, is the caller's.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::effect;
use crate::effect::unsynced::note;

/// No file takes so long to be written.
const OLD: Duration = Duration::from_hours(1);

/// Writes a file under another name, brings it to the disk and gives it its own name.
pub fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let draft = draft(path);
    let written = create(&draft).and_then(|file| {
        let mut out = BufWriter::with_capacity(1 << 16, file);
        write(&mut out)?;
        sync(&out.into_inner()?, &draft)?;
        rename(&draft, path)
    });
    if written.is_err() {
        // The first error is the one to tell; a draft that can't be removed changes nothing.
        let _ = remove(&draft);
    }
    written?;
    sync_folder_of(path)
}

/// Makes an empty file, unless it is there, with the folders around it. Several may do it at once.
pub fn make_file(path: &Path) -> io::Result<()> {
    if path.is_file() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    effect::file("create")?;
    let file = fs::OpenOptions::new().create(true).append(true).open(path)?;
    note(|disk| disk.created(path));
    sync(&file, path)?;
    sync_folder_of(path)
}

/// Writes a text, unless the file says it already. Returns whether it was written.
pub fn write_if_changed(path: &Path, text: &str) -> io::Result<bool> {
    write_bytes_if_changed(path, text.as_bytes())
}

/// The same of bytes.
pub fn write_bytes_if_changed(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    match fs::read(path) {
        Ok(there) if there == bytes => return Ok(false),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    write_whole(path, |out| out.write_all(bytes)).map(|()| true)
}

/// Gives a file that was just written another name as well: a large one is stored once. Where files
/// can't be linked it is copied. Neither is ever written in place.
pub fn also_as(kept: &Path, path: &Path) -> io::Result<()> {
    let draft = draft(path);
    let _ = remove(&draft);
    link(kept, &draft).or_else(|_| copy(kept, &draft)).and_then(|()| rename(&draft, path))?;
    sync_folder_of(path)
}

/// Makes a folder that lasts, with those around it; one that is there stays as it is.
pub fn make_folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(around) = path.parent() {
        make_folder(around)?;
    }
    effect::file("make-folder")?;
    match fs::create_dir(path) {
        // Somebody else was quicker.
        Err(_) if path.is_dir() => {}
        made => made?,
    }
    note(|disk| disk.created(path));
    sync_folder_of(path)
}

/// Removes what processes that died were about to write into a folder and those below. One that may
/// still be written, since it is new, stays.
pub fn sweep_drafts(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let (path, about) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
        if about.is_dir() {
            sweep_drafts(&path)?;
        } else if is_draft(&path) && about.modified()?.elapsed().is_ok_and(|age| age > OLD) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// `NAME.PROCESS.tmp`, as [`draft`] calls it.
fn is_draft(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let of = name.strip_suffix(".tmp").and_then(|name| name.rsplit_once('.'));
    of.is_some_and(|(_, process)| process.parse::<u32>().is_ok())
}

/// Removes a file.
pub fn remove(path: &Path) -> io::Result<()> {
    effect::file("remove")?;
    fs::remove_file(path)
}

/// Gives a file or folder another name.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    effect::file("rename")?;
    note(|disk| disk.moving(from, to));
    fs::rename(from, to)
}

fn create(path: &Path) -> io::Result<File> {
    effect::file("create")?;
    let file = File::create(path)?;
    note(|disk| disk.created(path));
    Ok(file)
}

fn link(kept: &Path, path: &Path) -> io::Result<()> {
    effect::file("link")?;
    fs::hard_link(kept, path)
}

fn copy(kept: &Path, path: &Path) -> io::Result<()> {
    let mut file = create(path)?;
    io::copy(&mut File::open(kept)?, &mut file)?;
    sync(&file, path)
}

fn sync(file: &File, path: &Path) -> io::Result<()> {
    effect::file("sync")?;
    file.sync_all()?;
    note(|disk| disk.synced(path));
    Ok(())
}

fn draft(path: &Path) -> PathBuf {
    path.with_extension(format!("{}.tmp", std::process::id()))
}

/// A name that was given is lasting only once its folder is on the disk.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    effect::file("sync-folder")?;
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(here)?.sync_all()?;
    note(|disk| disk.folder_synced(folder));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_isnt_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs/a/status.yaml");
        assert!(write_if_changed(&path, "old").unwrap());
        assert!(!write_if_changed(&path, "old").unwrap());
        assert!(write_if_changed(&path, "new").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn drafts_of_the_dead_are_swept_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("jobs/runs");
        fs::create_dir_all(&inside).unwrap();
        let old = std::time::SystemTime::now() - 2 * OLD;
        for name in ["a.yaml", "a.4711.tmp", "my.tmp", "a.new.tmp"] {
            let file = File::create(inside.join(name)).unwrap();
            file.set_modified(old).unwrap();
        }
        File::create(inside.join("b.4712.tmp")).unwrap();
        sweep_drafts(folder.path()).unwrap();
        sweep_drafts(&folder.path().join("nowhere")).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(&inside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["a.new.tmp", "a.yaml", "b.4712.tmp", "my.tmp"]);
    }

    #[test]
    fn an_error_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("status.yaml");
        fs::write(&path, "old").unwrap();
        write_whole(&path, |_| Err(io::Error::other("full"))).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
