//! The one integration binary: a module per feature.

#![allow(clippy::unwrap_used, reason = "all of this is tests, helpers included")]

mod database;
mod demo;
mod doctor;
mod init;
mod places;
mod shop;
mod undo;
