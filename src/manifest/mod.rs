//! Manifests: what users commit.

pub mod filter;
