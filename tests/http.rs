//! The daemon over HTTP: the real binary on a port of its own, and a client that says what it likes.

mod access;
mod cancel;
mod hooks;
mod pages;
mod race;
mod serving;
pub mod world;
