//! Servers of S3 that end, refuse, hang, or lose an answer.

use std::time::Duration;

use hyper::Method;
use reconcile::config::GalleryPlace;
use reconcile::config::gallery::BucketCredentials;
use reconcile::gallery::bucket::Bucket;
use reconcile::gallery::bucket::wire::{Ask, Limits};
use reconcile::gallery::{Error, Folders, Found, Gallery, Staged};

use super::contract::{Own, RUN, chunks, content, folder::path};
use super::server::{Server, bucket, config_of, wire};
use crate::crashes::proxy::{How, Proxy, When};

const HASTY: Limits = Limits {
    connect: Duration::from_secs(2),
    answer: Duration::from_secs(2),
    patience: Duration::from_secs(1),
};

fn open(url: &str, change: impl Fn(&mut reconcile::config::gallery::BucketConfig)) -> Bucket {
    let GalleryPlace::Bucket(mut config) = config_of(url, "") else { panic!() };
    change(&mut config);
    Bucket::open(&config, "the gallery of PROD", 100_000_000, HASTY).unwrap()
}

async fn refused(gallery: &Bucket) -> String {
    gallery.list(&Folders::All).await.unwrap_err().to_string()
}

#[tokio::test]
async fn what_is_wrong_is_said_with_what_to_do() {
    let Some(url) = bucket().await else { return };
    let other = open(&url, |config| config.bucket = "no-such-bucket".into());
    let said = refused(&other).await;
    let whole =
        "the gallery of PROD: there is no bucket no-such-bucket; make it, or name another in `url`";
    assert_eq!(said, whole);
    let keys = |key: &str, secret: &str| BucketCredentials {
        access_key_id: reconcile::config::Secret::new(key),
        secret_access_key: reconcile::config::Secret::new(secret),
        session_token: None,
    };
    let stranger =
        open(&url, |config| config.credentials = Some(keys("stranger", "hunter2-hunter2")));
    let said = refused(&stranger).await;
    assert!(said.contains("doesn't know this access key; see `accessKeyId`"), "{said}");
    let wrong = open(&url, |config| config.credentials = Some(keys("reconcile", "hunter2")));
    let said = refused(&wrong).await;
    assert!(said.contains("see `secretAccessKey`") && !said.contains("hunter2"), "{said}");
    let elsewhere = open(&url, |config| config.region = "eu-central-1".into());
    let said = refused(&elsewhere).await;
    assert!(
        said.contains("see `region` and `endpoint`") || said.contains("say so in `region`"),
        "{said}"
    );
    let nobody = open(&url, |config| config.endpoint = Some("http://127.0.0.1:9".into()));
    let said = refused(&nobody).await;
    assert!(said.contains("Connection refused"), "{said}");
    let below = open(&url, |config| config.prefix = "sprung".into());
    let said = refused(&below).await;
    assert!(said.contains("lies below sprung/; see `url`"), "{said}");
}

#[tokio::test]
async fn objects_that_are_no_files_are_refused_by_name() {
    let Some(own) = Own::bucket("").await else { return };
    for key in ["s/", "s/a.png", "s/b\u{202e}gnp.exe", "s/%2e%2e.png", "s/back\\slash.png"] {
        own.put(key, if key.ends_with('/') { b"" } else { b"x" }).await;
    }
    let listing = own.gallery.list(&Folders::All).await.unwrap();
    let files: Vec<_> = listing.files.iter().map(|it| it.path.as_str()).collect();
    assert_eq!((files, listing.refused.len()), (vec!["s/a.png"], 3), "{listing:?}");
    assert!(
        listing.refused.iter().all(|it| it.reason.starts_with("has a name that isn't allowed"))
    );
}

/// More objects than one page holds, in one folder and as folders.
#[tokio::test]
async fn every_page_is_read() {
    let Some(url) = bucket().await else { return };
    let gallery = open(&url, |_| ());
    let wire = wire(&url);
    let keys: Vec<String> = (0..1100)
        .map(|n| format!("many/{n:05}.png"))
        .chain((0..1100).map(|n| format!("f{n:05}/a.png")))
        .collect();
    for keys in keys.chunks(50) {
        let puts = keys.iter().map(|key| async {
            wire.ask(&Ask::new(Method::PUT, key), &[]).await.unwrap();
        });
        futures_util::future::join_all(puts).await;
    }
    let listing = gallery.list(&Folders::All).await.unwrap();
    assert_eq!((listing.files.len(), listing.folders.len()), (2200, 1101));
}

#[tokio::test]
async fn a_server_that_was_killed_is_waited_for() {
    let Some(mut server) = Server::start().await else { return };
    let url = server.bucket().await;
    let patient = Limits { patience: Duration::from_secs(60), ..HASTY };
    let own = Own::at(&url, "", patient).await;
    let hasty = open(&url, |_| ());
    for number in 0..40 {
        own.stage(number, format!("{number}").as_bytes()).await;
    }
    let new: Vec<_> = (0..40).map(|number| (number, path(&format!("s/{number}.png")))).collect();
    server.kill();
    let said = refused(&hasty).await;
    assert!(said.contains("the server of the bucket"), "{said}");
    let placing = own.gallery.place(RUN, &new);
    let again = async {
        tokio::task::yield_now().await;
        server.start_again().await;
    };
    let (placed, ()) = tokio::join!(placing, again);
    placed.unwrap();
    for (number, path) in &new {
        assert_eq!(own.get(path.as_str()).await.unwrap(), number.to_string().into_bytes());
    }
}

/// Every request's answer may be lost; whoever does it again finds what was done.
#[tokio::test]
async fn an_answer_that_was_lost_is_found_out() {
    let Some(url) = bucket().await else { return };
    let (keys, rest) = url.split_once('@').unwrap();
    let (host, name) = rest.split_once('/').unwrap();
    let proxy = Proxy::start(host.parse().unwrap()).await;
    let through = format!("{keys}@127.0.0.1:{}/{name}", proxy.port);
    let limits = Limits { patience: Duration::from_secs(20), ..HASTY };
    let own = Own::at(&through, "", limits).await;
    let large = vec![4; 9_000_000];
    for how in [How::Reset, How::Hang] {
        for (words, bytes) in [("PUT /", &b"new"[..]), ("POST /", &large[..])] {
            own.stage(0, bytes).await;
            let words: &'static str = Box::leak(format!("{words}{name}/s/a.png").into());
            proxy.cut(Some((When::Answer(words), how)));
            own.gallery.place(RUN, &[(0, path("s/a.png"))]).await.unwrap();
            assert!(own.get("s/a.png").await.unwrap() == bytes, "{how:?} {words}");
            own.put("s/a.png", b"before").await;
            proxy.cut(Some((When::Answer(words), how)));
            let at = Staged { run: RUN, number: 0 };
            let (before, after) = (content(b"before"), content(bytes));
            own.gallery.replace(at, &path("s/a.png"), &before, &after).await.unwrap();
            assert!(own.get("s/a.png").await.unwrap() == bytes, "{how:?} {words}");
            let delete: &'static str = Box::leak(format!("DELETE /{name}/s/a.png").into());
            proxy.cut(Some((When::Answer(delete), how)));
            own.gallery.discard(RUN, &path("s/a.png"), &after).await.unwrap();
            assert_eq!(own.get("s/a.png").await, None);
            own.gallery.clear(RUN).await.unwrap();
        }
    }
}

#[tokio::test]
async fn certificates_of_ones_own_are_trusted_where_the_operator_says_so() {
    let Some(server) = Server::start_secured().await else { return };
    let secured = |ca: Option<std::path::PathBuf>| {
        open(&server.url("media"), |config| {
            config.endpoint = Some(format!("https://127.0.0.1:{}", server.port));
            config.ca = ca.clone();
        })
    };
    let trusted = secured(Some(server.ca()));
    assert!(trusted.list(&Folders::All).await.unwrap().files.is_empty());
    let staged = trusted.stage(Staged { run: RUN, number: 0 }, chunks(b"x")).await.unwrap();
    assert_eq!(staged, content(b"x"));
    let began = std::time::Instant::now();
    let said = refused(&secured(None)).await;
    assert!(said.contains("certificate"), "{said}");
    assert!(began.elapsed() < HASTY.patience, "no second try helps");
}

#[tokio::test]
async fn a_server_that_hangs_is_waited_for_so_long_at_most() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((client, _)) = listener.accept().await {
            held.push(client);
        }
    });
    let url = format!("http://k:s@127.0.0.1:{port}/media");
    let started = std::time::Instant::now();
    let gallery = open(&url, |_| ());
    let said = refused(&gallery).await;
    assert!(said.contains("doesn't answer in time"), "{said}");
    let staged = gallery.stage(Staged { run: RUN, number: 0 }, chunks(b"x")).await;
    assert!(staged.unwrap_err().to_string().contains("doesn't answer in time"));
    assert!(started.elapsed() < Duration::from_secs(60));
    silent.abort();
}

/// A server that answers each request with `beginning`, and then goes on as long as somebody reads.
async fn endless(beginning: &'static str) -> (String, tokio::task::JoinHandle<()>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = client.read(&mut [0; 8192]).await;
                let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20));
                let mut sent = client.write_all(beginning.as_bytes()).await;
                while sent.is_ok() {
                    sent = client.write_all(chunk.as_bytes()).await;
                }
            });
        }
    });
    (format!("http://k:s@127.0.0.1:{port}/media"), serving)
}

#[tokio::test]
async fn an_answer_without_an_end_is_given_up() {
    let chunked = "HTTP/1.1 200 OK\r\netag: \"e\"\r\ntransfer-encoding: chunked\r\n\r\n";
    let (url, serving) = endless(chunked).await;
    let gallery = open(&url, |_| ());
    let said = refused(&gallery).await;
    assert!(said.contains("without an end"), "{said}");
    let found = Found {
        path: path("s/a.png"),
        size: 3_000_000,
        stamp: "0 \"e\"".into(),
        is_settled: true,
        modified: 0,
    };
    let read = std::sync::atomic::AtomicU64::new(0);
    let count = |bytes| {
        read.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    };
    let contents = gallery.contents(&[found], &count).await;
    assert!(matches!(contents, Err(Error::Changed { .. })), "{contents:?}");
    assert!(read.into_inner() < 10_000_000);
    serving.abort();
}
