//! What others do while a run is at its files: people, other passes, other installations.

use std::fs;

use reconcile::apply::{Error as ApplyError, Stage, Watch};
use reconcile::config;
use reconcile::daemon::pass::Passing;
use reconcile::daemon::source::Source;
use reconcile::job::Context;
use reconcile::job::report::{Outcome, Report};
use reconcile::job::run::Wish;
use reconcile::manifest;

use crate::disk::Disk;

use super::{PROD_FILES, TEST_FILES, World, ended_after_the_commit};

type Act = fn(&World);

/// Does something when a stage of the run begins.
struct Between<'w> {
    world: &'w World,
    stage: Stage,
    act: Act,
}

impl Watch for Between<'_> {
    fn begin(&mut self, stage: Stage, _: usize) {
        if stage == self.stage {
            (self.act)(self.world);
        }
    }

    fn step(&mut self, _: usize, _: usize) -> Result<(), ApplyError> {
        Ok(())
    }
}

impl World {
    /// A pass of this very process.
    async fn pass(&self, watch: &mut dyn Watch) -> Report {
        let config = config::load(&self.path("reconcile.yaml"), &|_| None).unwrap();
        let manifests = manifest::load(&self.path("manifests")).unwrap();
        let context = Context::new(&config, &manifests);
        let mut passing = Passing::open(&config, Source::of(&config), Wish::Apply).await.unwrap();
        let job = (&manifests.jobs["spring"]).into();
        passing.job(&context, job, jiff::Timestamp::now(), watch).await.unwrap()
    }
}

/// Between the comparison and the copy.
#[tokio::test]
async fn a_source_that_changes_before_it_is_copied_changes_nothing_and_is_tried_again() {
    let acts: [(&str, Act); 5] = [
        ("another content", |world| world.write("test", "spring/new.png", "NEW")),
        ("shorter", |world| world.write("test", "spring/new.png", "n")),
        ("longer", |world| world.write("test", "spring/new.png", &"new".repeat(100_000))),
        ("gone", |world| fs::remove_file(world.media("test").join("spring/new.png")).unwrap()),
        ("a link", |world| {
            let path = world.media("test").join("spring/new.png");
            fs::rename(&path, world.path("elsewhere")).unwrap();
            std::os::unix::fs::symlink(world.path("elsewhere"), path).unwrap();
        }),
    ];
    for (name, act) in acts {
        let world = World::new(&TEST_FILES, &PROD_FILES).await;
        world.test("INSERT INTO page VALUES (1, 'a', 'spring/new.png')").await;
        world.approve_all();
        let before = world.files("prod");
        let report = world.pass(&mut Between { world: &world, stage: Stage::Copying, act }).await;
        let Outcome::Failed { error } = &report.outcome else { panic!("{name}: {report:?}") };
        assert!(error.contains("spring/new.png"), "{name}: {error}");
        assert_eq!((world.files("prod"), world.kept()), (before, Vec::<String>::new()), "{name}");
        assert_eq!(world.pages().await, Vec::<String>::new(), "{name}");
        let _ = fs::remove_file(world.media("test").join("spring/new.png"));
        world.write("test", "spring/new.png", "new");
        world.reconcile(&["spring"]).ends_with(0);
        assert_eq!(world.files("prod"), world.selected("test"), "{name}");
    }
}

#[tokio::test]
async fn a_disk_that_takes_no_writes_changes_nothing_and_the_next_try_succeeds() {
    let world = World::new(&TEST_FILES, &[]).await;
    let Some(disk) = Disk::mounted(&world.media("prod"), "4m") else { return };
    for (path, text) in PROD_FILES {
        world.write("prod", path, text);
    }
    world.test("INSERT INTO page VALUES (1, 'a', 'spring/new.png')").await;
    world.approve_all();
    disk.remount("ro");
    let before = world.files("prod");
    let said = world.reconcile(&["spring"]).ends_with(1);
    assert!(said.out.contains("Read-only file system"), "{}{}", said.out, said.err);
    assert_eq!((world.files("prod"), world.pages().await.len()), (before, 0));
    disk.remount("rw");
    world.reconcile(&["spring"]).ends_with(0);
    assert_eq!(world.files("prod"), world.selected("test"));
    assert_eq!(world.pages().await.len(), 1);
}

/// Copies are staged by then.
#[tokio::test]
async fn a_gallery_that_goes_away_in_a_run_is_waited_for() {
    let world = World::new(&TEST_FILES, &PROD_FILES).await;
    world.approve_all();
    let act: Act = |world| fs::rename(world.media("prod"), world.path("away")).unwrap();
    let mut watch = Between { world: &world, stage: Stage::ComparingAgain, act };
    let report = world.pass(&mut watch).await;
    let Outcome::Failed { error } = &report.outcome else { panic!("{report:?}") };
    assert!(error.contains("its copies couldn't be taken back"), "{error}");
    fs::rename(world.path("away"), world.media("prod")).unwrap();
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("Success: run "), "{}", said.out);
    assert_eq!(world.files("prod"), world.selected("test"));
}

#[tokio::test]
async fn of_two_passes_at_once_one_carries_out_and_the_other_is_locked_at_most() {
    for _ in 0..8 {
        let world = World::new(&TEST_FILES, &PROD_FILES).await;
        world.approve_all();
        let pass = || world.reconcile(&["spring"]);
        let both = std::thread::scope(|scope| {
            [scope.spawn(pass), scope.spawn(pass)].map(|one| one.join().unwrap())
        });
        for said in &both {
            assert!(matches!(said.code, 0 | 6), "{} {}{}", said.code, said.out, said.err);
        }
        let runs = both.iter().filter(|said| said.out.contains("Success: run ")).count();
        assert!(runs > 0, "{}{}", both[0].out, both[1].out);
        assert_eq!(world.files("prod"), world.selected("test"));
        let trashed = world.kept().into_iter().filter(|path| path.ends_with("gone.png"));
        assert_eq!(trashed.count(), 1);
    }
}

/// Each with a database of its own: what one of them left is none of the other's business.
#[tokio::test]
async fn another_installation_on_the_same_gallery_leaves_what_the_first_has_to_do() {
    let world = ended_after_the_commit().await;
    let waiting = world.kept();
    let other = World::new(&[("spring/other.png", "other")], &[]).await;
    fs::remove_dir(other.media("prod")).unwrap();
    std::os::unix::fs::symlink(world.media("prod"), other.media("prod")).unwrap();
    other.reconcile(&["approve", "spring", "--new", "all"]).ends_with(0);
    other.reconcile(&["spring"]).ends_with(0);
    assert_eq!(world.files("prod")["spring/other.png"], "other");
    assert_eq!(world.files("prod")["spring/deep/changed.png"], "before");
    assert_eq!(world.kept(), waiting);
    world.reconcile(&["spring"]).ends_with(0);
    world.reconcile(&["spring"]).ends_with(0);
    assert_eq!(world.files("prod")["spring/deep/changed.png"], "after");
    assert!(!world.files("prod").contains_key("spring/gone.png"));
}

/// The copy knows of the same work, and does it.
#[tokio::test]
async fn what_an_installation_with_a_copied_database_finished_is_found_done() {
    let world = ended_after_the_commit().await;
    let other = World::new(&TEST_FILES, &[]).await;
    other.write("test", "spring/other.png", "other");
    fs::copy(world.path("prod.db"), other.path("prod.db")).unwrap();
    fs::remove_dir(other.media("prod")).unwrap();
    std::os::unix::fs::symlink(world.media("prod"), other.media("prod")).unwrap();
    let new = "gallery/spring/other.png";
    other.reconcile(&["approve", "spring", "--new", new]).ends_with(0);
    other.reconcile(&["spring"]).ends_with(0);
    assert_eq!(world.files("prod")["spring/deep/changed.png"], "after");
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(!said.out.contains("not all files"), "{}", said.out);
    let status = world.reconcile(&["status", "spring"]).ends_with(0);
    assert!(status.out.contains("FilesInPlace True"), "{}", status.out);
}
