//! Applications that nobody here wrote, each with a scenario through its own API in `examples/`.

use std::path::Path;
use std::process::Command;

use crate::places::say_skipped;

/// Runs `examples/NAME/run`, whose steps and checks stand there. Skipped, by name, without what it
/// needs, which `scripts/test` provides.
fn plays(name: &str, needs: &[&str]) {
    for variable in needs {
        if std::env::var_os(variable).is_none() {
            return say_skipped(&format!(
                "examples/{name}; {variable} isn't set, scripts/test sets it"
            ));
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name).join("run");
    let output = Command::new(script)
        .args(["--reconcile", env!("CARGO_BIN_EXE_reconcile")])
        .output()
        .expect("the script can be started");
    assert!(
        output.status.success(),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A shop with foreign keys, judged by its own ORM, on PostgreSQL.
#[test]
fn django_oscar_finds_the_promoted_state_in_order() {
    plays("oscar", &["RECONCILE_TEST_POSTGRES", "RECONCILE_TEST_OSCAR_PYTHON"]);
}

/// A tree of pages, plugins that texts name by ID, generic relations, on SQLite.
#[test]
fn django_cms_finds_the_promoted_pages_in_order() {
    plays("djangocms", &["RECONCILE_TEST_DJANGOCMS_PYTHON"]);
}

/// No foreign keys at all, text in columns of bytes, IDs in text, on MariaDB.
#[test]
fn mediawiki_finds_the_promoted_revisions_in_order() {
    plays("mediawiki", &["RECONCILE_TEST_MARIADB", "RECONCILE_TEST_MEDIAWIKI"]);
}
