//! `/metrics`: numbers for Prometheus, in its text format.
//!
//! Answers for numbers that are what the state store and the queues say at that moment, so they survive
//! a restart and are the same whichever daemon is asked; and for no name of a job, record or person in
//! them.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::guard::Viewer;
use super::site::{Settings, Site};
use super::store::{self, within};
use crate::daemon::board::Known;
use crate::daemon::overview::overview;
use crate::daemon::pass::whole_second;
use crate::publish::queues_of;
use crate::put::put;
use crate::queue::{Depth, Depths, depths};
use crate::report::Phase;
use crate::state::{End, Posted};

/// Scrapes give up after 10 seconds; that the store is silent should be told before.
const ANSWER: Duration = Duration::from_secs(8);

/// What the state store says.
struct Stored {
    phases: BTreeMap<&'static str, u64>,
    ends: BTreeMap<End, u64>,
    waiting: u64,
    lost: u64,
    unpublished: u64,
    /// Jobs whose runs touched what the read stores don't have yet.
    behind: u64,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Gauge,
    Counter,
}

pub async fn show(State(site): State<Arc<Site>>, Viewer(_): Viewer) -> Response {
    let settings = site.settings();
    let checked = settings.board.known().checked;
    let names = checked.map(|checked| queues_of(&checked.manifests)).unwrap_or_default();
    let queues = async { Ok(depths(&settings.config, &names).await) };
    let (stored, queues) =
        tokio::join!(within(ANSWER, stored(&site, &settings)), within(ANSWER, queues));
    let known = settings.board.known();
    let mut text = text(&known, stored.ok().as_ref(), site.since, Instant::now());
    // A file or broker that says nothing for so long is no reason to leave the rest out.
    queue_families(&mut text, &queues.unwrap_or_default());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn stored(site: &Site, settings: &Settings) -> Result<Stored, store::Error> {
    let mut lent = site.store.lend(&settings.config).await?;
    let mut phases: BTreeMap<_, _> = Phase::ALL.map(|phase| (phase.as_str(), 0)).into();
    let (mut unpublished, mut behind) = (0, 0);
    if let Some(checked) = settings.board.known().checked {
        let now = whole_second(Timestamp::now());
        let names = checked.manifests.job_names();
        for line in overview(&mut lent.desk, &checked.manifests, &names, now).await? {
            *phases.entry(line.standing.phase.as_str()).or_default() += 1;
            unpublished += line.memory.unpublished.len() as u64;
            behind += u64::from(line.memory.publishes_at().is_some());
        }
    }
    let ends = lent.desk.state.ends().await?;
    let not_out = lent.desk.state.not_out().await?;
    lent.back();
    let is_lost = |posted: &&Posted| !posted.delivery.lost.is_empty();
    let is_waiting = |posted: &&Posted| posted.message.open(&posted.delivery).next().is_some();
    let waiting = not_out.iter().filter(is_waiting).count() as u64;
    let lost = not_out.iter().filter(is_lost).count() as u64;
    Ok(Stored { phases, ends, waiting, lost, unpublished, behind })
}

fn text(known: &Known, stored: Option<&Stored>, since: Timestamp, now: Instant) -> String {
    let mut out = String::new();
    let version = env!("CARGO_PKG_VERSION");
    family(
        &mut out,
        "build_info",
        Kind::Gauge,
        "Which release this is.",
        &[(format!("{{version=\"{version}\"}}"), 1)],
    );
    single(&mut out, "start_time_seconds", "When this process began to listen.", since.as_second());
    let is_up = u8::from(stored.is_some());
    single(&mut out, "state_store_up", "Whether the state store answers.", is_up);
    let leads = u8::from(!known.stands_by);
    single(&mut out, "leader", "Whether this daemon does the work, and no other.", leads);
    looks(&mut out, known, now);
    let Some(stored) = stored else { return out };
    let help = "Result files that aren't where people find them yet.";
    single(&mut out, "results_unpushed", help, stored.unpublished);
    let help = "Jobs whose runs touched what the read stores don't have yet.";
    single(&mut out, "jobs_unpublished", help, stored.behind);
    let phases: Vec<_> = stored
        .phases
        .iter()
        .map(|(phase, jobs)| (format!("{{phase=\"{phase}\"}}"), *jobs))
        .collect();
    family(&mut out, "jobs", Kind::Gauge, "Jobs of the manifests, by phase.", &phases);
    let ends: Vec<_> = stored
        .ends
        .iter()
        .map(|(end, requests)| (format!("{{end=\"{}\"}}", end.as_str()), *requests))
        .collect();
    let help = "Requests and occurrences that are over, by how they ended.";
    family(&mut out, "runs_total", Kind::Counter, help, &ends);
    let help = "Messages of the outbox that somebody is still to get.";
    single(&mut out, "messages_waiting", help, stored.waiting);
    let help = "Messages that somebody won't get.";
    single(&mut out, "messages_lost", help, stored.lost);
    out
}

/// Nothing where nothing is published.
fn queue_families(out: &mut String, all: &[Depths]) {
    if all.is_empty() {
        return;
    }
    let place = |depths: &Depths| {
        let store = depths.store.as_deref().map(|store| format!(",store=\"{}\"", label(store)));
        format!("environment=\"{}\"{}", depths.environment, store.unwrap_or_default())
    };
    let up = all.iter().map(|it| (format!("{{{}}}", place(it)), u8::from(it.queues.is_ok())));
    let up: Vec<_> = up.collect();
    let help = "Whether the queues of an environment can be looked into.";
    family(out, "queue_up", Kind::Gauge, help, &up);
    let mut messages = Vec::new();
    for depths in all {
        for Depth { queue, ready, unacknowledged, failed } in depths.queues.iter().flatten() {
            let states = [
                ("ready", Some(*ready)),
                ("unacknowledged", *unacknowledged),
                ("failed", Some(*failed)),
            ];
            messages.extend(states.into_iter().filter_map(|(state, number)| {
                let queue = label(queue);
                let labels = format!("{{{},queue=\"{queue}\",state=\"{state}\"}}", place(depths));
                Some((labels, number?))
            }));
        }
    }
    let help = "Messages in queues: to be handed out, handed out, or in the error queue.";
    family(out, "queue_messages", Kind::Gauge, help, &messages);
}

/// A label's value as the text format wants it.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn looks(out: &mut String, known: &Known, now: Instant) {
    let under_way =
        known.looking_since.map_or(0.0, |since| now.duration_since(since).as_secs_f64());
    let help = "For how long the look has been going on that is under way.";
    single(out, "look_under_way_seconds", help, under_way);
    let Some(latest) = &known.latest else { return };
    let took = latest.ended.duration_since(latest.begun).as_secs_f64();
    let age = now.duration_since(latest.ended).as_secs_f64();
    let success = u8::from(latest.error.is_none());
    single(out, "last_look_success", "Whether the latest look worked.", success);
    let help = "When the latest look was over.";
    single(out, "last_look_timestamp_seconds", help, latest.at.as_second());
    single(out, "last_look_age_seconds", "How long the latest look is over.", age);
    single(out, "last_look_duration_seconds", "How long the latest look took.", took);
}

pub(super) fn single(out: &mut String, name: &str, help: &str, value: impl Display) {
    family(out, name, Kind::Gauge, help, &[(String::new(), value)]);
}

pub(super) fn family(
    out: &mut String,
    name: &str,
    kind: Kind,
    help: &str,
    values: &[(String, impl Display)],
) {
    let kind = match kind {
        Kind::Gauge => "gauge",
        Kind::Counter => "counter",
    };
    put!(out, "# HELP reconcile_{name} {help}\n# TYPE reconcile_{name} {kind}\n");
    for (labels, value) in values {
        put!(out, "reconcile_{name}{labels} {value}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;
    use crate::daemon::board::Looked;

    #[test]
    fn the_text_format() {
        let before = Instant::now();
        let later = |milliseconds| before + Duration::from_millis(milliseconds);
        let (begun, ended, now) = (later(0), later(1_500), later(4_500));
        let since = "2026-12-01T01:00:00Z".parse().unwrap();
        let latest = Some(Looked { at: since, begun, ended, error: None });
        let known = Known { latest, ..Known::default() };
        let phases = [("Scheduled", 2), ("Running", 0)].into();
        let ends = [(End::Succeeded, 12), (End::Failed, 1)].into();
        let stored = Stored { phases, ends, waiting: 3, lost: 1, unpublished: 2, behind: 1 };
        insta::assert_snapshot!(text(&known, Some(&stored), since, now));
        let depth = |queue: &str, failed| Depth {
            queue: queue.into(),
            ready: 3,
            unacknowledged: Some(2),
            failed,
        };
        let of = |environment, store, queues| Depths { environment, store, queues };
        let prod = Ok(vec![depth("publish.page", 0), depth("sync.page", 1)]);
        let mut queues = String::new();
        queue_families(&mut queues, &[]);
        assert_eq!(queues, "");
        queue_families(
            &mut queues,
            &[
                of(Environment::Prod, None, prod),
                of(Environment::Test, Some("D\"E".into()), Err("away".into())),
            ],
        );
        insta::assert_snapshot!(queues);
        let without = text(&known, None, since, now);
        assert!(without.contains("reconcile_state_store_up 0\n"), "{without}");
        assert!(!without.contains("reconcile_jobs"), "{without}");
    }
}
