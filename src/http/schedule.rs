//! The review's button: what was ticked, as a branch that people merge.
//!
//! Answers for only those being heard who may schedule and who press it on a page of ours, for reading
//! no more than a review can say, and for every answer being a page that leads back. What is proposed,
//! and why not, is `daemon::proposal`'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use jiff::Timestamp;
use minijinja::context;
use serde::Deserialize;

use super::access::Person;
use super::guard::Sender;
use super::jobs::path;
use super::page::{nothing_here, reader};
use super::site::{Settings, Site};
use super::store;
use crate::config::http::May;
use crate::daemon::pass::whole_second;
use crate::daemon::proposal::{self, Proposal, Refused, Scheduled, Wish};
use crate::daemon::watch::Checked;
use crate::escape::visible;
use crate::manifest::sync_job::Schedule;
use crate::plan::change::Plan;
use crate::plan::heading::Heading;
use crate::plan::ticked::Ticked;
use crate::state;

/// Bytes of what is sent: a hundred thousand IDs.
pub const LARGEST: usize = 8 * 1024 * 1024;
/// Until it is answered: a push talks to another server. It ends before the connection does.
const LIMIT: Duration = Duration::from_secs(50);

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
    Sender(person): Sender,
    Path(name): Path<String>,
    form: Result<Form<Sent>, FormRejection>,
) -> Response {
    let settings = site.settings();
    match scheduled(&site, &settings, &person, &name, form).await {
        Ok(scheduled) => shown(&site, &person, &name, &scheduled),
        Err(Failed::Refused(Refused::NoJob)) => nothing_here().await,
        Err(failed) => refused(&site, &person, &name, &failed),
    }
}

async fn scheduled(
    site: &Site,
    settings: &Settings,
    person: &Person,
    name: &str,
    form: Result<Form<Sent>, FormRejection>,
) -> Result<Scheduled, Failed> {
    if person.may < May::Schedule {
        return Err(Failed::MayNot);
    }
    let wish = wish(form)?;
    let known = settings.board.known();
    let checked: Arc<Checked> = known.checked.ok_or(Failed::NotLooked)?;
    // Before anything large is read.
    proposal::job(&settings.config, &checked, name)?;
    let plan = latest_plan(settings, name).await;
    let now = whole_second(Timestamp::now());
    let of = Proposal::of(&settings.config, &checked, name, plan.as_ref(), &wish, now);
    let mut proposal = of?;
    let mut lent = site.store.lend(&settings.config).await?;
    let asked = proposal.asked_anew(&mut lent.desk).await;
    if !matches!(asked, Err(Refused::State(_))) {
        lent.back();
    }
    asked?;
    Ok(Box::pin(proposal.push(&person.name)).await?)
}

/// One of a hundred thousand changes takes a while to read.
async fn latest_plan(settings: &Settings, job: &str) -> Option<Plan> {
    let (config, job) = (Arc::clone(&settings.config), job.to_owned());
    let read = tokio::task::spawn_blocking(move || state::latest_plan(&config, &job));
    read.await.ok().flatten()
}

fn wish(form: Result<Form<Sent>, FormRejection>) -> Result<Wish, Failed> {
    let Form(Sent { change }) = form.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Failed::TooLarge,
        _ => Failed::NotUnderstood(rejection.body_text()),
    })?;
    let change: Change = serde_json::from_str(&change)
        .map_err(|error| Failed::NotUnderstood(visible(&error.to_string()).into_owned()))?;
    let Change { digest, approved, schedule, dry_run } = change;
    let schedule =
        schedule.map(|Time { at, time_zone }| Schedule { at: Some(at), cron: None, time_zone });
    let approved: Ticked =
        approved.into_iter().map(|(table, headings)| (table, headings.named())).collect();
    Ok(Wish { digest, approved, schedule, dry_run })
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
        back => path(job),
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
        back => path(job),
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
                | Refused::NoPlan
                | Refused::AnotherPlan
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
                Refused::Gone(_) | Refused::Busy | Refused::State(_) => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
                Refused::Unknown(_) => StatusCode::GATEWAY_TIMEOUT,
                Refused::Git(_) => StatusCode::BAD_GATEWAY,
            },
        }
    }
}
