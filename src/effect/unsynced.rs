//! What would be gone if the power failed now: a test's idea of a disk.
//!
//! Answers for knowing which files' contents and which names were written and not yet brought to the
//! disk, and for taking exactly that back when a test ends the process. It is the unkind disk that
//! the standards allow: a name may last while its content doesn't, and a folder's entries last only
//! once the folder was brought to the disk.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// What isn't on the disk yet.
#[derive(Debug, Default)]
pub struct Unsynced {
    contents: BTreeSet<PathBuf>,
    /// In the order they came.
    names: Vec<Name>,
}

#[derive(Debug)]
enum Name {
    /// A file or folder that is new.
    New(PathBuf),
    /// A file that got another's place, with what stood there before.
    Moved { from: PathBuf, to: PathBuf, before: Option<Vec<u8>> },
}

static IS_ON: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("RECONCILE_TEST_UNSYNCED").is_some());
static DISK: Mutex<Unsynced> =
    Mutex::new(Unsynced { contents: BTreeSet::new(), names: Vec::new() });

/// Notes what was done to a file, where a test asks for it.
pub fn note(what: impl FnOnce(&mut Unsynced)) {
    if cfg!(debug_assertions) && *IS_ON {
        what(&mut disk());
    }
}

/// Takes back what isn't on the disk. Nothing more is noted while the answer is held.
pub(super) fn lose_all() -> Option<MutexGuard<'static, Unsynced>> {
    (*IS_ON).then(|| {
        let mut disk = disk();
        disk.lose();
        disk
    })
}

fn disk() -> MutexGuard<'static, Unsynced> {
    DISK.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Unsynced {
    /// A new file or folder.
    pub fn created(&mut self, path: &Path) {
        if !path.is_dir() {
            self.contents.insert(path.to_owned());
        }
        self.names.push(Name::New(path.to_owned()));
    }

    /// A file got another name as well; its content is on the disk or not, as before.
    pub fn linked(&mut self, from: &Path, to: &Path) {
        if self.contents.contains(from) {
            self.contents.insert(to.to_owned());
        }
        self.names.push(Name::New(to.to_owned()));
    }

    /// Everything in a folder is on the disk, with the folder.
    pub fn synced_below(&mut self, folder: &Path) {
        self.contents.retain(|path| !path.starts_with(folder));
        self.names.retain(|name| match name {
            Name::New(path) | Name::Moved { to: path, .. } => !path.starts_with(folder),
        });
    }

    /// The content of a file is on the disk.
    pub fn synced(&mut self, path: &Path) {
        self.contents.remove(path);
    }

    /// A file is about to take another one's place.
    pub fn moving(&mut self, from: &Path, to: &Path) {
        if self.contents.remove(from) {
            self.contents.insert(to.to_owned());
        } else {
            self.contents.remove(to);
        }
        let before = fs::read(to).ok();
        self.names.push(Name::Moved { from: from.to_owned(), to: to.to_owned(), before });
    }

    /// The names in a folder are on the disk.
    pub fn folder_synced(&mut self, folder: &Path) {
        let is_inside = |path: &Path| path.parent() == Some(folder);
        self.names.retain(|name| match name {
            Name::New(path) => !is_inside(path),
            Name::Moved { to, .. } => !is_inside(to),
        });
    }

    /// Whatever can't be taken back was never there.
    fn lose(&mut self) {
        for path in std::mem::take(&mut self.contents) {
            let _ = fs::File::options().write(true).truncate(true).open(path);
        }
        for name in std::mem::take(&mut self.names).into_iter().rev() {
            match name {
                Name::New(path) if path.is_dir() => drop(fs::remove_dir_all(path)),
                Name::New(path) => drop(fs::remove_file(path)),
                Name::Moved { from, to, before } => {
                    let _ = fs::rename(&to, from);
                    if let Some(before) = before {
                        let _ = fs::write(to, before);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the steps a writer brings to the disk.
    #[derive(Clone, Copy)]
    struct Writer {
        syncs_content: bool,
        syncs_folder: bool,
    }

    /// Puts `new` in the place of `old` and lets the power fail.
    fn written_by(writer: Writer) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let (path, draft) = (folder.path().join("a.yaml"), folder.path().join("a.tmp"));
        fs::write(&path, "old").unwrap();
        let mut disk = Unsynced::default();
        fs::write(&draft, "new").unwrap();
        disk.created(&draft);
        if writer.syncs_content {
            disk.synced(&draft);
        }
        disk.moving(&draft, &path);
        fs::rename(&draft, &path).unwrap();
        if writer.syncs_folder {
            disk.folder_synced(folder.path());
        }
        disk.lose();
        fs::read_to_string(path).ok()
    }

    #[test]
    fn a_step_that_is_left_out_is_found() {
        let careful = Writer { syncs_content: true, syncs_folder: true };
        assert_eq!(written_by(careful).as_deref(), Some("new"));
        let forgets_content = Writer { syncs_content: false, ..careful };
        assert_eq!(written_by(forgets_content).as_deref(), Some(""));
        let forgets_folder = Writer { syncs_folder: false, ..careful };
        assert_eq!(written_by(forgets_folder).as_deref(), Some("old"));
    }

    #[test]
    fn a_folder_lasts_once_the_one_around_it_is_on_the_disk() {
        let around = tempfile::tempdir().unwrap();
        let (kept, lost) = (around.path().join("kept"), around.path().join("lost"));
        let mut disk = Unsynced::default();
        fs::create_dir(&kept).unwrap();
        disk.created(&kept);
        disk.folder_synced(around.path());
        fs::create_dir(&lost).unwrap();
        disk.created(&lost);
        disk.lose();
        assert!(kept.is_dir() && !lost.exists());
    }
}
