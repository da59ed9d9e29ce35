//! Approvals written into a manifest in place, and when they are to be carried out.
//!
//! Answers for changing `spec.approved` of one job, its time, test import and number, and nothing
//! else: comments, order, quotes and line ends stay, and every edit is read back before it is handed
//! out. What to write is decided elsewhere, and so is writing the file.

use std::collections::BTreeMap;

use super::heading::Heading;
use super::layout::{Content, Entry, LayoutError, Node, parse};
use super::splice::{Refused, Splicer, holds};
use super::sync_job::{Approval, Approvals};
use super::wanted::Wanted;
use crate::escape::visible;

/// Why a manifest can't be edited. Nothing is written then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The file can't be read as manifests.
    #[error(transparent)]
    Unreadable(#[from] LayoutError),
    #[error("the file holds no SyncJob named {}", visible(.job))]
    NoSuchJob { job: String },
    #[error("the file holds several SyncJobs named {}; keep one", visible(.job))]
    Several { job: String },
    /// Editing here would lose a comment, or is beyond what edits can do.
    #[error(
        "line {line}: {what} here can't be edited in place; write this instead by hand:\n{block}"
    )]
    Layout { line: usize, what: &'static str, block: String },
    /// Reading the edited text back showed something else than was wanted.
    #[error(
        "the layout of this file can't be edited safely, nothing was changed; write this by hand:\n{block}"
    )]
    Unsafe { block: String },
}

/// What a job's spec shall say. A key that is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edit {
    pub approved: BTreeMap<String, Approvals>,
    pub time: Option<Time>,
    pub dry_run: Option<bool>,
    pub request: Option<u64>,
}

/// When a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Time {
    /// Without a `schedule`.
    AsSoonAsApproved,
    /// As they are written in a `schedule`.
    At { at: String, time_zone: String },
}

impl Edit {
    /// The keys besides `approved` that are set, in the order of the reference; one without a value
    /// is taken out.
    fn others(&self) -> Vec<(&'static str, Option<Wanted>)> {
        let schedule = self.time.as_ref().map(|time| match time {
            Time::AsSoonAsApproved => None,
            Time::At { at, time_zone } => Some(Wanted::Map(vec![
                ("at".into(), Wanted::Text(at.clone())),
                ("timeZone".into(), Wanted::Text(time_zone.clone())),
            ])),
        });
        let dry_run = self.dry_run.map(|dry_run| Some(Wanted::Word(dry_run.to_string())));
        let request = self.request.map(|request| Some(Wanted::Word(request.to_string())));
        let all = [("schedule", schedule), ("dryRun", dry_run), ("request", request)];
        all.into_iter().filter_map(|(key, wanted)| Some((key, wanted?))).collect()
    }

    /// What is to be written, as YAML.
    fn block(&self) -> String {
        let others = self.others();
        let others = others.iter().map(|(key, wanted)| match wanted {
            Some(wanted) => wanted.block(key, 0, 2, "\n"),
            None => format!("# without `{key}`\n"),
        });
        others.chain([approved_block(&self.approved)]).collect()
    }
}

/// The text with the job's approvals replaced.
pub fn set_approved(
    text: &str,
    job: &str,
    approved: &BTreeMap<String, Approvals>,
) -> Result<String, EditError> {
    edit(text, job, Edit { approved: approved.clone(), ..Edit::default() })
}

/// The text with the job's approvals replaced, and the other keys that are given. Entries that stay
/// keep their place, comments and quotes; empty tables and classes are left out.
///
/// # Guarantees
/// The result, read back, differs from the text in these keys of this job's `spec` alone, which then
/// say exactly what is asked for.
pub fn edit(text: &str, job: &str, mut edit: Edit) -> Result<String, EditError> {
    edit.approved = without_empty(&edit.approved);
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let is_ended = text.ends_with('\n');
    // With every line ended, lines can be put in and taken out without looking at the last one.
    let padded = if is_ended { text.to_owned() } else { format!("{text}{line_end}") };
    let documents = parse(&padded)?;
    let document = &documents[find(&documents, job)?];
    let block = || edit.block();
    let spec = document.entry("spec").ok_or_else(|| EditError::Unsafe { block: block() })?;
    let mut splicer = Splicer::new(&padded, line_end, spec);
    write(&mut splicer, spec, &edit).map_err(|refused| EditError::Layout {
        line: padded[..refused.at].matches('\n').count() + 1,
        what: refused.what,
        block: block(),
    })?;
    let mut edited = splicer.apply();
    if !is_ended {
        edited.truncate(edited.trim_end_matches(['\r', '\n']).len());
    }
    match verify(&parse(text)?, &edited, job, &edit) {
        Some(()) => Ok(edited),
        None => Err(EditError::Unsafe { block: block() }),
    }
}

fn write(splicer: &mut Splicer<'_>, spec: &Entry, edit: &Edit) -> Result<(), Refused> {
    let others = edit.others();
    // What goes first goes: new keys stand beside what stays.
    for (key, _) in others.iter().filter(|(_, wanted)| wanted.is_none()) {
        splicer.take_out(spec, key)?;
    }
    for (key, wanted) in &others {
        if let Some(wanted) = wanted {
            splicer.set_before(spec, (key, "approved"), wanted)?;
        }
    }
    splicer.set(spec, "approved", &Wanted::approvals(&edit.approved))
}

/// The job's approvals as they stand in the text.
pub fn read_approved(text: &str, job: &str) -> Result<BTreeMap<String, Approvals>, EditError> {
    let documents = parse(text)?;
    let document = &documents[find(&documents, job)?];
    let approved = document.get("spec").and_then(|spec| spec.get("approved"));
    let read = approved.map_or_else(|| Some(BTreeMap::new()), read);
    read.ok_or_else(|| EditError::Unsafe { block: String::new() })
}

/// Approvals as YAML, for a message or a comment.
pub fn approved_block(approved: &BTreeMap<String, Approvals>) -> String {
    Wanted::approvals(&without_empty(approved)).block("approved", 0, 2, "\n")
}

/// The document of a job.
fn find(documents: &[Node], job: &str) -> Result<usize, EditError> {
    let is_job = |document: &Node| {
        let name = document.get("metadata").and_then(|metadata| metadata.get("name"));
        document.get("kind").and_then(Node::text) == Some("SyncJob")
            && name.and_then(Node::text) == Some(job)
    };
    let mut found = (0..documents.len()).filter(|at| is_job(&documents[*at]));
    match (found.next(), found.next()) {
        (Some(at), None) => Ok(at),
        (None, _) => Err(EditError::NoSuchJob { job: job.into() }),
        (Some(_), Some(_)) => Err(EditError::Several { job: job.into() }),
    }
}

/// The edited text says what the original said, but for the keys that were to be changed, which say
/// what is wanted.
fn verify(before: &[Node], edited: &str, job: &str, edit: &Edit) -> Option<()> {
    let after = parse(edited).ok()?;
    let target = find(before, job).ok()?;
    let is_target = find(&after, job).ok()? == target && before.len() == after.len();
    let others_same = before
        .iter()
        .zip(&after)
        .enumerate()
        .all(|(at, (old, new))| at == target || old.says_the_same(new));
    let (old, new) = (&before[target], after.get(target)?);
    let (old_spec, new_spec) = (old.get("spec")?, new.get("spec")?);
    let others = edit.others();
    let mut keys: Vec<&str> = others.iter().map(|(key, _)| *key).collect();
    keys.push("approved");
    let same =
        others_same && entries_same(old, new, &["spec"]) && entries_same(old_spec, new_spec, &keys);
    let says = others.iter().all(|(key, wanted)| match (new_spec.get(key), wanted) {
        (Some(node), Some(wanted)) => holds(node, wanted),
        (node, wanted) => node.is_none() && wanted.is_none(),
    });
    let approved = match new_spec.get("approved") {
        Some(node) => read(node)?,
        None => BTreeMap::new(),
    };
    (is_target && same && says && approved == edit.approved).then_some(())
}

/// All entries but some are the same, in the same order.
fn entries_same(old: &Node, new: &Node, but: &[&str]) -> bool {
    let is_left = |entry: &&Entry| !entry.key.text().is_some_and(|key| but.contains(&key));
    let rest = |node: &Node| -> Vec<_> { node.entries().iter().filter(is_left).cloned().collect() };
    let (old, new) = (rest(old), rest(new));
    old.len() == new.len() && old.iter().zip(&new).all(|(old, new)| old.says_the_same(new))
}

/// Approvals from a node, without empty tables. None when it has another shape.
fn read(node: &Node) -> Option<BTreeMap<String, Approvals>> {
    if node.is_null() {
        return Some(BTreeMap::new());
    }
    let Content::Map { entries, .. } = &node.content else { return None };
    let mut approved = BTreeMap::new();
    for entry in entries {
        let mut approvals = Approvals::default();
        for class in entry.value.entries() {
            let word = class.key.text()?;
            let heading = Heading::ALL.into_iter().find(|heading| heading.word() == word)?;
            heading.entries_mut(&mut approvals).extend(read_list(&class.value)?);
        }
        approved.insert(entry.key.text()?.to_owned(), approvals);
    }
    Some(without_empty(&approved))
}

fn read_list(node: &Node) -> Option<Vec<Approval>> {
    match &node.content {
        Content::List { items, .. } => items.iter().map(|item| item.text()?.parse().ok()).collect(),
        _ if node.is_null() => Some(Vec::new()),
        _ => None,
    }
}

fn without_empty(approved: &BTreeMap<String, Approvals>) -> BTreeMap<String, Approvals> {
    let filled = approved.iter().filter(|(_, approvals)| **approvals != Approvals::default());
    filled.map(|(table, approvals)| (table.clone(), approvals.clone())).collect()
}
