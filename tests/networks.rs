//! Workers on machines of their own: in four networks, of which one loses its link and one its worker.

mod network;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use network::Network;

use crate::places::Place;
use crate::publish_order::shop::{Random, World};
use crate::stores::{ReadStores, Servers};

const NETWORKS: usize = 4;

/// How long the link is away; the long form is what an outage of a switch takes.
fn outage() -> Duration {
    let is_full = std::env::var_os("RECONCILE_TEST_FULL").is_some();
    Duration::from_secs(if is_full { 60 } else { 3 })
}

/// A worker that is ended with its test.
struct Worker(Child);

impl Worker {
    /// In a network, with an operator's file that has the addresses as they are seen from there.
    fn start(network: &Network, folder: &Path, number: usize) -> Self {
        let name = format!("reconcile-{number}.yaml");
        let text = std::fs::read_to_string(folder.join("reconcile.yaml")).unwrap();
        std::fs::write(folder.join(&name), network.seen_from_inside(&text)).unwrap();
        let mut command = network.command(env!("CARGO_BIN_EXE_reconcile"));
        command.args(["worker", "--config", &name]).current_dir(folder);
        let log = std::fs::File::create(folder.join(format!("worker-{number}.log"))).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Self(command.spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    fn ended(&mut self) -> Option<i32> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("a worker doesn't end");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_in_four_networks_of_which_one_is_cut_off_and_one_killed() {
    let (Some(stores), Some(place)) =
        (ReadStores::servers("batch", Servers::Single).await, Place::postgres("").await)
    else {
        return;
    };
    let Some(networks) = Network::make(NETWORKS) else { return };
    let mut random = Random(11);
    let mut world = World::new(place, stores, 60).await;
    let start = |number| Worker::start(&networks[number], world.path(), number);
    let mut workers: Vec<Worker> = (0..NETWORKS).map(start).collect();
    let mut cut: Option<Instant> = None;
    let mut round = 0;
    // The link goes early, the worker while it is away; both come back before the end.
    while round < 6 || cut.is_some() {
        let touched: Vec<_> = world.change(&mut random).await.iter().map(i64::to_string).collect();
        let ids = touched.join(",");
        world
            .reconcile(&["publish:trigger-events", "--no-wait", "-r", "product", "-i", &ids])
            .ends_with(0);
        world.reconcile(&["sync:data", "--no-wait"]).ends_with(0);
        match round {
            1 => {
                networks[1].cut();
                cut = Some(Instant::now());
            }
            3 => workers[2].signal("-KILL"),
            _ => {}
        }
        if cut.is_some_and(|cut| round > 3 && cut.elapsed() > outage()) {
            networks[1].mend();
            cut = None;
        }
        round += 1;
    }
    workers.remove(2);
    // What the killed one had, and the one that was away, comes again.
    world.reconcile(&["worker", "--stop-when-empty"]).ends_with(0);
    for worker in &mut workers {
        worker.signal("-TERM");
    }
    for worker in &mut workers {
        assert_eq!(worker.ended(), Some(0));
    }
    world.reconcile(&["worker", "--stop-when-empty"]).ends_with(0);
    world.check().await;
}
