//! Cancelling: by the link of a message, and what both ways have in common.
//!
//! Answers for looking at a link changing nothing, since mail scanners follow links: only the button
//! does. Whoever comes too late is told what happened. What a cancellation is, is
//! `daemon::operate`'s.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use minijinja::context;

use super::site::{Settings, Site};
use super::store;
use crate::daemon::operate::{NotCancelled, Which};
use crate::daemon::pass::whole_second;
use crate::daemon::turn::Desk;
use crate::daemon::watch::Checked;
use crate::job::Context;
use crate::manifest::job::Job;
use crate::report::local;
use crate::report::messages::approved_changes;
use crate::report::ticket::{Bad, Ticket};
use crate::state::{self, End, Ended};

/// Attempts while others write about the same job.
const ATTEMPTS: usize = 3;
/// Who cancels by a link: whoever has the message.
const BY: &str = "the link in the message";

/// Why nothing was cancelled.
#[derive(Debug, thiserror::Error)]
pub enum Cannot {
    #[error(transparent)]
    NotCancelled(#[from] NotCancelled),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the daemon has only just started and doesn't know the manifests yet; try again soon")]
    NotLooked,
    #[error("no manifest names this job any more, so it isn't carried out")]
    NoJob,
    #[error("its manifest is broken, so it isn't carried out as it is: {0}")]
    Broken(String),
}

impl From<state::Error> for Cannot {
    fn from(error: state::Error) -> Self {
        Self::NotCancelled(error.into())
    }
}

/// What could be cancelled.
struct Open {
    /// Absent where it waits for something else.
    time: Option<String>,
    changes: Vec<String>,
}

/// GET: what would be cancelled.
pub async fn show(State(site): State<Arc<Site>>, Path(link): Path<String>) -> Response {
    let settings = site.settings();
    let ticket = match ticket(&site, &settings, &link).await {
        Ok(ticket) => ticket,
        Err(response) => return response,
    };
    match open(&site, &settings, &ticket).await {
        Ok(Open { time, changes }) => {
            let sentences = [match time {
                Some(time) => format!("{} is scheduled for {time}.", ticket.job),
                None => format!("{} is approved, and runs as soon as it can.", ticket.job),
            }];
            let title = format!("Cancel {}?", ticket.job);
            let values = context! { title, sentences, changes, open => true };
            site.pages.show(StatusCode::OK, "cancel.html", values)
        }
        Err(cannot) => refused(&site, &ticket.job, &cannot, StatusCode::OK),
    }
}

/// POST: the button.
pub async fn carry_out(State(site): State<Arc<Site>>, Path(link): Path<String>) -> Response {
    let settings = site.settings();
    let ticket = match ticket(&site, &settings, &link).await {
        Ok(ticket) => ticket,
        Err(response) => return response,
    };
    let Ticket { job, request, .. } = &ticket;
    match cancel(&site, &settings, job, request, BY).await {
        Ok(_) => {
            let title = format!("{job} is cancelled");
            let sentences = [
                "Nothing was changed, and nothing will be.",
                "To have it carried out after all, change the number in the manifest's `request:` \
                 and commit that.",
            ];
            site.pages.show(StatusCode::OK, "cancel.html", context! { title, sentences })
        }
        Err(cannot) => refused(&site, job, &cannot, StatusCode::CONFLICT),
    }
}

/// The ticket in a link, if it counts.
async fn ticket(site: &Site, settings: &Settings, link: &str) -> Result<Ticket, Response> {
    let key = match site.store.ticket_key(&settings.config).await {
        Ok(key) => key,
        Err(error) => return Err(refused(site, "the run", &error.into(), StatusCode::OK)),
    };
    Ticket::read(link, &key, Timestamp::now()).map_err(|bad| {
        let (status, title) = match bad {
            Bad::Forged => (StatusCode::NOT_FOUND, "No such link"),
            Bad::Expired(_) => (StatusCode::GONE, "Too late"),
        };
        let sentences = [
            format!("Nothing was cancelled: {bad}."),
            "`reconcile cancel JOB` on the machine where reconcile runs stops a run, too.".into(),
        ];
        site.pages.show(status, "cancel.html", context! { title, sentences })
    })
}

/// Why not, in words; `status` where that isn't the server's fault.
pub fn refused(site: &Site, job: &str, cannot: &Cannot, status: StatusCode) -> Response {
    let over = |ended: &Ended| match ended.phase {
        End::Cancelled => format!("{job} was cancelled already"),
        _ => format!("{job} is over"),
    };
    let (status, title) = match cannot {
        Cannot::NotCancelled(NotCancelled::Over(ended)) => (status, over(ended)),
        Cannot::NotCancelled(NotCancelled::Started) => (status, format!("{job} has started")),
        Cannot::NotCancelled(NotCancelled::State(_)) | Cannot::Store(_) | Cannot::NotLooked => {
            (StatusCode::SERVICE_UNAVAILABLE, "Not now".to_owned())
        }
        _ => (status, format!("{job} can't be cancelled")),
    };
    let mut sentences = vec![format!("Nothing was cancelled: {cannot}.")];
    if let Cannot::NotCancelled(NotCancelled::Over(ended)) = cannot {
        sentences.push(format!("{}.", ended.why));
    }
    site.pages.show(status, "cancel.html", context! { title, sentences })
}

async fn open(site: &Site, settings: &Settings, ticket: &Ticket) -> Result<Open, Cannot> {
    let mut lent = site.store.lend(&settings.config).await?;
    let checked = settings.board.known().checked.ok_or(Cannot::NotLooked)?;
    let job = job(&mut lent.desk, &checked, &ticket.job, &ticket.request).await?;
    let context = Context::new(&settings.config, &checked.manifests);
    let (which, now) = (Which::Request(&ticket.request), whole_second(Timestamp::now()));
    let turn = lent.desk.cancellable(&context, job, which, now).await?;
    let time = turn.action.standing.next_run.map(|at| local(at, job.asked()));
    lent.back();
    let plan = state::latest_plan(&settings.config, job.name());
    let changes = plan.map(|plan| approved_changes(&plan, Some(job.asked())));
    Ok(Open { time, changes: changes.unwrap_or_default() })
}

/// Cancels a request or occurrence of a job, and has the daemon look.
pub async fn cancel(
    site: &Site,
    settings: &Settings,
    name: &str,
    request: &str,
    by: &str,
) -> Result<Ended, Cannot> {
    let mut lent = site.store.lend(&settings.config).await?;
    let checked = settings.board.known().checked.ok_or(Cannot::NotLooked)?;
    let job = job(&mut lent.desk, &checked, name, request).await?;
    let context = Context::new(&settings.config, &checked.manifests);
    let (which, now) = (Which::Request(request), whole_second(Timestamp::now()));
    let mut attempt = 1;
    let ended = loop {
        match lent.desk.cancel(&context, job, which, by, now).await {
            Err(NotCancelled::State(state::Error::Changed { .. })) if attempt < ATTEMPTS => {
                attempt += 1;
            }
            cancelled => break cancelled?,
        }
    };
    lent.back();
    site.asked.notify_one();
    Ok(ended)
}

/// A job that can be used; what is said of one that can't is what became of it, if anything did.
async fn job<'a>(
    desk: &mut Desk,
    checked: &'a Checked,
    name: &str,
    request: &str,
) -> Result<Job<'a>, Cannot> {
    let manifests = &checked.manifests;
    let problem = manifests.problems_of_job(name).first().map(|problem| problem.one_line());
    let cannot = match (manifests.job(name), problem) {
        (Some(job), None) => return Ok(job),
        (_, Some(problem)) => Cannot::Broken(problem),
        (None, None) => Cannot::NoJob,
    };
    match desk.state.ended(name, request).await? {
        Some(ended) => Err(NotCancelled::Over(ended).into()),
        None => Err(cannot),
    }
}
