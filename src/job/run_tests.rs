//! When an attempt is made again: errors that pass, and those that stay.

use super::{failed, is_passing, may_go_better};
use crate::database;
use crate::job::Error;
use crate::job::report::Outcome;
use crate::{apply, compare};

fn in_the_way() -> database::Error {
    database::Error::Serialization { environment: "PROD".into(), action: "commit", table: None }
}

#[test]
fn an_error_of_the_database_is_told_wherever_it_happened() {
    let statement = |source| apply::Error::AfterWrite { module: "a".into(), number: 1, source };
    for error in [
        Error::Database(in_the_way()),
        Error::Compare(compare::Error::Database(in_the_way())),
        Error::Apply(apply::Error::Database(in_the_way())),
        Error::Apply(apply::Error::Compare(compare::Error::Database(in_the_way()))),
        Error::Apply(statement(in_the_way())),
    ] {
        assert!(is_passing(&error), "{error}");
        assert!(may_go_better(&error), "{error}");
    }
    assert!(!is_passing(&Error::Incomplete));
}

#[test]
fn a_gallery_that_is_away_while_a_run_is_taken_back_leaves_the_request_open() {
    let left = || "the gallery of PROD: spring: not found".to_owned();
    for why in ["the gallery of PROD is away", "the row is there already", "nothing was written"] {
        let (why, run) = (why.to_owned(), "20261123-093124-abcdef".to_owned());
        let error = Error::Apply(apply::Error::NotTakenBack { why, run, left: left() });
        assert!(is_passing(&error), "{error}");
        assert!(!error.to_string().contains("  "), "{error}");
    }
}

#[test]
fn a_commit_without_an_answer_is_not_said_to_have_changed_nothing() {
    let unknown = || database::Error::CommitUnknown { environment: "PROD".into() };
    let error = Error::Apply(apply::Error::Database(unknown()));
    assert!(matches!(failed(&error), Outcome::Unknown { .. }));
    assert!(!may_go_better(&error), "it may have happened");
    assert!(is_passing(&error), "the ledger tells");
    assert!(matches!(failed(&Error::Incomplete), Outcome::Failed { .. }));
}
