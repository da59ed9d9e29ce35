//! Two databases and a model become the records that differ, each with its class, its choices and
//! what it needs.
//!
//! Answers for one comparison of one job, whole or limited to some records. It only reads. The plan
//! is made of it in `plan.rs`, writes in `apply`.

pub mod checks;
pub mod classify;
pub mod draft;
pub mod files;
pub mod fingerprint;
pub mod matching;
pub mod mentions;
pub mod merge;
pub mod model;
pub mod moved;
pub mod names;
pub mod plan;
pub mod record;
pub mod remaining;
pub mod resolve;
pub mod scan;
pub mod sides;
pub mod spots;
pub mod stretches;
pub mod through;
pub mod tree;
pub mod wanted;

use std::collections::BTreeMap;
use std::sync::Arc;

use checks::Choice;
use draft::{Bearers, Case, Draft, drafts};
use matching::{Matcher, Pairs};
use model::{Model, Presence, Role};
use scan::{Candidates, is_default, scan};
use sides::Sides;
use wanted::{is_unchanged, wanted};

use crate::database::{self, Value};
use crate::manifest::sync_job::Mode;
use crate::plan::change::{Answer, Class, ConflictKind, Counts};
use crate::plan::file::FileChange;

/// Why a comparison stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Database(#[from] database::Error),
    /// Rows whose identity refers to each other in a circle, so that none can be recognised first.
    #[error(
        "the identity of {table} refers to itself in a circle; choose an identity that doesn't"
    )]
    CircularIdentity { table: String },
    /// A row that was just read in the same snapshot couldn't be read again.
    #[error("a row of {table} that was read a moment ago wasn't found again in the same snapshot")]
    ShortRead { table: String },
    /// A gallery couldn't be asked for the files that records name.
    #[error("{0}")]
    Files(#[source] files::Unread),
}

/// Above this many changes only counts are kept.
pub const MAX_CHANGES: usize = 100_000;

/// Which records are looked at.
pub enum Scope {
    /// All of the model's tables are streamed.
    Everything,
    /// Only these records, and what they refer to.
    Only(Candidates),
}

/// One record that differs, and what can be done about it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub draft: Arc<Draft>,
    pub class: Class,
    /// The first reason; present exactly when the class is a conflict.
    pub kind: Option<ConflictKind>,
    /// What can be done: the change as it is, or one for each answer. None for what can only be
    /// mended.
    pub choices: Vec<Choice>,
    /// Every reason with a sentence each.
    pub reasons: BTreeMap<ConflictKind, Vec<String>>,
}

/// The outcome of one comparison.
#[derive(Debug)]
pub struct Comparison {
    /// In the order of the model's roots, then by class and ID.
    pub entries: Vec<Entry>,
    pub counts: Counts,
    /// More than [`MAX_CHANGES`] differ: `entries` is empty.
    pub counts_only: bool,
    /// Root tables without any row on the source: nothing is deleted because of them. The same of
    /// `gallery/FOLDER` without any file.
    pub empty_sources: Vec<String>,
    /// Files of the job's folders that differ. The plan's changes of them stand behind those of the
    /// entries, in this order.
    pub files: Vec<FileChange>,
    /// How many files of each `gallery/FOLDER` the target has.
    pub target_files: BTreeMap<String, u64>,
}

impl Comparison {
    fn of_records(entries: Vec<Entry>, counts: Counts, empty_sources: Vec<String>) -> Self {
        let (files, target_files) = (Vec::new(), BTreeMap::new());
        Self { entries, counts, counts_only: false, empty_sources, files, target_files }
    }
}

/// Compares both sides. The sessions must stand in their snapshots.
pub async fn compare(
    sides: &mut Sides,
    model: &Model,
    pairs: &Pairs,
    mode: Mode,
    scope: Scope,
) -> Result<Comparison, Error> {
    let candidates = match scope {
        Scope::Everything => Box::pin(scan(sides, model)).await?,
        Scope::Only(candidates) => candidates,
    };
    let mut found = Found { drafts: Vec::new(), counts: Counts::default(), total: 0 };
    let mut matcher = Matcher::new(model, sides, pairs);
    matcher.moves = mode == Mode::All;
    let mut bearers = Bearers::default();
    for root in &model.roots {
        let mut changed = 0;
        let mut take = |draft: Draft| {
            bearers.note(model, &draft);
            if differs(model, &draft) && wanted_in(mode, draft.case) {
                changed += u64::from(draft.source.is_some());
                found.take(draft);
            }
        };
        drafts(&mut matcher, *root, &candidates, &mut take).await?;
        let rows = candidates.source_rows.get(root).copied().unwrap_or(changed);
        found.counts.unchanged += rows.saturating_sub(changed);
    }
    // Of many changes both are much.
    drop((matcher, candidates));
    let Found { mut drafts, counts, total } = found;
    bearers.tell_apart(model, &mut drafts);
    let empty_sources = empty_sources(sides, model, &drafts).await?;
    if total > MAX_CHANGES {
        let counted = Comparison::of_records(Vec::new(), counts, empty_sources);
        return Ok(Comparison { counts_only: true, ..counted });
    }
    let counts = Counts { unchanged: counts.unchanged, ..Counts::default() };
    judge(sides, model, mode, drafts, counts, empty_sources).await
}

/// Changes as they are found: their records, or only how many there are.
struct Found {
    drafts: Vec<Draft>,
    /// By each draft's own class; what others say of it isn't known yet.
    counts: Counts,
    total: usize,
}

impl Found {
    fn take(&mut self, draft: Draft) {
        self.total += 1;
        count(&mut self.counts, own_class(draft.case));
        if self.total <= MAX_CHANGES {
            self.drafts.push(draft);
        } else {
            self.drafts = Vec::new();
        }
    }
}

/// Adds what other records say to each draft, and decides its final class.
pub async fn judge(
    sides: &mut Sides,
    model: &Model,
    mode: Mode,
    mut drafts: Vec<Draft>,
    mut counts: Counts,
    empty_sources: Vec<String>,
) -> Result<Comparison, Error> {
    let place = |draft: &Draft| model.roots.iter().position(|root| *root == draft.root);
    drafts.sort_by(|a, b| {
        let class = |draft: &Draft| own_class(draft.case);
        (place(a), class(a), &a.id).cmp(&(place(b), class(b), &b.id))
    });
    let choices = checks::check(sides, model, &drafts).await?;
    let entries: Vec<Entry> =
        drafts.into_iter().zip(choices).map(|(draft, choices)| entry(draft, choices)).collect();
    let kept = |entry: &Entry| mode == Mode::All || new_only(entry);
    debug_assert!(entries.iter().all(kept), "`new-only` leaves others out before they are checked");
    for entry in &entries {
        count(&mut counts, entry.class);
    }
    Ok(Comparison::of_records(entries, counts, empty_sources))
}

fn new_only(entry: &Entry) -> bool {
    wanted_in(Mode::NewOnly, entry.draft.case)
}

/// `new-only` keeps new records and the conflicts of new records.
fn wanted_in(mode: Mode, case: Case) -> bool {
    mode == Mode::All || !matches!(case, Case::Matched | Case::Renamed | Case::Deleted)
}

/// Whether a draft is a change at all.
fn differs(model: &Model, draft: &Draft) -> bool {
    let (Case::Matched | Case::Renamed, Some(current)) = (draft.case, &draft.current) else {
        return true;
    };
    !is_unchanged(model, &wanted(model, draft, Some(current)), current)
        || has_content_only_the_source_knows(model, draft)
        || files::differ(model, draft)
}

fn has_content_only_the_source_knows(model: &Model, draft: &Draft) -> bool {
    draft.source.iter().flat_map(|record| &record.rows).filter(|row| row.in_filter).any(|row| {
        let columns = model.nodes[row.node].columns.iter().zip(&row.values);
        columns.into_iter().any(|(column, value)| match &column.on {
            Presence::SourceOnly { default } => {
                column.role == Role::Content && !is_default(value, default.as_deref())
            }
            _ => false,
        })
    })
}

fn entry(draft: Draft, mut choices: Vec<Choice>) -> Entry {
    let mut reasons: BTreeMap<ConflictKind, Vec<String>> = BTreeMap::new();
    let own = match draft.case {
        Case::IdReused => Some(ConflictKind::IdReused),
        Case::IdDiffers => Some(ConflictKind::IdDiffers),
        Case::IdentityAmbiguous => Some(ConflictKind::IdentityAmbiguous),
        Case::ChangedSince => Some(ConflictKind::ChangedSince),
        Case::Matched | Case::Renamed | Case::New | Case::Deleted => None,
    };
    for (kind, details) in choices.iter().flat_map(|choice| &choice.reasons) {
        let known = reasons.entry(*kind).or_default();
        known.extend(details.iter().cloned());
        known.sort();
        known.dedup();
    }
    let kind = own.or_else(|| reasons.keys().next().copied());
    if kind.is_some() {
        // A reason beside the first must be resolved by the answer too.
        choices.retain(|choice| choice.answer.is_some() && choice.reasons.is_empty());
    }
    let class = if kind.is_some() { Class::Conflict } else { own_class(draft.case) };
    Entry { draft: Arc::new(draft), class, kind, choices, reasons }
}

fn own_class(case: Case) -> Class {
    match case {
        Case::New => Class::New,
        Case::Matched | Case::Renamed => Class::Modified,
        Case::Deleted => Class::Deleted,
        Case::IdReused | Case::IdDiffers | Case::IdentityAmbiguous | Case::ChangedSince => {
            Class::Conflict
        }
    }
}

pub(super) fn count(counts: &mut Counts, class: Class) {
    *match class {
        Class::Conflict => &mut counts.conflict,
        Class::New => &mut counts.new,
        Class::Modified => &mut counts.modified,
        Class::Deleted => &mut counts.deleted,
    } += 1;
}

/// Root tables of planned deletions whose source has no row at all: rather a lost table than an
/// emptied one.
async fn empty_sources(
    sides: &mut Sides,
    model: &Model,
    drafts: &[Draft],
) -> Result<Vec<String>, Error> {
    let (mut empty, everything) = (Vec::new(), BTreeMap::new());
    for root in &model.roots {
        let deletes = |draft: &Draft| draft.root == *root && draft.case == Case::Deleted;
        let table = &model.nodes[*root].source;
        if drafts.iter().any(deletes) && sides.source.is_empty(table, &everything).await? {
            empty.push(table.name.clone());
        }
    }
    Ok(empty)
}

impl Entry {
    /// What approving the entry (with an answer, for a conflict) would do.
    pub fn choice(&self, answer: Option<Answer>) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.answer == answer)
    }
}

/// A composite ID in one text: parts joined with `,`, where `,` and `\` inside a part are preceded
/// by `\`.
pub fn shown_key(key: &[Value]) -> String {
    let parts: Vec<String> =
        key.iter().map(|value| value.display().replace('\\', "\\\\").replace(',', "\\,")).collect();
    parts.join(",")
}
