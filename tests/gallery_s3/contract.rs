//! What every gallery does, wherever its files lie.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use hyper::Method;
use reconcile::config::GalleryPlace;
use reconcile::gallery::bucket::Bucket;
use reconcile::gallery::bucket::wire::{Ask, Limits, Wire};
use reconcile::gallery::local::Local;
use reconcile::gallery::{Chunks, Error, Folders, Gallery, Looked, Place, Result, Staged};
use reconcile::plan::file::{Content, FilePath};

use super::server;

pub const RUN: &str = "20261123-093124-abcdef";
const MOST: u64 = 100_000_000;

pub mod folder {
    use super::*;

    pub fn path(text: &str) -> FilePath {
        FilePath::try_from(text.to_owned()).unwrap()
    }

    pub fn these(names: &[&str]) -> Folders {
        Folders::These(names.iter().map(|it| (*it).to_owned()).collect())
    }
}
use folder::{path, these};

/// A gallery of one test's own, and a way past it.
pub struct Own {
    pub gallery: Box<dyn Gallery>,
    raw: Raw,
}

enum Raw {
    Directory(tempfile::TempDir),
    Bucket { wire: Wire, prefix: &'static str },
}

impl Own {
    pub fn local() -> Option<Self> {
        let root = tempfile::tempdir().unwrap();
        let gallery = Box::new(Local::new("the gallery".into(), root.path().into(), MOST));
        Some(Self { gallery, raw: Raw::Directory(root) })
    }

    pub async fn bucket(prefix: &'static str) -> Option<Self> {
        Some(Self::at(&server::bucket().await?, prefix, Limits::default()).await)
    }

    pub async fn at(url: &str, prefix: &'static str, limits: Limits) -> Self {
        let GalleryPlace::Bucket(config) = server::config_of(url, prefix) else { panic!() };
        let gallery = Box::new(Bucket::open(&config, "the gallery", MOST, limits).unwrap());
        let wire = server::wire(url);
        let own = Self { gallery, raw: Raw::Bucket { wire, prefix } };
        if !prefix.is_empty() {
            own.put("", b"").await;
        }
        own
    }

    pub async fn put(&self, path: &str, bytes: &[u8]) {
        match &self.raw {
            Raw::Directory(root) => {
                let path = root.path().join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                // As most programs do: the file that stood there goes, and a new one comes.
                let _ = std::fs::remove_file(&path);
                std::fs::write(path, bytes).unwrap();
            }
            Raw::Bucket { wire, prefix } => {
                let key = key(prefix, path);
                let ask = Ask::new(Method::PUT, &key).body(Bytes::copy_from_slice(bytes));
                wire.ask(&ask, &[]).await.unwrap();
            }
        }
    }

    pub async fn get(&self, path: &str) -> Option<Vec<u8>> {
        match &self.raw {
            Raw::Directory(root) => std::fs::read(root.path().join(path)).ok(),
            Raw::Bucket { wire, prefix } => {
                let key = key(prefix, path);
                let reply = wire.ask(&Ask::new(Method::GET, &key), &[404]).await.unwrap();
                reply.is_success().then(|| reply.body.to_vec())
            }
        }
    }

    /// What the server tells of an object beside its bytes.
    pub async fn told(&self, path: &str, header: &str) -> Option<String> {
        let Raw::Bucket { wire, prefix } = &self.raw else { return None };
        let key = key(prefix, path);
        let reply = wire.ask(&Ask::new(Method::HEAD, &key), &[]).await.unwrap();
        reply.header(header).map(str::to_owned)
    }

    pub async fn stage(&self, number: usize, bytes: &[u8]) -> Content {
        self.gallery.stage(Staged { run: RUN, number }, chunks(bytes)).await.unwrap()
    }

    async fn listed(&self, folders: &Folders) -> Vec<String> {
        let listing = self.gallery.list(folders).await.unwrap();
        listing.files.into_iter().map(|file| file.path.to_string()).collect()
    }

    async fn trashed(&self, of: &str) -> Option<Vec<u8>> {
        let path = path(of);
        let read = self.gallery.read(Place::Trash { run: RUN, path: &path }).await.ok()?;
        Some(read.try_collect::<Vec<Bytes>>().await.unwrap().concat())
    }
}

fn key(prefix: &str, path: &str) -> String {
    if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") }
}

pub fn content(bytes: &[u8]) -> Content {
    Content { size: bytes.len() as u64, blake3: blake3::hash(bytes).into() }
}

/// In pieces of odd lengths.
pub fn chunks(bytes: &[u8]) -> Chunks<'static> {
    let all: Vec<Result<Bytes>> =
        bytes.chunks(1_000_003).map(|it| Ok(Bytes::copy_from_slice(it))).collect();
    stream::iter(all).boxed()
}

pub async fn folders_are_listed_with_all_that_lies_below(own: &Own) {
    let all = ["a.png", "fall/x/y.png", "fall/z.png", "spring/\u{fc} +&='(1).png", "springs/b.png"];
    for path in all.iter().rev() {
        own.put(path, path.as_bytes()).await;
    }
    own.put(".reconcile/trash/2026-01-01/r/spring/gone.png", b"x").await;
    own.put(".reconcile/stage/20260101-000000-aaaaaa/0", b"x").await;
    assert_eq!(own.listed(&Folders::All).await, all);
    assert_eq!(own.listed(&these(&["."])).await, ["a.png"]);
    assert_eq!(own.listed(&these(&["spring", "fall"])).await, all[1..4]);
    assert_eq!(own.listed(&these(&["fall/x"])).await, ["fall/x/y.png"]);
    let listing = own.gallery.list(&these(&["sprung", "fall/q", "spring"])).await.unwrap();
    let mut missing = listing.missing.clone();
    missing.sort();
    assert_eq!(missing, ["fall/q", "sprung"]);
    for folder in ["fall", "fall/x", "spring", "springs"] {
        assert!(listing.folders.contains(&folder.to_owned()), "{folder} {listing:?}");
    }
    assert!(!listing.folders.iter().any(|it| it.contains("reconcile")), "{listing:?}");
    let sizes = own.gallery.list(&these(&["fall"])).await.unwrap().files;
    assert_eq!(sizes.iter().map(|it| it.size).collect::<Vec<_>>(), [12, 10]);
    assert!(sizes.iter().all(|it| it.modified > 1_700_000_000_000_000), "{sizes:?}");
}

pub async fn names_that_differ_in_case_only_are_refused(own: &Own) {
    for path in ["s/Hero.png", "s/hero.png", "s/fine.png"] {
        own.put(path, b"x").await;
    }
    let listing = own.gallery.list(&Folders::All).await.unwrap();
    let refused: Vec<_> = listing.refused.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(refused, ["s/Hero.png", "s/hero.png"]);
    assert_eq!(listing.files.len(), 1);
    own.put("s/deep/x.png", b"x").await;
    own.put(".reconcile/stage/20260101-000000-aaaaaa/0", b"x").await;
    let names = async |folder: &str| {
        let mut names = own.gallery.names(folder).await.unwrap();
        names.files.sort();
        (names.folders, names.files)
    };
    let none = || Vec::<String>::new();
    assert_eq!(names(".").await, (vec!["s".to_owned()], none()));
    let files = ["Hero.png", "fine.png", "hero.png"].map(str::to_owned).to_vec();
    assert_eq!(names("s").await, (vec!["deep".to_owned()], files));
    assert_eq!(names("t/deep").await, (none(), none()));
}

pub async fn files_are_read_as_they_were_found(own: &Own) {
    let large = vec![3; 3_000_000];
    own.put("s/a.png", b"abcdef").await;
    own.put("s/empty.png", b"").await;
    own.put("s/large.png", &large).await;
    let files = own.gallery.list(&these(&["s"])).await.unwrap().files;
    let read = std::sync::atomic::AtomicU64::new(0);
    let count = |bytes| {
        read.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    };
    let found = own.gallery.contents(&files, &count).await.unwrap();
    assert_eq!(found, [content(b"abcdef"), content(b""), content(&large)]);
    assert_eq!(read.into_inner(), 3_000_006);
    let paths = ["s/large.png", "s/none.png", "none/a.png", ".reconcile/x"].map(path);
    let looked = own.gallery.look(&paths).await.unwrap();
    let [Looked::File(large), Looked::Nothing, Looked::Nothing, Looked::Nothing] = &looked[..]
    else {
        panic!("{looked:?}")
    };
    assert_eq!(large, &files[2]);
    assert_eq!(own.gallery.beginning(&path("s/a.png"), 4).await.unwrap(), b"abcd");
    assert_eq!(own.gallery.beginning(&path("s/a.png"), 40).await.unwrap(), b"abcdef");
    assert_eq!(own.gallery.beginning(&path("s/empty.png"), 4).await.unwrap(), b"");
    own.put("s/a.png", b"ABCDEF").await;
    let changed = own.gallery.contents(&files, &|_| ()).await;
    assert!(matches!(changed, Err(Error::Changed { .. })), "{changed:?}");
}

pub async fn new_files_are_staged_and_placed(own: &Own) {
    let large = vec![5; 17_000_001];
    for (number, bytes) in [&b"new"[..], b"", &large].into_iter().enumerate() {
        assert_eq!(own.stage(number, bytes).await, content(bytes));
    }
    assert_eq!(own.stage(0, b"newer").await, content(b"newer"));
    own.gallery.sync(RUN).await.unwrap();
    assert_eq!(own.gallery.left_behind().await.unwrap(), [RUN]);
    assert_eq!(own.listed(&Folders::All).await, [] as [&str; 0]);
    let new = [(0, path("s/new \u{e9}.PNG")), (1, path("empty.txt")), (2, path("s/deep/large"))];
    own.gallery.place(RUN, &new).await.unwrap();
    own.gallery.clear(RUN).await.unwrap();
    own.gallery.clear(RUN).await.unwrap();
    assert_eq!(own.gallery.left_behind().await.unwrap(), [] as [&str; 0]);
    assert_eq!(own.listed(&Folders::All).await, ["empty.txt", "s/deep/large", "s/new \u{e9}.PNG"]);
    assert_eq!(own.get("s/new \u{e9}.PNG").await.unwrap(), b"newer");
    assert_eq!(own.get("empty.txt").await.unwrap(), b"");
    assert!(own.get("s/deep/large").await.unwrap() == large);
    if let Some(kind) = own.told("s/new \u{e9}.PNG", "content-type").await {
        assert_eq!(kind, "image/png");
    }
}

pub async fn a_name_that_is_taken_stays_as_it_is(own: &Own) {
    own.put("s/taken.png", b"theirs").await;
    let large = vec![6; 9_000_000];
    own.put("s/large.png", b"theirs").await;
    for (number, bytes) in [&b"one"[..], b"two", &large].into_iter().enumerate() {
        own.stage(number, bytes).await;
    }
    for (number, name) in [(1, "s/taken.png"), (2, "s/large.png")] {
        let placed = own.gallery.place(RUN, &[(0, path("s/one.png")), (number, path(name))]).await;
        let Err(Error::Taken { path: told, .. }) = placed else { panic!("{placed:?}") };
        assert_eq!(told, name);
        own.gallery.take_back(RUN).await.unwrap();
        assert_eq!(own.listed(&Folders::All).await, ["s/large.png", "s/taken.png"]);
        assert_eq!(own.get(name).await.unwrap(), b"theirs");
    }
    own.gallery.clear(RUN).await.unwrap();
}

pub async fn what_a_run_placed_is_taken_back_and_nothing_else(own: &Own) {
    for number in 0..4 {
        own.stage(number, format!("number {number}").as_bytes()).await;
    }
    let new: Vec<_> = (0..4).map(|number| (number, path(&format!("s/{number}.png")))).collect();
    own.gallery.place(RUN, &new).await.unwrap();
    own.put("s/1.png", b"somebody's").await;
    own.put("s/other.png", b"somebody's").await;
    own.gallery.take_back(RUN).await.unwrap();
    own.gallery.take_back(RUN).await.unwrap();
    own.gallery.clear(RUN).await.unwrap();
    own.gallery.take_back(RUN).await.unwrap();
    assert_eq!(own.listed(&Folders::All).await, ["s/1.png", "s/other.png"]);
    assert_eq!(own.get("s/1.png").await.unwrap(), b"somebody's");
}

pub async fn a_file_is_replaced_and_goes_to_the_trash(own: &Own) {
    let large = [vec![8; 9_000_000], vec![9; 9_000_000]];
    let cases = [("s/a.png", &b"before"[..], &b"after"[..]), ("s/b.png", &large[0], &large[1])];
    for (number, (name, before, after)) in cases.into_iter().enumerate() {
        own.put(name, before).await;
        own.stage(number, after).await;
        let (old, new) = (content(before), content(after));
        for _ in 0..2 {
            let at = Staged { run: RUN, number };
            own.gallery.replace(at, &path(name), &old, &new).await.unwrap();
            assert!(own.get(name).await.unwrap() == after, "{name}");
            assert!(own.trashed(name).await.unwrap() == before, "{name}");
        }
    }
    own.gallery.clear(RUN).await.unwrap();
    assert_eq!(own.listed(&Folders::All).await, ["s/a.png", "s/b.png"]);
}

pub async fn a_file_that_changed_is_neither_replaced_nor_deleted(own: &Own) {
    own.put("s/a.png", b"other!").await;
    own.stage(0, b"after").await;
    let (before, after) = (content(b"before"), content(b"after"));
    let at = Staged { run: RUN, number: 0 };
    for name in ["s/a.png", "s/none.png"] {
        let replaced = own.gallery.replace(at, &path(name), &before, &after).await;
        assert!(matches!(replaced, Err(Error::Taken { .. })), "{replaced:?}");
    }
    let discarded = own.gallery.discard(RUN, &path("s/a.png"), &before).await;
    assert!(matches!(discarded, Err(Error::Taken { .. })), "{discarded:?}");
    assert_eq!(own.get("s/a.png").await.unwrap(), b"other!");
    assert_eq!(own.get("s/none.png").await, None);
    assert_eq!(own.trashed("s/a.png").await, None);
}

pub async fn a_file_is_moved_to_the_trash(own: &Own) {
    own.put("s/a b.png", b"before").await;
    for _ in 0..2 {
        own.gallery.discard(RUN, &path("s/a b.png"), &content(b"before")).await.unwrap();
        assert_eq!(own.get("s/a b.png").await, None);
        assert_eq!(own.trashed("s/a b.png").await.unwrap(), b"before");
    }
    let trash = ".reconcile/trash/2026-11-23/20261123-093124-abcdef/s/a b.png";
    assert_eq!(own.get(trash).await.unwrap(), b"before");
    assert_eq!(own.listed(&Folders::All).await, [] as [&str; 0]);
}

pub async fn a_copy_that_ends_early_is_no_copy(own: &Own) {
    let bytes = chunks(&[1; 20_000_000]).take(12);
    let broken = stream::iter([Err(Error::Changed { gallery: "g".into(), path: "p".into() })]);
    let staged = own.gallery.stage(Staged { run: RUN, number: 0 }, bytes.chain(broken).boxed());
    assert!(matches!(staged.await, Err(Error::Changed { .. })));
    own.gallery.take_back(RUN).await.unwrap();
    own.gallery.clear(RUN).await.unwrap();
    assert_eq!(own.get("s/a.png").await, None);
    assert_eq!(own.gallery.left_behind().await.unwrap(), [] as [&str; 0]);
}

/// A test of each case, for the kind of gallery that `$own` makes; it makes none where there is no server.
macro_rules! contract {
    ($kind:ident, $own:expr) => {
        mod $kind {
            use super::*;

            contract!(@ $own,
                folders_are_listed_with_all_that_lies_below,
                names_that_differ_in_case_only_are_refused,
                files_are_read_as_they_were_found,
                new_files_are_staged_and_placed,
                a_name_that_is_taken_stays_as_it_is,
                what_a_run_placed_is_taken_back_and_nothing_else,
                a_file_is_replaced_and_goes_to_the_trash,
                a_file_that_changed_is_neither_replaced_nor_deleted,
                a_file_is_moved_to_the_trash,
                a_copy_that_ends_early_is_no_copy,
            );
        }
    };
    (@ $own:expr, $($case:ident,)*) => {
        $(
            #[tokio::test]
            async fn $case() {
                let Some(own) = $own else { return };
                $crate::gallery_s3::contract::$case(&own).await;
            }
        )*
    };
}
pub(crate) use contract;
