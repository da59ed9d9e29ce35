//! Read stores on real servers.

mod elastic;
