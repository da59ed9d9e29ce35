//! `reconcile doctor` on galleries.

use std::fs;

use hyper::Method;
use reconcile::config::GalleryPlace;
use reconcile::gallery::bucket::wire::Ask;

use super::server::{bucket, config_of, wire};
use crate::shop::{Said, Shop};

fn line<'a>(said: &'a Said, part: &str) -> &'a str {
    let line = said.out.lines().find(|line| line.contains(part));
    line.unwrap_or_else(|| panic!("no line with {part:?} in:\n{}\n{}", said.out, said.err))
}

/// The demo shop with these galleries; a job writes to PROD and selects folders.
fn shop(prod: &str, test: &str) -> Shop {
    let shop = Shop::before_the_demo();
    let file = shop.path().join("reconcile.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let of = |text: &str, environment: &str, gallery: &str| {
        let database = format!("\"sqlite://{}.db\"", environment.to_lowercase());
        let with = format!("{database}\n    gallery: {gallery}");
        assert!(text.contains(&database), "{text}");
        text.replacen(&database, &with, 1)
    };
    fs::write(file, of(&of(&text, "PROD", prod), "TEST", test)).unwrap();
    shop
}

#[test]
fn directories_are_tried_where_a_job_writes() {
    let shop = shop("'file:media'", "'file:other'");
    let said = shop.reconcile(&["doctor"]).ends_with(1);
    assert!(
        line(&said, "the gallery of PROD: ").starts_with("broken  PROD gallery"),
        "{}",
        said.out
    );
    line(&said, "make the directory, or give this account the right to it");
    for name in ["media/spring", "other"] {
        fs::create_dir_all(shop.path().join(name)).unwrap();
    }
    let said = shop.reconcile(&["doctor"]).ends_with(0);
    line(&said, "the directory media, 1 folder");
    line(&said, "the directory other, 0 folders");
    let written = |about: &str| {
        let mut lines = said.out.lines();
        lines.any(|line| line.contains(about) && line.ends_with("  can be written"))
    };
    assert!(written("PROD gallery"), "{}", said.out);
    let left: Vec<_> = fs::read_dir(shop.path().join("media/.reconcile/stage")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let json = shop.reconcile(&["doctor", "--format", "json"]).ends_with(0);
    assert!(json.out.contains("\"PROD gallery\""), "{}", json.out);
}

#[tokio::test]
async fn buckets_are_tried_and_their_conditions_too() {
    let Some(url) = bucket().await else { return };
    let GalleryPlace::Bucket(of) = config_of(&url, "") else { panic!() };
    let (endpoint, keys) = (of.endpoint.unwrap(), of.credentials.unwrap());
    let gallery = |bucket: &str, secret: &str| {
        format!(
            "{{url: 's3://{bucket}', endpoint: '{endpoint}', accessKeyId: '{}', secretAccessKey: '{secret}'}}",
            keys.access_key_id.expose()
        )
    };
    let secret = keys.secret_access_key.expose();
    let shop = shop(&gallery(&of.bucket, secret), &gallery("no-such-bucket", secret));
    let said = shop.reconcile(&["doctor"]).ends_with(1);
    line(&said, &format!("the bucket {} at {endpoint}, 0 folders", of.bucket));
    let mut lines = said.out.lines().filter(|line| line.contains("PROD gallery"));
    assert!(lines.any(|line| line.ends_with("can be written")), "{}", said.out);
    line(&said, "the gallery of TEST: there is no bucket no-such-bucket");
    assert!(!said.out.contains(secret), "{}", said.out);
    let left =
        wire(&url).ask(&Ask::new(Method::GET, "").query("list-type", "2"), &[]).await.unwrap();
    assert!(!String::from_utf8_lossy(&left.body).contains("<Contents>"), "{left:?}");
}
