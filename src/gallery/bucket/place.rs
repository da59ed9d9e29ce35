//! Names for staged copies: given before a commit, taken back, put over others, and taken away.
//!
//! Answers for nothing being replaced or deleted but what was meant. What a run placed is known by a
//! journal of it, and by the run's name, which the object carries.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hyper::Method;

use super::super::{Result, Staged};
use super::listing::{Depth, under};
use super::wire::Ask;
use super::write::{Done, Only, content_type};
use super::{AT_ONCE, Bucket, Seen};
use crate::plan::file::{Content, FilePath};

/// What an object says of the run that wrote it, `RUN/NUMBER`.
const WRITTEN_BY: &str = "x-amz-meta-reconcile-run";
const JOURNAL: &str = "placed";

impl Bucket {
    /// # Flow
    /// The journal is written, then every name is given under the condition that it is free.
    ///
    /// # Guarantees
    /// On return no request of it is under way any more, also where it failed.
    ///
    /// # Assumptions
    /// The server understands `If-None-Match`, which is tried on the journal.
    pub(super) async fn place_all(&self, run: &str, new: &[(usize, FilePath)]) -> Result<()> {
        self.write_journal(run, new).await?;
        let staged = under(&self.wire, &self.staged_folder(run), Depth::Below).await?.objects;
        let sizes: HashMap<String, u64> = staged.into_iter().map(|it| (it.key, it.size)).collect();
        let sizes = &sizes;
        let has_failed = AtomicBool::new(false);
        let placed = new.iter().cloned().map(|(number, path)| {
            let has_failed = &has_failed;
            async move {
                if has_failed.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let at = Staged { run, number };
                let placed = match sizes.get(&self.staged_key(at)) {
                    Some(size) => self.place_one(at, *size, &path).await,
                    None => Err(self.changed(&path)),
                };
                has_failed.fetch_or(placed.is_err(), Ordering::Relaxed);
                placed
            }
        });
        let placed: Vec<Result<()>> =
            stream::iter(placed).buffer_unordered(AT_ONCE).collect().await;
        placed.into_iter().collect()
    }

    async fn place_one(&self, at: Staged<'_>, size: u64, path: &FilePath) -> Result<()> {
        let staged = self.staged_key(at);
        let mut headers = vec![(WRITTEN_BY, written_by(at))];
        headers.extend(content_type(path).map(|kind| ("content-type", kind.to_owned())));
        let key = self.key(path.as_str());
        match self.give((&staged, size), &key, &headers, Only::IfNew).await? {
            Done::Yes => Ok(()),
            Done::Refused => match self.head(&key).await? {
                Some(seen) if seen.is_by(at) => Ok(()),
                _ => Err(self.taken(path)),
            },
        }
    }

    /// # Guarantees
    /// Only what this run placed, and nobody wrote since, is deleted.
    pub(super) async fn take_all_back(&self, run: &str) -> Result<()> {
        let journal = self.read_journal(run).await?;
        let taken = journal.into_iter().map(|(number, path)| async move {
            self.take_one_back(Staged { run, number }, &path).await
        });
        stream::iter(taken).buffer_unordered(AT_ONCE).try_collect().await
    }

    async fn take_one_back(&self, at: Staged<'_>, path: &FilePath) -> Result<()> {
        let (key, staged) = (self.key(path.as_str()), self.staged_key(at));
        let Some(seen) = self.head(&key).await?.filter(|seen| seen.is_by(at)) else {
            return Ok(());
        };
        // Who edits an object may keep what it says of itself.
        let Some(copy) = self.head(&staged).await? else { return Ok(()) };
        let content = self.content(&key, (&seen.etag, seen.size), &|_| ()).await?;
        if content.is_none()
            || content != self.content(&staged, (&copy.etag, copy.size), &|_| ()).await?
        {
            return Ok(());
        }
        self.delete(&key, Only::If(&seen.etag)).await.map(|_| ())
    }

    /// # Flow
    /// The old object is copied to the trash as the one that was checked, then written over if it still is.
    pub(super) async fn put_over(
        &self,
        at: Staged<'_>,
        path: &FilePath,
        [before, after]: [&Content; 2],
    ) -> Result<()> {
        let key = self.key(path.as_str());
        let (seen, content) = self.holds(&key).await?.ok_or_else(|| self.taken(path))?;
        if content == *after {
            return Ok(());
        }
        if content != *before {
            return Err(self.taken(path));
        }
        if self.keep(&key, &seen, &self.trash(at.run, path)).await? == Done::Refused {
            return Err(self.taken(path));
        }
        let mut headers = seen.kept();
        headers.push((WRITTEN_BY, written_by(at)));
        let staged = self.staged_key(at);
        match self.give((&staged, after.size), &key, &headers, Only::If(&seen.etag)).await? {
            Done::Yes => Ok(()),
            Done::Refused => match self.holds(&key).await? {
                Some((_, content)) if content == *after => Ok(()),
                _ => Err(self.taken(path)),
            },
        }
    }

    pub(super) async fn move_away(
        &self,
        run: &str,
        path: &FilePath,
        before: &Content,
    ) -> Result<()> {
        let key = self.key(path.as_str());
        let Some((seen, content)) = self.holds(&key).await? else {
            // Gone, or written just now.
            return match self.head(&key).await? {
                None => Ok(()),
                Some(_) => Err(self.taken(path)),
            };
        };
        if content != *before
            || self.keep(&key, &seen, &self.trash(run, path)).await? == Done::Refused
        {
            return Err(self.taken(path));
        }
        match self.delete(&key, Only::If(&seen.etag)).await? {
            Done::Yes => Ok(()),
            Done::Refused if self.head(&key).await?.is_none() => Ok(()),
            Done::Refused => Err(self.taken(path)),
        }
    }

    /// What stands at a key now; none: nothing, or it changed while it was read.
    async fn holds(&self, key: &str) -> Result<Option<(Seen, Content)>> {
        let Some(seen) = self.head(key).await? else { return Ok(None) };
        let content = self.content(key, (&seen.etag, seen.size), &|_| ()).await?;
        Ok(content.map(|content| (seen, content)))
    }

    /// The journal goes last: without it nothing can be taken back.
    pub(super) async fn clear_stage(&self, run: &str) -> Result<()> {
        let found = under(&self.wire, &self.staged_folder(run), Depth::Below).await?;
        let journal = self.journal_key(run);
        let mut keys: Vec<String> = found.objects.into_iter().map(|object| object.key).collect();
        let has_journal = keys.contains(&journal);
        keys.retain(|key| *key != journal);
        let deleted = keys
            .into_iter()
            .map(|key| async move { self.delete(&key, Only::Always).await.map(|_| ()) });
        stream::iter(deleted).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        if has_journal {
            self.delete(&journal, Only::Always).await?;
        }
        Ok(())
    }

    fn staged_key(&self, at: Staged<'_>) -> String {
        format!("{}{}", self.staged_folder(at.run), at.number)
    }

    fn journal_key(&self, run: &str) -> String {
        format!("{}{JOURNAL}", self.staged_folder(run))
    }

    /// What is about to be placed, beside what was.
    async fn write_journal(&self, run: &str, new: &[(usize, FilePath)]) -> Result<()> {
        let mut journal = self.read_journal(run).await?;
        journal.extend(new.iter().cloned());
        let bytes = serde_json::to_vec(&journal).expect("numbers and paths can be written");
        let key = self.journal_key(run);
        self.put(&key, bytes.clone().into(), &Vec::new(), Only::Always).await?;
        if self.put(&key, bytes.into(), &Vec::new(), Only::IfNew).await? == Done::Yes {
            let message = "the server doesn't understand `If-None-Match` of a put, without which a file of \
                           somebody else could be replaced; it needs one that does";
            return Err(self.wire.error(message, false));
        }
        Ok(())
    }

    async fn read_journal(&self, run: &str) -> Result<Vec<(usize, FilePath)>> {
        let key = self.journal_key(run);
        let reply = self.wire.ask(&Ask::new(Method::GET, &key), &[404]).await?;
        if reply.status == 404 {
            return Ok(Vec::new());
        }
        serde_json::from_slice(&reply.body)
            .map_err(|error| self.wire.error(format!("{key} can't be read: {error}"), false))
    }
}

fn written_by(at: Staged<'_>) -> String {
    format!("{}/{}", at.run, at.number)
}

impl Seen {
    fn is_by(&self, at: Staged<'_>) -> bool {
        self.header(WRITTEN_BY).is_some_and(|by| by == written_by(at))
    }
}
