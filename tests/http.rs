//! The daemon over HTTP: the real binary on a port of its own, and a client that says what it likes.

mod access;
mod cancel;
mod hooks;
mod image;
mod pages;
mod race;
mod schedule;
mod serving;
pub mod world;
