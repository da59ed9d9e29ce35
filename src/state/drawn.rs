//! Keys that all who share a state store have in common.
//!
//! Answers for each being drawn once, also when several ask at the same moment.

use std::path::Path;

use super::{Error, State, at, text};
use crate::database::{self, ConstraintKind};
use crate::random::drawn;

impl State {
    /// The key of this name: the one that is there, or else a new one.
    pub async fn key(&mut self, name: &str) -> Result<String, Error> {
        if let Some(key) = self.noted(name).await? {
            return Ok(key);
        }
        let key = drawn().map_err(at(Path::new("/dev/urandom")))?;
        let (name_value, value) = (text(name), text(&key));
        let row = [("name", &name_value), ("value", &value)];
        match self.session.insert(&self.tables.about, &row).await {
            Ok(()) => Ok(key),
            // Another process was quicker, and its key counts.
            Err(database::Error::Constraint { kind: ConstraintKind::Unique, .. }) => {
                Ok(self.noted(name).await?.unwrap_or(key))
            }
            Err(error) => Err(error.into()),
        }
    }
}
