//! Whether approvals that are each fine go together, before anything is written.
//!
//! Answers for a dry run and a review refusing what the run would refuse, in the same words: it goes
//! the run's way up to the first write. Reads only.

use super::decision::Decision;
use super::open::Opened;
use super::report::{Refusal, RefusalKind};
use super::{Error, chosen};
use crate::apply;
use crate::compare::Comparison;
use crate::plan::change::Plan;

/// The decision, unless its records can't be written together.
pub(super) async fn rehearsed(
    opened: &mut Opened,
    plan: &Plan,
    comparison: &Comparison,
    decision: Decision,
) -> Result<Result<Decision, Refusal>, Error> {
    let approved = chosen::records(plan, comparison, &decision);
    match apply::rehearse(&mut opened.sides, &opened.model, &approved).await {
        Ok(()) => Ok(Ok(decision)),
        Err(error) if error.is_of_approvals() => {
            Ok(Err(Refusal { kind: RefusalKind::CannotRun, reasons: vec![error.to_string()] }))
        }
        Err(error) => Err(error.into()),
    }
}
