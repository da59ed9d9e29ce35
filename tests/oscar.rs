//! A real shop that nobody here wrote: django-oscar's own ORM fills, edits and judges.

use std::path::Path;
use std::process::Command;

use crate::places::say_skipped;

/// Runs `examples/oscar/run`, whose steps and checks stand there. Skipped, by name, without a
/// PostgreSQL server or the shop's Python, which `scripts/test` provides.
#[test]
fn the_shops_own_orm_finds_the_promoted_state_in_order() {
    for variable in ["RECONCILE_TEST_POSTGRES", "RECONCILE_TEST_OSCAR_PYTHON"] {
        if std::env::var_os(variable).is_none() {
            return say_skipped(&format!(
                "the oscar shop; {variable} isn't set, scripts/test sets it"
            ));
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/oscar/run");
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
