//! What is left of a plan after a run.
//!
//! Answers for nothing being offered or needed that is done. Pure; nothing is compared again.

use std::collections::BTreeSet;

use super::plan::digest;
use crate::plan::approval;
use crate::plan::change::{Class, Plan};

/// What is left of a plan once these changes, by `table/ID`, are carried out. Nothing was compared
/// again: each pin that is left is held against the databases before anything is written.
pub fn remaining(plan: &Plan, applied: &BTreeSet<String>) -> Plan {
    let mut left = plan.clone();
    left.changes.retain(|change| !applied.contains(&approval::name(change)));
    for change in &mut left.changes {
        change.approved = false;
        let is_open = |needed: &String| !applied.contains(needed);
        change.depends_on.retain(is_open);
        if let Some(conflict) = &mut change.conflict {
            conflict.needs.values_mut().for_each(|needs| needs.retain(is_open));
            conflict.needs.retain(|_, needs| !needs.is_empty());
        }
    }
    let gone = plan.changes.iter().filter(|change| applied.contains(&approval::name(change)));
    for change in gone {
        let of_class = match change.class {
            Class::Conflict => &mut left.counts.conflict,
            Class::New => &mut left.counts.new,
            Class::Modified => &mut left.counts.modified,
            Class::Deleted => &mut left.counts.deleted,
        };
        *of_class = of_class.saturating_sub(1);
        left.counts.unchanged += u64::from(change.class != Class::Deleted);
    }
    left.done.extend(applied.iter().cloned());
    left.noop = left.changes.is_empty();
    left.digest = digest(left.direction, left.mode, &left.changes);
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::change::{Answer, ConflictKind};
    use crate::plan::render::sample::{change, conflict, plan};

    #[test]
    fn what_is_done_is_neither_offered_nor_needed() {
        let mut page = change(Class::New, "cms_page", "41");
        page.depends_on = vec!["media/17".into(), "media/18".into()];
        let mut taken = change(Class::Conflict, "cms_page", "9");
        let mut why = conflict(ConflictKind::IdReused, &[Answer::Overwrite, Answer::Renumber]);
        why.needs.insert(Answer::Overwrite, vec!["media/17".into()]);
        why.needs.insert(Answer::Renumber, vec!["media/17".into(), "media/18".into()]);
        taken.conflict = Some(why);
        let done = change(Class::New, "media", "17");
        let gone = change(Class::Deleted, "media", "3");
        let before = plan(vec![taken, page, done, gone, change(Class::New, "media", "18")]);
        let applied = BTreeSet::from(["media/17".to_owned(), "media/3".to_owned()]);
        let left = remaining(&before, &applied);
        let names: Vec<String> = left.changes.iter().map(approval::name).collect();
        assert_eq!(names, ["cms_page/9", "cms_page/41", "media/18"]);
        assert_eq!(left.changes[1].depends_on, ["media/18"]);
        let needs = &left.changes[0].conflict.as_ref().unwrap().needs;
        assert_eq!(needs.get(&Answer::Overwrite), None);
        assert_eq!(needs[&Answer::Renumber], ["media/18"]);
        assert_eq!((left.counts.new, left.counts.deleted, left.counts.unchanged), (2, 0, 813));
        assert_ne!(left.digest, before.digest);
        assert!(!left.noop);
        assert!(remaining(&left, &names.into_iter().collect()).noop);
    }
}
