//! After a run: files that are replaced or deleted only once it is committed.
//!
//! Answers for nothing being lost on the way: what is to be done stands in the ledger until it is done. A
//! run that committed has succeeded, whatever becomes of this; the daemon tries until it is done.

use super::open::session;
use super::publishing::Came;
use super::{Context, Error};
use crate::apply::files::{self, Left};
use crate::config::{Environment, environments};
use crate::database::Access;
use crate::gallery;
use crate::manifest::sync_job::Direction;

/// How far the files are that runs left to be changed in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filing {
    pub target: Environment,
    pub came: Came,
}

impl Filing {
    /// What is still to be done, for people.
    pub fn pending(&self) -> Option<String> {
        match &self.came {
            Came::There => None,
            Came::NotYet => Some(files::TO_COME.to_owned()),
            Came::Short { why, .. } => Some(format!(
                "{}: {why}; the daemon tries again, and so does `reconcile` with the job's name",
                files::NOT_ALL
            )),
        }
    }
}

/// What a committed run left to be done, if it changed files.
pub(super) fn to_come(
    context: &Context<'_>,
    direction: Direction,
    files: [u64; 3],
) -> Option<Filing> {
    let target = environments(direction).1;
    let is_ours = context.config.instance == Environment::Prod;
    let changed = files.iter().any(|count| *count > 0);
    (is_ours && changed).then_some(Filing { target, came: Came::NotYet })
}

/// Replaces and deletes what committed runs left, as far as that goes.
///
/// # Guarantees
/// What isn't done when this returns, or is dropped, is taken up by whoever calls it next.
pub async fn finish(context: &Context<'_>, target: Environment) -> Filing {
    let came = match finish_on(context, target).await {
        Ok(Left::Nothing) => Came::There,
        Ok(Left::Some(reasons)) => Came::Short { why: reasons.join("; "), failed: 0 },
        Err(error) => Came::Short { why: error.to_string(), failed: 0 },
    };
    Filing { target, came }
}

async fn finish_on(context: &Context<'_>, target: Environment) -> Result<Left, Error> {
    let gallery = gallery::open(context.config, target).await?;
    let gallery = gallery.ok_or(Error::NoGallery(target))?;
    let mut session = session(context, target, Access::Write).await?;
    let left = files::finish(&mut session, &*gallery, target).await;
    session.close().await?;
    Ok(left?)
}
