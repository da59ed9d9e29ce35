//! What this machine runs out of: watches and room on its disks.

use std::fs;
use std::process::Command;

use super::{Looks, Onlooker};
use crate::daemon::world::{HASTE, MODULE, World};
use crate::disk::Disk;

#[tokio::test]
async fn where_the_state_has_no_room_nothing_is_run() {
    // The state store itself lies elsewhere: plans are what isn't to be had.
    let world = World::sqlite("manifests: manifests\nstate: sqlite://store.db\n").await;
    let Some(disk) = Disk::mounted(&world.path("state"), "8m") else { return };
    world.manifest("pages.yaml", MODULE);
    world.job("");
    world.reconcile(&["spring"]).ends_with(0);
    world.approve();
    let said = world.reconcile(&["spring"]).ends_with(1);
    assert!(said.out.contains("MiB are free where state is"), "{}", said.out);
    let said = world.reconcile(&["doctor"]).ends_with(1);
    assert!(said.out.contains("MiB are free where state is"), "{}", said.out);
    disk.fill();
    // What wasn't kept for reading again isn't run either.
    let file = world.path("manifests/spring.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("mode: all", "mode: new-only")).unwrap();
    let said = world.reconcile(&["spring"]).ends_with(1);
    assert!(said.out.contains("No space left on device"), "{}", said.out);
    fs::write(&file, text).unwrap();
    assert_eq!(world.titles().await, ["Home"]);
    disk.make_room();
    world.reconcile(&["spring"]).ends_with(0);
    assert_eq!(world.titles().await, ["Home", "Spring"]);
}

#[tokio::test]
async fn a_full_disk_takes_nothing_back_and_its_files_come_later() {
    let world = World::sqlite("manifests: manifests\n").await;
    let Some(disk) = Disk::mounted(&world.path("results"), "64k") else { return };
    world.manifest("pages.yaml", MODULE);
    world.job("");
    let mut looks = Looks::open(&world).await;
    looks.until_rest(Onlooker::Quiet).await;
    let folder = world.path("results/spring");
    let files =
        || ["status.yaml", "plan.md"].map(|it| fs::read_to_string(folder.join(it)).unwrap());
    let before = files();
    disk.fill();
    world.approve();
    looks.until_rest(Onlooker::Quiet).await;
    assert_eq!(world.titles().await, ["Home", "Spring"]);
    let said = world.reconcile(&["status", "spring"]).ends_with(0);
    assert!(said.out.starts_with("spring: Succeeded"), "{}", said.out);
    assert!(said.out.contains("warning: not written yet: plan.md, runs/"), "{}", said.out);
    // The old files are whole, and no half of a new one is there.
    assert_eq!(files(), before);
    assert!(
        !folder.join("runs").exists() || fs::read_dir(folder.join("runs")).unwrap().count() == 0
    );
    let unpublished = &looks.memories().await["spring"].memory.unpublished;
    assert!(unpublished.keys().any(|name| name.starts_with("runs/")), "{:?}", unpublished.keys());
    disk.make_room();
    looks.until_rest(Onlooker::Quiet).await;
    assert!(looks.memories().await["spring"].memory.unpublished.is_empty());
    let [status, _] = files();
    let run = status.split("lastApplied: ").nth(1).unwrap().lines().next().unwrap();
    let run = fs::read_to_string(folder.join(format!("runs/{}.yaml", run.trim_matches('"'))));
    assert!(status.contains("phase: Succeeded") && run.unwrap().contains("- record: page/2"));
}

/// Where no watch is to be had the daemon says so, and lists the folder: what changes is found all
/// the same, only later.
#[tokio::test]
async fn a_folder_that_cant_be_watched_is_listed() {
    let limit = |name: &str| format!("echo 0 > /proc/sys/user/{name} && exec \"$0\" \"$@\"");
    let mut tried = Command::new("unshare");
    tried.args(["-Ur", "sh", "-c", &limit("max_inotify_watches"), "true"]);
    if !tried.output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: watches run out; this account can't limit its own");
        return;
    }
    for name in ["max_inotify_instances", "max_inotify_watches"] {
        let world = World::sqlite("manifests: manifests\n").await;
        world.manifest("pages.yaml", MODULE);
        world.job("");
        let daemon = world.watch_by(&["unshare", "-Ur", "sh", "-c", &limit(name)], &[HASTE]);
        daemon.says("manifests: the folder can't be watched, only listed regularly").await;
        daemon.says("spring: AwaitingApproval").await;
        world.approve();
        daemon.says("spring: Succeeded").await;
        assert_eq!(world.titles().await, ["Home", "Spring"]);
        let said = daemon.ends().await;
        assert_eq!(said.matches("can't be watched").count(), 1, "{said}");
    }
}
