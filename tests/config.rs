//! The operator's file: every key of the documented example, defaults, paths and secrets.

use std::path::Path;

use reconcile::config::{
    self, Config, Environment, GalleryPlace, ManifestSource, SigningKey, Values,
};

const EXAMPLE: &str = r#"
instance: PROD
manifests: ./manifests
state: sqlite://state/reconcile.db
stateDirectory: ./state
pinKey: "${PIN_KEY}"
results: {values: false}
environments:
  PROD:
    database: "${PROD_DATABASE_URL}"
    connections: 4
    gallery: "file:///srv/shop/media"
    publish:
      queue: {url: "amqp://mq.example", format: batch}
      storage: {DE: "redis://de.example", AT: "redis://at.example"}
      search: embedded
  TEST: {database: "sqlite:test.db", gallery: "file:media"}
tables: {allow: [cms_*, product*, media], redact: ["*.email", "*.password*"], match: {site: [root_page_id]}}
protected: {add: [loyalty_*], allow: [], mobileApp: {table: system_config, column: path, startsWith: "integrations/mobile_app/"}}
limits: {maxChanges: 10, maxDeletes: 5}
windows: [{kind: deny, cron: "0 8 * * 1-5", hours: 10, timeZone: Europe/Warsaw}]
mail: {transport: "file:outbox", from: "reconcile@shop.example", recipients: ["*@shop.example"]}
people: {"jo@users.example": jo@shop.example}
modules: {categories: {afterWrite: ["UPDATE category SET depth = 1"]}}
http: {listen: "127.0.0.1:8080", publicUrl: "https://reconcile.shop.example", tokens: {"jo@users.example": {secret: "${JO_TOKEN}", may: schedule}}}
"#;

const SMALLEST: &str = "instance: TEST\nmanifests: m\nenvironments:\n  \
                        PROD: {database: \"postgres://p\"}\n  TEST: {database: \"postgres://t\"}\n";

fn parse(text: &str) -> Config {
    let variable = |name: &str| Some(format!("postgres://{name}:hunter2@db"));
    config::parse(Path::new("/etc/shop/reconcile.yaml"), text.as_bytes(), &variable)
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

#[test]
fn the_documented_example_is_read_whole() {
    let config = parse(EXAMPLE);
    assert_eq!(config.instance, Environment::Prod);
    assert_eq!(config.results.values, Values::Left);
    assert_eq!(config.prod.database.expose(), "postgres://PROD_DATABASE_URL:hunter2@db");
    assert_eq!(config.tables.matching["site"], ["root_page_id"]);
    assert_eq!(config.after_write("categories"), ["UPDATE category SET depth = 1"]);
    assert_eq!((config.prod.connections, config.test.connections), (4, 2));
    assert_eq!(config.limits.max_delete_percent, 10);
    assert_eq!(config.limits.max_late_minutes, None);
    assert_eq!((config.limits.max_changes, config.limits.max_deletes), (10, 5));
    assert_eq!(config.mail.as_ref().unwrap().from.domain(), "shop.example");
    assert!(config.mail.is_some() && config.http.is_some() && config.windows.len() == 1);
    assert!(config.redact_matches("customer", "email"));
    assert!(config.redact_matches("auth_user", "password_hash"));
    assert!(!config.redact_matches("cms_page", "title"));
}

#[test]
fn relative_paths_start_from_the_file() {
    let config = parse(EXAMPLE);
    let here = |path: &str| format!("/etc/shop/{path}");
    assert_eq!(config.manifests, ManifestSource::Directory(here("./manifests").into()));
    assert_eq!(config.state_directory, Path::new("/etc/shop/./state"));
    assert_eq!(config.state.unwrap().expose(), format!("sqlite://{}", here("state/reconcile.db")));
    assert_eq!(config.test.database.expose(), format!("sqlite://{}", here("test.db")));
    assert_eq!(config.prod.gallery, Some(GalleryPlace::Local("/srv/shop/media".into())));
    assert_eq!(config.test.gallery, Some(GalleryPlace::Local(here("media").into())));
}

#[test]
fn the_smallest_file_allows_nothing() {
    let config = parse(SMALLEST);
    assert_eq!(config.limits, config::Limits::default());
    assert_eq!(config.state_directory, Path::new("/etc/shop/state"));
    assert!(config.tables.allow.is_empty() && config.state.is_none());
}

#[test]
fn connections_are_at_least_one_and_not_too_many() {
    for (written, fine) in [("0", false), ("1", true), ("16", true), ("17", false), ("-1", false)] {
        let text = SMALLEST
            .replace("\"postgres://t\"", &format!("\"postgres://t\", connections: {written}"));
        let read = config::parse(Path::new("/r.yaml"), text.as_bytes(), &|_| None);
        assert_eq!(read.is_ok(), fine, "{written}");
    }
}

#[test]
fn a_secret_is_not_printed_with_the_file() {
    assert!(!format!("{:?}", parse(EXAMPLE)).contains("hunter2"));
}

#[test]
fn a_variable_cannot_change_the_files_structure() {
    let text = SMALLEST.replace("postgres://t", "${X}");
    let variable = |_: &str| Some("sqlite:x\"}\ninstance: PROD\nlimits: {maxDeletes: 9".to_owned());
    let read = config::parse(Path::new("/r.yaml"), text.as_bytes(), &variable);
    // It stays one text, which as a text of two lines is refused.
    let problems = read.unwrap_err();
    assert_eq!(problems.iter().map(|found| found.code).collect::<Vec<_>>(), ["control-character"]);
}

#[test]
fn a_filled_in_number_is_a_number() {
    let text = format!("{SMALLEST}limits: {{maxDeletes: \"${{N}}\"}}\n");
    let variable = |_: &str| Some("7".to_owned());
    let config = config::parse(Path::new("/r.yaml"), text.as_bytes(), &variable).unwrap();
    assert_eq!(config.limits.max_deletes, 7);
}

/// The smallest file with `git` in place of `manifests`.
fn with_git(git: &str) -> Result<config::GitSource, Vec<String>> {
    let text = SMALLEST.replace("manifests: m", &format!("git: {{{git}}}"));
    match config::parse(Path::new("/etc/shop/reconcile.yaml"), text.as_bytes(), &|_| None) {
        Ok(Config { manifests: ManifestSource::Git(source), .. }) => Ok(source),
        Ok(config) => panic!("{:?}", config.manifests),
        Err(problems) => Err(problems.iter().map(|found| found.code.to_owned()).collect()),
    }
}

#[test]
fn a_git_source_has_sensible_defaults() {
    let source = with_git("url: ../shop.git").unwrap();
    assert_eq!(source.url.expose(), "/etc/shop/../shop.git");
    assert_eq!((source.branch.as_str(), source.path.as_str()), ("main", "."));
    assert_eq!(source.results_branch, "reconcile-results");
    assert_eq!((source.poll_seconds, source.max_mebibytes), (60, 1024));
    assert_eq!(source.require_signed, None);
}

#[test]
fn an_address_leads_where_it_seems_to() {
    for (written, read) in [
        ("https://jo:pw@h.example/a.git", Ok("https://jo:pw@h.example/a.git")),
        ("ssh://git@h.example/a.git", Ok("ssh://git@h.example/a.git")),
        ("git@h.example:shop/a.git", Ok("git@h.example:shop/a.git")),
        ("/srv/git/a.git", Ok("/srv/git/a.git")),
        ("file:///srv/git/a.git", Ok("file:///srv/git/a.git")),
        ("a:b/c.git", Ok("a:b/c.git")),
        ("./a:b.git", Ok("/etc/shop/./a:b.git")),
        ("ext::sh -c id", Err("bad-url")),
        ("fd::7", Err("bad-url")),
        ("ftp://h.example/a.git", Err("bad-url")),
        ("--upload-pack=id", Err("bad-url")),
        ("", Err("no-value")),
    ] {
        let found = with_git(&format!("url: \"{written}\""));
        let found = found.as_ref().map(|source| source.url.expose());
        assert_eq!(
            found.map_err(|codes| codes.join(",")),
            read.map_err(str::to_owned),
            "{written}"
        );
    }
}

#[test]
fn branches_and_folders_are_names_of_their_kind() {
    for (git, expected) in [
        ("branch: shop/main, resultsBranch: shop/results", None),
        ("branch: reconcile-results", Some("same-branch")),
        ("resultsBranch: main", Some("same-branch")),
        ("branch: \"a b\"", Some("bad-branch")),
        ("branch: \"--all\"", Some("bad-branch")),
        ("branch: a..b", Some("bad-branch")),
        ("branch: \"main:x\"", Some("bad-branch")),
        ("branch: \"+main\"", None),
        ("branch: refs/heads/main", Some("bad-branch")),
        ("branch: a.lock", Some("bad-branch")),
        ("branch: /main", Some("bad-branch")),
        ("resultsBranch: \"x@{1}\"", Some("bad-branch")),
        ("path: shop/manifests/", None),
        ("path: ../elsewhere", Some("bad-path")),
        ("path: /etc", Some("bad-path")),
        ("pollSeconds: 0", Some("out-of-range")),
        ("maxMebibytes: 0", Some("out-of-range")),
    ] {
        let found = with_git(&format!("url: /a, {git}")).err().map(|codes| codes.join(","));
        assert_eq!(found.as_deref(), expected, "{git}");
    }
}

#[test]
fn keys_of_signers_are_whole() {
    let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKnVSSFW7JRS5ew8C/Fi2EwTBX6eutvwgbvx1jXLu3Jf";
    let print = "0123 4567 89AB CDEF 0123  4567 89ab cdef 0123 4567";
    let digits = print.replace(' ', "").to_uppercase();
    let keys = |keys: &str| with_git(&format!("url: /a, requireSigned: {{keys: [{keys}]}}"));
    let source = keys(&format!("\"{print}\", \"{ssh} jo@shop\", \"0x{digits}\"")).unwrap();
    let pgp = || SigningKey::OpenPgp(digits.clone());
    assert_eq!(source.require_signed.unwrap(), [pgp(), SigningKey::Ssh(ssh.into()), pgp()]);
    for wrong in [
        "\"89ABCDEF\"",
        "\"0123456789ABCDEF\"",
        "\"0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\"",
        "jo@shop.example",
        "ssh-ed25519",
        "\"ssh-ed25519 AAAA\"",
        "\"ssh-ed25519 not*base64\"",
        // Of another kind than it says.
        &format!("\"{}\"", ssh.replace("ssh-ed25519", "ssh-rsa")),
        // Cut short in copying.
        &format!("\"{}\"", &ssh[..40]),
        "\"ssh-dss AAAAB3NzaC1kc3M=\"",
    ] {
        assert_eq!(keys(wrong).unwrap_err(), ["bad-key"], "{wrong}");
    }
    // Asking for signatures of nobody would be asking for none.
    assert_eq!(keys("").unwrap_err(), ["no-value"]);
    assert_eq!(with_git("url: /a, requireSigned: {}").unwrap_err(), ["missing-key"]);
}

#[test]
fn http_is_understood_whole_or_refused() {
    let read = |http: &str| {
        let text = format!("{SMALLEST}http: {{{http}}}\n");
        config::parse(Path::new("/r.yaml"), text.as_bytes(), &|_| None)
    };
    let http = read("").unwrap().http.unwrap();
    assert_eq!(http.listen.to_string(), "127.0.0.1:8080");
    assert!(http.public_url.is_none() && http.tokens.is_empty() && http.hook.is_none());
    let long = "secret: 0123456789abcdef";
    for (http, code) in [
        ("listen: localhost", "bad-address"),
        ("listen: \"localhost:8080\"", "bad-address"),
        ("listen: 8080", "wrong-type"),
        ("publicUrl: shop.example", "bad-url"),
        ("publicUrl: \"https://shop.example/reconcile\"", "bad-url"),
        ("tokens: {jo: {secret: short, may: view}}", "weak-secret"),
        (&format!("tokens: {{jo: {{{long}, may: everything}}}}"), "bad-value"),
        (&format!("tokens: {{jo: {{{long}}}}}"), "missing-key"),
        (
            &format!("tokens: {{jo: {{{long}, may: view}}, kim: {{{long}, may: view}}}}"),
            "same-secret",
        ),
        ("hooks: {secret: short}", "weak-secret"),
        ("hooks: {}", "missing-key"),
        ("hook: {}", "unknown-key"),
    ] {
        let problems = read(http).unwrap_err();
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, [code], "{http}");
    }
}

/// The smallest file with this gallery.
fn with_gallery(gallery: &str) -> Result<GalleryPlace, Vec<String>> {
    let text =
        SMALLEST.replace("\"postgres://t\"}", &format!("\"postgres://t\", gallery: {gallery}}}"));
    let variable = |_: &str| Some("hunter2".to_owned());
    match config::parse(Path::new("/etc/shop/reconcile.yaml"), text.as_bytes(), &variable) {
        Ok(config) => Ok(config.test.gallery.unwrap()),
        Err(problems) => {
            let shown = format!("{problems:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
            Err(problems.iter().map(|found| found.code.to_owned()).collect())
        }
    }
}

#[test]
fn a_gallery_is_a_directory_or_a_bucket() {
    for (written, path) in [
        ("\"file:media\"", "/etc/shop/media"),
        ("\"file:/srv/media\"", "/srv/media"),
        ("\"file:///srv/my%20media\"", "/srv/my media"),
        ("\"file://localhost/srv/media\"", "/srv/media"),
        ("{url: \"file:media\"}", "/etc/shop/media"),
    ] {
        assert_eq!(with_gallery(written), Ok(GalleryPlace::Local(path.into())), "{written}");
    }
    let bucket = |settings: &str| match with_gallery(&format!(
        "{{url: \"s3://media/shop/gallery/\"{settings}}}"
    ))
    .unwrap()
    {
        GalleryPlace::Bucket(bucket) => bucket,
        GalleryPlace::Local(path) => panic!("{path:?}"),
    };
    let amazon = bucket("");
    assert_eq!((amazon.bucket.as_str(), amazon.prefix.as_str()), ("media", "shop/gallery"));
    assert_eq!(
        (amazon.region.as_str(), amazon.endpoint, amazon.path_style),
        ("us-east-1", None, false)
    );
    assert_eq!(amazon.credentials, None);
    let own = bucket(
        ", endpoint: \"https://s3.shop.example:9000/\", region: eu-central-1, accessKeyId: \"${K}\", \
         secretAccessKey: \"${S}\", sessionToken: \"${T}\", ca: ca.pem",
    );
    assert_eq!(own.endpoint.as_deref(), Some("https://s3.shop.example:9000"));
    assert!(own.path_style && own.ca.as_deref() == Some(Path::new("/etc/shop/ca.pem")));
    assert!(!format!("{own:?}").contains("hunter2"));
    assert_eq!(own.credentials.unwrap().session_token.unwrap().expose(), "hunter2");
    assert!(!bucket(", endpoint: \"https://s3.shop.example\", pathStyle: false").path_style);
    bucket(", endpoint: \"http://127.0.0.1:9000\"");
    bucket(", endpoint: \"http://s3.shop.example\", allowHttp: true");
}

#[test]
fn a_gallery_that_can_only_be_guessed_is_refused() {
    let s3 = |settings: &str| format!("{{url: \"s3://media\", {settings}}}");
    for (written, code) in [
        ("/srv/media".to_owned(), "bad-url"),
        ("media".to_owned(), "bad-url"),
        ("\"file:\"".to_owned(), "bad-url"),
        ("\"file://host/media\"".to_owned(), "bad-url"),
        ("\"file:a%2\"".to_owned(), "bad-url"),
        ("\"ftp://host/media\"".to_owned(), "bad-url"),
        ("\"s3://media\"".to_owned(), "missing-key"),
        ("{region: x}".to_owned(), "missing-key"),
        ("{url: \"s3://m\"}".to_owned(), "bad-url"),
        ("{url: \"s3://user:hunter2@media/x\"}".to_owned(), "bad-url"),
        ("{url: \"s3://media/a/../b\"}".to_owned(), "bad-url"),
        ("{url: \"s3://media//a\"}".to_owned(), "bad-url"),
        ("{url: \"file:media\", region: x}".to_owned(), "unknown-key"),
        (s3("accesskeyid: x"), "unknown-key"),
        (s3("accessKeyId: x"), "missing-key"),
        (s3("secretAccessKey: hunter2"), "missing-key"),
        (s3("region: \"a/b\""), "bad-value"),
        (s3("endpoint: s3.shop.example"), "bad-url"),
        (s3("endpoint: \"http://s3.shop.example\""), "bad-url"),
        (s3("endpoint: \"https://u:hunter2@s3.shop.example\""), "bad-url"),
        (s3("endpoint: \"https://s3.shop.example/media\""), "bad-url"),
    ] {
        assert_eq!(with_gallery(&written), Err(vec![code.to_owned()]), "{written}");
    }
}

#[test]
fn queues_on_a_broker_need_a_format() {
    for (queue, is_right) in [
        ("embedded", true),
        ("{DE: embedded}", true),
        ("'amqp://mq.example'", false),
        ("{DE: 'amqp://mq.example/de'}", false),
        ("{url: 'amqps://mq.example'}", false),
        ("{url: 'amqps://mq.example', format: spryker}", true),
        ("{url: {DE: 'amqp://mq.example/de'}, format: batch}", true),
    ] {
        let text = SMALLEST.replace(
            "\"postgres://p\"}",
            &format!("\"postgres://p\", publish: {{queue: {queue}}}}}"),
        );
        let parsed = config::parse(Path::new("/etc/reconcile.yaml"), text.as_bytes(), &|_| None);
        assert_eq!(parsed.is_ok(), is_right, "{queue}: {parsed:?}");
        if let Err(problems) = parsed {
            assert!(problems[0].message.contains("needs a `format`"), "{problems:?}");
        }
    }
}
