//! The plan as a plain value: built of a comparison, shown in several formats, held against
//! approvals.
//!
//! Answers for nothing that needs a connection, a clock or a file: everything here is pure.

pub mod amend;
pub mod approval;
pub mod approval_problem;
#[cfg(test)]
mod approval_tests;
pub mod change;
pub mod dependency;
pub mod file;
pub mod heading;
pub mod pattern;
pub mod render;
pub mod ticked;
#[cfg(test)]
mod ticked_tests;
