//! A click at the very moment of a run: one of them happens, and both say which.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reconcile::apply::{Error, Watch};
use reconcile::config;
use reconcile::daemon::learn::Asker;
use reconcile::daemon::operate::{NotCancelled, Which};
use reconcile::daemon::turn::Desk;
use reconcile::daemon::watch::Daemon;
use reconcile::database::CancelHandle;
use reconcile::job::Context;
use reconcile::manifest;
use reconcile::state::{self, End, State};

use super::world::{FAR_AWAY, MANIFESTS, World};
use crate::shop;

struct Quiet;

impl Watch for Quiet {
    fn writing(&mut self, _: Option<CancelHandle>) -> Result<(), Error> {
        Ok(())
    }

    fn step(&mut self, _: usize, _: usize) -> Result<(), Error> {
        Ok(())
    }
}

/// Looks until there is nothing to do at this time. A store that somebody else writes to is asked again.
async fn rest(daemon: &mut Daemon, at: Timestamp) {
    for _ in 0..50 {
        if daemon.look(at, &mut Quiet).await.is_ok_and(|look| look.again > at) {
            return;
        }
    }
    panic!("it never rests");
}

/// Clicks so long after the run's time came; whether that cancelled it.
async fn click_after(delay: Duration) -> bool {
    let world = World::new(MANIFESTS).await;
    world.job(FAR_AWAY);
    world.approve();
    let config = Arc::new(config::load(&world.path("reconcile.yaml"), &|_| None).unwrap());
    let mut daemon = Daemon::start(Arc::clone(&config)).await.unwrap();
    rest(&mut daemon, "2999-11-30T00:00:00Z".parse().unwrap()).await;
    let manifests = manifest::load(&world.path("manifests")).unwrap();
    let (context, job) = (Context::new(&config, &manifests), &manifests.jobs["spring"]);
    let mut desk = Desk::open(Arc::clone(&config), Asker::Daemon).await.unwrap();
    let (key, at) = (job.spec.request_hash(), "2999-12-01T01:00:00Z".parse().unwrap());
    let click = async {
        tokio::time::sleep(delay).await;
        loop {
            match desk.cancel(&context, job.into(), Which::Request(&key), "the link", at).await {
                Err(NotCancelled::State(state::Error::Changed { .. })) => {}
                said => break said,
            }
        }
    };
    let ((), clicked) = tokio::join!(rest(&mut daemon, at), click);
    rest(&mut daemon, at).await;
    let ended = State::open(&config).await.unwrap().ended("spring", &key).await.unwrap().unwrap();
    let prod = Path::new(world.prod.url.strip_prefix("sqlite://").unwrap()).to_owned();
    let pages = shop::rows(&prod).await["page"].len();
    match clicked {
        Ok(_) => assert_eq!((ended.phase, pages), (End::Cancelled, 1), "{ended:?}"),
        Err(NotCancelled::Started) => {
            assert_eq!((ended.phase, pages), (End::Succeeded, 2), "{ended:?}");
        }
        Err(NotCancelled::Over(over)) => {
            assert_eq!((&over, pages), (&ended, 2));
            assert_eq!(over.phase, End::Succeeded);
        }
        Err(other) => panic!("{other}"),
    }
    ended.phase == End::Cancelled
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_at_the_runs_time_cancels_it_or_is_told_that_it_started() {
    let mut cancelled = 0;
    for milliseconds in [0, 1, 2, 4, 8, 16, 500] {
        cancelled += u32::from(click_after(Duration::from_millis(milliseconds)).await);
    }
    eprintln!("{cancelled} of 7 clicks came in time");
}
