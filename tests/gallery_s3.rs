//! Galleries in buckets: what holds for every gallery, on a real server; and what is a server's own.

mod contract;
mod doctor;
mod faults;
mod runs;
mod server;

use std::path::Path;

use reconcile::config::{self, Environment, GalleryPlace};
use reconcile::gallery::{self, Folders};

use contract::{Own, contract, folder};
use server::{bucket, config_of};

contract!(local, Own::local());
contract!(s3, Own::bucket("").await);
contract!(s3_below_a_prefix, Own::bucket("shop/media").await);

/// An operator's file with these two galleries.
fn operator(folder: &Path, prod: &str, test: &str) -> config::Config {
    let text = format!(
        "instance: PROD\nmanifests: ./m\nenvironments:\n  PROD: {{database: 'sqlite://p.db', gallery: {prod}}}\n  \
         TEST: {{database: 'sqlite://t.db', gallery: {test}}}\n"
    );
    config::parse(&folder.join("reconcile.yaml"), text.as_bytes(), &|_| None)
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[tokio::test]
async fn two_environments_never_share_a_gallery() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path();
    for name in ["media/spring", "other"] {
        std::fs::create_dir_all(path.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(path.join("media/spring"), path.join("link")).unwrap();
    let s3 = |url: &str| format!("{{url: '{url}', endpoint: 'http://127.0.0.1:9'}}");
    for (prod, test, shared) in [
        ("'file:media'", "'file:other'".to_owned(), false),
        ("'file:media'", "'file:./media/../media'".to_owned(), true),
        ("'file:media'", "'file:media/spring'".to_owned(), true),
        ("'file:link'", "'file:media'".to_owned(), true),
        ("'file:link'", "'file:other'".to_owned(), false),
        (&s3("s3://media/a"), s3("s3://media/b"), false),
        (&s3("s3://media/a"), s3("s3://media/ab"), false),
        (&s3("s3://media/a"), s3("s3://media/a/b"), true),
        (&s3("s3://media"), s3("s3://media/a"), true),
        (&s3("s3://media"), s3("s3://other"), false),
        (&s3("s3://media"), "'file:media'".to_owned(), false),
    ] {
        for (prod, test) in [(prod, test.as_str()), (test.as_str(), prod)] {
            let opened = gallery::open(&operator(path, prod, test), Environment::Prod).await;
            let found = opened.map(|it| it.is_some());
            assert_eq!(matches!(found, Err(gallery::Error::Shared)), shared, "{prod} {test}");
            assert!(shared || matches!(found, Ok(true)), "{prod} {test} {found:?}");
        }
    }
}

#[tokio::test]
async fn what_the_operators_file_names_is_opened() {
    let Some(url) = bucket().await else { return };
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("media")).unwrap();
    let GalleryPlace::Bucket(of) = config_of(&url, "") else { panic!() };
    let keys = of.credentials.unwrap();
    let prod = format!(
        "{{url: 's3://{}', endpoint: '{}', accessKeyId: '{}', secretAccessKey: '{}'}}",
        of.bucket,
        of.endpoint.unwrap(),
        keys.access_key_id.expose(),
        keys.secret_access_key.expose()
    );
    let config = operator(place.path(), &prod, "'file:media'");
    let prod = gallery::open(&config, Environment::Prod).await.unwrap().unwrap();
    let test = gallery::open(&config, Environment::Test).await.unwrap().unwrap();
    assert_eq!((prod.name(), test.name()), ("the gallery of PROD", "the gallery of TEST"));
    for gallery in [prod, test] {
        assert_eq!(gallery.list(&Folders::All).await.unwrap(), gallery::Listing::default());
    }
}

/// From every kind to every kind: staged from one, placed in the other.
#[tokio::test]
async fn files_go_from_any_gallery_to_any_other() {
    let bytes = vec![7; 9 << 20];
    for (from_bucket, to_bucket) in [(false, true), (true, false), (true, true)] {
        let own = async |is_bucket| match is_bucket {
            true => Own::bucket("").await,
            false => Own::local(),
        };
        let (Some(from), Some(to)) = (own(from_bucket).await, own(to_bucket).await) else { return };
        for (number, bytes) in [&b""[..], b"small", &bytes].into_iter().enumerate() {
            let path = folder::path(&format!("spring/{number} \u{e9}.png"));
            from.put(path.as_str(), bytes).await;
            let read = from.gallery.read(gallery::Place::File(&path)).await.unwrap();
            let at = gallery::Staged { run: contract::RUN, number };
            let content = to.gallery.stage(at, read).await.unwrap();
            assert_eq!(content, contract::content(bytes));
            to.gallery.place(contract::RUN, &[(number, path.clone())]).await.unwrap();
            assert!(to.get(path.as_str()).await.as_deref() == Some(bytes), "{path}");
        }
    }
}
