//! Results on a branch of their own, committed without a checkout.
//!
//! Answers for the branch's history only growing: each commit stands on the newest one of the
//! remote, and is pushed without force. Nothing is committed when nothing changed. What can't be
//! pushed stays where the caller has it, and goes out with the next publication.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::committing::{Identity, Only, Placed, Pushed, Words, random};
use super::fetch::{is_full, tracked};
use super::mirror::at;
use super::{Commit, Error, Mirror};

/// Folder of the branch that the files go into.
const FOLDER: &str = "results";
/// Stands at the end of each message, so that scripts can tell these commits from people's.
const TRAILER: &str = "Reconciled-By: reconcile";
const TRIES: u32 = 5;
/// Before the second try; doubled before each later one, and shortened at random.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// What is to be published.
#[derive(Debug, Clone)]
pub struct Results {
    /// Its files are put over `results/` of the branch. Links, hidden files and drafts (`*.tmp`) are left out.
    pub folder: PathBuf,
    pub which: Which,
    /// What happened; a trailer is added.
    pub message: String,
    pub author_name: String,
    pub author_email: String,
}

/// Which files of a folder are put over the branch's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    All,
    /// These, and everything below them. The rest may be older than what others have pushed.
    Below(BTreeSet<PathBuf>),
}

impl Which {
    fn holds(&self, path: &Path) -> bool {
        match self {
            Self::All => true,
            Self::Below(places) => places.iter().any(|place| path.starts_with(place)),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// The branch says all of it already.
    Nothing,
    /// This commit is the branch's newest now.
    Pushed(Commit),
    /// Another process publishes by now: what lies here may be older than what it has pushed.
    NotOurs,
}

/// Says whether it still is this process that publishes.
pub type Leads<'a> = &'a mut dyn FnMut() -> bool;

/// How one try ended.
enum Try {
    Done(Published),
    Overtaken(String),
}

impl Results {
    fn words(&self) -> Words {
        let us = Identity { name: self.author_name.clone(), email: self.author_email.clone() };
        let message = format!("{}\n\n{TRAILER}", self.message.trim_end());
        Words { message, author: us.clone(), committer: us }
    }
}

impl Mirror {
    /// Puts files on the branch of results, which is made where it isn't there.
    ///
    /// # Flow
    /// Fetch the branch, ask whether this process leads, write a tree in an index of its own, commit,
    /// push. When somebody else pushed in between, the same again on top of that, up to five times.
    ///
    /// # Guarantees
    /// The remote's branch afterwards is what it was with at most one commit of ours on top; nobody's
    /// commit is lost. Nor is anybody's newer file: whoever leads after us pushes after our question,
    /// so that our push stands on something older and is refused. Local files are only read, and
    /// calling it again is harmless.
    ///
    /// # Errors
    /// [`Error::Rejected`] when the remote refuses, as with a protected branch, or others were
    /// quicker each time; else as [`Mirror::fetch`]. Try again later.
    pub async fn publish(
        &mut self,
        results: &Results,
        leads: Leads<'_>,
    ) -> Result<Published, Error> {
        let lock = self.open().await?;
        let published = match self.publish_over(results, leads).await {
            Err(Error::Failed { command, said }) if is_damage(&command, &said) => {
                Err(self.damaged(said))
            }
            published => published,
        };
        if !matches!(published, Err(Error::TimeLimit { .. })) {
            lock.finish()?;
        }
        published
    }

    /// The files that the branch of results holds.
    pub async fn results(&mut self) -> Result<Vec<(PathBuf, Vec<u8>)>, Error> {
        let lock = self.open().await?;
        let branch = self.source.results_branch.clone();
        let files = match self.fetch_branch(&branch).await? {
            Some(head) => match self.repository().files(&head, FOLDER).await {
                Err(Error::NoFolder { .. }) => Ok(Vec::new()),
                files => files,
            },
            None => Ok(Vec::new()),
        };
        lock.finish()?;
        files
    }

    async fn publish_over(
        &mut self,
        results: &Results,
        leads: Leads<'_>,
    ) -> Result<Published, Error> {
        let mut files = files(&results.folder).map_err(at(&results.folder))?;
        files.retain(|file| results.which.holds(file));
        if files.is_empty() {
            return Ok(Published::Nothing);
        }
        let mut said = String::new();
        for number in 0..TRIES {
            tokio::time::sleep(pause(number)).await;
            match self.try_to_publish(results, &files, leads).await? {
                Try::Done(published) => return Ok(published),
                Try::Overtaken(words) => said = words,
            }
        }
        Err(self.rejected(&self.source.results_branch, TRIES, said))
    }

    async fn try_to_publish(
        &mut self,
        results: &Results,
        files: &[PathBuf],
        leads: Leads<'_>,
    ) -> Result<Try, Error> {
        let branch = self.source.results_branch.clone();
        let parent = self.fetch_branch(&branch).await?;
        if !leads() {
            return Ok(Try::Done(Published::NotOurs));
        }
        let tree = self.tree(results, files, parent.as_ref()).await?;
        if Some(&tree) == self.tree_of(parent.as_ref()).await?.as_ref() {
            return Ok(Try::Done(Published::Nothing));
        }
        let commit = self.commit_tree(&tree, parent.as_ref(), &results.words()).await?;
        match self.push(&commit, &branch, Only::Forward).await? {
            Pushed::Taken(_) => {
                let update = ["update-ref", &tracked(&branch), commit.as_str()];
                self.git().call(update).bytes().await?;
                Ok(Try::Done(Published::Pushed(commit)))
            }
            Pushed::Overtaken(words) => Ok(Try::Overtaken(words)),
            Pushed::Refused(words) => Err(self.rejected(&branch, 1, words)),
        }
    }

    /// The branch's tree with the files put over it.
    async fn tree(
        &self,
        results: &Results,
        files: &[PathBuf],
        parent: Option<&Commit>,
    ) -> Result<String, Error> {
        let blobs = self.blobs_of(&results.folder, files).await?;
        let paths = files.iter().map(|file| Path::new(FOLDER).join(file));
        let paths: Vec<PathBuf> = paths.collect();
        let placed = paths.iter().zip(&blobs).map(|(path, object)| Placed {
            mode: "100644",
            object,
            path: path.as_os_str().as_bytes(),
        });
        self.tree_with(parent, &placed.collect::<Vec<_>>()).await
    }

    /// Writes files as blobs, byte for byte: no attribute or setting changes them.
    async fn blobs_of(&self, folder: &Path, files: &[PathBuf]) -> Result<Vec<String>, Error> {
        let folder = std::path::absolute(folder).map_err(at(folder))?;
        let mut paths = Vec::new();
        for file in files {
            paths.extend(folder.join(file).as_os_str().as_bytes());
            paths.push(b'\n');
        }
        let call = self.git().call(["hash-object", "-w", "--no-filters", "--stdin-paths"]);
        let limit = 1024 + files.len() * 65;
        let printed = call.input(paths).output_limit(limit).text().await?;
        Ok(printed.lines().map(str::to_owned).collect())
    }

    async fn tree_of(&self, commit: Option<&Commit>) -> Result<Option<String>, Error> {
        let Some(commit) = commit else { return Ok(None) };
        let tree = format!("{commit}^{{tree}}");
        Ok(Some(self.git().call(["rev-parse", "--verify", &tree]).text().await?))
    }
}

/// Whether the clone couldn't be read, which the next call mends by fetching it anew.
fn is_damage(command: &str, said: &str) -> bool {
    matches!(command, "read-tree" | "write-tree" | "rev-parse") && !is_full(said)
}

/// Regular files below a folder, by their paths in it.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(folder.join(&inside))? {
            let entry = entry?;
            let (name, kind) = (entry.file_name(), entry.file_type()?);
            if is_left_out(&name) {
                continue;
            }
            if kind.is_dir() {
                folders.push(inside.join(name));
            } else if kind.is_file() {
                found.push(inside.join(name));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Drafts, which somebody is writing or left behind, and hidden files; a name with a line's end
/// can't be told to git.
fn is_left_out(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.starts_with(b".") || name.ends_with(b".tmp") || name.contains(&b'\n')
}

/// Two that were overtaken by each other shouldn't try again in step.
fn pause(number: u32) -> Duration {
    if number == 0 {
        return Duration::ZERO;
    }
    let longest = FIRST_PAUSE * 2_u32.pow(number - 1);
    let share = u32::try_from(random() % 1000).unwrap_or_default();
    longest / 2 + longest / 2000 * share
}
