//! What must hold of every world, whatever its schema, data and edits.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use reconcile::apply::Applied;
use reconcile::job::report::Outcome;
use reconcile::job::run::Wish;
use reconcile::plan::change::{Answer, Change, Class, Plan};

use super::random::Random;
use super::schema::Place;
use super::snapshot::{Key, Names, Snapshot, View, values};
use super::world::{Job, Story, World};

/// What a run of the properties has been through.
#[derive(Debug, Default, Clone)]
pub struct Figures {
    pub schemas: usize,
    pub edits: usize,
    pub passes: usize,
    pub applied: usize,
    pub rows: u64,
    pub answers: BTreeMap<String, usize>,
    pub undone: usize,
    pub further_rounds: usize,
    pub unorderable: usize,
    pub at_odds: usize,
    pub circular: usize,
    pub statements_failed: usize,
    pub interrupted: usize,
    pub kills: usize,
}

/// Rounds after which everything answerable must have settled.
const ROUNDS: usize = 8;

/// How a story ends early without a law being broken.
pub enum Course<T> {
    On(T),
    /// The program refused for a reason the design allows.
    Refused,
}

/// The whole course of one story.
pub async fn hold(world: &mut World<'_>, random: &mut Random, figures: &mut Figures) -> Result<()> {
    let partial = random.chance(35);
    let undo = random.chance(40);
    let mut applied_before: BTreeSet<String> = BTreeSet::new();
    let mut partners: BTreeMap<(usize, Key), Key> = BTreeMap::new();
    for round in 0..ROUNDS {
        let Course::On(plan) = planned(world, figures).await? else { return Ok(()) };
        let share = if partial && round == 0 { 50 } else { 100 };
        let chosen = choose(&plan, random, share);
        if share == 100 {
            for (change, _) in &chosen {
                ensure!(
                    !applied_before.contains(&name(change)),
                    "{} was applied, and the next plan holds it again: {change:#?}",
                    name(change)
                );
            }
        }
        if chosen.is_empty() {
            figures.further_rounds += round.saturating_sub(1);
            return Ok(());
        }
        let job = Job { approved: approvals(&chosen), ..world.job() };
        let Course::On(()) = test_import(world, &job, figures).await? else { return Ok(()) };
        let before = world.target_rows().await;
        let source = world.source_rows().await;
        let (run, applied) = apply(world, &job, figures).await?;
        let after = world.target_rows().await;
        ensure!(source == world.source_rows().await, "the run changed its source");
        for (_, answer) in &chosen {
            if let Some(answer) = answer {
                *figures.answers.entry(format!("{answer:?}")).or_default() += 1;
            }
        }
        let facts = Facts {
            story: world.story,
            plan: &plan,
            chosen: &chosen,
            applied: &applied,
            partners: &mut partners,
        };
        facts.check(&source, &before, &after).with_context(|| told(&chosen))?;
        applied_before.extend(chosen.iter().map(|(change, _)| name(change)));
        if undo {
            figures.undone += 1;
            return undone(world, &run, &before, figures).await;
        }
    }
    bail!("after {ROUNDS} rounds there is still something to apply")
}

/// What was approved, a line each.
fn told(chosen: &[(&Change, Option<Answer>)]) -> String {
    let lines = chosen.iter().map(|(change, answer)| {
        let kind = change.conflict.as_ref().map(|it| (it.kind, it.target_id.clone()));
        format!(
            "{} {:?} {kind:?} {answer:?}, renamed {:?}",
            name(change),
            change.class,
            change.renamed_from
        )
    });
    format!("approved:\n{}\n", lines.collect::<Vec<_>>().join("\n"))
}

/// The plan as it stands, nothing approved.
pub async fn planned(world: &mut World<'_>, figures: &mut Figures) -> Result<Course<Plan>> {
    figures.passes += 1;
    let job = world.job();
    let report = world.shop.carry_out(&job, Wish::DryRun).await;
    match (report.plan, report.outcome) {
        (_, Outcome::Failed { error }) if error.contains("refers to itself in a circle") => {
            figures.circular += 1;
            Ok(Course::Refused)
        }
        (Some(plan), Outcome::AwaitingApproval | Outcome::NothingToDo { .. }) => {
            ensure!(plan.failed_modules.is_empty(), "failed: {:?}", plan.failed_modules);
            Ok(Course::On(plan))
        }
        (_, outcome) => bail!("planning ended as {outcome:?}"),
    }
}

/// Applicable changes: those without conflict and the answered conflicts, in a random part that
/// holds whatever its members need.
pub fn choose<'p>(
    plan: &'p Plan,
    random: &mut Random,
    share: usize,
) -> Vec<(&'p Change, Option<Answer>)> {
    let mut chosen: BTreeMap<String, (&Change, Option<Answer>)> = BTreeMap::new();
    let mut written: BTreeSet<(String, String)> = BTreeSet::new();
    for change in &plan.changes {
        let answer = match &change.conflict {
            Some(conflict) if conflict.answers.is_empty() => continue,
            Some(conflict) => Some(*random.pick(&conflict.answers)),
            None => None,
        };
        // Two answers that go into one record of the target contradict each other.
        let target = change.conflict.as_ref().and_then(|it| it.target_id.clone());
        let target = target.unwrap_or_else(|| change.id.clone());
        let alone = answer == Some(Answer::Renumber)
            || change.class == Class::New
            || written.insert((change.table.clone(), target));
        if random.chance(share) && alone {
            chosen.insert(name(change), (change, answer));
        }
    }
    loop {
        let lacking: Vec<String> = chosen
            .iter()
            .filter(|(_, (change, answer))| {
                change.needs(*answer).any(|needed| !chosen.contains_key(needed))
            })
            .map(|(name, _)| name.clone())
            .collect();
        if lacking.is_empty() {
            return chosen.into_values().collect();
        }
        chosen.retain(|name, _| !lacking.contains(name));
    }
}

pub fn name(change: &Change) -> String {
    format!("{}/{}", change.table, change.id)
}

pub fn approvals(
    chosen: &[(&Change, Option<Answer>)],
) -> BTreeMap<String, BTreeMap<&'static str, Vec<String>>> {
    let mut approved: BTreeMap<String, BTreeMap<&'static str, Vec<String>>> = BTreeMap::new();
    for (change, answer) in chosen {
        let heading = match (answer, change.class) {
            (Some(Answer::Overwrite), _) => "overwrite",
            (Some(Answer::Adopt), _) => "adopt",
            (Some(Answer::Renumber), _) => "renumber",
            (None, Class::New) => "new",
            (None, Class::Deleted) => "deleted",
            (None, _) => "modified",
        };
        let table = approved.entry(change.table.clone()).or_default();
        table.entry(heading).or_default().push(change.pin.clone());
    }
    approved
}

/// Everything is done, and no row is different.
pub async fn test_import(
    world: &mut World<'_>,
    job: &Job,
    figures: &mut Figures,
) -> Result<Course<()>> {
    let before = world.target_rows().await;
    let ledger = world.target().ledger_rows().await;
    figures.passes += 1;
    let report = world.shop.carry_out(&Job { dry_run: true, ..job.clone() }, Wish::Apply).await;
    ensure!(before == world.target_rows().await, "a test import changed rows");
    ensure!(ledger == world.target().ledger_rows().await, "a test import changed the ledger");
    match report.outcome {
        Outcome::TestImport { .. } => Ok(Course::On(())),
        Outcome::Refused(refusal) if refusal.reasons.iter().any(|reason| unorderable(reason)) => {
            figures.unorderable += 1;
            Ok(Course::Refused)
        }
        Outcome::Refused(refusal) if refusal.reasons.iter().all(|reason| at_odds(reason)) => {
            figures.at_odds += 1;
            Ok(Course::Refused)
        }
        Outcome::Refused(refusal)
            if refusal.reasons.iter().any(|reason| reason.contains("has no row at all")) =>
        {
            Ok(Course::Refused)
        }
        outcome => bail!("a test import of everything approved ended as {outcome:?}"),
    }
}

/// Approvals that are each fine and don't go together, which a plan that judges every change by itself
/// can't say: one refers to a row that another removes or overwrites, and the row isn't brought anew
/// since its record has a conflict. Either of the two may be carried out, and rules the other out
/// until that conflict is mended, so no order of the writes helps. Both the plan of a dry run with
/// these approvals and the run refuse them and name the two.
fn at_odds(reason: &str) -> bool {
    reason.contains("approve one of the two and compare again")
}

/// Writes that no order satisfies; a circle that merely isn't opened is a fault.
fn unorderable(reason: &str) -> bool {
    reason.contains("these writes need each other") && !reason.contains(" writes;")
}

async fn apply(
    world: &mut World<'_>,
    job: &Job,
    figures: &mut Figures,
) -> Result<(String, Applied)> {
    figures.passes += 1;
    match world.shop.carry_out(job, Wish::Apply).await.outcome {
        Outcome::Applied { run, applied } => {
            figures.applied += applied.entries.len();
            figures.rows += applied.inserted + applied.updated + applied.deleted;
            Ok((run, applied))
        }
        outcome => bail!("the run ended as {outcome:?}"),
    }
}

/// A run that is undone leaves the target as it was before it.
async fn undone(
    world: &mut World<'_>,
    run: &str,
    before: &Snapshot,
    figures: &mut Figures,
) -> Result<()> {
    let undo = Job { undo: Some(run.to_owned()), ..Job::default() };
    figures.passes += 2;
    let report = world.shop.carry_out(&undo, Wish::DryRun).await;
    let Some(plan) = report.plan else { bail!("undo can't be planned: {:?}", report.outcome) };
    let conflicts: Vec<_> = plan.changes.iter().filter(|it| it.conflict.is_some()).collect();
    ensure!(conflicts.is_empty(), "undo has conflicts: {conflicts:#?}");
    let chosen: Vec<_> = plan.changes.iter().map(|change| (change, None)).collect();
    if !chosen.is_empty() {
        let job = Job { approved: approvals(&chosen), ..undo };
        match world.shop.carry_out(&job, Wish::Apply).await.outcome {
            Outcome::Applied { .. } => {}
            outcome => bail!("undo ended as {outcome:?}"),
        }
    }
    let now = world.target_rows().await;
    same(world.story, before, &now).map_err(|what| anyhow::anyhow!("undo left {what}"))
}

/// The first row that differs, in words.
pub fn same(story: &Story, before: &Snapshot, after: &Snapshot) -> Result<(), String> {
    for (at, table) in story.schema.tables.iter().enumerate() {
        let keys: BTreeSet<_> = before.tables[at].keys().chain(after.tables[at].keys()).collect();
        for key in keys {
            let (old, new) = (before.tables[at].get(key), after.tables[at].get(key));
            if old != new {
                return Err(format!("{} {key:?} as {new:?}, it was {old:?}", table.name));
            }
        }
    }
    Ok(())
}

/// One applied run, to be held against what was approved.
struct Facts<'a> {
    story: &'a Story,
    plan: &'a Plan,
    chosen: &'a [(&'a Change, Option<Answer>)],
    applied: &'a Applied,
    /// By table and the source's key: the target's, of all runs so far.
    partners: &'a mut BTreeMap<(usize, Key), Key>,
}

impl Facts<'_> {
    fn check(mut self, source: &Snapshot, before: &Snapshot, after: &Snapshot) -> Result<()> {
        self.untouched(before, after)?;
        self.meanings(before, after)?;
        self.contents(source, after)
    }

    fn table(&self, name: &str) -> usize {
        self.story.schema.tables.iter().position(|table| table.name == name).unwrap()
    }

    /// Records of the target that the approvals may change.
    fn touched(&self) -> BTreeSet<(usize, Key)> {
        let mut touched = BTreeSet::new();
        for (change, _) in self.chosen {
            let table = self.table(&change.table);
            touched.insert((table, key(&change.id)));
            let target = change.conflict.as_ref().and_then(|it| it.target_id.as_ref());
            touched.extend(target.map(|id| (table, key(id))));
        }
        let entries = self.applied.entries.iter();
        touched.extend(entries.map(|entry| (self.table(&entry.table), key(&entry.target_id))));
        touched
    }

    /// Every row that differs belongs to an approved record.
    fn untouched(&self, before: &Snapshot, after: &Snapshot) -> Result<()> {
        let touched = self.touched();
        for (rows, others) in [(before, after), (after, before)] {
            let view = View::of(self.story, rows);
            for (at, table) in rows.tables.iter().enumerate() {
                for (key, row) in table {
                    if others.tables[at].get(key) == Some(row) {
                        continue;
                    }
                    let record = view.record_of(at, key, row);
                    ensure!(
                        record.as_ref().is_some_and(|record| touched.contains(record)),
                        "{} {key:?} of {record:?} wasn't approved and is {:?}, it was {:?}",
                        self.story.schema.tables[at].name,
                        after.tables[at].get(key),
                        before.tables[at].get(key)
                    );
                }
            }
        }
        Ok(())
    }

    /// Rows that weren't approved still refer to the same things.
    fn meanings(&self, before: &Snapshot, after: &Snapshot) -> Result<()> {
        let touched = self.touched();
        let names = self.renames(before, after);
        let (old, new) =
            (View { names: &names, ..View::of(self.story, before) }, View::of(self.story, after));
        for (at, table) in before.tables.iter().enumerate() {
            for (key, row) in table {
                let record = old.record_of(at, key, row);
                if record.is_some_and(|record| touched.contains(&record)) {
                    continue;
                }
                for index in 0..self.story.schema.tables[at].references.len() {
                    // Rows that share an identity within their parent are told apart by nothing.
                    if old.referred(at, index, row).is_some_and(|(to, k, _)| old.is_double(to, k)) {
                        continue;
                    }
                    let (before, after) =
                        (old.referred(at, index, row), new.referred(at, index, row));
                    let was = before.map(|(to, k, r)| old.name(to, k, r));
                    let is = after.map(|(to, k, r)| new.name(to, k, r));
                    // A row stands for its ID as long as its identity isn't whole on either side.
                    let by_id =
                        |name: &Option<String>| name.as_ref().is_some_and(|it| it.contains('#'));
                    let kept = before.map(|(to, k, _)| (to, k)) == after.map(|(to, k, _)| (to, k));
                    if kept && (by_id(&was) || by_id(&is)) {
                        continue;
                    }
                    ensure!(
                        was == is,
                        "{} {key:?} wasn't approved, and what it refers to is {is:?}, it was {was:?}",
                        self.story.schema.tables[at].name
                    );
                }
            }
        }
        Ok(())
    }

    /// Records that stay the same thing under another identity: renamed ones, and partners.
    fn renames(&self, before: &Snapshot, after: &Snapshot) -> Names {
        let new = View::of(self.story, after);
        let mut names = Names::new();
        for (change, answer) in self.chosen {
            let renamed = change.renamed_from.is_some()
                || (answer.is_none() && change.class == Class::Modified);
            let entries = self.applied.entries.iter();
            let mut ids = entries.filter(|it| it.table == change.table && it.id == change.id);
            if let (true, Some(entry)) = (renamed, ids.next()) {
                let (at, key) = (self.table(&change.table), key(&entry.target_id));
                if let (true, Some(row)) =
                    (before.tables[at].contains_key(&key), after.tables[at].get(&key))
                {
                    let name = new.name(at, &key, row);
                    names.insert((at, key), name);
                }
            }
        }
        names
    }

    /// Every approved record says on the target what it says on the source.
    fn contents(&mut self, source: &Snapshot, after: &Snapshot) -> Result<()> {
        let target = View::of(self.story, after);
        for entry in &self.applied.entries {
            let at = self.table(&entry.table);
            self.partners.insert((at, key(&entry.id)), key(&entry.target_id));
        }
        let mut names = Names::new();
        for ((at, id), target_id) in self.partners.iter() {
            if let Some(row) = after.tables[*at].get(target_id) {
                names.insert((*at, id.clone()), target.name(*at, target_id, row));
            }
        }
        for change in self.plan.changes.iter().filter(|it| it.renamed_from.is_some()) {
            let (at, id) = (self.table(&change.table), key(&change.id));
            if let Some(row) = after.tables[at].get(&id) {
                names.entry((at, id.clone())).or_insert_with(|| target.name(at, &id, row));
            }
        }
        for (row, name) in self.by_id(source, after) {
            names.entry(row).or_insert(name);
        }
        let source = View { names: &names, ..View::of(self.story, source) };
        for entry in &self.applied.entries {
            let at = self.table(&entry.table);
            let (id, target_id) = (key(&entry.id), key(&entry.target_id));
            if entry.class == Class::Deleted {
                ensure!(!after.tables[at].contains_key(&target_id), "{entry:?} is still there");
                continue;
            }
            let (wanted, found) = (source.content(at, &id), target.content(at, &target_id));
            ensure!(
                wanted.is_some() && wanted == found,
                "{}/{} was applied and isn't equal:\n  source {wanted:?}\n  target {found:?}",
                entry.table,
                entry.id
            );
        }
        self.orphans(after)
    }

    /// What rows of the source are called on the target that are the row with their ID there, whatever
    /// their identity says: it isn't whole, or both were created at the same moment.
    fn by_id(&self, source: &Snapshot, after: &Snapshot) -> Names {
        let (view, target) = (View::of(self.story, source), View::of(self.story, after));
        let mut names = Names::new();
        for (at, rows) in source.tables.iter().enumerate() {
            let owned = matches!(self.story.schema.tables[at].place, Place::Owned { .. });
            for (key, row) in rows.iter().filter(|_| !owned) {
                let Some(there) = after.tables[at].get(key) else { continue };
                let made = row.get("made").filter(|made| made.is_some());
                let (name, other) = (view.name(at, key, row), target.name(at, key, there));
                // Only where neither identity is another record's.
                let mut theirs =
                    after.tables[at].iter().map(|(key, row)| target.name(at, key, row));
                let mut ours = rows.iter().map(|(key, row)| view.name(at, key, row));
                let renamed = made.is_some()
                    && made == there.get("made")
                    && !theirs.any(|it| it == name)
                    && !ours.any(|it| it == other);
                if name.contains('#') || renamed {
                    names.insert((at, key.clone()), other);
                }
            }
        }
        names
    }

    /// No owned row lost its parent.
    fn orphans(&self, after: &Snapshot) -> Result<()> {
        let view = View::of(self.story, after);
        for (at, table) in self.story.schema.tables.iter().enumerate() {
            let Place::Owned { by, .. } = table.place else { continue };
            for (key, row) in &after.tables[at] {
                let nothing = values(row, &table.references[by].columns).is_none();
                ensure!(
                    nothing || view.referred(at, by, row).is_some(),
                    "{} {key:?} lost its parent",
                    table.name
                );
            }
        }
        Ok(())
    }
}

/// The parts of an ID as a plan writes it.
pub fn key(id: &str) -> Key {
    id.split(',').map(str::to_owned).collect()
}
