//! Whether a server is the one that was written to before: it may have been started empty, or restored.
//!
//! Answers for a mark in the server, made by the first write, and a note of it in the state directory. A
//! server that lost its latest writes alone still has its mark; that `verify` finds.

use std::path::{Path, PathBuf};

use ::redis::{Value, cmd};

use super::trouble::Trouble;
use super::{Redis, Result};
use crate::config::Environment;
use crate::escape::url;
use crate::state::random_word;
use crate::whole::write_if_changed;

const MARK: &str = "reconcile:generation";

/// Where the note is.
pub fn note(state_directory: &Path, environment: Environment, shop_store: Option<&str>) -> PathBuf {
    let name = match shop_store {
        None => "storage.generation".to_owned(),
        Some(store) => format!("storage.{}.generation", url(store)),
    };
    state_directory.join(environment.as_str()).join(name)
}

impl Redis {
    /// Before the first write: makes the mark where there is none, and notes it where nothing is noted.
    pub(super) async fn mark_first(&mut self) -> Result<()> {
        if self.is_marked {
            return Ok(());
        }
        // A server that is full takes no writes but deletions.
        if self.mark().await?.is_none() {
            let mut made = cmd("SET");
            made.arg(MARK).arg(random_word(16)).arg("NX");
            self.ask("writing to", made).await?;
        }
        if !self.note.exists() {
            self.note_mark().await?;
        }
        self.is_marked = true;
        Ok(())
    }

    /// Whether it is another than was noted; then this one is noted.
    pub(super) async fn is_another_now(&mut self) -> Result<bool> {
        let is_another = self.is_noted_otherwise().await?;
        if is_another {
            // Also where the server was emptied while it ran.
            self.is_marked = false;
            self.mark_first().await?;
            self.note_mark().await?;
        }
        Ok(is_another)
    }

    async fn note_mark(&mut self) -> Result<()> {
        let mark = self.mark().await?.unwrap_or_default();
        let written = write_if_changed(&self.note, &mark);
        written.map(drop).map_err(|error| {
            let said = format!("{}: {error}", self.note.display());
            self.failed("noting the mark of", Trouble::lasting(said))
        })
    }

    /// Whether something else is noted than the server says.
    pub(super) async fn is_noted_otherwise(&mut self) -> Result<bool> {
        let Ok(noted) = std::fs::read_to_string(&self.note) else { return Ok(false) };
        Ok(self.mark().await?.as_deref() != Some(noted.as_str()))
    }

    async fn mark(&mut self) -> Result<Option<String>> {
        let mut asked = cmd("MGET");
        asked.arg(MARK);
        let Value::Array(mut found) = self.ask("asking", asked).await? else { return Ok(None) };
        Ok(found.pop().map(super::link::text).filter(|mark| !mark.is_empty()))
    }
}
