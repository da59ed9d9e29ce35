//! What the ledger of a target says of a run whose process ended in the middle of it.

use super::{Context, Error, open::session};
use crate::apply::ledger::{Ledger, RunRow};
use crate::apply::{Term, files};
use crate::config::Environment;
use crate::database::{self, Access, Session};
use crate::gallery;

/// Attempts at one look while the database says that another transaction was in the way.
const ATTEMPTS: usize = 3;

/// A run by its name, if it is committed: on its target, or where nobody knows that, on either.
///
/// # Guarantees
/// Nothing of the run is under way any more when this returns, and nothing of it comes later: the
/// fence that it would hold was raised under the lease given, so a process that was only stopped is
/// refused there.
pub async fn found(
    context: &Context<'_>,
    target: Option<Environment>,
    run: &str,
    term: Option<&Term>,
) -> Result<Option<RunRow>, Error> {
    let either = [Environment::Prod, Environment::Test];
    for environment in either.into_iter().filter(|it| target.is_none_or(|target| target == *it)) {
        if let Some(row) = found_on(context, environment, run, term).await? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

async fn found_on(
    context: &Context<'_>,
    target: Environment,
    run: &str,
    term: Option<&Term>,
) -> Result<Option<RunRow>, Error> {
    let ledger = Ledger::default();
    let mut reader = session(context, target, Access::ReadOnly).await?;
    let catalog = reader.catalog().await?;
    let exists = ledger.is_there(&mut reader, &catalog).await?;
    reader.close().await?;
    if !exists {
        return Ok(None);
    }
    let mut session = session(context, target, Access::Write).await?;
    // The process may have ended between the tables and their first rows.
    ledger.create(&mut session).await?;
    let mut attempt = 1;
    let row = loop {
        match behind_the_fence(&mut session, &ledger, run, term).await {
            Err(error) if attempt < ATTEMPTS && may_go_better(&error) => {
                attempt += 1;
                session.rollback().await?;
            }
            found => break found?,
        }
    };
    session.close().await?;
    if row.is_none() {
        take_back(context, target, run).await?;
    }
    Ok(row)
}

/// Files of a run that isn't committed.
async fn take_back(context: &Context<'_>, target: Environment, run: &str) -> Result<(), Error> {
    let Some(gallery) = gallery::open(context.config, target).await? else { return Ok(()) };
    if gallery.left_behind().await?.iter().any(|left| left == run) {
        files::take_back(&*gallery, run).await?;
    }
    Ok(())
}

fn may_go_better(error: &Error) -> bool {
    error.database().is_some_and(database::Error::is_retryable)
}

async fn behind_the_fence(
    session: &mut Session,
    ledger: &Ledger,
    run: &str,
    term: Option<&Term>,
) -> Result<Option<RunRow>, Error> {
    session.begin().await?;
    ledger.raise_fence(session, term).await?;
    let row = ledger.run(session, run).await?;
    session.commit().await?;
    Ok(row)
}
