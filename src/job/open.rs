//! Opens both databases for a job and compares them.
//!
//! Answers for who is source and who is target, for refusing a pair that is one database, and for the
//! model being built of catalogues read from the same sessions.

use std::collections::{BTreeMap, BTreeSet};

use super::gallery::{JobGalleries, Which, open as open_galleries, open_undone};
use super::{Context, Error};
use crate::apply::ledger::{Image, Ledger, RunRow};
use crate::apply::undo;
use crate::catalog::Catalog;
use crate::catalog::carry::{self, Carried};
use crate::compare::files::{self, Contents, holders};
use crate::compare::fingerprint::PinKey;
use crate::compare::matching::Pairs;
use crate::compare::model::{Model, PairedBy};
use crate::compare::plan::{Detail, Heading, add_files, build, name};
use crate::compare::resolve::{Input, Rules, resolve};
use crate::compare::scan::Candidates;
use crate::compare::sides::Sides;
use crate::compare::through::settle;
use crate::compare::{Comparison, Scope, compare};
use crate::config::{Environment, environments};
use crate::database::{Access, Session, begin_both, same_database};
use crate::gallery::compare::Facts;
use crate::manifest::SyncJob;
use crate::manifest::filter::{Condition, Filter};
use crate::manifest::module::{KeepRule, ModuleSpec, OwnedSpec};
use crate::manifest::reference::{FileRule, Inside, ReferencePlace, ReferenceRule};
use crate::manifest::sync_job::{Direction, Mode};
use crate::plan::change::{Class, Plan};
use crate::plan::file::{FileChange, FilePath};

/// A job with both databases at hand.
pub struct Opened {
    pub sides: Sides,
    pub model: Model,
    pub direction: Direction,
    pub mode: Mode,
    pub key: PinKey,
    pub basis: Basis,
    /// Where the engines differ: what is carried as another kind.
    pub carried: Option<Carried>,
    /// Committed runs of this job, from the target's ledger.
    pub runs: Vec<RunRow>,
    pub target_catalog: Catalog,
    /// Both galleries, where there are any.
    pub galleries: Option<JobGalleries>,
}

/// What of a job is looked at.
#[derive(Debug, Clone)]
pub enum Part {
    Everything,
    /// These records with what they refer to, and these files.
    Only {
        records: Candidates,
        files: BTreeSet<FilePath>,
    },
}

/// What the target is compared with.
pub enum Basis {
    /// The other environment, with the partners that its ledger remembers, and those of both.
    Source { source_pairs: Pairs, pairs: Pairs },
    /// What a run found before it wrote. `job` is the one that ran.
    Images { run: String, job: String, images: Vec<Image> },
}

/// Opens a job for comparing. Both sessions stand in their snapshots; nothing is locked or created.
pub async fn open(context: &Context<'_>, job: &SyncJob) -> Result<Opened, Error> {
    match (&job.spec.undo, job.spec.direction, job.spec.mode) {
        (Some(run), _, _) => open_undo(context, job, run).await,
        (None, Some(direction), Some(mode)) => open_sync(context, job, direction, mode).await,
        _ => Err(Error::Incomplete),
    }
}

async fn open_sync(
    context: &Context<'_>,
    job: &SyncJob,
    direction: Direction,
    mode: Mode,
) -> Result<Opened, Error> {
    let (from, to) = environments(direction);
    let mut source = session(context, from, Access::ReadOnly).await?;
    let mut target = session(context, to, Access::ReadOnly).await?;
    if same_database(&mut source, &mut target).await? {
        return Err(Error::SameDatabase);
    }
    let (mut source_catalog, mut target_catalog) =
        (source.catalog().await?, target.catalog().await?);
    carry::carry(&mut source_catalog, &mut target_catalog);
    let mixed = source_catalog.engine != target_catalog.engine;
    let carried = mixed.then(|| carry::carried(&target_catalog)).flatten();
    let modules = context.modules();
    carry_json(&modules, &mut source_catalog);
    carry_json(&modules, &mut target_catalog);
    let selected = context.selected(job);
    let rules = OperatorRules { context };
    let model = resolve(Input {
        modules: &modules,
        selected: &selected,
        source: &source_catalog,
        target: &target_catalog,
        rules: &rules,
    });
    if model.roots.is_empty() {
        let reasons: Vec<String> =
            model.failed.iter().map(|(module, reason)| format!("{module}: {reason}")).collect();
        return Err(Error::NothingComparable(reasons.join("; ")));
    }
    let both = begin_both(&mut source, &mut target).await?;
    let galleries = open_galleries(context, job, direction, files::names_any(&model)).await?;
    let ledger = Ledger::default();
    let mut source_pairs = Pairs::default();
    if ledger.is_there(&mut source, &source_catalog).await? {
        ledger.pairs(&mut source, direction, &mut source_pairs).await?;
    }
    let (mut pairs, mut runs) = (source_pairs.clone(), Vec::new());
    if ledger.is_there(&mut target, &target_catalog).await? {
        ledger.pairs(&mut target, direction, &mut pairs).await?;
        runs = ledger.runs_of(&mut target, &job.name).await?;
    }
    let mut sides = Sides::new(source, target);
    sides.both = both;
    let allowed = [from, to].map(|side| context.config.environment(side).connections);
    sides.connections = allowed[0].min(allowed[1]);
    Ok(Opened {
        key: pin_key(context, &model)?,
        sides,
        model,
        direction,
        mode,
        carried,
        basis: Basis::Source { source_pairs, pairs },
        runs,
        target_catalog,
        galleries,
    })
}

async fn open_undo(context: &Context<'_>, job: &SyncJob, run: &str) -> Result<Opened, Error> {
    let ledger = Ledger::default();
    for environment in [Environment::Prod, Environment::Test] {
        let mut target = session(context, environment, Access::ReadOnly).await?;
        let mut catalog = target.catalog().await?;
        if !ledger.is_there(&mut target, &catalog).await? {
            continue;
        }
        // A copied database brings the ledger of the one it was copied from along.
        let written = |row: &RunRow| environments(row.direction).1 == environment;
        let Some(row) = ledger.run(&mut target, run).await?.filter(written) else { continue };
        if let Some(carried) = &row.carried {
            carry::carry_as(&mut catalog, carried);
        }
        let (images, files) = ledger.images(&mut target, run).await?;
        let galleries = open_undone(context, environment, run, files).await?;
        let runs = ledger.runs_of(&mut target, &job.name).await?;
        let modules = context.modules().into_iter().map(|(name, spec)| (name, as_it_was(spec)));
        let modules = modules.collect();
        carry_json(&modules, &mut catalog);
        let mut selected: Vec<String> = images.iter().map(|image| image.module.clone()).collect();
        selected.sort();
        selected.dedup();
        let rules = OperatorRules { context };
        let mut model = resolve(Input {
            modules: &modules,
            selected: &selected,
            source: &catalog,
            target: &catalog,
            rules: &rules,
        });
        model.paired_by = PairedBy::Key;
        undo::name_lost(&mut model, &images);
        // Both sessions read the same database. The first stands outside any transaction, so that
        // it holds no lock that the run's commit would wait for.
        let source = session(context, environment, Access::ReadOnly).await?;
        target.begin().await?;
        return Ok(Opened {
            key: pin_key(context, &model)?,
            sides: Sides::new(source, target),
            model,
            direction: row.direction,
            mode: Mode::All,
            carried: row.carried,
            basis: Basis::Images { run: run.to_owned(), job: row.job, images },
            runs,
            target_catalog: catalog,
            galleries,
        });
    }
    Err(Error::UnknownRun(run.to_owned()))
}

/// Columns in which JSON paths are named, by references or files, are compared as JSON, whatever their type.
fn carry_json(modules: &BTreeMap<String, ModuleSpec>, catalog: &mut Catalog) {
    fn owned(specs: &[OwnedSpec], catalog: &mut Catalog) {
        for spec in specs {
            columns(&spec.table, (&spec.references, &spec.files), catalog);
            owned(&spec.owns, catalog);
        }
    }
    type Rules<'r> = (&'r BTreeMap<String, ReferenceRule>, &'r [FileRule]);
    fn columns(table: &str, (rules, files): Rules<'_>, catalog: &mut Catalog) {
        let places = rules.keys().filter_map(|key| ReferencePlace::parse(key).ok());
        let files = files.iter().filter_map(|rule| rule.place().ok());
        for place in places.chain(files) {
            if let Inside::Path(_) = place.inside {
                carry::carry_json(catalog, table, place.column);
            }
        }
    }
    for record in modules.values().flat_map(|module| &module.records) {
        columns(&record.table, (&record.references, &record.files), catalog);
        owned(&record.owns, catalog);
    }
}

/// A restored record takes back what its kept columns held and its reset ones, and all the rows it owned:
/// a deletion takes those outside the filters, too.
fn as_it_was(mut spec: ModuleSpec) -> ModuleSpec {
    fn owned(specs: &mut [OwnedSpec]) {
        for spec in specs {
            spec.keep.values_mut().for_each(|rule| *rule = KeepRule::Source);
            spec.keep.extend(spec.reset.drain(..).map(|name| (name, KeepRule::Source)));
            spec.rows.clear();
            owned(&mut spec.owns);
        }
    }
    for record in &mut spec.records {
        record.keep.values_mut().for_each(|rule| *rule = KeepRule::Source);
        record.keep.extend(record.reset.drain(..).map(|name| (name, KeepRule::Source)));
        record.rows.clear();
        owned(&mut record.owns);
    }
    spec
}

impl Opened {
    /// Reads the target's remembered partners again, as they are in the transaction under way.
    pub async fn read_pairs(&mut self) -> Result<(), Error> {
        if let Basis::Source { source_pairs, pairs } = &mut self.basis {
            let mut now = source_pairs.clone();
            Ledger::default().pairs(&mut self.sides.target, self.direction, &mut now).await?;
            *pairs = now;
        }
        Ok(())
    }

    /// Compares, whole or in part.
    async fn compare(&mut self, scope: Scope) -> Result<Comparison, Error> {
        settle(&mut self.sides, &mut self.model).await?;
        let contents = self.galleries.as_mut().map(|it| it as &mut (dyn Contents + 'static));
        match &self.basis {
            Basis::Source { pairs, .. } => {
                files::settle(&mut self.sides, &mut self.model, &scope, contents).await?;
                Ok(compare(&mut self.sides, &self.model, pairs, self.mode, scope).await?)
            }
            Basis::Images { images, .. } => {
                Ok(undo::compare(&mut self.sides, &mut self.model, images, contents).await?)
            }
        }
    }

    /// Compares and makes the plan. An index into the plan's changes is one into the comparison's
    /// entries, and behind these into its files.
    pub async fn plan(
        &mut self,
        job: &SyncJob,
        part: Part,
        notes: Vec<String>,
    ) -> Result<(Plan, Comparison), Error> {
        // What is compared again was shown before.
        let (detail, scope, which) = match part {
            Part::Everything => (Detail::Fields, Scope::Everything, Which::Everything),
            Part::Only { records, files } => {
                (Detail::Pins, Scope::Only(records), Which::Only(files))
            }
        };
        let mut comparison = self.compare(scope).await?;
        let heading = Heading {
            detail,
            job: &job.name,
            direction: self.direction,
            mode: self.mode,
            key: &self.key,
            notes,
        };
        let mut plan = build(heading, &self.model, &mut comparison);
        if let Basis::Images { .. } = self.basis {
            // What a run wrote is newer than what it found. An edit since is `changed-since`.
            plan.changes.iter_mut().for_each(|change| change.target_newer = false);
        }
        self.add_files(&which, &mut plan, &mut comparison).await?;
        Ok((plan, comparison))
    }

    /// Compares the files of the job's folders, and adds them to the plan.
    async fn add_files(
        &mut self,
        which: &Which,
        plan: &mut Plan,
        comparison: &mut Comparison,
    ) -> Result<(), Error> {
        let Some(galleries) = &mut self.galleries else { return Ok(()) };
        if let Which::Everything = which {
            galleries.look_into_images(&mut plan.changes).await;
            let beside = files::beside(&plan.changes, |path| galleries.selects(path));
            plan.notes.extend(beside.filter(|_| matches!(self.basis, Basis::Source { .. })));
        }
        let mut compared = galleries.compare(which, self.mode, &|_| {}).await?;
        let differences = compared.differences.iter();
        let lost = differences.filter(|it| it.class != Class::New).map(|it| it.path.clone());
        let (sides, model) = (&mut self.sides, &self.model);
        let holders = holders(sides, model, &comparison.entries, &lost.collect()).await?;
        let names = |at: usize| name(model, &comparison.entries[at].draft);
        let changes =
            galleries.changes(&mut compared, &holders, &names, (self.direction, &self.key));
        let content = |facts: Option<Facts>| facts.map(|facts| facts.content);
        let files = compared.differences.into_iter().map(|it| FileChange {
            path: it.path,
            before: content(it.from),
            after: content(it.to),
        });
        comparison.files = files.collect();
        comparison.target_files = compared.target_files;
        let mut notes = compared.notes;
        notes.extend(compared.empty_sources.iter().map(|folder| {
            format!("the source's {folder} has no file at all, so deletions from it are refused")
        }));
        comparison.empty_sources.extend(compared.empty_sources);
        plan.counts.unchanged += compared.unchanged;
        add_files(plan, comparison, changes, notes);
        Ok(())
    }

    pub fn target_environment(&self) -> Environment {
        environments(self.direction).1
    }
}

pub async fn session(
    context: &Context<'_>,
    environment: Environment,
    access: Access,
) -> Result<Session, Error> {
    let settings = match environment {
        Environment::Prod => &context.config.prod,
        Environment::Test => &context.config.test,
    };
    Ok(Session::open(settings.database.expose(), environment.as_str(), access).await?)
}

/// The key of pins. Without the operator's, nothing that is redacted may be fingerprinted.
fn pin_key(context: &Context<'_>, model: &Model) -> Result<PinKey, Error> {
    let secret = context.config.pin_key.as_ref().map(super::super::config::Secret::expose);
    if secret.is_none() {
        for node in &model.nodes {
            if let Some(column) = node.columns.iter().find(|column| column.redacted) {
                return Err(Error::NoPinKey {
                    table: node.table.clone(),
                    column: column.name.clone(),
                });
            }
        }
    }
    Ok(PinKey::new(secret))
}

/// The operator's file as the comparison asks it.
struct OperatorRules<'a> {
    context: &'a Context<'a>,
}

impl Rules for OperatorRules<'_> {
    fn never_synchronized(&self, table: &str) -> bool {
        self.context.protection.class_of(table).is_some()
    }

    fn only_rows(&self, table: &str) -> Option<Filter> {
        let rows = self.context.protection.mobile_app().filter(|rows| rows.table == table)?;
        let condition = Condition::StartsWith(rows.starts_with.clone());
        let is_never = self.never_synchronized(table);
        is_never.then(|| Filter::from([(rows.column.clone(), condition)]))
    }

    fn redacted(&self, table: &str, column: &str) -> bool {
        self.context.config.redact_matches(table, column)
    }

    fn matched_by(&self, table: &str) -> Option<&[String]> {
        self.context.config.tables.matching.get(table).map(Vec::as_slice)
    }
}
