//! Results on a branch of their own, committed without a checkout.
//!
//! Answers for the branch's history only growing: each commit stands on the newest one of the
//! remote, and is pushed without force. Nothing is committed when nothing changed. What can't be
//! pushed stays where the caller has it, and goes out with the next publication.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::not_understood;
use super::fetch::{is_full, tracked};
use super::mirror::at;
use super::{Commit, Error, Mirror};
use crate::whole::remove;

/// Folder of the branch that the files go into.
const FOLDER: &str = "results";
/// Stands at the end of each message, so that scripts can tell these commits from people's.
const TRAILER: &str = "Reconciled-By: reconcile";
const TRIES: u32 = 5;
/// Before the second try; doubled before each later one, and shortened at random.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How git says that somebody else was quicker, so that another try on top of it may do.
const OVERTAKEN: [&str; 7] = [
    "cannot lock ref",
    "failed to lock",
    "failed to update ref",
    "fetch first",
    "incorrect old value",
    "non-fast-forward",
    "reference already exists",
];

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
        Err(self.rejected(TRIES, said))
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
        let commit = self.commit(results, &tree, parent.as_ref()).await?;
        self.push(commit, &branch).await
    }

    /// The branch's tree with the files put over it.
    async fn tree(
        &self,
        results: &Results,
        files: &[PathBuf],
        parent: Option<&Commit>,
    ) -> Result<String, Error> {
        let index = index_name(self.folder());
        let written = self.tree_in(&index, results, files, parent).await;
        match remove(&index) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(at(&index)(error)),
            _ => written,
        }
    }

    async fn tree_in(
        &self,
        index: &Path,
        results: &Results,
        files: &[PathBuf],
        parent: Option<&Commit>,
    ) -> Result<String, Error> {
        let call = |arguments: &[&str]| self.git().call(arguments).set("GIT_INDEX_FILE", index);
        match parent {
            Some(parent) => call(&["read-tree", parent.as_str()]).bytes().await?,
            None => call(&["read-tree", "--empty"]).bytes().await?,
        };
        let blobs = self.blobs_of(&results.folder, files).await?;
        let mut entries = Vec::new();
        for (file, blob) in files.iter().zip(&blobs) {
            entries.extend(format!("100644 {blob}\t{FOLDER}/").into_bytes());
            entries.extend(file.as_os_str().as_bytes());
            entries.push(0);
        }
        // A file may stand where a folder stood before, and the other way round.
        call(&["update-index", "--replace", "-z", "--index-info"]).input(entries).bytes().await?;
        call(&["write-tree"]).text().await
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

    async fn commit(
        &self,
        results: &Results,
        tree: &str,
        parent: Option<&Commit>,
    ) -> Result<Commit, Error> {
        let Results { folder: _, which: _, message, author_name, author_email } = results;
        let mut arguments = vec!["commit-tree", tree, "-F", "-"];
        if let Some(parent) = parent {
            arguments.extend(["-p", parent.as_str()]);
        }
        // `commit-tree` doesn't look at this setting by itself.
        let sign = self.git().call(["config", "--type=bool", "--get", "commit.gpgSign"]);
        if sign.output().await?.bytes.starts_with(b"true") {
            arguments.push("-S");
        }
        let message = format!("{}\n\n{TRAILER}\n", message.trim_end());
        let call = self.git().call(arguments).input(message.into_bytes());
        let call = call.set("GIT_AUTHOR_NAME", author_name).set("GIT_AUTHOR_EMAIL", author_email);
        let call = call.set("GIT_COMMITTER_NAME", author_name);
        let printed = call.set("GIT_COMMITTER_EMAIL", author_email).text().await?;
        Commit::parse(&printed).ok_or_else(|| not_understood("commit-tree"))
    }

    /// Never with force: what the remote has and we haven't seen stays.
    async fn push(&mut self, commit: Commit, branch: &str) -> Result<Try, Error> {
        let refspec = format!("{commit}:refs/heads/{branch}");
        let call = self.git().call([
            "push",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--recurse-submodules=no",
            "origin",
            &refspec,
        ]);
        let output = call.time_limit(self.remote_time_limit).output().await?;
        if output.code == Some(0) {
            let update = ["update-ref", &tracked(branch), commit.as_str()];
            self.git().call(update).bytes().await?;
            return Ok(Try::Done(Published::Pushed(commit)));
        }
        let printed = String::from_utf8_lossy(&output.bytes);
        let refusal = printed.lines().find_map(|line| line.strip_prefix("!\t"));
        let Some(refusal) = refusal else { return Err(self.why(&output)) };
        let reason = refusal.rsplit('\t').next().unwrap_or(refusal);
        let words = [reason, &output.said].join("; ");
        if OVERTAKEN.iter().any(|word| reason.contains(word)) {
            return Ok(Try::Overtaken(words));
        }
        Err(self.rejected(1, words))
    }

    fn rejected(&self, tries: u32, said: String) -> Error {
        let branch = self.source.results_branch.clone();
        Error::Rejected { url: self.url(), branch, tries, said }
    }
}

/// Whether the clone couldn't be read, which the next call mends by fetching it anew.
fn is_damage(command: &str, said: &str) -> bool {
    matches!(command, "read-tree" | "write-tree" | "rev-parse") && !is_full(said)
}

/// An index that no other call of this process or another one uses.
fn index_name(folder: &Path) -> PathBuf {
    folder.join(format!("tmp_index_{}_{:x}", std::process::id(), random()))
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

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
