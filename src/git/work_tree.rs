//! The work tree that a user's folder lies in.
//!
//! Answers for what git knows of files that lie in a directory: read-only, and whatever isn't
//! committed is nobody's change yet.

use std::path::{Path, PathBuf};

use super::{Error, LastChange, Repository};

/// A repository with the files people work on.
#[derive(Debug, Clone)]
pub struct WorkTree {
    pub repository: Repository,
    /// The folder at the top, links resolved.
    pub root: PathBuf,
}

impl WorkTree {
    /// The work tree a folder lies in; `None` where it lies in none.
    pub async fn around(folder: &Path) -> Result<Option<Self>, Error> {
        let call = ["rev-parse", "--show-toplevel"];
        let output = Repository::of_work_tree(folder).git.call(call).output().await?;
        match output.code {
            Some(0) => {
                use std::os::unix::ffi::OsStrExt;
                let root = output.bytes.strip_suffix(b"\n").unwrap_or(&output.bytes);
                let root = Path::new(std::ffi::OsStr::from_bytes(root)).to_owned();
                Ok(Some(Self { repository: Repository::of_work_tree(&root), root }))
            }
            _ if output.said.contains("not a git repository")
                || output.said.contains("must be run in a work tree") =>
            {
                Ok(None)
            }
            // Such as one of another user's: git says how to trust it.
            _ => Err(Error::Failed { command: "rev-parse".into(), said: output.said }),
        }
    }

    /// A file or folder of the host by its path in the repository, which is empty for the top;
    /// `None` outside of the work tree.
    pub fn inside(&self, path: &Path) -> Option<PathBuf> {
        if path.is_dir() {
            return path.canonicalize().ok()?.strip_prefix(&self.root).ok().map(Path::to_owned);
        }
        // The file itself may be a link, or be gone.
        let folder = path.parent()?.canonicalize().ok()?;
        folder.join(path.file_name()?).strip_prefix(&self.root).ok().map(Path::to_owned)
    }

    /// The last commit that changed a file as it lies there; `None` if it isn't tracked, or was
    /// edited since.
    pub async fn last_change(&self, file: &Path) -> Result<Option<LastChange>, Error> {
        let Some(path) = self.inside(file) else { return Ok(None) };
        let status = ["status", "--porcelain", "-z", "--untracked-files=all", "--ignored", "--"];
        let call = self
            .repository
            .git
            .call(status.iter().map(|it| std::ffi::OsStr::new(*it)).chain([path.as_os_str()]));
        if !call.bytes().await?.is_empty() {
            return Ok(None);
        }
        match self.repository.resolve("HEAD").await {
            Ok(head) => self.repository.last_change(&head, &path).await,
            // Nothing was committed yet.
            Err(Error::NoCommit { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
