//! Approved entries that can't be accepted, in words.
//!
//! Answers for saying what is wrong, where it stands in the manifest and what to write instead.
//! A stale entry isn't wrong; it is told here too, so that both read alike.

use super::approval::{Moved, Stale, name};
use super::change::{Change, Class, Plan};
use super::heading::Heading;
use crate::escape::{harmless, visible, visible_name};
use crate::manifest::quote::quoted;
use crate::plan::render::words::class_word;

/// Why an entry of `approved` can't be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Neither a change nor done.
    #[error("approved.{}.{}: the plan holds no {}{}", visible(.table), .heading.word(), visible_name(&format!("{table}/{id}")), did_you_mean(.nearest))]
    Unknown { table: String, heading: Heading, id: String, nearest: Vec<String> },
    /// TEST -> PROD takes no ID without what the reviewer saw.
    #[error("approved.{}.{}: {} needs its pin for TEST -> PROD; after reviewing it, write {}", visible(.table), .heading.word(), harmless(.id), quoted(.pin))]
    NeedsPin { table: String, heading: Heading, id: String, pin: String },
    /// TEST -> PROD takes no bare `all`.
    #[error("approved.{}.{}: a bare all is only for PROD -> TEST; after reviewing the plan, write {}", visible(.table), .heading.word(), quoted(.all))]
    AllNeedsPins { table: String, heading: Heading, all: String },
    /// Deletions are approved by name.
    #[error("approved.{}.deleted: all never approves deletions; name them, or say deleteMissing: true and all under new or modified", visible(.table))]
    DeletedNeverAll { table: String },
    /// The change can't be approved under this heading.
    #[error("approved.{}.{}: {} is {}{}", visible(.table), .heading.word(), harmless(.id), is_class(*.class), instead(.fitting))]
    NotOffered { table: String, heading: Heading, id: String, class: Class, fitting: Vec<Heading> },
    /// `all@DIGEST` names a plan that isn't kept here.
    #[error("approved.{}.{}: no plan with the digest {} is stored here; compare again and approve what it shows", visible(.table), .heading.word(), visible(.digest))]
    NoSuchPlan { table: String, heading: Heading, digest: String },
    /// One record under two headings.
    #[error("{} is approved under both {} and {}; keep one", visible_name(.name), .headings[0].word(), .headings[1].word())]
    Contradiction { name: String, headings: [Heading; 2] },
    /// Too many changes to hold any of them against an approval.
    #[error(
        "the plan has more than 100,000 changes, of which only counts are kept: nothing can be approved; narrow the job's modules"
    )]
    CountsOnly,
}

impl Problem {
    pub(super) fn unknown(plan: &Plan, table: &str, heading: Heading, id: &str) -> Self {
        let names: Vec<String> = plan.changes.iter().map(name).collect();
        let nearest = nearest(&names, &format!("{table}/{id}"));
        Self::Unknown { table: table.into(), heading, id: id.into(), nearest }
    }

    pub(super) fn needs_pin(change: &Change, heading: Heading) -> Self {
        let Change { table, id, pin, .. } = change.clone();
        Self::NeedsPin { table, heading, id, pin }
    }

    pub(super) fn all_needs_pins(table: &str, heading: Heading, plan: &Plan) -> Self {
        let digest = plan.short_digest();
        Self::AllNeedsPins { table: table.into(), heading, all: format!("all@{digest}") }
    }

    pub(super) fn not_offered(change: &Change, heading: Heading) -> Self {
        let Change { table, id, class, .. } = change.clone();
        Self::NotOffered { table, heading, id, class, fitting: Heading::fitting(change) }
    }
}

impl std::fmt::Display for Stale {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = format!("{}/{}", self.table, self.id);
        write!(out, "{} was approved as {} and ", visible_name(&name), self.heading.word())?;
        match self.moved {
            Moved::Content => write!(out, "differs in another way now"),
            Moved::Class(class) => write!(out, "is {} now", is_class(class)),
            Moved::Gone => write!(out, "is no change any more"),
        }?;
        write!(out, "; compare again and approve what you see")
    }
}

/// What to do about a change that no manifest can name, by its heading and the plan's digest.
pub fn unwritable(heading: &str, digest: &str) -> String {
    format!(
        "no manifest can name it, since its ID is empty, a word of its own there, or holds characters that \
         manifests refuse: rename it, or write all@{digest} under {heading}, for all that the plan shows there"
    )
}

/// How many names are offered instead of an unknown one.
const NEAREST: usize = 3;

/// The names that are most like this one, the best first; a `*` in it counts as any other sign.
/// A mere ID, or one with its pin, is enough to find a record.
pub fn nearest<'n>(
    names: impl IntoIterator<Item = &'n String> + Clone,
    wanted: &str,
) -> Vec<String> {
    let id = wanted.rsplit_once('@').map_or(wanted, |(id, _)| id);
    let is_meant =
        |name: &&String| *name == id || name.split_once('/').is_some_and(|(_, its)| its == id);
    let meant: Vec<String> = names.clone().into_iter().filter(is_meant).cloned().collect();
    if !meant.is_empty() {
        return meant.into_iter().take(NEAREST).collect();
    }
    let likeness = |name: &&String| strsim::jaro_winkler(name, wanted);
    let alike = names.into_iter().map(|name| (likeness(&name), name));
    let mut alike: Vec<_> = alike.filter(|(likeness, _)| *likeness > 0.8).collect();
    alike.sort_by(|(a, first), (b, second)| b.total_cmp(a).then_with(|| first.cmp(second)));
    alike.into_iter().take(NEAREST).map(|(_, name)| name.clone()).collect()
}

/// `; did you mean …?`, or nothing.
pub fn did_you_mean(nearest: &[String]) -> String {
    let names: Vec<String> = nearest.iter().map(|name| visible_name(name)).collect();
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => format!("; did you mean {only}?"),
        Some((last, others)) => format!("; did you mean {} or {last}?", others.join(", ")),
    }
}

fn is_class(class: Class) -> &'static str {
    if class == Class::Conflict { "in conflict" } else { class_word(class) }
}

fn instead(fitting: &[Heading]) -> String {
    let words: Vec<_> = fitting.iter().map(|heading| heading.word()).collect();
    match words.as_slice() {
        [] => " and can't be approved, only mended".into(),
        words => format!(", which is approved under {}", words.join(" or ")),
    }
}
