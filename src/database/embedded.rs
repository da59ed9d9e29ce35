//! Scripts that come with the program: the demo shop's tables and rows.
//!
//! Answers for running them. That the text is part of the binary is what `&'static str` stands for;
//! nothing that a user wrote can get here.

use super::Session;
use super::error::Result;

impl Session {
    /// Runs the statements of a script, several at once.
    pub async fn run_embedded(&mut self, script: &'static str) -> Result<()> {
        self.script("run a script", script).await
    }
}
