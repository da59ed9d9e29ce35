//! Manifests as users write them: the examples of this repository, and what a directory of healthy
//! and broken files is read as.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use reconcile::config::{self, Config};
use reconcile::manifest::approval::Approval;
use reconcile::manifest::filter::{Condition, Scalar};
use reconcile::manifest::protected::Protection;
use reconcile::manifest::schema::manifest_schema;
use reconcile::manifest::sync_job::{Selection, SyncJobSpec};
use reconcile::manifest::validate::{Context, validate};
use reconcile::manifest::{Manifests, Step, load, load_text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn read(text: &str) -> Manifests {
    load_text(Path::new("test.yaml"), text.as_bytes())
}

fn codes(manifests: &Manifests) -> Vec<&'static str> {
    manifests.problems.iter().map(|problem| problem.code).collect()
}

/// Folders of manifests that are shown to users.
fn example_folders() -> Vec<PathBuf> {
    let mut folders = vec![root().join("manifests")];
    if let Ok(examples) = fs::read_dir(root().join("examples")) {
        folders.extend(examples.map(|entry| entry.unwrap().path().join("manifests")));
    }
    folders.retain(|folder| folder.is_dir());
    folders
}

/// The operator's file beside an example, whatever its variables.
fn operators_file(manifests: &Path) -> Option<Config> {
    let path = manifests.parent()?.join("reconcile.yaml");
    let variable = |_: &str| Some("postgres://somewhere".to_owned());
    path.is_file().then(|| config::load(&path, &variable).unwrap())
}

fn yaml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(yaml_files(&path));
        } else if path.extension().is_some_and(|end| end == "yaml") {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_committed_schema_is_the_codes() {
    let committed = fs::read_to_string(root().join("schemas/reconcile.schema.json")).unwrap();
    assert!(
        committed == manifest_schema(),
        "write it again: cargo run -- schema > schemas/reconcile.schema.json"
    );
}

fn validator() -> jsonschema::Validator {
    let schema = serde_json::from_str(&manifest_schema()).unwrap();
    jsonschema::draft7::new(&schema).unwrap()
}

#[test]
fn every_example_passes_the_schema_and_the_reader() {
    let validator = validator();
    let folders = example_folders();
    assert!(!folders.is_empty(), "the default modules are in manifests/");
    for folder in folders {
        for file in yaml_files(&folder) {
            let text = fs::read_to_string(&file).unwrap();
            let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).unwrap();
            for document in documents {
                let errors: Vec<String> =
                    validator.iter_errors(&document).map(|error| error.to_string()).collect();
                assert!(errors.is_empty(), "{}: {errors:?}", file.display());
            }
        }
        let manifests = load(&folder).unwrap();
        let config = operators_file(&folder);
        let context = Context {
            manifests: &manifests,
            protection: &config.as_ref().map_or_else(Protection::built_in, Protection::new),
            config: config.as_ref(),
            catalogs: &BTreeMap::new(),
        };
        let mut problems = manifests.problems.clone();
        problems.extend(validate(&context));
        problems.retain(reconcile::manifest::problem::Problem::is_error);
        assert!(problems.is_empty(), "{problems:#?}");
    }
}

/// The demo's file lies elsewhere, since it is copied to where a user runs it.
#[test]
fn the_demos_operator_allows_the_default_modules() {
    let path = root().join("src/demo/reconcile.yaml");
    let config = config::load(&path, &|_| None).unwrap();
    let manifests = load(&root().join("manifests")).unwrap();
    let context = Context {
        manifests: &manifests,
        protection: &Protection::new(&config),
        config: Some(&config),
        catalogs: &BTreeMap::new(),
    };
    assert!(validate(&context).is_empty(), "{:#?}", validate(&context));
}

#[test]
fn the_schema_and_the_reader_refuse_the_same_bad_example() {
    let text = "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {name: spring}\nspec:\n  \
                direction: TEST -> PROD\n  mode: al\n  modules: [cms-pages]\n  approved:\n    \
                cms_page: {new: [\"41@9F2AC1D05B7E3A10\"], aprove: []}\n";
    let document: serde_json::Value = serde_saphyr::from_str(text).unwrap();
    assert!(!validator().is_valid(&document));
    assert_eq!(codes(&read(text)), ["bad-value", "bad-id", "unknown-key"]);
}

const PAGES: &str = "apiVersion: reconcile/v1\nkind: Module\nmetadata: {name: pages}\nspec:\n  \
                     records:\n    - table: cms_page\n";
const REFRESH: &str = "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {name: refresh}\nspec:\n  \
                       direction: PROD -> TEST\n  mode: all\n  modules: [pages]\n";

#[test]
fn a_broken_document_hides_no_healthy_one() {
    for broken in ["[[[\n", "a: &a 1\n", "kind: Modul\n", "\"unclosed\n", "a: *b\n"] {
        let manifests = read(&format!("{PAGES}---\n{broken}---\n{REFRESH}"));
        assert!(manifests.modules.contains_key("pages"), "{broken}");
        assert!(manifests.jobs.contains_key("refresh"), "{broken}");
        assert!(manifests.problems.iter().all(|found| found.document == Some(2)), "{broken}");
        assert!(manifests.problems_of_job("refresh").is_empty(), "{broken}");
    }
}

#[test]
fn a_job_suffers_from_its_own_and_its_modules_problems_alone() {
    let other = REFRESH.replace("refresh", "other").replace("[pages]", "[menus]");
    let broken = PAGES.replace("table:", "tabel:");
    let menus = PAGES.replace("pages", "menus");
    let manifests = read(&format!("{broken}---\n{REFRESH}---\n{other}---\n{menus}"));
    assert_eq!(codes(&manifests), ["unknown-key", "missing-key"]);
    assert_eq!(manifests.problems_of_job("refresh").len(), 2);
    assert!(manifests.problems_of_job("other").is_empty());
}

#[test]
fn places_of_keys_and_values_are_found_again() {
    let manifests =
        read(&format!("# a comment\n{PAGES}      identity: [slug, \"Größe\", locale]\n"));
    let origin = &manifests.modules["pages"].origin;
    let record = [Step::Key("spec"), Step::Key("records"), Step::Index(0)];
    let place = |below: &[Step<'_>]| {
        let path: Vec<Step<'_>> = record.iter().chain(below).copied().collect();
        let (key, value) = (origin.locate(&path), origin.locate_value(&path));
        ((key.line, key.column), (value.line, value.column))
    };
    assert_eq!(place(&[Step::Key("table")]), ((7, 7), (7, 14)));
    // Columns count characters, not bytes.
    assert_eq!(place(&[Step::Key("identity"), Step::Item("locale")]).1, (8, 33));
    // What isn't written is found at what is written around it.
    assert_eq!(place(&[Step::Key("owns"), Step::Index(3)]).1, (7, 7));
}

#[test]
fn ids_and_constants_keep_their_text() {
    let job =
        format!("{REFRESH}  approved: {{cms_page: {{new: [41, \"41a\", 041, -7, \"yes\"]}}}}\n");
    let module = format!(
        "{PAGES}      rows: {{a: {{in: [1, 1.10, 99999999999999999999, true, null, \"1\"]}}}}\n"
    );
    let manifests = read(&format!("{job}---\n{module}"));
    assert_eq!(codes(&manifests), Vec::<&str>::new());
    let id = |text: &str| Approval::Id(text.into());
    assert_eq!(
        manifests.jobs["refresh"].spec.approved["cms_page"].new,
        [id("41"), id("41a"), id("041"), id("-7"), id("yes")]
    );
    let decimal = |text: &str| Scalar::Decimal(text.into());
    assert_eq!(
        manifests.modules["pages"].spec.records[0].rows["a"],
        Condition::In(vec![
            Scalar::Integer(1),
            decimal("1.10"),
            decimal("99999999999999999999"),
            Scalar::Boolean(true),
            Scalar::Null,
            Scalar::Text("1".into()),
        ])
    );
}

#[test]
fn a_request_changes_with_what_is_asked_and_not_with_who_hears_of_it() {
    let spec = |text: &str| -> SyncJobSpec {
        let manifests = read(&format!("{REFRESH}{text}"));
        assert_eq!(codes(&manifests), Vec::<&str>::new(), "{text}");
        manifests.jobs["refresh"].spec.clone()
    };
    let hash = |text: &str| spec(text).request_hash();
    let plain = hash("");
    for same in [
        "  notify: [jo@shop.example]\n",
        "  suspend: true\n",
        "  suspend: {reason: holidays, until: 2026-12-01}\n",
        "  request: 1\n",
        "  approved: {}\n",
    ] {
        assert_eq!(hash(same), plain, "{same}");
    }
    for other in [
        "  request: 2\n",
        "  dryRun: true\n",
        "  onStale: skip\n",
        "  galleryFolders: all\n",
        "  schedule: {at: \"2026-12-01T02:00\", timeZone: UTC}\n",
        "  approved: {cms_page: {new: [all]}}\n",
    ] {
        assert_ne!(hash(other), plain, "{other}");
    }
    assert_eq!(
        hash("  approved: {cms_page: {new: [41]}}\n"),
        hash("  approved: {cms_page: {new: [\"41\"]}}\n")
    );
}

/// A plan's file and a test's case hold specs as JSON.
#[test]
fn specs_survive_json() {
    let manifests = load(&root().join("manifests")).unwrap();
    for module in manifests.modules.values() {
        let json = serde_json::to_string(&module.spec).unwrap();
        assert_eq!(
            serde_json::from_str::<reconcile::manifest::module::ModuleSpec>(&json).unwrap(),
            module.spec
        );
    }
    for job in manifests.jobs.values() {
        let json = serde_json::to_string(&job.spec).unwrap();
        assert_eq!(serde_json::from_str::<SyncJobSpec>(&json).unwrap(), job.spec);
        assert_ne!(job.spec.modules, Some(Selection::Names(Vec::new())));
    }
}

#[test]
fn the_longest_file_is_read_and_one_byte_more_is_not() {
    const MIB: usize = 1024 * 1024;
    let filled = |bytes: usize| format!("{PAGES}#{}", "x".repeat(bytes - PAGES.len() - 1));
    assert_eq!(codes(&read(&filled(MIB))), Vec::<&str>::new());
    assert_eq!(codes(&read(&filled(MIB + 1))), ["too-large"]);
}

#[test]
fn a_thousand_documents_are_read_and_one_more_is_not() {
    let documents = |count: usize| format!("---\n{PAGES}").repeat(count);
    assert_eq!(read(&documents(1_000)).documents.len(), 1_000);
    assert_eq!(codes(&read(&documents(1_001))), ["too-many-documents"]);
}

#[test]
fn thirty_two_levels_are_read_and_one_more_is_not() {
    let nested = |depth: usize| format!("{}{}\n", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(codes(&read(&nested(32))), ["wrong-type"]);
    assert_eq!(codes(&read(&nested(33))), ["yaml-depth"]);
}

#[test]
fn a_file_full_of_one_mistake_is_answered_in_good_time() {
    let ids: Vec<String> = (0..100_000).map(|id| id.to_string()).collect();
    let job = REFRESH.replace("PROD -> TEST", "TEST -> PROD")
        + &format!("  approved: {{cms_page: {{new: [{}]}}}}\n", ids.join(","));
    let manifests = read(&format!("{PAGES}---\n{job}"));
    assert_eq!(codes(&manifests), Vec::<&str>::new());
    let started = std::time::Instant::now();
    let problems = validate(&Context {
        manifests: &manifests,
        protection: &Protection::built_in(),
        config: None,
        catalogs: &BTreeMap::new(),
    });
    assert_eq!(problems.len(), 20);
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}
