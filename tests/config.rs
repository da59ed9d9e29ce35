//! The operator's file: every key of the documented example, defaults, paths and secrets.

use std::path::Path;

use reconcile::config::{self, Config, Environment, ManifestSource, Values};

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
    assert_eq!((config.limits.max_changes, config.limits.max_deletes), (10, 5));
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
    assert_eq!(config.prod.gallery.unwrap().expose(), "file:///srv/shop/media");
    assert_eq!(config.test.gallery.unwrap().expose(), format!("file:{}", here("media")));
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
