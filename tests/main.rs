//! The one integration binary: a module per feature.

#![allow(clippy::unwrap_used, reason = "all of this is tests, helpers included")]

mod database;
mod places;
mod properties;
