//! The review's button: what was ticked, as a branch that people merge.
//!
//! Answers for only those being heard who may schedule and who press it on a page of ours, for reading
//! no more than a review can say, and for every answer being a page that leads back. What is proposed,
//! and why not, is `daemon::proposal`'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use jiff::Timestamp;
use minijinja::context;
use serde::Deserialize;

use super::access::Person;
use super::guard::{Begun, Sender};
use super::page::{nothing_here, reader};
use super::site::{Settings, Site};
use super::store;
use crate::config::Config;
use crate::config::http::May;
use crate::daemon::pass::whole_second;
use crate::daemon::proposal::{self, Draft, Proposal, Refused, Scheduled, Wish, apart};
use crate::daemon::watch::Checked;
use crate::escape::visible;
use crate::manifest::sync_job::Schedule;
use crate::plan::heading::Heading;
use crate::plan::ticked::Ticked;
use crate::report::messages::job_path;
use crate::state;

/// Bytes of what is sent: a hundred thousand IDs.
pub const LARGEST: usize = 8 * 1024 * 1024;
/// Until it is answered: a push talks to another server. It ends before the connection does.
const LIMIT: Duration = Duration::from_secs(50);
/// Until it is given up, so that the answer still says what was pushed.
const ENOUGH: Duration = Duration::from_secs(45);

#[derive(Deserialize)]
pub struct Sent {
    /// [`Change`] as JSON.
    change: String,
}

/// What the review's page says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Change {
    digest: String,
    approved: BTreeMap<String, Headings>,
    schedule: Option<Time>,
    dry_run: bool,
    /// Which request of the manifest the page began with; whoever sends none knows what is there.
    basis: Option<String>,
}

/// IDs, as the plan has them.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
struct Headings {
    new: Vec<String>,
    modified: Vec<String>,
    deleted: Vec<String>,
    overwrite: Vec<String>,
    adopt: Vec<String>,
    renumber: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Time {
    at: String,
    time_zone: String,
}

/// Why no branch was made.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("you may view, not schedule: `may: schedule` in the operator's file lets you")]
    MayNot,
    #[error("what was sent isn't what a review sends: {0}")]
    NotUnderstood(String),
    #[error("more was ticked than can be sent at once (8 MiB); tick fewer records")]
    TooLarge,
    #[error("the daemon has only just started and doesn't know the manifests yet; try again soon")]
    NotLooked,
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// How long a request may take that asks for this.
pub fn limit(method: &Method, uri: &Uri) -> Option<Duration> {
    let path = uri.path();
    let is_ours =
        method == Method::POST && path.starts_with("/jobs/") && path.ends_with("/schedule");
    is_ours.then_some(LIMIT)
}

pub async fn schedule(
    State(site): State<Arc<Site>>,
    Extension(Begun(begun)): Extension<Begun>,
    Sender(person): Sender,
    Path(name): Path<String>,
    form: Result<Form<Sent>, FormRejection>,
) -> Response {
    let settings = site.settings();
    let end = begun + ENOUGH;
    match scheduled(&site, &settings, &person, &name, form, end).await {
        Ok(scheduled) => shown(&site, &person, &name, &scheduled),
        Err(Failed::Refused(Refused::NoJob)) => nothing_here().await,
        Err(failed) => refused(&site, &person, &name, &failed),
    }
}

async fn scheduled(
    site: &Site,
    settings: &Arc<Settings>,
    person: &Person,
    name: &str,
    form: Result<Form<Sent>, FormRejection>,
    end: Instant,
) -> Result<Scheduled, Failed> {
    if person.may < May::Schedule {
        return Err(Failed::MayNot);
    }
    let Form(Sent { change }) = form.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Failed::TooLarge,
        _ => Failed::NotUnderstood(rejection.body_text()),
    })?;
    let draft = drafted(site, settings, person, name, change);
    let draft = before(end, || Refused::Slow, Box::pin(draft)).await?;
    let cut_off = || Refused::Unknown("it took too long to push it".into());
    before(end, cut_off, async { Ok(Box::pin(draft.push()).await?) }).await
}

/// What comes of it by then, or why nothing did.
async fn before<T>(
    end: Instant,
    late: impl FnOnce() -> Refused,
    work: impl Future<Output = Result<T, Failed>>,
) -> Result<T, Failed> {
    let done = tokio::time::timeout_at(end.into(), work).await;
    done.unwrap_or_else(|_| Err(late().into()))
}

/// All but the push.
async fn drafted(
    site: &Site,
    settings: &Arc<Settings>,
    person: &Person,
    name: &str,
    change: String,
) -> Result<Draft, Failed> {
    let known = settings.board.known();
    let checked: Arc<Checked> = known.checked.ok_or(Failed::NotLooked)?;
    let (config, job) = (Arc::clone(&settings.config), name.to_owned());
    let mut proposal = apart(move || proposed(&config, &checked, &job, &change)).await?;
    let mut lent = site.store.lend(&settings.config).await?;
    let asked = proposal.asked_anew(&mut lent.desk).await;
    if !matches!(asked, Err(Refused::State(_))) {
        lent.back();
    }
    asked?;
    Ok(proposal.draft(&person.name).await?)
}

/// What was sent, and a plan of a hundred thousand changes, take a while to read.
fn proposed(
    config: &Arc<Config>,
    checked: &Checked,
    job: &str,
    change: &str,
) -> Result<Proposal, Failed> {
    let wish = wish(change)?;
    proposal::job(config, checked, job)?;
    let plan = state::latest_plan(config, job);
    let now = whole_second(Timestamp::now());
    Ok(Proposal::of(config, checked, job, plan, wish, now)?)
}

fn wish(change: &str) -> Result<Wish, Failed> {
    let change: Change = serde_json::from_str(change)
        .map_err(|error| Failed::NotUnderstood(visible(&error.to_string()).into_owned()))?;
    let Change { digest, approved, schedule, dry_run, basis } = change;
    let schedule =
        schedule.map(|Time { at, time_zone }| Schedule { at: Some(at), cron: None, time_zone });
    let approved: Ticked =
        approved.into_iter().map(|(table, headings)| (table, headings.named())).collect();
    Ok(Wish { digest, approved, schedule, dry_run, basis })
}

impl Headings {
    fn named(self) -> BTreeMap<Heading, Vec<String>> {
        let Self { new, modified, deleted, overwrite, adopt, renumber } = self;
        BTreeMap::from([
            (Heading::New, new),
            (Heading::Modified, modified),
            (Heading::Deleted, deleted),
            (Heading::Overwrite, overwrite),
            (Heading::Adopt, adopt),
            (Heading::Renumber, renumber),
        ])
    }
}

fn shown(site: &Site, person: &Person, job: &str, scheduled: &Scheduled) -> Response {
    let Scheduled { proposed, into, sentences, warnings, pull_request, commands } = scheduled;
    let values = context! {
        reader => reader(person),
        title => format!("{job}: merge it to have it carried out"),
        job,
        back => job_path(job),
        branch => &proposed.branch,
        commit => proposed.commit.as_str(),
        into,
        sentences,
        warnings,
        pull_request,
        remote => &proposed.remote,
        commands,
    };
    site.pages.show(StatusCode::OK, "scheduled.html", values)
}

fn refused(site: &Site, person: &Person, job: &str, failed: &Failed) -> Response {
    let (problems, is_unknown) = match failed {
        Failed::Refused(refused) => (refused.lines(), matches!(refused, Refused::Unknown(_))),
        _ => (Vec::new(), false),
    };
    let title = match is_unknown {
        true => format!("{job}: perhaps a branch was made"),
        false => format!("{job}: nothing was scheduled"),
    };
    // An edit that can't be made in place says what to write instead.
    let (trouble, by_hand) = failed.to_string().split_once('\n').map_or_else(
        || (failed.to_string(), Vec::new()),
        |(trouble, block)| (trouble.to_owned(), block.lines().map(str::to_owned).collect()),
    );
    let values = context! {
        reader => reader(person),
        title,
        job,
        back => job_path(job),
        trouble,
        problems,
        by_hand,
    };
    site.pages.show(failed.status(), "scheduled.html", values)
}

impl Failed {
    fn status(&self) -> StatusCode {
        match self {
            Self::MayNot => StatusCode::FORBIDDEN,
            Self::NotUnderstood(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotLooked | Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(refused) => match refused {
                Refused::NoJob => StatusCode::NOT_FOUND,
                Refused::Directory
                | Refused::NothingToApprove
                | Refused::Broken(_)
                | Refused::Recurring
                | Refused::All
                | Refused::DeleteMissing
                | Refused::NoPlan
                | Refused::AnotherPlan
                | Refused::AnotherManifest
                | Refused::CountsOnly
                | Refused::NothingNew
                | Refused::Edit(_)
                | Refused::Otherwise => StatusCode::CONFLICT,
                Refused::Choice(_)
                | Refused::NothingTicked
                | Refused::Missing(_)
                | Refused::CannotRun(_)
                | Refused::Past(_)
                | Refused::Closed { .. }
                | Refused::TooLarge(_)
                | Refused::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
                Refused::Gone(_) | Refused::Busy | Refused::Slow | Refused::State(_) => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
                Refused::Unknown(_) => StatusCode::GATEWAY_TIMEOUT,
                Refused::Git(_) => StatusCode::BAD_GATEWAY,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// Left to the guard it would be a plain word, which says nothing of the branch.
    #[tokio::test]
    async fn what_takes_too_long_says_whether_a_branch_may_be_there() {
        let now = Instant::now();
        let late = before::<()>(now, || Refused::Slow, pending()).await.unwrap_err();
        assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(late.to_string().contains("nothing was pushed"), "{late}");
        let cut_off = || Refused::Unknown("it took too long".into());
        let late = before::<()>(now, cut_off, pending()).await.unwrap_err();
        assert_eq!(late.status(), StatusCode::GATEWAY_TIMEOUT);
        assert!(late.to_string().contains("Look at its branches"), "{late}");
        const { assert!(ENOUGH.as_secs() < LIMIT.as_secs()) };
    }
}
