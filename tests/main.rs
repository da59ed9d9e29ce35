//! The one integration binary: a module per feature.

mod bad_input;
mod config;
mod database;
mod manifests;
mod places;
