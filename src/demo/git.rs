//! The demo's own git repository.
//!
//! Answers for working without a git identity and without anybody's settings, hooks or signing.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why git didn't do its part.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "git can't be started: {0}; the demo keeps its manifests in a git repository, so install git"
    )]
    Missing(io::Error),
    #[error("`git {command}` failed in {folder}: {said}", folder = folder.display())]
    Failed { command: String, folder: PathBuf, said: String },
}

/// Settings of the repository itself, so that people can commit in it as well.
const SETTINGS: [(&str, &str); 5] = [
    ("user.name", "Jo Demo"),
    ("user.email", "jo@shop.example"),
    ("commit.gpgSign", "false"),
    ("core.hooksPath", "/dev/null"),
    ("gc.auto", "0"),
];

/// Makes a repository of a folder's files, with one commit.
pub fn make_repository(folder: &Path) -> Result<(), Error> {
    git(folder, &["-c", "init.defaultBranch=main", "init", "--quiet", "--template="])?;
    for (key, value) in SETTINGS {
        git(folder, &["config", key, value])?;
    }
    git(folder, &["add", "--all"])?;
    git(
        folder,
        &["commit", "--quiet", "--message", "What can be synchronized, and what shall go where"],
    )?;
    Ok(())
}

/// Commits what changed, and returns what git says of it.
pub fn commit(folder: &Path, message: &str) -> Result<String, Error> {
    git(folder, &["commit", "--all", "--message", message])
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String, Error> {
    let mut command = Command::new("git");
    // Set where git runs as part of a hook: they would lead to another repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"]
    {
        command.env_remove(name);
    }
    let output = command
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("LC_ALL", "C")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .map_err(Error::Missing)?;
    if !output.status.success() {
        return Err(Error::Failed {
            command: arguments.join(" "),
            folder: folder.to_owned(),
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
