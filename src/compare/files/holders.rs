//! Which rows of the target name files, and what a plan does to those rows.
//!
//! Answers for no file being replaced or deleted that a remaining row names: of any loaded module,
//! selected or not.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{paths_of, texts, written_paths};
use crate::compare::checks::Choice;
use crate::compare::draft::Draft;
use crate::compare::model::{FileHolder, Model, NamedFiles, Side};
use crate::compare::plan::name;
use crate::compare::sides::Sides;
use crate::compare::spots::Within;
use crate::compare::wanted::Cell;
use crate::compare::{Entry, Error, shown_key};
use crate::database::{Row, Sieve, Value};
use crate::plan::file::FilePath;

/// Somebody who names a file on the target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    pub path: FilePath,
    /// `product/17`
    pub row: String,
    pub fate: Fate,
}

/// What becomes of somebody's naming a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Whatever is approved, the file is needed as it is.
    Keeps,
    /// If this entry of the plan is carried out, the row goes or names another file.
    LetsGo(usize),
    /// If this entry is carried out, it brings that very file.
    Brings(usize),
}

/// Who names some files on the target, and the conflicts of the plan that name them on the source. The
/// entries must stand in the plan's order.
///
/// A file that nobody holds may be replaced or deleted by its folder; one that is held only together
/// with the entries that let it go.
pub async fn holders(
    sides: &mut Sides,
    model: &Model,
    entries: &[Entry],
    paths: &BTreeSet<FilePath>,
) -> Result<Vec<Holder>, Error> {
    let (conflicts, certain): (Vec<_>, Vec<_>) =
        entries.iter().enumerate().partition(|(_, entry)| entry.kind.is_some());
    let certain = certain.into_iter();
    let changes = certain.filter_map(|(at, it)| Some((at, it.draft.as_ref(), it.choices.first()?)));
    let deeds = Deeds::new(model, changes);
    let mut found: Vec<Holder> = Vec::new();
    for holding in holding(sides, model, paths).await? {
        let fate = deeds.fate(&holding);
        found.push(Holder { row: holding.name(), path: holding.path, fate });
    }
    for (entry, choice) in entries.iter().filter_map(|it| Some((it, it.choices.first()?))) {
        // What the target has and the source hasn't, or not another one, is needed as it is.
        let named = written_paths(model, &entry.draft, &choice.wanted);
        let brought = |path: &FilePath| choice.files.iter().any(|file| file.path == *path);
        for path in named.into_iter().filter(|it| paths.contains(it) && !brought(it)) {
            found.push(Holder { path, row: name(model, &entry.draft), fate: Fate::Keeps });
        }
    }
    for draft in conflicts.into_iter().map(|(_, entry)| &entry.draft) {
        let named = draft.source.iter().flat_map(|record| paths_of(model, record));
        for path in named.filter(|path| paths.contains(path)) {
            found.push(Holder { path, row: name(model, draft), fate: Fate::Keeps });
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// A row of the target that names a file.
#[derive(Debug, Clone)]
pub struct Holding<'m> {
    pub holder: &'m FileHolder,
    pub key: Vec<Value>,
    pub path: FilePath,
}

impl Holding<'_> {
    /// `product/17`
    pub fn name(&self) -> String {
        format!("{}/{}", self.holder.table.name, shown_key(&self.key))
    }
}

/// Every row of the target that names one of some files.
pub async fn holding<'m>(
    sides: &mut Sides,
    model: &'m Model,
    paths: &BTreeSet<FilePath>,
) -> Result<Vec<Holding<'m>>, Error> {
    let (mut found, everything) = (Vec::new(), BTreeMap::new());
    let wanted: HashSet<&str> = paths.iter().map(FilePath::as_str).collect();
    for holder in model.file_holders.iter().filter(|_| !paths.is_empty()) {
        let FileHolder { table, key, read, files } = holder;
        let columns = [&read[..], &key[..]].concat();
        let asked: BTreeSet<usize> = files.iter().map(|named| named.column).collect();
        let judged: Vec<usize> = asked.into_iter().collect();
        let sieve = Sieve { table, columns: &columns, judged: &judged, filter: &everything };
        let mut take = |row: Row| {
            let (row, key) = row.split_at(read.len());
            for (_, text) in texts(model, files, Side::Target, row) {
                if wanted.contains(text.as_str())
                    && let Ok(path) = FilePath::try_from(text)
                {
                    found.push(Holding { holder, key: key.to_vec(), path });
                }
            }
        };
        let mut judge = |at: usize, bytes: &[u8]| may_name(files, at, bytes, &wanted);
        sides.target.sift(sieve, &mut judge, &mut take).await?;
    }
    Ok(found)
}

/// Whether a column's bytes may name one of some files: what is a path as a whole is known at once.
fn may_name(files: &[NamedFiles], at: usize, bytes: &[u8], wanted: &HashSet<&str>) -> bool {
    let mut named = files.iter().filter(|named| named.column == at);
    named.any(|named| match named.within {
        Within::Whole => std::str::from_utf8(bytes).map_or(true, |text| wanted.contains(text)),
        _ => !bytes.is_empty(),
    })
}

/// A row of the target: its table and key.
type Place<'m> = (&'m str, Vec<Value>);

/// What changes that need no answer do to rows of the target.
pub struct Deeds<'m> {
    model: &'m Model,
    /// By table and key: the change, and the row's place among those it wants; none: the row goes.
    by_row: HashMap<Place<'m>, (usize, Option<usize>)>,
    changes: HashMap<usize, (&'m Draft, &'m Choice)>,
}

impl<'m> Deeds<'m> {
    /// Of changes with their numbers.
    pub fn new(
        model: &'m Model,
        changes: impl Iterator<Item = (usize, &'m Draft, &'m Choice)>,
    ) -> Self {
        let mut deeds = Self { model, by_row: HashMap::new(), changes: HashMap::new() };
        for (at, draft, choice) in changes {
            let Some(current) = &draft.current else { continue };
            let place = |index: usize| {
                let row = &current.rows[index];
                (model.nodes[row.node].table.as_str(), row.primary_key(model))
            };
            for (index, row) in choice.wanted.rows.iter().enumerate() {
                if let Some(current) = row.current {
                    deeds.by_row.insert(place(current), (at, Some(index)));
                }
            }
            for gone in &choice.wanted.removed {
                deeds.by_row.insert(place(*gone), (at, None));
            }
            deeds.changes.insert(at, (draft, choice));
        }
        deeds
    }

    pub fn fate(&self, holding: &Holding<'_>) -> Fate {
        let table = holding.holder.table.name.as_str();
        let Some((at, row)) = self.by_row.get(&(table, holding.key.clone())) else {
            return Fate::Keeps;
        };
        let (draft, choice) = self.changes[at];
        match row {
            Some(row) if self.still_names(draft, choice, *row, holding) => {
                let brings = choice.files.iter().any(|file| file.path == holding.path);
                if brings { Fate::Brings(*at) } else { Fate::Keeps }
            }
            _ => Fate::LetsGo(*at),
        }
    }

    fn still_names(
        &self,
        draft: &Draft,
        choice: &Choice,
        row: usize,
        holding: &Holding<'_>,
    ) -> bool {
        let row = &choice.wanted.rows[row];
        let node = &self.model.nodes[row.node];
        let old = row.current.and_then(|index| Some(&draft.current.as_ref()?.rows[index]));
        let Some(old) = old else { return true };
        let FileHolder { read, files, .. } = holding.holder;
        let mut values = Vec::with_capacity(read.len());
        for name in read {
            let Some(column) = node.column(name) else { return true };
            values.push(match &row.cells[column] {
                Cell::Value(value) | Cell::Open(value) => value.clone(),
                Cell::Leave => old.values[column].clone(),
            });
        }
        let texts = texts(self.model, files, Side::Target, &values);
        texts.iter().any(|(_, text)| text == holding.path.as_str())
    }
}
