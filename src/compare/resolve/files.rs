//! Which columns hold paths of files, and which tables of the target name any.

use std::collections::BTreeMap;

use super::references::Sayings;
use super::{Builder, Column, Refusal, Written, columns};
use crate::compare::model::{FileHolder, NamedFiles, Test};
use crate::compare::spots::Within;
use crate::manifest::reference::{FileRule, Inside, column_of};

impl Builder<'_> {
    pub(super) fn files(
        &mut self,
        written: &Written<'_>,
        columns: &[Column],
    ) -> Result<Vec<NamedFiles>, Refusal> {
        let table = written.table;
        let mut files = Vec::with_capacity(written.files.len());
        for rule in written.files {
            let of = |name: &str| Ok(columns::indexes(&[name.to_owned()], columns, table)?[0]);
            let named = self.named_files(written, rule, of)?;
            if columns[named.column].redacted {
                let column = &columns[named.column].name;
                self.model.notes.push(format!(
                    "{table}.{column} is redacted, so the files that it names don't come along"
                ));
            } else {
                files.push(named);
            }
        }
        Ok(files)
    }

    fn named_files(
        &mut self,
        written: &Written<'_>,
        rule: &FileRule,
        of: impl Fn(&str) -> Result<usize, Refusal>,
    ) -> Result<NamedFiles, Refusal> {
        let (table, declared) = (written.table, written.references);
        let sayings = Sayings { table, declared, tree: None, parent: None };
        let mut when = Vec::with_capacity(rule.when.len());
        for (name, condition) in &rule.when {
            let through = self.through(&sayings, name, condition)?;
            when.push(Test { column: of(name)?, condition: condition.clone(), through });
        }
        let place = rule.place();
        let place = place.map_err(|why| format!("{table}: `{}` of `files` {why}", rule.column))?;
        let within = match place.inside {
            Inside::Whole => Within::Whole,
            Inside::Path(path) => Within::Path(path),
            Inside::Pattern(pattern) => Within::Pattern(pattern),
        };
        Ok(NamedFiles { column: of(place.column)?, when, within })
    }

    /// Every table of the target whose rows name files: what they name isn't another's to replace.
    pub(super) fn file_holders(&mut self) {
        let modules = self.input.modules;
        for record in modules.values().flat_map(|module| &module.records) {
            self.holders_of(&Written::root(record));
        }
    }

    fn holders_of(&mut self, written: &Written<'_>) {
        if let Some(table) = self.input.target.table(written.table) {
            let mut read: Vec<String> = Vec::new();
            for rule in written.files {
                let names = std::iter::once(column_of(&rule.column));
                for name in names.chain(rule.when.keys().map(String::as_str)) {
                    // A module outside the job may name columns that aren't there.
                    if !read.iter().any(|known| known == name) && table.column(name).is_some() {
                        read.push(name.to_owned());
                    }
                }
            }
            let position = |name: &str| {
                let at = read.iter().position(|known| known == name);
                at.ok_or_else(|| format!("the target has no {}.{name}", written.table))
            };
            let rules = written.files.iter();
            let files: Vec<NamedFiles> = rules
                .filter_map(|rule| {
                    // A test of a column that isn't there would keep nobody's file.
                    let anywhere = FileRule { when: BTreeMap::new(), ..rule.clone() };
                    let named = self.named_files(written, rule, position);
                    named.or_else(|_| self.named_files(written, &anywhere, position)).ok()
                })
                .collect();
            if !files.is_empty() {
                let known = self.id_of(written.table).unwrap_or_default();
                let holder = FileHolder { table: table.clone(), key: known, read, files };
                self.model.file_holders.push(holder);
            }
        }
        for owned in written.owns {
            self.holders_of(&Written::owned(owned));
        }
    }
}
