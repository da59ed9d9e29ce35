//! Files with odd names or contents, through a whole run.

use std::collections::BTreeMap;
use std::fs;

use super::{PROD_FILES, TEST_FILES, World, run_in};

/// `all` means something else in a manifest, and patterns are read without the blanks around them.
#[tokio::test]
async fn a_file_that_no_manifest_can_name_is_approved_by_the_plan_and_taken_back() {
    let files = [("spring/all", "a"), ("spring/blank.png ", "b"), ("spring/other.png", "o")];
    let world = World::new(&files, &[]).await;
    let said = world.reconcile(&["approve", "spring", "--new", "gallery/spring/*"]).ends_with(0);
    assert!(said.out.contains("left out: no manifest can name gallery/spring/all"), "{}", said.out);
    let said = world.reconcile(&["approve", "spring", "--new", "gallery/spring/all"]).ends_with(3);
    assert!(said.err.contains("write all@"), "{}", said.err);
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("applied 2 files"), "{}", said.out);
    let first = run_in(&said.out);
    let said = world.reconcile(&["plan", "spring"]).ends_with(0);
    let told = said.out.split_whitespace().find_map(|word| word.strip_prefix("all@"));
    let all = told.unwrap_or_else(|| panic!("{}", said.out));
    world.job(&format!("  approved: {{gallery/spring: {{new: [all@{all}]}}}}\n"));
    let said = world.reconcile(&["spring"]).ends_with(0);
    assert!(said.out.contains("applied 1 file"), "{}", said.out);
    assert_eq!(world.files("prod"), world.files("test"));
    for run in [first, run_in(&said.out)] {
        world.reconcile(&["undo", &run]).ends_with(0);
        let said = world.reconcile(&[&format!("undo-{run}")]).ends_with(0);
        assert!(said.out.contains("Success"), "{}", said.out);
    }
    assert_eq!(world.files("prod"), BTreeMap::new());
}

#[tokio::test]
async fn a_record_that_needs_a_file_which_no_manifest_can_name_says_so() {
    let world = World::new(&[("spring/all", "a")], &[]).await;
    world.test("INSERT INTO page VALUES (1, 'a', 'spring/all')").await;
    let page = ["approve", "spring", "--new", "page/1", "--with-dependencies"];
    let said = world.reconcile(&page).ends_with(3);
    assert!(said.err.contains("gallery/spring/all: no manifest can name it"), "{}", said.err);
}

/// Whatever they hold, and whatever their names say of it.
#[tokio::test]
async fn files_of_any_kind_are_copied_as_bytes_and_only_images_have_a_size() {
    let gif = b"GIF89a\x05\0\x06\0\0\0\0<script>alert(1)</script>\xff".as_slice();
    let files = [
        ("spring/page.html", b"<script>alert(1)</script>".as_slice()),
        ("spring/logo.svg", b"<svg width='9' height='9' onload='alert(1)'/>"),
        ("spring/both.gif", gif),
        ("spring/text.png", b"\xff\xfe no image \0\r\n"),
        (
            "spring/bomb.png",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff\x08\x06\0\0\0",
        ),
        ("spring/empty.jpg", b""),
    ];
    let world = World::new(&[("spring/x", "x")], &[]).await;
    fs::remove_file(world.media("test").join("spring/x")).unwrap();
    for (path, bytes) in files {
        fs::write(world.media("test").join(path), bytes).unwrap();
    }
    let said = world.reconcile(&["plan", "spring"]).ends_with(0);
    let sizes: Vec<&str> =
        said.out.lines().filter(|line| line.contains("dimensions")).map(str::trim).collect();
    assert_eq!(sizes, ["+ dimensions  \"4294967295 x 4294967295\"", "+ dimensions  \"5 x 6\""]);
    world.reconcile(&["approve", "spring", "--new", "all"]).ends_with(0);
    world.reconcile(&["spring"]).ends_with(0);
    for (path, bytes) in files {
        assert_eq!(fs::read(world.media("prod").join(path)).unwrap(), bytes, "{path}");
    }
}

#[tokio::test]
async fn what_the_trash_holds_is_read_again_before_it_goes_back() {
    let world = World::new(&TEST_FILES, &PROD_FILES).await;
    world.approve_all();
    let run = run_in(&world.reconcile(&["spring"]).ends_with(0).out);
    let trashed = world.kept().into_iter().find(|path| path.ends_with("gone.png")).unwrap();
    world.write("prod", &trashed, "GONE");
    world.reconcile(&["undo", &run]).ends_with(0);
    let said = world.reconcile(&[&format!("undo-{run}")]).ends_with(1);
    let told = format!("spring/gone.png can't be taken back: what run {run} moved to");
    assert!(said.out.contains(&told), "{}{}", said.out, said.err);
    assert_eq!(world.files("prod"), world.selected("test"));
}

#[tokio::test]
async fn what_was_deleted_isnt_taken_back_beside_a_name_that_is_like_its_own() {
    let world = World::new(&TEST_FILES, &PROD_FILES).await;
    world.approve_all();
    let run = run_in(&world.reconcile(&["spring"]).ends_with(0).out);
    world.write("prod", "spring/GONE.png", "somebody's");
    let said = world.reconcile(&["undo", &run]).ends_with(0);
    let told = "spring/gone.png is left as it is: differs in case or Unicode form only from";
    let words: Vec<&str> = said.out.split_whitespace().collect();
    assert!(words.join(" ").contains(told), "{}", said.out);
    world.reconcile(&[&format!("undo-{run}")]).ends_with(0);
    let now = world.files("prod");
    assert_eq!(now["spring/GONE.png"], "somebody's");
    assert_eq!(now["spring/deep/changed.png"], "before");
    assert!(!now.contains_key("spring/gone.png") && !now.contains_key("spring/new.png"));
}
