//! What somebody may put into a gallery, by mistake or to get out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::os::unix::net::UnixListener;

use reconcile::compare::files::Held;
use reconcile::gallery::{Error, Folders, Gallery as _, Looked};

use super::{Two, content, path, these};

/// Everything that is refused, with a word of the reason.
fn odd(two: &Two) -> Vec<(&'static str, &'static str)> {
    let at = |path: &str| two.path("source", path);
    fs::create_dir_all(at("f")).unwrap();
    let outside = two.folder.join("secret");
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("key.pem"), "secret").unwrap();
    symlink(outside.join("key.pem"), at("f/file-link")).unwrap();
    symlink(&outside, at("f/folder-link")).unwrap();
    symlink("nowhere", at("f/dangling")).unwrap();
    symlink("/proc/self/mem", at("f/mem")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("f/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    // An account that may not make one has a pipe instead.
    let device = rustix::fs::mknodat(
        rustix::fs::CWD,
        at("f/zero"),
        rustix::fs::FileType::CharacterDevice,
        rustix::fs::Mode::from_raw_mode(0o600),
        rustix::fs::makedev(1, 5),
    );
    let zero = if device.is_ok() { "is a device" } else { "is a named pipe" };
    if device.is_err() {
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("f/zero"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
    }
    drop(UnixListener::bind(at("f/socket")).unwrap());
    assert!(fs::metadata(at("f/socket")).unwrap().file_type().is_socket());
    for name in ["a\nb.png", "%2e%2e", "back\\slash", "C:x", "right\u{202e}gnp.exe", "zero\u{200b}"]
    {
        fs::write(at(&format!("f/{name}")), "1").unwrap();
    }
    fs::create_dir(at("f/bad\tfolder")).unwrap();
    fs::write(at("f/bad\tfolder/inside.png"), "1").unwrap();
    fs::write(at("f").join(OsStr::from_bytes(b"latin-\xe9.png")), "1").unwrap();
    for name in ["Same.png", "same.png", "caf\u{e9}", "cafe\u{301}"] {
        fs::write(at(&format!("f/{name}")), "1").unwrap();
    }
    fs::File::create(at("f/endless")).unwrap().set_len(1 << 40).unwrap();
    fs::create_dir(at(".RECONCILE")).unwrap();
    fs::write(at(".RECONCILE/x"), "1").unwrap();
    vec![
        (".RECONCILE/x", "has a name like .reconcile, which is kept for this tool"),
        ("f/%2e%2e", "it holds an encoded dot or slash"),
        ("f/C:x", ""),
        ("f/Same.png", "differs in case or Unicode form only from f/same.png"),
        ("f/a\nb.png", "it holds a character that can't be seen"),
        ("f/back\\slash", "folders are separated by `/`"),
        ("f/bad\tfolder", "it holds a character that can't be seen"),
        ("f/cafe\u{301}", "differs in case or Unicode form only from f/caf\u{e9}"),
        ("f/caf\u{e9}", "differs in case or Unicode form only from f/cafe\u{301}"),
        ("f/dangling", "is a symbolic link"),
        ("f/endless", "has 1099511 MB, more than the 1 MB of limits.maxFileMegabytes"),
        ("f/file-link", "is a symbolic link"),
        ("f/folder-link", "is a symbolic link"),
        ("f/latin-\u{fffd}.png", "has a name that isn't UTF-8"),
        ("f/mem", "is a symbolic link"),
        ("f/pipe", "is a named pipe"),
        ("f/right\u{202e}gnp.exe", "it holds a character that can't be seen"),
        ("f/same.png", "differs in case or Unicode form only from f/Same.png"),
        ("f/socket", "is a socket"),
        ("f/zero", zero),
        ("f/zero\u{200b}", "it holds a character that can't be seen"),
    ]
}

#[tokio::test]
async fn what_is_odd_is_refused_by_its_name_and_nothing_of_it_is_read() {
    let two = Two::with(&[("f/good.png", "1")], &[("f/good.png", "2"), ("f/folder-link/x", "3")]);
    // Below the root a drive's name is an ordinary one.
    let odd: Vec<_> = odd(&two).into_iter().filter(|(_, reason)| !reason.is_empty()).collect();
    fs::hard_link(two.path("source", "f/good.png"), two.path("source", "f/second-name.png"))
        .unwrap();
    let listing = two.gallery("source").list(&Folders::All).await.unwrap();
    let files: Vec<_> = listing.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["f/C:x", "f/good.png", "f/second-name.png"]);
    let refused: Vec<_> = listing.refused.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(refused, odd.iter().map(|(path, _)| *path).collect::<Vec<_>>());
    for (refused, (path, reason)) in listing.refused.iter().zip(&odd) {
        assert!(refused.reason.contains(reason), "{path}: {}", refused.reason);
    }
    let compared = two.compared(&these(&["f"])).await;
    let found: BTreeMap<_, _> =
        compared.differences.iter().map(|it| (it.id.as_str(), it.class)).collect();
    // The target's file below what is a link on the source isn't deleted.
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), ["C:x", "good.png", "second-name.png"]);
    let link = "the gallery of source: f/file-link is a symbolic link; it is neither copied, replaced nor deleted";
    assert!(compared.notes.iter().any(|note| note == link), "{:#?}", compared.notes);
}

#[tokio::test]
async fn a_folder_beside_the_selected_one_may_have_the_same_files() {
    let source = [("spring/Hero.png", "1"), ("spring/fine.png", "1")];
    let target = [("Spring/hero.png", "2"), ("SPRING/other.png", "2"), ("spring/x.png", "2")];
    let two = Two::with(&source, &target);
    let compared = two.compared(&these(&["spring"])).await;
    let found: Vec<_> = compared.differences.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(found, ["fine.png", "x.png"]);
    let note = "the gallery of source: spring/Hero.png differs in case or Unicode form only from \
                Spring/hero.png; it is neither copied, replaced nor deleted";
    assert_eq!(compared.notes, [note]);
}

#[tokio::test]
async fn many_refused_files_are_told_by_their_number() {
    let two = Two::with(&[("f/a", "1")], &[]);
    for number in 0..40 {
        symlink("a", two.path("source", &format!("f/link-{number:02}"))).unwrap();
    }
    let notes = two.compared(&Folders::All).await.notes;
    assert_eq!(notes.len(), 25);
    assert!(notes[24].starts_with("16 more files of the galleries"), "{}", notes[24]);
}

#[tokio::test]
async fn a_look_tells_what_is_refused_from_what_isnt_there() {
    let two = Two::with(&[("f/good.png", "1"), (".reconcile/trash/x", "2"), ("f/sub/x", "3")], &[]);
    symlink("good.png", two.path("source", "f/link")).unwrap();
    symlink("f", two.path("source", "g")).unwrap();
    let paths = [
        "f/good.png",
        "f/link",
        "g/good.png",
        "f/nothing",
        "h/nothing",
        "f/good.png/x",
        "f/sub",
        ".reconcile/trash/x",
    ]
    .map(path);
    let looked = two.gallery("source").look(&paths).await.unwrap();
    let shown: Vec<_> = looked
        .iter()
        .map(|looked| match looked {
            Looked::Nothing => "nothing".to_owned(),
            Looked::File(found) => format!("{} bytes", found.size),
            Looked::Refused(refused) => format!("{} {}", refused.path, refused.reason),
        })
        .collect();
    let expected = [
        "1 bytes",
        "f/link is a symbolic link",
        "g is a symbolic link",
        "nothing",
        "nothing",
        "nothing",
        "nothing",
        "nothing",
    ];
    assert_eq!(shown, expected);
    let paths: BTreeSet<_> = paths.into_iter().collect();
    let held = two.galleries().held(&paths).await.unwrap();
    let held: Vec<_> = held.into_values().map(|[source, _]| source).collect();
    let refused = || Held::Refused("is a symbolic link".into());
    let files = held.iter().filter(|held| **held == Held::File(content("1")));
    let links = held.iter().filter(|held| **held == refused());
    assert_eq!((files.count(), links.count()), (1, 2), "{held:?}");
}

/// Between the listing and the reading.
#[tokio::test]
async fn a_file_that_becomes_a_link_or_another_one_is_found_out() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("x"), "12345").unwrap();
    type Swap = fn(&Two, &std::path::Path);
    let swaps: [(&str, Swap); 5] = [
        ("a link", |two, outside| {
            fs::remove_file(two.path("source", "f/x")).unwrap();
            symlink(outside.join("x"), two.path("source", "f/x")).unwrap();
        }),
        ("a folder that is a link", |two, outside| {
            fs::rename(two.path("source", "f"), two.path("source", "old")).unwrap();
            symlink(outside, two.path("source", "f")).unwrap();
        }),
        ("gone", |two, _| fs::remove_file(two.path("source", "f/x")).unwrap()),
        ("written", |two, _| fs::write(two.path("source", "f/x"), "54321").unwrap()),
        ("longer", |two, _| fs::write(two.path("source", "f/x"), "123456").unwrap()),
    ];
    for (name, swap) in swaps {
        let two = Two::with(&[("f/x", "12345")], &[]);
        let gallery = two.gallery("source");
        let listing = gallery.list(&Folders::All).await.unwrap();
        // Times come in ticks; `written` must show.
        while fs::metadata(two.path("source", "f/x"))
            .unwrap()
            .modified()
            .unwrap()
            .elapsed()
            .unwrap()
            < std::time::Duration::from_millis(20)
        {
            std::thread::yield_now();
        }
        swap(&two, outside.path());
        let error = gallery.contents(&listing.files, &|_| {}).await.unwrap_err();
        let is_told = match name {
            "gone" | "written" | "longer" => matches!(error, Error::Changed { .. }),
            _ => matches!(error, Error::File { .. }),
        };
        assert!(is_told && error.to_string().contains("f/x"), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_file_that_grows_while_it_is_copied_has_no_end() {
    use futures_util::StreamExt as _;
    use reconcile::gallery::Place;
    let two = Two::empty();
    two.write("source", "x", &vec![7; 3 << 20]);
    let (gallery, x) = (two.gallery("source"), path("x"));
    let mut chunks = gallery.read(Place::File(&x)).await.unwrap();
    chunks.next().await.unwrap().unwrap();
    let file = fs::OpenOptions::new().append(true).open(two.path("source", "x"));
    std::io::Write::write_all(&mut file.unwrap(), b"more").unwrap();
    let mut last = chunks.next().await.unwrap();
    while last.is_ok() {
        last = chunks.next().await.unwrap();
    }
    assert!(matches!(last.unwrap_err(), Error::Changed { .. }));
}
