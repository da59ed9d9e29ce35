//! Read stores on real servers.

pub mod elastic;
