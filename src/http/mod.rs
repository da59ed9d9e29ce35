//! The daemon over HTTP: whether it works, what it told, where jobs stand, and cancelling.
//!
//! Answers for nobody seeing or doing what the operator's file doesn't let them, and for no client,
//! however slow or hostile, holding up the daemon. What is asked for is the daemon's and the state
//! store's; nothing here decides about jobs.

pub mod access;
mod cancel;
mod guard;
mod health;
mod hook;
mod image;
mod jobs;
mod messages;
mod metrics;
pub mod names;
mod page;
mod review;
mod routes;
mod schedule;
mod server;
mod sign_in;
mod site;
mod store;
mod worker;

pub use server::{Error, Server};
pub use worker::Voice;
