//! The demo's own git repository.
//!
//! Answers for working without a git identity and without anybody's settings or signing.

use std::path::Path;

use crate::git::Error;
use crate::git::run::{Git, Place, Settings};

/// Settings of the repository itself, so that people can commit in it as well.
const SETTINGS: [(&str, &str); 5] = [
    ("user.name", "Jo Demo"),
    ("user.email", "jo@shop.example"),
    ("commit.gpgSign", "false"),
    ("core.hooksPath", "/dev/null"),
    ("gc.auto", "0"),
];

/// Makes a repository of a folder's files, with one commit.
pub async fn make_repository(folder: &Path) -> Result<(), Error> {
    let git = Git::new(folder, Place::WorkTree, Settings::Own);
    git.call(["init", "--quiet", "--initial-branch=main", "--template="]).bytes().await?;
    for (key, value) in SETTINGS {
        git.call(["config", key, value]).bytes().await?;
    }
    git.call(["add", "--all"]).bytes().await?;
    let message = "What can be synchronized, and what shall go where";
    git.call(["commit", "--quiet", "--message", message]).bytes().await?;
    Ok(())
}

/// Commits what changed, and returns what git says of it.
pub async fn commit(folder: &Path, message: &str) -> Result<String, Error> {
    let git = Git::new(folder, Place::WorkTree, Settings::Own);
    let said = git.call(["commit", "--all", "--message", message]).bytes().await?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// What git says to a question about the repository.
pub async fn ask(folder: &Path, question: &[&str]) -> Result<String, Error> {
    let git = Git::new(folder, Place::WorkTree, Settings::Own);
    let said = git.call(question.iter().copied()).bytes().await?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}
