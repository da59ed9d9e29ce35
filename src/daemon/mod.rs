//! From manifests to finished runs, again and again: what to do about each job, and doing it.
//!
//! Answers for one decision (`decide`, pure) that commands and the daemon share, and for what follows
//! from it being remembered, reported and told in one step.

mod absent;
pub mod board;
pub mod decide;
#[cfg(test)]
mod decide_tests;
pub mod hands;
pub mod hints;
mod interrupted;
pub mod learn;
mod leased;
pub mod log;
pub mod moment;
pub mod operate;
pub mod overview;
pub mod pass;
pub mod post;
pub mod proposal;
pub mod record;
mod republishing;
#[cfg(test)]
mod simulation_tests;
pub mod source;
pub mod stop;
pub mod turn;
mod unpublished;
pub mod watch;
