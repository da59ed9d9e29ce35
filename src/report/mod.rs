//! What people are told of a job: where it stands, what its runs did, messages.
//!
//! Answers for words and files that follow from what is remembered alone, so that the same state
//! always tells the same. Who decides what happens is `daemon`, how messages travel `mail`.

pub mod conditions;
pub mod event;
pub mod files;
pub mod letter;
pub mod messages;
pub mod not_out;
pub mod people;
pub mod run_file;
pub mod standing;
pub mod status;
pub mod ticket;
mod yaml;

pub use event::Event;
pub use standing::{Phase, Standing, local};
