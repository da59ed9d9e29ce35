//! The words and figures that all renderers share.
//!
//! Answers for names of classes, kinds and answers, the summary line, and identities in brief.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::difference::literal;
use super::outline::change_name;
use crate::escape::{harmless, shortened, visible, visible_name};
use crate::manifest::Manifests;
use crate::manifest::sync_job::{Direction, Mode};
use crate::plan::change::{Answer, Change, Class, ConflictKind, Counts, Plan};

/// The names of the environment that is read and the one that is written.
pub fn source_and_target(direction: Direction) -> (&'static str, &'static str) {
    match direction {
        Direction::TestToProd => ("TEST", "PROD"),
        Direction::ProdToTest => ("PROD", "TEST"),
    }
}

/// `TEST -> PROD, all records`
pub fn course(plan: &Plan) -> String {
    let (source, target) = source_and_target(plan.direction);
    let mode = match plan.mode {
        Mode::All => "all records",
        Mode::NewOnly => "new records only",
    };
    format!("{source} -> {target}, {mode}")
}

/// `2 files new, 1 replaced, 0 deleted`
pub fn changed_files(files: &[u64; 3]) -> Option<String> {
    let [new, replaced, deleted] = files;
    let files_of = count(*new, "file", "files");
    (new + replaced + deleted > 0)
        .then(|| format!("{files_of} new, {replaced} replaced, {deleted} deleted"))
}

/// `2 records and 3 files`
pub fn records_and_files(records: u64, files: u64) -> String {
    let of_files = count(files, "file", "files");
    match (records, files) {
        (_, 0) => count(records, "record", "records"),
        (0, _) => of_files,
        _ => format!("{} and {of_files}", count(records, "record", "records")),
    }
}

/// What a plan with too many changes says in their place.
pub const COUNTS_ONLY: &str =
    "more than 100,000 changes: only counts are kept, and nothing can be approved";

/// What a plan without changes says in their place.
pub fn nothing_to_do(plan: &Plan) -> String {
    let (source, target) = source_and_target(plan.direction);
    match plan.mode {
        Mode::All => format!("Nothing to do: {target} holds what {source} holds."),
        Mode::NewOnly => format!("Nothing to do: {source} has no record that {target} lacks."),
    }
}

/// The last line of a plan. Its words stay the same for every number, so that scripts can read it.
pub fn summary(counts: &Counts) -> String {
    let Counts { conflict, new, modified, deleted, unchanged } = counts;
    format!(
        "Plan: {new} new, {modified} modified, {deleted} deleted, {conflict} conflict, \
         {unchanged} unchanged"
    )
}

pub fn class_word(class: Class) -> &'static str {
    match class {
        Class::Conflict => "conflict",
        Class::New => "new",
        Class::Modified => "modified",
        Class::Deleted => "deleted",
    }
}

pub fn answer_word(answer: Answer) -> &'static str {
    match answer {
        Answer::Overwrite => "overwrite",
        Answer::Adopt => "adopt",
        Answer::Renumber => "renumber",
    }
}

pub fn conflict_word(kind: ConflictKind) -> &'static str {
    match kind {
        ConflictKind::IdReused => "id-reused",
        ConflictKind::IdDiffers => "id-differs",
        ConflictKind::IdentityAmbiguous => "identity-ambiguous",
        ConflictKind::UniqueTaken => "unique-taken",
        ConflictKind::MissingReference => "missing-reference",
        ConflictKind::FileTaken => "file-taken",
        ConflictKind::StillReferenced => "still-referenced",
        ConflictKind::SchemaDiffers => "schema-differs",
        ConflictKind::ChangedSince => "changed-since",
    }
}

/// Why it is a conflict, for people who meet one for the first time.
pub fn why(kind: ConflictKind, source: &str, target: &str) -> String {
    match kind {
        ConflictKind::IdReused => format!("On {target} this ID belongs to another record."),
        ConflictKind::IdDiffers => format!("{target} has this record under another ID."),
        ConflictKind::IdentityAmbiguous => {
            "Several records are the same thing by their identity, so it isn't clear which one is \
             meant."
                .into()
        }
        ConflictKind::UniqueTaken => {
            format!("A value that may stand only once is taken by another row of {target}.")
        }
        ConflictKind::MissingReference => {
            format!("It refers to a record that is neither on {target} nor among these changes.")
        }
        ConflictKind::FileTaken => {
            format!("At the path of one of its files {target} has another file.")
        }
        ConflictKind::StillReferenced => format!("Other rows of {target} still refer to it."),
        ConflictKind::SchemaDiffers => {
            format!("{source} has a value in a column that {target} doesn't have.")
        }
        ConflictKind::ChangedSince => "It was changed since the run that is to be undone.".into(),
    }
}

/// `slug: spring, site: main`
pub fn brief_identity(identity: &BTreeMap<String, Json>) -> String {
    let part = |(column, value): (&String, &Json)| {
        let value = match value {
            Json::Null => Cow::Borrowed("NULL"),
            Json::String(text) => Cow::Owned(visible(&shortened(text, 60)).into_owned()),
            _ => Cow::Owned(shortened(&literal(value), 60).into_owned()),
        };
        format!("{}: {value}", visible(column))
    };
    identity.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// `1 conflict, 2 new`: only what there is, in the order of urgency.
pub fn tally<'a>(changes: impl IntoIterator<Item = &'a Change>) -> String {
    let mut counts = BTreeMap::new();
    for change in changes {
        *counts.entry(change.class).or_insert(0u64) += 1;
    }
    let told = counts.iter().map(|(class, number)| match class {
        Class::Conflict => count(*number, "conflict", "conflicts"),
        _ => format!("{number} {}", class_word(*class)),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// `2 new, 1 conflict`: only what there is, in the words and the order of [`summary`].
pub fn number_of_each<'a>(changes: impl IntoIterator<Item = &'a Change>) -> String {
    let mut counts = BTreeMap::new();
    for change in changes {
        *counts.entry(change.class).or_insert(0u64) += 1;
    }
    let order = [Class::New, Class::Modified, Class::Deleted, Class::Conflict];
    let told = order.iter().filter_map(|class| Some((counts.get(class)?, class_word(*class))));
    told.map(|(number, word)| format!("{number} {word}")).collect::<Vec<_>>().join(", ")
}

/// `34 kB`: of the largest unit that it holds, rounded up.
pub fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, word)) => format!("{} {word}", bytes.div_ceil(unit)),
        None => count(bytes, "byte", "bytes"),
    }
}

/// `1 record was`, `2 records were`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// "9 modules, 2 resources and 1 job".
pub fn number_of_manifests(manifests: &Manifests) -> String {
    let modules = count(manifests.modules.len() as u64, "module", "modules");
    let resources = match manifests.resources.len() as u64 {
        0 => String::new(),
        some => format!(", {}", count(some, "resource", "resources")),
    };
    let jobs = count(manifests.job_names().len() as u64, "job", "jobs");
    format!("{modules}{resources} and {jobs}")
}

/// The changes module by module, in the plan's order. Those whose target was edited after the source
/// come first, in a module and with their module.
pub fn by_module<'a>(
    changes: impl IntoIterator<Item = &'a Change>,
) -> Vec<(&'a str, Vec<&'a Change>)> {
    let mut modules: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    for change in changes {
        modules.entry(&change.module).or_default().push(change);
    }
    let mut modules: Vec<_> = modules.into_iter().collect();
    for (_, changes) in &mut modules {
        changes.sort_by_key(|change| !change.target_newer);
    }
    modules.sort_by_key(|(_, changes)| !changes[0].target_newer);
    modules
}

/// `1 record was edited on PROD after TEST: cms_page/1`; `None` where there is none.
pub fn edited_later(plan: &Plan) -> Option<String> {
    let edited = plan.changes.iter().filter(|change| change.target_newer);
    let edited: Vec<_> = edited.map(change_name).collect();
    if edited.is_empty() {
        return None;
    }
    let (source, target) = source_and_target(plan.direction);
    let records = count(edited.len() as u64, "record was", "records were");
    let named: Vec<_> =
        edited.iter().take(NAMED).map(|name| visible_name(&shortened(name, 80))).collect();
    let more = edited.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!("{records} edited on {target} after {source}: {}{more}", named.join(", ")))
}

/// Records that a warning names before it only counts them.
const NAMED: usize = 10;

/// A word as it can be typed into a shell.
pub fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./,@:+-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", harmless(&word.replace('\'', r"'\''")))
}
