//! Runs that bring files along: from the plan to the folder, and what interrupts them.

mod odd;
mod others;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::places::Place;
use crate::process::{Daemon, Start};
use crate::shop::{Said, change, reconcile, run};

const OPERATOR: &str = "instance: PROD
manifests: manifests
environments:
  PROD: {database: \"sqlite:prod.db\", gallery: \"file:prod-media\"}
  TEST: {database: \"sqlite:test.db\", gallery: \"file:test-media\"}
tables: {allow: [page]}
";

const MODULE: &str = "apiVersion: reconcile/v1
kind: Module
metadata: {name: pages}
spec:
  records:
    - {table: page, identity: [slug], label: slug, files: [hero]}
";

/// Two shops with a table of pages and a gallery each.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    async fn new(test: &[(&str, &str)], prod: &[(&str, &str)]) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        for (side, files) in [("test", test), ("prod", prod)] {
            fs::create_dir_all(world.media(side)).unwrap();
            for (path, text) in files {
                world.write(side, path, text);
            }
            fs::File::create(world.path(&format!("{side}.db"))).unwrap();
            let sql =
                "CREATE TABLE page (id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, hero TEXT)";
            change(&world.path(&format!("{side}.db")), sql).await;
        }
        fs::create_dir_all(world.path("manifests")).unwrap();
        fs::write(world.path("reconcile.yaml"), OPERATOR).unwrap();
        fs::write(world.path("manifests/pages.yaml"), MODULE).unwrap();
        world.job("");
        world
    }

    fn job(&self, more: &str) {
        let text = format!(
            "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {{name: spring}}\nspec:\n  \
             direction: TEST -> PROD\n  mode: all\n  modules: [pages]\n  galleryFolders: \
             [spring]\n{more}"
        );
        fs::write(self.path("manifests/spring.yaml"), text).unwrap();
    }

    fn watch(&self) -> Daemon {
        Daemon::start(self.folder.path(), &Start::default(), "daemon.log")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn media(&self, side: &str) -> PathBuf {
        self.path(&format!("{side}-media"))
    }

    fn write(&self, side: &str, path: &str, text: &str) {
        let path = self.media(side).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn reconcile(&self, arguments: &[&str]) -> Said {
        reconcile(self.folder.path(), arguments)
    }

    /// Every file below a side's gallery, the tool's own left out.
    fn files(&self, side: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        collect(&self.media(side), "", &mut found);
        found.retain(|path, _| !path.starts_with(".reconcile/"));
        found
    }

    /// Those of the job's folder.
    fn selected(&self, side: &str) -> BTreeMap<String, String> {
        let files = self.files(side).into_iter();
        files.filter(|(path, _)| path.starts_with("spring/")).collect()
    }

    /// What the tool keeps in PROD's gallery, by the last parts of the paths.
    fn kept(&self) -> Vec<String> {
        let mut found = BTreeMap::new();
        collect(&self.media("prod"), "", &mut found);
        found.into_keys().filter(|path| path.starts_with(".reconcile/")).collect()
    }

    async fn prod(&self, sql: &'static str) {
        change(&self.path("prod.db"), sql).await;
    }

    async fn test(&self, sql: &'static str) {
        change(&self.path("test.db"), sql).await;
    }

    async fn pages(&self) -> Vec<String> {
        crate::shop::rows(&self.path("prod.db")).await.remove("page").unwrap()
    }

    /// Everything is approved by name.
    fn approve_all(&self) {
        // PROD's file is the newer one, and what would be lost has to be named.
        let changed = "gallery/spring/deep/changed.png";
        let all = ["--new", "all", "--modified", changed, "--deleted", "gallery/*"];
        self.reconcile(&[&["approve", "spring"], &all[..]].concat()).ends_with(0);
    }
}

fn collect(root: &Path, below: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        match entry.file_type().unwrap().is_dir() {
            true => collect(root, &path, found),
            false => {
                found.insert(path, fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
}

/// The name of the run that a report tells of.
fn run_in(said: &str) -> String {
    said.split_once("Success: run ").unwrap().1.split(' ').next().unwrap().to_owned()
}

/// The same on a server.
async fn on(place: Place, other: Place) {
    let world = World::new(&TEST_FILES, &PROD_FILES).await;
    let operator = fs::read_to_string(world.path("reconcile.yaml")).unwrap();
    let operator = operator.replace("sqlite:prod.db", &place.url);
    let operator = operator.replace("sqlite:test.db", &other.url);
    fs::write(world.path("reconcile.yaml"), operator).unwrap();
    other.run("INSERT INTO page VALUES (1, 'a', 'spring/new.png')").await;
    let before = world.files("prod");
    world.approve_all();
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("1 file new, 1 replaced, 1 deleted"), "{}", said.out);
    assert_eq!(world.files("prod"), world.selected("test"));
    let run = run_in(&said.out);
    world.reconcile(&["undo", &run]).ends_with(0);
    let said = world.reconcile(&[&format!("undo-{run}")]).ends_with(0);
    assert!(said.out.contains("1 file new, 1 replaced, 1 deleted"), "{}", said.out);
    assert_eq!(world.files("prod"), before);
    place.remove().await;
    other.remove().await;
}

const PAGES: &str = "CREATE TABLE page (id INTEGER PRIMARY KEY, slug VARCHAR(99) NOT NULL UNIQUE, hero VARCHAR(99))";

#[tokio::test]
async fn files_go_with_runs_on_postgres() {
    let Some(place) = Place::postgres(PAGES).await else { return };
    on(place, Place::postgres(PAGES).await.unwrap()).await;
}

#[tokio::test]
async fn files_go_with_runs_on_mariadb() {
    let Some(place) = Place::mariadb(PAGES).await else { return };
    on(place, Place::mariadb(PAGES).await.unwrap()).await;
}

/// All of it goes into the gallery's own disk, which has no byte left.
#[tokio::test]
async fn a_full_disk_changes_nothing_and_the_next_try_succeeds() {
    let world = World::new(&TEST_FILES, &[]).await;
    let Some(disk) = Disk::mounted(&world.media("prod"), "256k") else { return };
    for (path, text) in PROD_FILES {
        world.write("prod", path, text);
    }
    world.test("INSERT INTO page VALUES (1, 'a', 'spring/new.png')").await;
    world.approve_all();
    disk.fill();
    let before = world.files("prod");
    let said = world.reconcile(&["spring"]).ends_with(1);
    assert!(said.out.contains("FAILURE, nothing was changed"), "{}{}", said.out, said.err);
    assert_eq!((world.files("prod"), world.pages().await.len()), (before, 0));
    disk.make_room();
    world.reconcile(&["spring"]).ends_with(0);
    assert_eq!(world.files("prod"), world.selected("test"));
    assert_eq!(world.pages().await.len(), 1);
}

const TEST_FILES: [(&str, &str); 4] = [
    ("spring/new.png", "new"),
    ("spring/deep/changed.png", "after"),
    ("spring/same.png", "same"),
    ("winter/other.png", "not selected"),
];
const PROD_FILES: [(&str, &str); 3] = [
    ("spring/deep/changed.png", "before"),
    ("spring/gone.png", "gone"),
    ("spring/same.png", "same"),
];

#[tokio::test]
async fn folders_are_compared_approved_copied_and_taken_back() {
    let world = World::new(&TEST_FILES, &PROD_FILES).await;
    let said = world.reconcile(&["plan", "spring"]).ends_with(0);
    for told in
        ["gallery/spring/new.png", "gallery/spring/deep/changed.png", "gallery/spring/gone.png"]
    {
        assert!(said.out.contains(told), "{}", said.out);
    }
    assert!(!said.out.contains("other.png"), "{}", said.out);
    let before = world.files("prod");
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("awaiting approval"), "{}", said.out);
    world.approve_all();
    let said = world.reconcile(&["--dry-run", "spring"]).ends_with(0);
    assert!(said.out.contains("3 files would be applied"), "{}", said.out);
    assert_eq!((world.files("prod"), world.kept()), (before.clone(), Vec::<String>::new()));
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("1 file new, 1 replaced, 1 deleted"), "{}", said.out);
    let now = world.files("prod");
    assert_eq!(now, world.selected("test"));
    let kept = world.kept();
    assert_eq!(kept.len(), 2, "the trash: {kept:?}");
    assert!(kept.iter().all(|path| path.starts_with(".reconcile/trash/")), "{kept:?}");

    let run = run_in(&said.out);
    let said = world.reconcile(&["undo", &run]).ends_with(0);
    assert!(said.out.contains("3 records approved"), "{}", said.out);
    let said = world.reconcile(&[&format!("undo-{run}")]).ends_with(0);
    assert!(said.out.contains("Success"), "{}", said.out);
    assert_eq!(world.files("prod"), before);
}

#[tokio::test]
async fn a_test_import_reads_and_stages_nothing() {
    let world = World::new(&TEST_FILES, &PROD_FILES).await;
    world.job("  dryRun: true\n");
    world.approve_all();
    let before = world.files("prod");
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("nothing was saved"), "{}", said.out);
    assert_eq!((world.files("prod"), world.kept()), (before, Vec::<String>::new()));
}

#[tokio::test]
async fn a_record_comes_with_its_file_and_needs_its_approval_where_the_folder_is_selected() {
    let world = World::new(&TEST_FILES, &PROD_FILES).await;
    world
        .test("INSERT INTO page VALUES (1, 'a', 'spring/new.png'), (2, 'b', 'winter/other.png')")
        .await;
    let said = world.reconcile(&["approve", "spring", "--new", "page/2"]).ends_with(0);
    assert!(!said.out.contains("needs"), "{}", said.out);
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("1 file new"), "{}", said.out);
    assert_eq!(world.files("prod")["winter/other.png"], "not selected");
    let said = world.reconcile(&["approve", "spring", "--new", "page/1", "--with-dependencies"]);
    let said = said.ends_with(0);
    assert!(said.out.contains("gallery/spring/new.png"), "{}", said.out);
    world.reconcile(&["spring"]).ends_with(0);
    assert_eq!(world.files("prod")["spring/new.png"], "new");
    assert_eq!(world.pages().await.len(), 2);
    // Nobody reviewed the others.
    assert_eq!(world.files("prod")["spring/deep/changed.png"], "before");
}

#[tokio::test]
async fn a_file_that_a_row_needs_is_neither_replaced_nor_deleted() {
    let world = World::new(&TEST_FILES, &PROD_FILES).await;
    world.prod("INSERT INTO page VALUES (7, 'p', 'spring/gone.png')").await;
    world.test("INSERT INTO page VALUES (7, 'p', 'spring/gone.png')").await;
    let said = world.reconcile(&["plan", "spring"]).ends_with(0);
    assert!(said.out.contains("file-taken"), "{}", said.out);
    let changed = "gallery/spring/deep/changed.png";
    world.reconcile(&["approve", "spring", "--modified", changed]).ends_with(0);
    world.reconcile(&["spring"]).ends_with(0);
    assert_eq!(world.files("prod")["spring/gone.png"], "gone");
    assert_eq!(world.files("prod")["spring/deep/changed.png"], "after");
}

#[tokio::test]
async fn a_file_that_changed_since_the_review_is_stale() {
    for (side, path) in [("prod", "spring/deep/changed.png"), ("test", "spring/new.png")] {
        let world = World::new(&TEST_FILES, &PROD_FILES).await;
        world.approve_all();
        world.write(side, path, "somebody's");
        let before = world.files("prod");
        let said = world.reconcile(&["spring"]);
        assert!(said.out.contains("Stale"), "{}{}", said.out, said.err);
        assert_eq!((world.files("prod"), world.kept()), (before, Vec::<String>::new()));
    }
}

#[tokio::test]
async fn a_folder_that_is_on_neither_side_is_named_with_those_like_it() {
    let world = World::new(&TEST_FILES, &PROD_FILES).await;
    let text = fs::read_to_string(world.path("manifests/spring.yaml")).unwrap();
    fs::write(world.path("manifests/spring.yaml"), text.replace("[spring]", "[sprin]")).unwrap();
    let said = world.reconcile(&["plan", "spring"]);
    assert!(said.err.contains("sprin") && said.err.contains("`spring`"), "{}", said.err);
}

/// Ends the run before each of its effects; whatever was written until then is brought to its end by the
/// next pass.
#[tokio::test]
async fn a_kill_anywhere_leaves_no_half_file_and_no_row_without_its_file() {
    let stride = if std::env::var_os("RECONCILE_TEST_FULL").is_some() { 1 } else { 5 };
    for (kills, at) in (1..).step_by(stride).enumerate() {
        let world = World::new(&TEST_FILES, &PROD_FILES).await;
        world.test("INSERT INTO page VALUES (1, 'a', 'spring/new.png')").await;
        world.approve_all();
        let before = world.files("prod");
        let fault = format!("kill:{at}");
        let said = run(
            world.folder.path(),
            env!("CARGO_BIN_EXE_reconcile"),
            &["spring"],
            &[("RECONCILE_TEST_EFFECT", &fault)],
        );
        let files = world.files("prod");
        for (path, text) in &files {
            let whole = before.get(path) == Some(text)
                || TEST_FILES.contains(&(path.as_str(), text.as_str()));
            assert!(whole, "{at}: {path} holds {text}");
        }
        if !world.pages().await.is_empty() {
            assert_eq!(files["spring/new.png"], "new", "{at}: a row without its file");
        }
        if said.code == 0 {
            assert!(kills > 3, "{kills}");
            break;
        }
        world.reconcile(&["spring"]).ends_with(0);
        world.reconcile(&["spring"]).ends_with(0);
        assert_eq!(world.files("prod"), world.selected("test"), "{at}");
        assert_eq!(world.pages().await.len(), 1, "{at}");
        let kept = world.kept();
        assert!(kept.iter().all(|path| path.starts_with(".reconcile/trash/")), "{at}: {kept:?}");
    }
}

/// The number of the first effect on a file after the commit that new files were placed for.
fn after_the_commit(log: &str) -> usize {
    let lines: Vec<&str> = log.lines().collect();
    let placed = lines.iter().position(|line| *line == "file link").unwrap();
    let committed =
        placed + lines[placed..].iter().position(|it| *it == "statement COMMIT").unwrap();
    committed + lines[committed..].iter().position(|line| line.starts_with("file ")).unwrap() + 1
}

/// Ended between the commit and the files that are exchanged after it.
async fn ended_after_the_commit() -> World {
    let world = World::new(&TEST_FILES, &PROD_FILES).await;
    world.approve_all();
    let other = World::new(&TEST_FILES, &PROD_FILES).await;
    other.approve_all();
    let program = env!("CARGO_BIN_EXE_reconcile");
    let log = other.path("effects");
    let log_to = [("RECONCILE_TEST_EFFECT_LOG", log.to_str().unwrap())];
    run(other.folder.path(), program, &["spring"], &log_to).ends_with(0);
    let at = format!("kill:{}", after_the_commit(&fs::read_to_string(&log).unwrap()));
    let fault = [("RECONCILE_TEST_EFFECT", at.as_str())];
    assert_eq!(run(world.folder.path(), program, &["spring"], &fault).code, -1);
    assert_eq!(world.files("prod")["spring/new.png"], "new");
    assert_eq!(world.files("prod")["spring/deep/changed.png"], "before");
    world
}

#[tokio::test]
async fn a_file_that_somebody_wrote_after_the_commit_is_told_of_until_it_is_right() {
    let world = ended_after_the_commit().await;
    world.write("prod", "spring/deep/changed.png", "somebody's");
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("not all files are replaced and deleted yet"), "{}", said.out);
    assert!(said.out.contains("spring/deep/changed.png"), "{}", said.out);
    let now = world.files("prod");
    assert_eq!(now["spring/deep/changed.png"], "somebody's");
    assert!(!now.contains_key("spring/gone.png"), "the others are seen to");
    let status = world.reconcile(&["status", "spring"]).ends_with(0);
    assert!(status.out.contains("FilesInPlace False"), "{}", status.out);
    let doctor = world.reconcile(&["doctor"]);
    let told =
        "PROD gallery     not all files are replaced and deleted yet: spring/deep/changed.png";
    assert!(doctor.out.contains(told), "{}", doctor.out);
    world.write("prod", "spring/deep/changed.png", "before");
    // It is tried again after a while, or at once by whoever runs next.
    let daemon = world.watch();
    daemon.says("spring: its files are in place").await;
    daemon.ends().await;
    assert_eq!(world.files("prod")["spring/deep/changed.png"], "after");
}

#[tokio::test]
async fn a_later_run_of_the_same_file_takes_the_place_of_what_an_earlier_one_left() {
    let world = ended_after_the_commit().await;
    world.write("prod", "spring/deep/changed.png", "somebody's");
    world.reconcile(&["spring"]).ends_with(0);
    world.write("test", "spring/deep/changed.png", "newest");
    let changed = "gallery/spring/deep/changed.png";
    world.reconcile(&["approve", "spring", "--modified", changed]).ends_with(0);
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("1 replaced"), "{}", said.out);
    assert!(!said.out.contains("not all files"), "{}", said.out);
    assert_eq!(world.files("prod")["spring/deep/changed.png"], "newest");
}

#[tokio::test]
async fn an_empty_folder_of_the_source_deletes_nothing_and_limits_hold_for_files() {
    let many: Vec<String> = (0..20).map(|at| format!("spring/{at}.png")).collect();
    let prod: Vec<_> = many.iter().map(|path| (path.as_str(), "x")).collect();
    let world = World::new(&[("spring/.keep/x", "x")], &prod).await;
    fs::remove_dir_all(world.media("test").join("spring/.keep")).unwrap();
    let said = world.reconcile(&["plan", "spring"]).ends_with(0);
    assert!(said.out.contains("gallery/spring has no file at all"), "{}", said.out);
    world.reconcile(&["approve", "spring", "--deleted", "gallery/*"]);
    let said = world.reconcile(&["spring"]).ends_with(5);
    assert!(said.out.contains("is it the right gallery?"), "{}", said.out);
    world.write("test", "spring/0.png", "x");
    world.reconcile(&["approve", "spring", "--remove", "all"]).ends_with(0);
    world.reconcile(&["approve", "spring", "--deleted", "gallery/*"]).ends_with(0);
    let said = world.reconcile(&["spring"]).ends_with(5);
    assert!(
        said.out.contains("19 of the 20 files of gallery/spring would be deleted"),
        "{}",
        said.out
    );
    assert_eq!(world.files("prod").len(), 20);
}

#[tokio::test]
async fn folders_within_each_other_are_refused() {
    let world = World::new(&TEST_FILES, &PROD_FILES).await;
    let text = fs::read_to_string(world.path("manifests/spring.yaml")).unwrap();
    let text = text.replace("[spring]", "[spring/deep, spring, spring]");
    fs::write(world.path("manifests/spring.yaml"), text).unwrap();
    let said = world.reconcile(&["validate"]);
    for told in ["`spring/deep` lies within `spring`", "`spring` is named twice"] {
        assert!(said.err.contains(told) || said.out.contains(told), "{}{}", said.out, said.err);
    }
}

#[tokio::test]
async fn a_file_that_a_row_will_name_is_not_deleted_beside_it() {
    let world = World::new(&TEST_FILES, &PROD_FILES).await;
    world.prod("INSERT INTO page VALUES (2, 'b', 'spring/same.png')").await;
    world
        .test("INSERT INTO page VALUES (1, 'a', 'spring/gone.png'), (2, 'b', 'spring/gone.png')")
        .await;
    let said = world.reconcile(&["plan", "spring"]).ends_with(0);
    for row in ["page/1", "page/2"] {
        let told = format!("{row} names it, and needs what the target has");
        assert!(said.out.contains(&told), "{}", said.out);
    }
    world.reconcile(&["approve", "spring", "--new", "page/1"]).ends_with(0);
    world.reconcile(&["approve", "spring", "--deleted", "gallery/spring/gone.png"]);
    world.reconcile(&["spring"]);
    assert_eq!(world.files("prod")["spring/gone.png"], "gone");
}

#[tokio::test]
async fn an_undo_takes_back_what_was_done_and_cancels_what_was_not() {
    for hand in [None, Some("somebody's")] {
        let world = ended_after_the_commit().await;
        let stage = world.media("prod").join(".reconcile/stage");
        let run = fs::read_dir(stage).unwrap().next().unwrap().unwrap().file_name();
        let run = run.into_string().unwrap();
        if let Some(text) = hand {
            world.write("prod", "spring/gone.png", text);
        }
        world.reconcile(&["undo", &run]).ends_with(0);
        let said = world.reconcile(&[&format!("undo-{run}")]).ends_with(0);
        assert!(said.out.contains("Success"), "{}", said.out);
        // Whoever comes later has nothing to finish.
        world.reconcile(&["spring"]).ends_with(0);
        let mut expected: BTreeMap<String, String> =
            PROD_FILES.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect();
        if let Some(text) = hand {
            expected.insert("spring/gone.png".into(), text.into());
        }
        assert_eq!(world.files("prod"), expected);
    }
}

#[tokio::test]
async fn what_runs_left_is_finished_also_when_their_job_is_gone() {
    let world = ended_after_the_commit().await;
    fs::remove_file(world.path("manifests/spring.yaml")).unwrap();
    let daemon = world.watch();
    daemon.says("spring: its files are in place").await;
    daemon.ends().await;
    assert_eq!(world.files("prod"), world.selected("test"));
}

#[tokio::test]
async fn another_gallery_than_the_runs_is_no_proof_of_anything() {
    let world = ended_after_the_commit().await;
    let operator = fs::read_to_string(world.path("reconcile.yaml")).unwrap();
    fs::create_dir(world.path("other")).unwrap();
    fs::write(world.path("reconcile.yaml"), operator.replace("prod-media", "other")).unwrap();
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("is it the right one?"), "{}", said.out);
    fs::write(world.path("reconcile.yaml"), operator).unwrap();
    let daemon = world.watch();
    daemon.says("spring: its files are in place").await;
    daemon.ends().await;
    assert_eq!(world.files("prod"), world.selected("test"));
}

#[tokio::test]
async fn files_of_the_root_and_odd_names_are_approved_like_others() {
    let odd = ["root.txt", "spring/b:c", "spring/a,b@c", "spring/ x 'y'", "spring/null"];
    let files: Vec<_> = odd.iter().map(|path| (*path, "x")).collect();
    let world = World::new(&files, &[]).await;
    let text = fs::read_to_string(world.path("manifests/spring.yaml")).unwrap();
    fs::write(world.path("manifests/spring.yaml"), text.replace("[spring]", "all")).unwrap();
    world.reconcile(&["approve", "spring", "--new", "all"]).ends_with(0);
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("applied 5 files"), "{}", said.out);
    assert_eq!(world.files("prod"), world.files("test"));
    let run = run_in(&said.out);
    world.reconcile(&["undo", &run]).ends_with(0);
    world.reconcile(&[&format!("undo-{run}")]).ends_with(0);
    assert_eq!(world.files("prod"), BTreeMap::new());
}

#[tokio::test]
async fn a_file_that_is_a_folder_on_the_other_side_stays() {
    let world = World::new(&[("spring/a/b", "x"), ("spring/new", "x")], &[("spring/a", "y")]).await;
    let said = world.reconcile(&["plan", "spring"]).ends_with(0);
    assert!(said.out.contains("spring/a is a file here, and a folder elsewhere"), "{}", said.out);
    world.reconcile(&["approve", "spring", "--new", "all"]).ends_with(0);
    world.reconcile(&["spring"]).ends_with(0);
    let now = world.files("prod");
    assert_eq!(now.into_keys().collect::<Vec<_>>(), ["spring/a", "spring/new"]);
}
