//! A declarative, GitOps-style reconciler for the data of a shop.
//!
//! The folders name the pipeline in reading order: manifest, catalogue, compare, plan, apply. See
//! ARCHITECTURE.md for the map.

pub mod apply;
pub mod catalog;
pub mod cli;
pub mod compare;
pub mod config;
pub mod daemon;
pub mod database;
pub mod demo;
pub mod doctor;
mod effect;
pub mod escape;
pub mod gallery;
pub mod git;
pub mod http;
pub mod init;
pub mod job;
pub mod mail;
pub mod manifest;
pub mod plan;
pub mod publish;
mod put;
pub mod queue;
mod random;
pub mod report;
pub mod state;
pub mod store;
mod whole;
