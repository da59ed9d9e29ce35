//! Servers of S3: a bucket of one test's own on the shared one, and servers that a test may kill.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use hyper::Method;
use reconcile::config::gallery::{BucketConfig, BucketCredentials};
use reconcile::config::{GalleryPlace, Secret};
use reconcile::gallery::bucket::wire::{Ask, Limits, Wire};

use crate::places::say_skipped;
use crate::process::eventually;
use crate::stores::redis_server::free_port;

const KEYS: [&str; 2] = ["reconcile", "reconcile-secret"];

/// A new bucket, as `http://KEY:SECRET@HOST/BUCKET`; `None`, with a line that says so, where there is no
/// server.
pub async fn bucket() -> Option<String> {
    let Ok(server) = std::env::var("RECONCILE_TEST_S3") else {
        static SAID: std::sync::Once = std::sync::Once::new();
        SAID.call_once(|| say_skipped("tests on S3; RECONCILE_TEST_S3 names no server"));
        return None;
    };
    let url = format!("{server}/{}", name());
    make(&url).await;
    Some(url)
}

/// A name that no other test has.
fn name() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("test-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

async fn make(url: &str) {
    wire(url).ask(&Ask::new(Method::PUT, ""), &[]).await.unwrap();
}

/// `http://KEY:SECRET@HOST/BUCKET` as the operator's file would have it.
pub fn config_of(url: &str, prefix: &str) -> GalleryPlace {
    let (keys, rest) = url.strip_prefix("http://").unwrap().split_once('@').unwrap();
    let (host, bucket) = rest.split_once('/').unwrap();
    let (key, secret) = keys.split_once(':').unwrap();
    GalleryPlace::Bucket(BucketConfig {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: Some(format!("http://{host}")),
        credentials: Some(BucketCredentials {
            access_key_id: Secret::new(key),
            secret_access_key: Secret::new(secret),
            session_token: None,
        }),
        ca: None,
        path_style: true,
    })
}

/// Requests past the gallery, as another program would make them.
pub fn wire(url: &str) -> Wire {
    let GalleryPlace::Bucket(config) = config_of(url, "") else { unreachable!() };
    Wire::open(&config, "the bucket", Limits::default()).unwrap()
}

/// A server that ends with its test.
pub struct Server {
    child: Child,
    pub port: u16,
    folder: tempfile::TempDir,
    more: &'static [&'static str],
}

impl Server {
    pub async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// With TLS, by certificates of its own.
    pub async fn start_secured() -> Option<Self> {
        Self::start_with(&["--cert", "server.pem", "--key", "server.key"]).await
    }

    async fn start_with(more: &'static [&'static str]) -> Option<Self> {
        bucket().await?;
        let folder = tempfile::tempdir().unwrap();
        for name in ["buckets/media", "about"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        if !more.is_empty() {
            crate::certificates::make(folder.path());
        }
        let port = free_port();
        let child = spawn(&folder, port, more).await;
        Some(Self { child, port, folder, more })
    }

    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub fn url(&self, bucket: &str) -> String {
        format!("http://{}:{}@127.0.0.1:{}/{bucket}", KEYS[0], KEYS[1], self.port)
    }

    pub async fn bucket(&self) -> String {
        let url = self.url(&name());
        make(&url).await;
        url
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub async fn start_again(&mut self) {
        self.child = spawn(&self.folder, self.port, self.more).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where scripts/services.d/s3.sh keeps it.
fn program() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    cache.unwrap_or_else(|| "/tmp/.cache".into()).join("reconcile/versitygw-v1.8.0/versitygw")
}

/// It goes to another folder before it looks for files.
fn whole(folder: &std::path::Path, argument: &str) -> PathBuf {
    match argument.starts_with('-') {
        true => argument.into(),
        false => folder.join(argument),
    }
}

async fn spawn(folder: &tempfile::TempDir, port: u16, more: &[&str]) -> Child {
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let child = Command::new(program())
        .args(["--port", &format!("127.0.0.1:{port}"), "--keep-alive", "--quiet"])
        .args(more.iter().map(|it| whole(folder.path(), it)))
        .arg("posix")
        .args(["--sidecar", "about", "buckets"].map(|it| whole(folder.path(), it)))
        .current_dir(folder.path())
        .env("ROOT_ACCESS_KEY", KEYS[0])
        .env("ROOT_SECRET_KEY", KEYS[1])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    eventually("the server of S3 listens", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).ok()
    })
    .await;
    child
}
