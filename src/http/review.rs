//! The review of a job's latest plan, as a part of the job's page.
//!
//! Answers for who may do what from it, and for its script being the only one that a browser runs. What
//! it shows is `plan::render::html`'s.

use std::sync::Arc;

use axum::http::HeaderValue;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::site::Settings;
use crate::config::http::May;
use crate::config::{Config, ManifestSource};
use crate::daemon::proposal::approves_whatever;
use crate::daemon::watch::Checked;
use crate::manifest::sync_job::SyncJobSpec;
use crate::plan::render::html::{self, About, Images, Parts, Served, Side, minute};
use crate::report::messages::job_path;
use crate::state;

/// The review of the plan that was shown last. It may be large, so no other request waits for it.
pub async fn parts(
    room: &Arc<Semaphore>,
    settings: &Arc<Settings>,
    checked: &Arc<Checked>,
    name: &str,
    may: May,
) -> Option<Parts> {
    // It goes on after whoever asked went away, so the next one waits for it.
    let room = Arc::clone(room).acquire_owned().await.ok()?;
    let (settings, checked) = (Arc::clone(settings), Arc::clone(checked));
    let name = name.to_owned();
    let made = tokio::task::spawn_blocking(move || {
        let _room = room;
        let config = &settings.config;
        let plan = state::latest_plan(config, &name)?;
        let written = state::latest_plan_written(config, &name);
        let asked = checked.manifests.jobs.get(&name).map(|job| &job.spec);
        let schedule = match may < May::Schedule {
            true => Err("You may view this, not schedule it.".to_owned()),
            false => schedulable(config, asked).map(|()| format!("{}/schedule", job_path(&name))),
        };
        let about = About {
            asked,
            as_of: written.and_then(|at| Timestamp::try_from(at).ok()).map(minute),
            is_stored: true,
            served: Some(Served { schedule }),
            images: &OverHttp(job_path(&name)),
        };
        Some(html::parts(&plan, &about))
    });
    made.await.ok().flatten()
}

/// Whether a change can be committed from a page, or why it can't.
fn schedulable(config: &Config, asked: Option<&SyncJobSpec>) -> Result<(), String> {
    match &config.manifests {
        ManifestSource::Git(_) if asked.is_some_and(|spec| spec.delete_missing) => Err(
            "This job has `deleteMissing`, which goes with `all` and not with ticks: change it in \
                 the manifest."
                .into(),
        ),
        ManifestSource::Git(_) if asked.is_some_and(approves_whatever) => {
            let words = "The manifest approves `all`, or IDs without pins, whatever they hold by then: \
                         change it there.";
            Err(words.into())
        }
        ManifestSource::Git(_) => Ok(()),
        ManifestSource::Directory(_) => {
            Err("The manifests lie in a directory and not in git: put the lines below there."
                .into())
        }
    }
}

/// What a browser may do on a page with a review.
pub fn policy() -> HeaderValue {
    let policy = html::policy("'self'", "'self'", "; frame-ancestors 'none'");
    HeaderValue::from_str(&policy).expect("hashes and keywords")
}

/// Images as the daemon serves them, below a job's page.
struct OverHttp(String);

impl Images for OverHttp {
    fn address(&self, side: Side, path: &str) -> Option<String> {
        let side = match side {
            Side::Source => "source",
            Side::Target => "target",
        };
        Some(format!("{}/image?side={side}&path={}", self.0, crate::escape::url(path)))
    }
}
