//! Who changed a file last, and when.

use std::ffi::OsStr;
use std::path::Path;

use jiff::Timestamp;

use super::{Commit, Error, Repository};

/// The newest commit that changed a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastChange {
    pub commit: Commit,
    /// As the commit has it: whoever wrote it chose it, so it proves nothing and is to be escaped.
    pub author_name: String,
    pub author_email: String,
    /// When the commit was made; rebasing makes it anew, merging doesn't.
    pub at: Timestamp,
}

const FORMAT: &str = "--format=%H%x00%an%x00%ae%x00%ct";

impl Repository {
    /// The last change of a file in the history of a commit. The path starts from the repository's
    /// root. `None` for a path that no commit of that history touched.
    ///
    /// Addresses are the commit's own: a `.mailmap` would let a pull request redirect mails.
    pub async fn last_change(
        &self,
        commit: &Commit,
        path: &Path,
    ) -> Result<Option<LastChange>, Error> {
        // Plumbing: people's `log.*` settings don't apply to it.
        let list = ["rev-list", "--max-count=1", "--encoding=UTF-8", FORMAT, commit.as_str(), "--"];
        let call = self.git.call(list.map(OsStr::new).into_iter().chain([path.as_os_str()]));
        let printed = call.text().await?;
        Ok(printed.lines().nth(1).and_then(read))
    }
}

/// The line that [`FORMAT`] makes.
fn read(line: &str) -> Option<LastChange> {
    let mut parts = line.split('\0');
    let commit = Commit::parse(parts.next()?)?;
    let (author_name, author_email) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let seconds: i64 = parts.next()?.parse().ok()?;
    // A date beyond what can be told counts as the end of that range.
    let at = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    Some(LastChange { commit, author_name, author_email, at })
}
