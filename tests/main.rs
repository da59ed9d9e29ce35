//! The one integration binary: a module per feature.

#![allow(clippy::unwrap_used, reason = "all of this is tests, helpers included")]
#![allow(clippy::pedantic, reason = "tests are written to be read, one by one")]

mod applications;
mod architecture;
mod bad_data;
mod bad_input;
mod browser;
mod canary;
mod cases;
mod certificates;
mod checksums;
mod ci_examples;
mod config;
mod crashes;
mod daemon;
mod database;
mod demo;
mod demo_published;
mod disk;
mod doctor;
mod gallery;
mod gallery_runs;
mod gallery_s3;
mod git;
mod http;
mod init;
mod interrupt;
mod json;
mod large;
mod locks;
mod mail;
mod manifests;
mod networks;
mod places;
mod process;
mod properties;
mod publish;
mod publish_formats;
mod publish_order;
mod queues;
mod read_stores;
mod readme;
mod republish;
mod schedule;
mod shop;
mod signing;
mod stores;
mod terminal;
mod undo;
mod validate;
mod values;
