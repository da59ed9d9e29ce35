//! Connections to the target that are cut in the middle: at any byte of a run, before its commit, and
//! with the commit's answer lost. The daemon goes on by itself; what it doesn't know the ledger tells.

use super::proxy::{How, Proxy, When};
use super::{FOLDER, due, is_full, rests, shared, tell, verdict};
use crate::daemon::world::{LIMIT, World};
use crate::places::Place;

/// A world whose target, or whose state, is reached through a proxy.
struct Way {
    world: World,
    proxy: Proxy,
}

impl Way {
    async fn new(prod: Place, test: Place) -> Self {
        let world = due(prod, test, FOLDER).await;
        let url = world.prod.url.clone();
        Self::through(world, &url).await
    }

    async fn through(world: World, url: &str) -> Self {
        let after_account = url.split('@').nth(1).unwrap();
        let server = after_account.split('/').next().unwrap().to_owned();
        let proxy = Proxy::start(server.parse().unwrap()).await;
        let through = url.replace(&server, &format!("127.0.0.1:{}", proxy.port));
        let file = world.path("reconcile.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.matches(url).count(), 1);
        std::fs::write(&file, text.replace(url, &through)).unwrap();
        Self { world, proxy }
    }

    /// One daemon to its end, whatever happens to its connections. Returns what it said.
    async fn survives(&self, cut: Option<(When, How)>) -> String {
        self.world.begin_again().await;
        self.proxy.cut(cut);
        let variables = [("RECONCILE_TEST_CLOCK", "0"), ("RECONCILE_TEST_IDLE_SECONDS", "5")];
        let mut daemon = self.world.watch_with(&variables);
        let mut rested = tokio::time::timeout(LIMIT, rests(&self.world, &mut daemon)).await;
        if rested == Ok(false) && is_without_state(&daemon.said()) {
            // It couldn't even begin; whoever started it starts it again.
            daemon = self.world.watch_with(&variables);
            rested = tokio::time::timeout(LIMIT, rests(&self.world, &mut daemon)).await;
        }
        assert_eq!(rested, Ok(true), "{cut:?}: it doesn't come to rest");
        let said = daemon.ends().await;
        println!("{cut:?}:\n{said}");
        verdict::check(&self.world).await;
        said
    }

    /// Bytes that a whole run sends and gets.
    async fn traffic(&self) -> (u64, u64) {
        self.survives(None).await;
        self.proxy.passed()
    }
}

/// The daemon ended before it began, since what it remembers is out of reach.
fn is_without_state(said: &str) -> bool {
    ["error: state:", "error: can't connect to the state database:"]
        .iter()
        .any(|begin| said.starts_with(begin))
}

/// At so many places of all the bytes of a run, which differ a little from run to run.
fn places(bytes: u64, count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |number| (2 * number + 1) * bytes * 9 / 10 / (2 * count))
}

async fn at_any_byte(way: &Way, (up, down): (u64, u64), how: How, count: u64) -> usize {
    let cuts = places(up, count).map(When::Up).chain(places(down, count).map(When::Down));
    let mut done = 0;
    for cut in cuts {
        way.survives(Some((cut, how))).await;
        // A run that had less to say than the one before wasn't cut.
        done += usize::from(way.proxy.has_cut());
    }
    done
}

/// The commit is the one statement after which nobody but the ledger knows.
async fn at_the_commit(way: &Way) {
    for how in [How::Reset, How::Hang] {
        for when in [When::Before("COMMIT"), When::Answer("COMMIT")] {
            let said = way.survives(Some((when, how))).await;
            assert!(said.contains("whether it happened is unknown"), "{said}");
        }
    }
}

async fn cut(name: &str, prod: Option<Place>, test: Option<Place>) {
    let (Some(prod), Some(test)) = (prod, test) else { return };
    let way = Way::new(prod, test).await;
    at_the_commit(&way).await;
    let (resets, hangs) = if is_full() { (150, 15) } else { (3, 1) };
    let traffic = way.traffic().await;
    tell(&format!("reset on {name}"), at_any_byte(&way, traffic, How::Reset, resets).await);
    tell(&format!("hung on {name}"), at_any_byte(&way, traffic, How::Hang, hangs).await);
    let World { prod, test, .. } = way.world;
    prod.remove().await;
    test.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_anywhere_on_postgres() {
    cut("PostgreSQL", Place::postgres("").await, Place::postgres("").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_anywhere_on_mariadb() {
    cut("MariaDB", Place::mariadb("SELECT 1").await, Place::mariadb("SELECT 1").await).await;
}

/// What is remembered of a job is saved or not, and whoever saved it may not know.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_the_shared_state_cut_anywhere() {
    let Some(world) = shared(Place::postgres("").await).await else { return };
    let url = world.state.as_ref().unwrap().url.clone();
    let way = Way::through(world, &url).await;
    for when in [When::Before("COMMIT"), When::Answer("COMMIT")] {
        let said = way.survives(Some((when, How::Reset))).await;
        assert!(said.contains("whether it happened is unknown"), "{said}");
    }
    let traffic = way.traffic().await;
    let resets = if is_full() { 150 } else { 4 };
    tell("reset on the shared state", at_any_byte(&way, traffic, How::Reset, resets).await);
    way.world.state.unwrap().remove().await;
}
