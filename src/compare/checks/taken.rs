//! Files that a change would replace, though a row of the target needs them as they are.
//!
//! Answers for `file-taken`, and for changes that bring the same file needing each other.

use std::collections::{BTreeMap, BTreeSet};

use super::Checks;
use crate::compare::Error;
use crate::compare::files::{Deeds, Fate, Holding, holding, texts};
use crate::compare::model::Side;
use crate::compare::sides::Sides;
use crate::compare::wanted::written_into;
use crate::plan::change::ConflictKind;
use crate::plan::file::FilePath;

impl Checks<'_> {
    pub(super) async fn taken_files(&mut self, sides: &mut Sides) -> Result<(), Error> {
        let mut replaced: BTreeMap<FilePath, Vec<(usize, usize)>> = BTreeMap::new();
        for (at, choices) in self.choices.iter().enumerate() {
            for (which, choice) in choices.iter().enumerate() {
                for file in choice.files.iter().filter(|file| file.from.is_some()) {
                    replaced.entry(file.path.clone()).or_default().push((at, which));
                }
            }
        }
        if replaced.is_empty() {
            return Ok(());
        }
        let paths: BTreeSet<FilePath> = replaced.keys().cloned().collect();
        let holding = holding(sides, self.model, &paths).await?;
        let fates: Vec<Fate> = {
            let certain =
                self.choices.iter().enumerate().filter_map(|(at, choices)| match &choices[..] {
                    [only] if only.answer.is_none() => Some((at, &self.drafts[at], only)),
                    _ => None,
                });
            let deeds = Deeds::new(self.model, certain);
            holding.iter().map(|it| deeds.fate(it)).collect()
        };
        for (path, takers) in &replaced {
            for (at, which) in takers {
                self.not_named(*at, *which, path);
            }
        }
        for (holding, fate) in holding.iter().zip(fates) {
            for (at, which) in &replaced[&holding.path] {
                self.held(*at, *which, holding, fate);
            }
        }
        Ok(())
    }

    /// Another file of the same name: the target's record doesn't know it.
    fn not_named(&mut self, at: usize, which: usize, path: &FilePath) {
        let current = written_into(&self.drafts[at], self.choices[at][which].answer);
        let mut rows = current.into_iter().flat_map(|record| &record.rows);
        let names = rows.any(|row| {
            let files = &self.model.nodes[row.node].files;
            let texts = texts(self.model, files, Side::Target, &row.values);
            texts.iter().any(|(_, text)| text == path.as_str())
        });
        if !names {
            let detail = format!(
                "the target has another {path}, which its record doesn't name; give the file another \
                 name, or delete the target's"
            );
            self.choices[at][which].object(ConflictKind::FileTaken, detail);
        }
    }

    /// Another row of the target names it, too.
    fn held(&mut self, at: usize, which: usize, holding: &Holding<'_>, fate: Fate) {
        let current = written_into(&self.drafts[at], self.choices[at][which].answer);
        let own = current.is_some_and(|record| {
            record.rows.iter().any(|row| {
                self.model.nodes[row.node].table == holding.holder.table.name
                    && row.primary_key(self.model) == holding.key
            })
        });
        let choice = &mut self.choices[at][which];
        match fate {
            _ if own => {}
            Fate::LetsGo(by) | Fate::Brings(by) => {
                choice.needs.extend(Some(by).filter(|by| *by != at));
            }
            Fate::Keeps => {
                let detail = format!(
                    "{} of the target names {}, too, and this would replace it; give the file \
                     another name",
                    holding.name(),
                    holding.path
                );
                choice.object(ConflictKind::FileTaken, detail);
            }
        }
    }
}
