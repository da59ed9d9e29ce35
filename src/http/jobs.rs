//! Where each job stands, and the button that cancels one.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::{Deserialize, Serialize};

use super::cancel::{self, Cannot};
use super::guard::{Sender, Viewer};
use super::page::{nothing_here, plain, reader};
use super::site::{Settings, Site};
use super::{review, store};
use crate::config::http::May;
use crate::daemon::overview::{Line, overview};
use crate::daemon::pass::whole_second;
use crate::daemon::watch::Checked;
use crate::manifest::Manifests;
use crate::manifest::job::Job;
use crate::plan::change::Counts;
use crate::plan::render::html::Parts;
use crate::report::local;
use crate::report::messages::{found, job_path};

/// A job as a page shows it.
#[derive(Serialize)]
struct Shown {
    name: String,
    path: String,
    phase: &'static str,
    why: String,
    next_run: Option<String>,
    /// The request or occurrence that could be cancelled.
    open: Option<String>,
}

#[derive(Deserialize)]
pub struct Wanted {
    request: String,
}

pub async fn all(State(site): State<Arc<Site>>, Viewer(person): Viewer) -> Response {
    let settings = site.settings();
    let known = settings.board.known();
    let failed = known.latest.and_then(|latest| latest.error);
    let Some(checked) = known.checked else {
        let trouble = failed.unwrap_or_else(|| "the first look isn't over yet".into());
        let values = context! { reader => reader(&person), trouble };
        return site.pages.show(StatusCode::OK, "jobs.html", values);
    };
    let names = checked.manifests.job_names();
    match lines(&site, &settings, &checked, &names).await {
        Ok(lines) => {
            let jobs: Vec<Shown> =
                lines.iter().map(|line| shown(line, &checked.manifests)).collect();
            let trouble = failed.map(|error| format!("The latest look failed: {error}"));
            let values = context! { reader => reader(&person), trouble, jobs => Serde(jobs) };
            site.pages.show(StatusCode::OK, "jobs.html", values)
        }
        Err(error) => plain(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

pub async fn one(
    State(site): State<Arc<Site>>,
    Viewer(person): Viewer,
    Path(name): Path<String>,
) -> Response {
    let settings = site.settings();
    let Some(checked) = settings.board.known().checked else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "the first look isn't over yet");
    };
    if !checked.manifests.job_names().contains(&name) {
        return nothing_here().await;
    }
    let names = BTreeSet::from([name]);
    match lines(&site, &settings, &checked, &names).await {
        Ok(lines) => {
            let Some(line) = lines.first() else { return nothing_here().await };
            let memory = &line.memory;
            let counts: Option<&Counts> = memory.compared.as_ref().map(|it| &it.counts);
            let counts = counts.map(found);
            let commit = memory.seen.as_ref().and_then(|seen| seen.commit.clone());
            let review =
                review::parts(&site.reviews, &settings, &checked, &line.job, person.may).await;
            let (head, body) = review.map(|Parts { head, body }| (head, body)).unwrap_or_default();
            let values = context! {
                reader => reader(&person),
                job => Serde(shown(line, &checked.manifests)),
                counts,
                commit,
                warnings => line.warnings.clone(),
                runs => Serde(&memory.runs),
                review_head => Value::from_safe_string(head),
                review_body => Value::from_safe_string(body),
            };
            let mut page = site.pages.show(StatusCode::OK, "job.html", values);
            page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, review::policy());
            page
        }
        Err(error) => plain(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

/// The button of a job's page: for what that page showed, not for what came since.
pub async fn cancel(
    State(site): State<Arc<Site>>,
    Sender(person): Sender,
    Path(name): Path<String>,
    Form(wanted): Form<Wanted>,
) -> Response {
    if person.may < May::Schedule {
        let words = "you may view, not cancel: `may: schedule` in the operator's file lets you";
        return plain(StatusCode::FORBIDDEN, words);
    }
    let settings = site.settings();
    match cancel::cancel(&site, &settings, &name, &wanted.request, &person.name).await {
        Ok(_) => Redirect::to(&job_path(&name)).into_response(),
        Err(Cannot::NoJob) => nothing_here().await,
        Err(cannot) => cancel::refused(&site, &name, &cannot, StatusCode::CONFLICT),
    }
}

async fn lines(
    site: &Site,
    settings: &Settings,
    checked: &Checked,
    names: &BTreeSet<String>,
) -> Result<Vec<Line>, store::Error> {
    let mut lent = site.store.lend(&settings.config).await?;
    let now = whole_second(Timestamp::now());
    let lines = overview(&mut lent.desk, &checked.manifests, names, now).await?;
    lent.back();
    Ok(lines)
}

fn shown(line: &Line, manifests: &Manifests) -> Shown {
    let spec = manifests.job(&line.job).map(Job::asked);
    let at = line.standing.next_run;
    Shown {
        name: line.job.clone(),
        path: job_path(&line.job),
        phase: line.standing.phase.as_str(),
        why: line.standing.why.clone(),
        next_run: at.zip(spec).map(|(at, spec)| local(at, spec)),
        open: line.open.clone(),
    }
}
