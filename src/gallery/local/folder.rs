//! Folders by their descriptors: whatever is opened or changed lies directly in one of them.
//!
//! Answers for no link being followed below the root: each part of a path is opened by itself, from the
//! folder around it, so it makes no difference what somebody puts into the way meanwhile. (`openat2`
//! would do the same in one call, on some kernels.) And for every effect asking first, see `effect.rs`.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Uid};
use rustix::io::Errno;

use crate::effect;
use crate::effect::unsynced::note;
use crate::plan::file::FilePath;

pub struct Folder {
    fd: OwnedFd,
    /// For what a test has lost when the power fails, and nothing else.
    path: PathBuf,
}

/// Who may look into folders that are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// As the process makes folders.
    Everybody,
    Us,
}

/// Who may do what with a file, of its mode.
const PERMISSIONS: u32 = 0o7777;

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);

impl Folder {
    /// A gallery's root; the operator may name it by a link.
    pub fn root(path: &Path) -> io::Result<Self> {
        let fd = rustix::fs::open(path, OPEN | OFlags::DIRECTORY, Mode::empty())?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// A folder in this one.
    pub fn inside(&self, name: &str) -> io::Result<Self> {
        let flags = OPEN | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::empty())?;
        Ok(Self { fd, path: self.path.join(name) })
    }

    /// A folder below this one; an empty path means this one.
    pub fn below(&self, path: &str) -> io::Result<Self> {
        let same = Self { fd: self.fd.try_clone()?, path: self.path.clone() };
        path.split('/').filter(|part| !part.is_empty()).try_fold(same, |at, part| at.inside(part))
    }

    /// The same, with every folder made that isn't there. They last on return.
    pub fn made(&self, path: &str, whose: For) -> io::Result<Self> {
        let same = Self { fd: self.fd.try_clone()?, path: self.path.clone() };
        path.split('/').filter(|part| !part.is_empty()).try_fold(same, |at, part| {
            match at.inside(part) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                there => return there,
            }
            at.make(part, whose)?;
            at.sync()?;
            at.inside(part)
        })
    }

    fn make(&self, name: &str, whose: For) -> io::Result<()> {
        let bits = if whose == For::Us { 0o700 } else { 0o777 };
        effect::file("make-folder")?;
        match rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(bits)) {
            // Somebody else was quicker.
            Err(Errno::EXIST) => return Ok(()),
            made => made?,
        }
        note(|disk| disk.created(&self.path.join(name)));
        Ok(())
    }

    /// A regular file in this folder, for reading. Nothing waits for the other end of a pipe.
    pub fn file(&self, name: &str) -> io::Result<(File, Stat)> {
        let flags = OPEN | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::from(rustix::fs::openat(&self.fd, name, flags, Mode::empty())?);
        let stat = rustix::fs::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it is no regular file"));
        }
        Ok((file, stat))
    }

    /// What a name stands for, links unfollowed; none: nothing.
    pub fn stat(&self, name: impl rustix::path::Arg) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            stat => Ok(Some(stat?)),
        }
    }

    pub fn entries(&self) -> io::Result<Dir> {
        Ok(Dir::read_from(&self.fd)?)
    }

    /// Makes a file at a name where nothing is.
    pub fn create(&self, name: &str) -> io::Result<File> {
        effect::file("create")?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::from_raw_mode(0o666))?;
        note(|disk| disk.created(&self.path.join(name)));
        Ok(File::from(fd))
    }

    /// The same, and what was there is gone.
    pub fn create_anew(&self, name: &str) -> io::Result<File> {
        match self.create(name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.remove(name)?;
                self.create(name)
            }
            made => made,
        }
    }

    /// Gives a file another name as well, at which nothing may be.
    pub fn link(&self, name: &str, to: &Self, other: &str) -> io::Result<()> {
        effect::file("link")?;
        rustix::fs::linkat(&self.fd, name, &to.fd, other, AtFlags::empty())?;
        note(|disk| disk.linked(&self.path.join(name), &to.path.join(other)));
        Ok(())
    }

    /// Gives a file another name, in place of what is there.
    pub fn rename(&self, name: &str, to: &Self, other: &str) -> io::Result<()> {
        effect::file("rename")?;
        note(|disk| disk.moving(&self.path.join(name), &to.path.join(other)));
        Ok(rustix::fs::renameat(&self.fd, name, &to.fd, other)?)
    }

    /// Gives a file of this folder another name in it, at which nothing may be.
    pub fn rename_new(&self, name: &str, other: &str) -> io::Result<()> {
        effect::file("rename")?;
        let renamed =
            rustix::fs::renameat_with(&self.fd, name, &self.fd, other, RenameFlags::NOREPLACE);
        match renamed {
            // A network's file system may not know how, but then it knows how to link.
            Err(Errno::INVAL | Errno::NOSYS) => {
                self.link(name, self, other)?;
                self.remove(name)
            }
            Err(error) => Err(error.into()),
            Ok(()) => {
                note(|disk| disk.linked(&self.path.join(name), &self.path.join(other)));
                Ok(())
            }
        }
    }

    pub fn remove(&self, name: &str) -> io::Result<()> {
        effect::file("remove")?;
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    pub fn remove_if_there(&self, name: &str) -> io::Result<()> {
        match self.stat(name)? {
            Some(_) => self.remove(name),
            None => Ok(()),
        }
    }

    /// Removes a folder that is empty; one that isn't, or that is gone, stays as it is.
    pub fn remove_folder(&self, name: &str) -> io::Result<()> {
        effect::file("remove-folder")?;
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR) {
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => Ok(()),
            removed => Ok(removed?),
        }
    }

    /// Gives a copy the mode of another file and, where that is permitted, its owner.
    pub fn dress(&self, name: &str, like: &Stat) -> io::Result<()> {
        let (file, new) = self.file(name)?;
        let whose = |stat: &Stat| (stat.st_uid, stat.st_gid, stat.st_mode & PERMISSIONS);
        if whose(&new) == whose(like) {
            return Ok(());
        }
        effect::file("mode")?;
        let (user, group) = (Uid::from_raw(like.st_uid), Gid::from_raw(like.st_gid));
        // Only an administrator may give files away; the mode comes after, since parts of it are lost by it.
        let _ = rustix::fs::fchown(&file, Some(user), Some(group));
        rustix::fs::fchmod(&file, Mode::from_raw_mode(like.st_mode & PERMISSIONS))?;
        self.sync_file(&file, name)
    }

    /// Brings a file of this folder to the disk.
    pub fn sync_file(&self, file: &File, name: &str) -> io::Result<()> {
        effect::file("sync")?;
        file.sync_all()?;
        note(|disk| disk.synced(&self.path.join(name)));
        Ok(())
    }

    /// Brings the names in this folder to the disk.
    pub fn sync(&self) -> io::Result<()> {
        effect::file("sync-folder")?;
        rustix::fs::fsync(&self.fd)?;
        note(|disk| disk.folder_synced(&self.path));
        Ok(())
    }

    /// Brings everything to the disk that lies on the one this folder is on.
    pub fn sync_disk(&self) -> io::Result<()> {
        effect::file("sync-disk")?;
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(&self.fd)?;
        #[cfg(not(target_os = "linux"))]
        rustix::fs::sync();
        note(|disk| disk.synced_below(&self.path));
        Ok(())
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The folders of many files, one after the other: the last one stays open.
pub struct Reach<'r> {
    root: &'r Folder,
    last: Option<(String, Folder)>,
}

impl<'r> Reach<'r> {
    pub fn new(root: &'r Folder) -> Self {
        Self { root, last: None }
    }

    /// The folder that a file lies in, and its name there.
    pub fn of<'p>(&mut self, path: &'p FilePath) -> io::Result<(&Folder, &'p str)> {
        let (around, name) = parted(path);
        let is_open = self.last.as_ref().is_some_and(|(open, _)| open == around);
        if !is_open {
            self.last = Some((around.to_owned(), self.root.below(around)?));
        }
        match &self.last {
            Some((_, folder)) => Ok((folder, name)),
            None => Ok((self.root, name)),
        }
    }
}

/// A file's folder, empty for the root, and its name.
pub fn parted(path: &FilePath) -> (&str, &str) {
    path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()))
}

/// Whether a part of a path isn't there, or isn't a folder.
pub fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
