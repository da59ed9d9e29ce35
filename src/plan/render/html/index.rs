//! What the page knows of every change from the start: enough to list, find, tick and write them.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};

use crate::escape::{harmless, shortened, visible, visible_name};
use crate::plan::approval::{Selected, is_writable, name};
use crate::plan::change::{Answer, Change, Class, Conflict, Plan};
use crate::plan::render::outline::what_it_does;
use crate::plan::render::words::{
    COUNTS_ONLY, answer_word, brief_identity, conflict_word, course, nothing_to_do,
    source_and_target, why,
};

/// Bits of a change's flags.
const TARGET_NEWER: u8 = 1;
const APPROVED: u8 = 2;
const UNWRITABLE: u8 = 4;
/// Characters of a label or a sentence.
const LONGEST: usize = 400;

pub fn index(plan: &Plan, approved: &BTreeMap<usize, Selected>, chunk: usize) -> Json {
    let (source, target) = source_and_target(plan.direction);
    let changes = plan.changes.iter();
    let (modules, tables) = (
        Names::of(changes.clone().map(|change| change.module.as_str())),
        Names::of(changes.clone().map(|change| change.table.as_str())),
    );
    let places =
        Places(changes.clone().enumerate().map(|(at, change)| (name(change), at)).collect());
    let nothing = match (plan.counts_only, plan.noop) {
        (true, _) => Some(COUNTS_ONLY.to_owned()),
        (_, true) => Some(nothing_to_do(plan)),
        _ => None,
    };
    let failed = plan.failed_modules.iter();
    let failed: Vec<_> =
        failed.map(|(module, reason)| [visible(module), harmless(reason)]).collect();
    let row = |(at, change): (usize, &Change)| {
        let approved = approved.get(&at);
        let answer = approved.and_then(|selected| selected.answer());
        let conflict = change.conflict.as_ref();
        let conflict = conflict.map(|conflict| told(plan, change, conflict, answer, &places));
        let mut row = vec![
            json!(modules.place(&change.module)),
            json!(tables.place(&change.table)),
            json!(change.id),
            shown_id(change),
            json!(number(change.class)),
            change.label.as_ref().map_or(json!(0), |label| json!(brief(label))),
            json!(brief_identity(&change.identity)),
            json!(change.bare_pin()),
            places.needed(&change.depends_on),
            json!(flags(change, approved.is_some())),
        ];
        row.extend(conflict);
        Json::Array(row)
    };
    json!({
        "format": 1,
        "job": plan.job,
        "source": source,
        "target": target,
        "course": course(plan),
        "digest": plan.digest,
        "counts": plan.counts,
        "notes": plan.notes.iter().map(|note| harmless(note)).collect::<Vec<_>>(),
        "failed": failed,
        "nothing": nothing,
        "modules": modules.shown(),
        "tables": tables.0.keys().collect::<Vec<_>>(),
        "chunk": chunk,
        "changes": changes.enumerate().map(row).collect::<Vec<_>>(),
    })
}

/// Where each change stands in the list, by its name.
struct Places(HashMap<String, usize>);

impl Places {
    /// Places of what is needed, and the names of what isn't in the list.
    fn needed(&self, names: &[String]) -> Json {
        let one = |name: &String| match self.0.get(name) {
            Some(at) => json!(at),
            None => json!(visible_name(name)),
        };
        names.iter().map(one).collect()
    }
}

/// Names with their places in a list of them.
struct Names<'a>(BTreeMap<&'a str, usize>);

impl<'a> Names<'a> {
    fn of(names: impl Iterator<Item = &'a str>) -> Self {
        let mut places: BTreeMap<&str, usize> = names.map(|name| (name, 0)).collect();
        places.values_mut().enumerate().for_each(|(at, place)| *place = at);
        Self(places)
    }

    fn place(&self, name: &str) -> usize {
        self.0[name]
    }

    fn shown(&self) -> Vec<String> {
        self.0.keys().map(|name| visible(name).into_owned()).collect()
    }
}

fn told(
    plan: &Plan,
    change: &Change,
    conflict: &Conflict,
    chosen: Option<Answer>,
    places: &Places,
) -> Json {
    let (source, target) = source_and_target(plan.direction);
    let kinds = || std::iter::once(&conflict.kind).chain(&conflict.also);
    let reasons = kinds().map(|kind| why(*kind, source, target));
    let details = conflict.details.iter().map(|sentence| visible(sentence).into_owned());
    let there = conflict.target_id.as_ref().map(|id| {
        let name = visible_name(&format!("{}/{id}", change.table));
        match &conflict.target_identity {
            Some(identity) => format!("{name} ({})", brief_identity(identity)),
            None => name,
        }
    });
    let answers = conflict.answers.iter().map(|answer| {
        let needs = conflict.needs.get(answer);
        let needs = needs.map_or(json!([]), |needs| places.needed(needs));
        json!([answer_word(*answer), what_it_does(*answer, conflict.kind, target), needs])
    });
    json!({
        "why": reasons.chain(details).collect::<Vec<_>>(),
        "kinds": kinds().map(|kind| conflict_word(*kind)).collect::<Vec<_>>(),
        "target": there.map_or(json!(0), Json::from),
        "answers": answers.collect::<Vec<_>>(),
        "chosen": chosen.map_or(json!(0), |answer| json!(answer_word(answer))),
    })
}

/// The ID as people see it, where that isn't the ID itself.
fn shown_id(change: &Change) -> Json {
    let name = visible_name(&name(change));
    let id = &name[visible(&change.table).len() + 1..];
    if id == change.id { json!(0) } else { json!(id) }
}

fn brief(text: &str) -> String {
    visible(&shortened(text, LONGEST)).into_owned()
}

fn number(class: Class) -> u8 {
    match class {
        Class::Conflict => 0,
        Class::New => 1,
        Class::Modified => 2,
        Class::Deleted => 3,
    }
}

fn flags(change: &Change, is_approved: bool) -> u8 {
    let bits = [
        (change.target_newer, TARGET_NEWER),
        (is_approved, APPROVED),
        (!is_writable(change), UNWRITABLE),
    ];
    bits.into_iter().filter(|(is, _)| *is).map(|(_, bit)| bit).sum()
}
