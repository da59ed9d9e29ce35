//! `reconcile`: compares the data of two shop databases and applies what was reviewed.
//!
//! The folders name the pipeline in reading order; ARCHITECTURE.md is the map.

pub mod catalog;
pub mod database;
pub mod manifest;
