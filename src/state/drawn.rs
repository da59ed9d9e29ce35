//! Keys that all who share a state store have in common.
//!
//! Answers for each being drawn once, also when several ask at the same moment.

use std::path::Path;

use super::{Error, State, at};
use crate::random::drawn;

impl State {
    /// The key of this name: the one that is there, or else a new one.
    pub async fn key(&mut self, name: &str) -> Result<String, Error> {
        if let Some(key) = self.noted(name).await? {
            return Ok(key);
        }
        let key = drawn().map_err(at(Path::new("/dev/urandom")))?;
        self.note_first(name, &key).await
    }
}
