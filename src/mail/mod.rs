//! How messages travel: out of the outbox, to a mail server or into a folder.
//!
//! Answers for each recipient getting a message once as far as servers tell, and for what became of
//! it being noted for each. What a message says is `report`'s, when rounds are made the daemon's.

pub mod fate;
mod folder;
mod mime;
pub mod round;
mod smtp;

pub use round::{Round, Sending, round};
