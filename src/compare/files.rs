//! Files of the galleries that records name: which of them differ, and who else names them.
//!
//! Answers for finding the paths in rows, for a record differing where its file does, and for what a
//! change would bring. What files hold is asked of [`Contents`]; copying them is done above.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::BoxFuture;

use super::draft::Draft;
use super::model::{Column, Model, NamedFiles, Node, NodeId, Presence, Role, Side, Test};
use super::record::{Record, belongs, load};
use super::scan::Candidates;
use super::sides::Sides;
use super::spots::{holds, strings_within};
use super::wanted::{Cell, Wanted};
use super::{Error, Scope};
use crate::database::{Row, Sieve, Value};
use crate::plan::change::Change;
use crate::plan::file::{Content, FilePath, FileState, NamedFile};

mod holders;

pub(super) use holders::{Deeds, Holding, holding};
pub use holders::{Fate, Holder, holders};

/// What stands at a path of a gallery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    Nothing,
    File(Content),
    /// Something that is never copied, and why: `is a symbolic link`.
    Refused(String),
}

/// Both galleries, asked what they hold.
pub trait Contents: Send + Sync {
    /// The source's and the target's file at each path.
    fn of<'a>(
        &'a mut self,
        paths: &'a BTreeSet<FilePath>,
    ) -> BoxFuture<'a, Result<BTreeMap<FilePath, [Held; 2]>, Unread>>;
}

/// Why galleries couldn't say what they hold.
pub type Unread = Box<dyn std::error::Error + Send + Sync>;

/// What is known of files that records name on the source: those that don't simply stand on both sides.
#[derive(Debug, Default)]
pub struct Files {
    known: Option<BTreeMap<FilePath, [Held; 2]>>,
}

impl Files {
    /// Nobody was there to be asked.
    pub fn are_unknown(&self) -> bool {
        self.known.is_none()
    }

    fn learn(&mut self, mut found: BTreeMap<FilePath, [Held; 2]>) {
        found.retain(|_, [source, target]| match (source, target) {
            (Held::File(source), Held::File(target)) => source != target,
            // What only the target has isn't taken away by a row that names it.
            (Held::Nothing, Held::File(_)) => false,
            _ => true,
        });
        self.known = Some(found);
    }

    /// What would be brought: the source has it, and the target has something else or nothing.
    fn brought(&self, path: &FilePath) -> Option<Brought> {
        match self.known.as_ref()?.get(path)? {
            [Held::File(to), Held::File(from)] => {
                Some(Brought { path: path.clone(), from: Some(*from), to: *to })
            }
            [Held::File(to), Held::Nothing] => {
                Some(Brought { path: path.clone(), from: None, to: *to })
            }
            _ => None,
        }
    }

    fn any_is_brought(&self) -> bool {
        self.known.iter().flat_map(BTreeMap::keys).any(|path| self.brought(path).is_some())
    }

    /// Why a file isn't brought though it isn't there: `it is on neither side`.
    fn trouble(&self, path: &FilePath) -> Option<(FileState, String)> {
        match self.known.as_ref()?.get(path)? {
            [Held::Refused(why), _] => {
                Some((FileState::Refused, format!("on the source it {why}")))
            }
            [_, Held::Refused(why)] => {
                Some((FileState::Refused, format!("on the target it {why}")))
            }
            [Held::Nothing, Held::Nothing] => {
                Some((FileState::Missing, "it is on neither side".into()))
            }
            _ => None,
        }
    }

    fn shown(&self, path: FilePath) -> NamedFile {
        if let Some(Brought { path, from, to }) = self.brought(&path) {
            let state = if from.is_some() { FileState::Replaced } else { FileState::New };
            return NamedFile { path, state, from: from.map(Into::into), to: Some(to.into()) };
        }
        let state = match (&self.known, self.trouble(&path)) {
            (None, _) => FileState::Unknown,
            (Some(_), Some((state, _))) => state,
            (Some(_), None) => FileState::Unchanged,
        };
        NamedFile { path, state, from: None, to: None }
    }
}

/// A file that a change brings along: what the target has, and what it gets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Brought {
    pub path: FilePath,
    pub from: Option<Content>,
    pub to: Content,
}

/// Asks what both sides have of the files that are named by what is looked at. Without galleries nothing
/// is read.
pub async fn settle(
    sides: &mut Sides,
    model: &mut Model,
    scope: &Scope,
    contents: Option<&mut (dyn Contents + 'static)>,
) -> Result<(), Error> {
    let Some(contents) = contents.filter(|_| names_any(model)) else { return Ok(()) };
    let paths = match scope {
        Scope::Everything => all_named(sides, model).await?,
        Scope::Only(candidates) => named_by(sides, model, candidates).await?,
    };
    ask(model, contents, paths).await
}

/// Asks about given paths.
pub async fn ask(
    model: &mut Model,
    contents: &mut dyn Contents,
    paths: BTreeSet<FilePath>,
) -> Result<(), Error> {
    model.files.learn(contents.of(&paths).await.map_err(Error::Files)?);
    Ok(())
}

/// Whether records of the job name files at all.
pub fn names_any(model: &Model) -> bool {
    model.nodes.iter().any(|node| !node.files.is_empty())
}

async fn all_named(sides: &mut Sides, model: &Model) -> Result<BTreeSet<FilePath>, Error> {
    let mut paths = BTreeSet::new();
    for node in model.nodes.iter().filter(|node| !node.files.is_empty() && !node.derived) {
        sweep(sides, model, node, &mut |row| {
            let texts = texts(model, &node.files, Side::Source, row);
            let named = texts.into_iter().filter(|(column, _)| travels(&node.columns[*column]));
            paths.extend(named.filter_map(|(_, text)| FilePath::try_from(text).ok()));
        })
        .await?;
    }
    Ok(paths)
}

async fn named_by(
    sides: &mut Sides,
    model: &Model,
    candidates: &Candidates,
) -> Result<BTreeSet<FilePath>, Error> {
    const CHUNK: usize = 500;
    let mut paths = BTreeSet::new();
    for (root, keys) in &candidates.source {
        let keys: Vec<Vec<Value>> = keys.iter().cloned().collect();
        for keys in keys.chunks(CHUNK).filter(|_| record_names_any(model, *root)) {
            let records = load(sides, Side::Source, model, *root, keys).await?;
            paths.extend(records.values().flat_map(|record| paths_of(model, record)));
        }
    }
    Ok(paths)
}

fn record_names_any(model: &Model, node: NodeId) -> bool {
    let node = &model.nodes[node];
    !node.files.is_empty() || node.owns.iter().any(|child| record_names_any(model, *child))
}

/// Goes through the source's rows of a node, of which only the columns are read that say where files
/// are named and to which record a row belongs.
async fn sweep(
    sides: &mut Sides,
    model: &Model,
    node: &Node,
    take: &mut (dyn FnMut(&[Value]) + Send),
) -> Result<(), Error> {
    let tested = |tests: &[Test]| tests.iter().map(|test| test.column).collect::<Vec<_>>();
    let place = node.parent.as_ref().map_or(&node.key, |parent| &parent.columns);
    let mut read: BTreeSet<usize> = place.iter().copied().collect();
    read.extend(tested(&node.belongs));
    for named in &node.files {
        read.insert(named.column);
        read.extend(tested(&named.when));
    }
    read.retain(|column| node.columns[*column].is_on(Side::Source));
    let read: Vec<usize> = read.into_iter().collect();
    let asked: BTreeSet<usize> = node.files.iter().map(|named| named.column).collect();
    let judged: Vec<usize> = (0..read.len()).filter(|at| asked.contains(&read[*at])).collect();
    let columns = node.names(&read);
    let sieve =
        Sieve { table: &node.source, columns: &columns, judged: &judged, filter: &node.filter };
    let mut row = vec![Value::Null; node.columns.len()];
    let mut whole = |narrow: Row| {
        for (column, value) in read.iter().zip(narrow) {
            row[*column] = value;
        }
        if belongs(model, node, Side::Source, &row) {
            take(&row);
        }
    };
    sides.source.sift(sieve, &mut |_, bytes| !bytes.is_empty(), &mut whole).await?;
    Ok(())
}

/// The places of the source's rows that name a file which differs, by the key or the parent's.
pub(super) async fn naming_brought(
    sides: &mut Sides,
    model: &Model,
    node: &Node,
) -> Result<BTreeSet<Vec<Value>>, Error> {
    let mut found = BTreeSet::new();
    if node.files.is_empty() || node.derived || !model.files.any_is_brought() {
        return Ok(found);
    }
    let place = node.parent.as_ref().map_or(&node.key, |parent| &parent.columns);
    sweep(sides, model, node, &mut |row| {
        let texts = texts(model, &node.files, Side::Source, row);
        let mut texts = texts.into_iter().filter(|(at, _)| is_content(&node.columns[*at]));
        let brought = |text| FilePath::try_from(text).is_ok_and(|it| is_brought(model, &it));
        if texts.any(|(_, text)| brought(text)) {
            found.insert(place.iter().map(|column| row[*column].clone()).collect());
        }
    })
    .await?;
    Ok(found)
}

fn is_brought(model: &Model, path: &FilePath) -> bool {
    model.files.brought(path).is_some()
}

/// What stands in a row where paths are expected, with the column. What is empty names nothing.
pub(super) fn texts(
    model: &Model,
    files: &[NamedFiles],
    side: Side,
    row: &[Value],
) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for named in files {
        if named.when.iter().all(|test| holds(model, test, side, row)) {
            let texts = strings_within(&named.within, &row[named.column]);
            found.extend(texts.into_iter().map(|text| (named.column, text)));
        }
    }
    found.retain(|(_, text)| !text.is_empty());
    found
}

/// A difference in it makes a record differ.
fn is_content(column: &Column) -> bool {
    column.role == Role::Content && column.on == Presence::Both
}

/// What it holds on the source may come to the target.
fn travels(column: &Column) -> bool {
    let role = matches!(column.role, Role::Content | Role::Ignored | Role::KeptSource);
    role && column.on == Presence::Both
}

/// What a record of the source names in columns that pass, with node and column.
fn named<'m>(
    model: &'m Model,
    record: &'m Record,
    passes: fn(&Column) -> bool,
) -> impl Iterator<Item = (&'m Node, usize, String)> {
    let rows = record.rows.iter().filter(|row| row.in_filter);
    rows.flat_map(move |row| {
        let node = &model.nodes[row.node];
        let texts = texts(model, &node.files, Side::Source, &row.values);
        let texts = texts.into_iter().filter(move |(at, _)| passes(&node.columns[*at]));
        texts.map(move |(column, text)| (node, column, text))
    })
}

/// The files that a record of the source names.
pub fn paths_of(model: &Model, record: &Record) -> BTreeSet<FilePath> {
    let named = named(model, record, travels);
    named.filter_map(|(.., text)| FilePath::try_from(text).ok()).collect()
}

/// Whether a file differs that the source's record names in what is compared.
pub fn differ(model: &Model, draft: &Draft) -> bool {
    let mut named = draft.source.iter().flat_map(|record| named(model, record, is_content));
    model.files.any_is_brought()
        && named
            .any(|(.., text)| FilePath::try_from(text).is_ok_and(|path| is_brought(model, &path)))
}

/// All that differs of what the source's record names: what a reviewer approves.
pub(super) fn covered(model: &Model, draft: &Draft) -> Vec<Brought> {
    if !model.files.any_is_brought() {
        return Vec::new();
    }
    let paths = draft.source.iter().flat_map(|record| paths_of(model, record));
    paths.filter_map(|path| model.files.brought(&path)).collect()
}

/// What carrying out a change brings: the files that its rows will name.
pub(super) fn brought(model: &Model, draft: &Draft, wanted: &Wanted) -> Vec<Brought> {
    if !model.files.any_is_brought() {
        return Vec::new();
    }
    let paths = written_paths(model, draft, wanted);
    paths.iter().filter_map(|path| model.files.brought(path)).collect()
}

/// The files that a change's rows will name, of columns that it writes.
fn written_paths(model: &Model, draft: &Draft, wanted: &Wanted) -> BTreeSet<FilePath> {
    let mut paths = BTreeSet::new();
    let Some(source) = &draft.source else { return paths };
    for row in &wanted.rows {
        let node = &model.nodes[row.node];
        let texts = texts(model, &node.files, Side::Source, &source.rows[row.source].values);
        let written = texts.into_iter().filter(|(column, _)| {
            row.cells[*column] != Cell::Leave && travels(&node.columns[*column])
        });
        paths.extend(written.filter_map(|(_, text)| FilePath::try_from(text).ok()));
    }
    paths
}

/// The files that a draft's source names, as a plan shows them.
pub(super) fn shown(model: &Model, draft: &Draft) -> Vec<NamedFile> {
    let paths = draft.source.iter().flat_map(|record| paths_of(model, record));
    let paths: BTreeSet<FilePath> = paths.collect();
    paths.into_iter().map(|path| model.files.shown(path)).collect()
}

/// What plans say of files that come along though their folders aren't selected.
pub fn beside(changes: &[Change], is_selected: impl Fn(&FilePath) -> bool) -> Option<String> {
    const NAMED: usize = 5;
    let named = changes.iter().flat_map(|change| &change.files);
    let comes = named.filter(|file| matches!(file.state, FileState::New | FileState::Replaced));
    let paths: BTreeSet<&FilePath> =
        comes.map(|file| &file.path).filter(|path| !is_selected(path)).collect();
    let shown: Vec<&str> = paths.iter().take(NAMED).map(|path| path.as_str()).collect();
    let more = paths.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!paths.is_empty()).then(|| {
        format!(
            "files of folders that the job doesn't select come with the records that name them: {}{more}",
            shown.join(", ")
        )
    })
}

/// What a draft's source names and nothing can be brought for, with table, column, text and reason.
pub(super) fn troubles<'m>(
    model: &'m Model,
    draft: &'m Draft,
) -> impl Iterator<Item = (&'m Node, usize, String, String)> {
    let named = draft.source.iter().flat_map(|record| named(model, record, travels));
    named.filter_map(|(node, column, text)| {
        let why = match FilePath::try_from(text.clone()) {
            Err(bad) => bad.to_string(),
            Ok(path) => model.files.trouble(&path)?.1,
        };
        Some((node, column, text, why))
    })
}
