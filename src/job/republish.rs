//! Carries out what a `RepublishJob` asks for, in one pass.
//!
//! Answers for its outcome being told like that of any other job. How entities get into the read
//! stores is `publish`'s; whether it is time is decided before, in `daemon::decide`.

use super::Context;
use super::publishing::{Far, unless_stopped};
use super::report::{Outcome, Published, Report};
use super::run::{Order, Wish};
use crate::apply::Watch;
use crate::config::Config;
use crate::database;
use crate::manifest::RepublishJob;
use crate::manifest::job::republished;
use crate::manifest::republish_job::RepublishJobSpec;
use crate::manifest::sync_job::Selection;
use crate::plan::render::words::count;
use crate::publish::{self, Counts, CreateTables, Pace, Patience, Wait};
use crate::queue;
use crate::state::{End, Ended};
use crate::store;

/// Why it wasn't carried out to its end. What was sent is right, and stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may pass: a server was away.
    Passing(String),
    /// The same request would fail again.
    Lasting(String),
}

/// Carries a job as far as it goes; `carried` is awaited only where its time has come.
pub async fn pass(
    job: &RepublishJob,
    order: Order<'_>,
    carried: impl Future<Output = Result<Published, Failure>>,
) -> Report {
    let report = |outcome| Report::new(&job.name, outcome);
    if let Some(instead) = order.instead {
        return report(instead);
    }
    if order.wish == Wish::DryRun {
        return report(Outcome::WouldPublish { what: republished(&job.spec) });
    }
    let run = order.run.to_owned();
    let ended = |phase, why| {
        let (run, at) = (run.clone(), order.now.to_string());
        Some(Ended { phase, run, why, at })
    };
    match carried.await {
        Ok(published) => Report {
            ended: ended(End::Succeeded, published.to_string()),
            ..report(Outcome::Published { run: run.clone(), published })
        },
        Err(Failure::Passing(error)) => report(Outcome::Unpublished { error }),
        Err(Failure::Lasting(error)) => Report {
            ended: ended(End::Failed, error.clone()),
            ..report(Outcome::Unpublished { error })
        },
    }
}

/// Publishes until the read stores have everything. Whoever asks it to stop leaves nothing half done:
/// each batch is a transaction, and what is noted but not sent goes out with the next order.
pub async fn carry_out(
    context: &Context<'_>,
    spec: &RepublishJobSpec,
    watch: &mut dyn Watch,
) -> Result<Published, Failure> {
    let order = order(context.config, spec);
    let far = Far::default();
    let mut tell = |pace: &Pace| drop(far.replace(pace.clone()));
    let carried = publish::carry_out(context.config, context.manifests, &order, &mut tell);
    let carried = Box::pin(carried);
    match unless_stopped(watch, &far, carried).await {
        None => Err(stopped()),
        Some(counts) => outcome(counts),
    }
}

fn order(config: &Config, spec: &RepublishJobSpec) -> publish::Order {
    publish::Order {
        action: spec.action,
        environment: spec.environment.unwrap_or(config.instance),
        resources: match &spec.resources {
            Selection::All => Vec::new(),
            Selection::Names(names) => names.clone(),
        },
        ids: spec.ids.clone(),
        // Nobody who can approve new tables looks on.
        create: CreateTables::No,
        wait: Wait::ForStores,
        // The daemon tries again by itself.
        patience: Patience::SHORT,
    }
}

/// Somebody asked, or the lease is another process's now.
fn stopped() -> Failure {
    Failure::Passing("stopped; what was published until then stays, the rest is queued".to_owned())
}

fn outcome(counts: Result<Counts, publish::Error>) -> Result<Published, Failure> {
    let counts = counts.map_err(|error| match is_passing(&error) {
        true => Failure::Passing(error.to_string()),
        false => Failure::Lasting(error.to_string()),
    })?;
    let Counts { read, changed, unchanged: _, deleted, sent, written, outdated: _, failed } =
        counts;
    if failed > 0 {
        let failed = count(failed, "entity or message", "entities or messages");
        return Err(Failure::Lasting(format!(
            "{failed} failed: `reconcile queue list` shows the error queues"
        )));
    }
    Ok(Published { read, changed: changed + deleted, sent, written })
}

/// Errors that say nothing about what was asked for.
fn is_passing(error: &publish::Error) -> bool {
    match error {
        publish::Error::Database(error)
        | publish::Error::Queue(queue::Error::Database(error))
        | publish::Error::Store(store::Error::Database(error)) => {
            database::Error::is_passing(error)
        }
        // Their leases end.
        publish::Error::Held { .. } => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::apply;
    use crate::config::Environment;
    use crate::manifest::Manifests;

    fn manifests() -> Manifests {
        let text = "apiVersion: reconcile/v1\nkind: RepublishJob\nmetadata: {name: night}\nspec: \
                {action: trigger-events, resources: [page], ids: [1, 2]}\n";
        crate::manifest::load_text(Path::new("night.yaml"), text.as_bytes())
    }

    async fn outcome(
        wish: Wish,
        instead: Option<Outcome>,
        carried: Result<Published, Failure>,
    ) -> (String, Option<(End, String)>, bool) {
        let manifests = manifests();
        let now = "2026-12-01T02:00:00Z".parse().unwrap();
        let (run, key, installation, term) = ("run-1", "request", "shop", None);
        let order = Order { wish, key, instead, run, installation, term, now };
        let mut is_carried = false;
        let carried = async {
            is_carried = true;
            carried
        };
        let report = pass(&manifests.republish_jobs["night"], order, carried).await;
        let ended = report.ended.map(|ended| (ended.phase, ended.run));
        (format!("{:?}", report.outcome), ended, is_carried)
    }

    #[tokio::test]
    async fn it_is_carried_out_when_its_time_has_come() {
        let counts = Published { read: 2, changed: 1, sent: 1, written: 1 };
        let (told, ended, is_carried) = outcome(Wish::Apply, None, Ok(counts)).await;
        assert!(told.contains("sent: 1"), "{told}");
        assert_eq!((ended, is_carried), (Some((End::Succeeded, "run-1".into())), true));
        let (told, ended, is_carried) = outcome(Wish::DryRun, None, Ok(counts)).await;
        assert!(told.contains("trigger-events of 2 entities of page"), "{told}");
        assert_eq!((ended, is_carried), (None, false));
        let closed = Outcome::Closed { why: "night".into() };
        let (told, ended, is_carried) = outcome(Wish::Apply, Some(closed), Ok(counts)).await;
        assert!(told.starts_with("Closed"), "{told}");
        assert_eq!((ended, is_carried), (None, false));
    }

    #[tokio::test]
    async fn only_what_lasts_ends_the_request() {
        let passing = Err(Failure::Passing("Redis can't be reached".into()));
        let (told, ended, _) = outcome(Wish::Apply, None, passing).await;
        assert!(told.starts_with("Unpublished"), "{told}");
        assert_eq!(ended, None);
        let lasting = Err(Failure::Lasting("PROD has no `publish`".into()));
        let (told, ended, _) = outcome(Wish::Apply, None, lasting).await;
        assert!(told.starts_with("Unpublished"), "{told}");
        assert_eq!(ended, Some((End::Failed, "run-1".into())));
    }

    fn lasts(error: publish::Error) -> bool {
        matches!(super::outcome(Err(error)), Err(Failure::Lasting(_)))
    }

    #[test]
    fn a_server_that_is_away_passes_and_a_missing_table_lasts() {
        let away = || database::Error::Connect {
            environment: "PROD".into(),
            reason: "connection refused".into(),
        };
        assert!(!lasts(away().into()));
        assert!(!lasts(queue::Error::from(away()).into()));
        assert!(!lasts(store::Error::from(away()).into()));
        assert!(!lasts(publish::Error::Held { left: 1, seconds: 60 }));
        let (resource, table) = ("page".to_owned(), "page_storage".to_owned());
        assert!(lasts(publish::Error::NotMade { resource, table }));
    }

    #[test]
    fn messages_that_failed_fail_the_request() {
        let counts = Counts { read: 3, changed: 2, deleted: 1, sent: 3, ..Counts::default() };
        let published = Published { read: 3, changed: 3, sent: 3, written: 0 };
        assert_eq!(super::outcome(Ok(counts)), Ok(published));
        let failed = super::outcome(Ok(Counts { failed: 2, ..counts }));
        let Err(Failure::Lasting(why)) = failed else { panic!("{failed:?}") };
        assert!(why.starts_with("2 entities or messages failed: `reconcile queue list`"), "{why}");
    }

    const CONFIG: &str = "instance: PROD\nmanifests: m\nenvironments: {PROD: {database: \
                          'sqlite:///nowhere/p.db'}, TEST: {database: 'sqlite:///nowhere/t.db'}}\n";

    /// Asked to stop from the start.
    struct Asked;

    impl Watch for Asked {
        fn step(&mut self, _: usize, _: usize) -> Result<(), apply::Error> {
            Err(apply::Error::Overtaken)
        }
    }

    #[tokio::test]
    async fn whoever_is_asked_to_stop_stops_and_may_go_on_later() {
        let config = crate::config::parse(Path::new("c"), CONFIG.as_bytes(), &|_| None).unwrap();
        let manifests = manifests();
        let context = Context::new(&config, &manifests);
        let spec = &manifests.republish_jobs["night"].spec;
        let done = carry_out(&context, spec, &mut Asked).await;
        let Err(Failure::Passing(why)) = done else { panic!("{done:?}") };
        assert!(why.starts_with("stopped"), "{why}");
    }

    #[test]
    fn the_instance_is_meant_unless_a_job_names_another_environment() {
        let config = crate::config::parse(Path::new("c"), CONFIG.as_bytes(), &|_| None).unwrap();
        let mut spec = manifests().republish_jobs["night"].spec.clone();
        let named = order(&config, &spec);
        assert_eq!(named.environment, Environment::Prod);
        assert_eq!((named.resources, named.ids.len()), (vec!["page".to_owned()], 2));
        (spec.environment, spec.resources) = (Some(Environment::Test), Selection::All);
        let named = order(&config, &spec);
        assert_eq!((named.environment, named.resources), (Environment::Test, Vec::new()));
    }
}
