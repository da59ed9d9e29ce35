//! One random shop on real databases, with manifests in a folder of its own, driven through the
//! library's own path.

use std::collections::BTreeMap;
use std::fs;

use jiff::Timestamp;
use reconcile::apply::{Error as ApplyError, Watch};
use reconcile::catalog::Engine;
use reconcile::config::{self, Config, Environment};
use reconcile::daemon::pass::Passing;
use reconcile::daemon::source::Source;
use reconcile::job::Context;
use reconcile::job::report::Report;
use reconcile::job::run::Wish;
use reconcile::manifest;

use super::edits::{Author, Edit};
use super::random::Random;
use super::schema::{Place as TablePlace, Schema};
use super::snapshot::{Database, Snapshot};
use super::written;
use crate::places::Place;

/// The engines of both environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engines {
    pub prod: Engine,
    pub test: Engine,
}

/// A world as a value: what a seed stands for, and what a failing case is cut down to.
#[derive(Debug, Clone)]
pub struct Story {
    pub seed: u64,
    pub engines: Engines,
    pub schema: Schema,
    pub edits: Vec<Edit>,
    pub to_prod: bool,
    pub new_only: bool,
    pub modules: Vec<String>,
}

impl Story {
    pub fn random(seed: u64, engines: Engines) -> Self {
        let mut random = Random::new(seed);
        let schema = Schema::random(&mut random);
        let mut author = Author::new(&schema, &mut random, 0);
        let mut edits = author.beginning();
        edits.extend(author.edits(40));
        let mut modules = schema.modules();
        if modules.len() > 1 && random.chance(30) {
            modules.remove(random.below(modules.len()));
        }
        let (to_prod, new_only) = (random.chance(60), random.chance(15));
        Self { seed, engines, schema, edits, to_prod, new_only, modules }
    }

    pub fn target_engine(&self) -> Engine {
        if self.to_prod { self.engines.prod } else { self.engines.test }
    }
}

/// What a job's manifest says.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// Direction, mode and modules, as lines of the manifest.
    pub what: String,
    pub dry_run: bool,
    pub undo: Option<String>,
    /// `ID@PIN` by table and heading.
    pub approved: BTreeMap<String, BTreeMap<&'static str, Vec<String>>>,
}

/// An installation with two databases, a folder of manifests and nothing else.
pub struct Shop {
    pub prod: Database,
    pub test: Database,
    pub folder: tempfile::TempDir,
    config: Config,
    request: u64,
    places: Vec<Place>,
}

impl Shop {
    /// Two databases of one engine and structure.
    pub async fn new(engine: Engine, ddl: &str, modules: &str) -> Self {
        Self::of([(engine, ddl), (engine, ddl)], modules).await
    }

    /// PROD and TEST, each on its engine with its structure.
    pub async fn of(databases: [(Engine, &str); 2], modules: &str) -> Self {
        let mut places = Vec::new();
        for (engine, ddl) in databases {
            places.push(match engine {
                Engine::Sqlite => Place::sqlite(ddl).await,
                Engine::Postgres => Place::postgres(ddl).await.unwrap(),
                Engine::Mariadb => Place::mariadb(ddl).await.unwrap(),
            });
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("manifests")).unwrap();
        let text = written::config(&places[0].url, &places[1].url);
        fs::write(folder.path().join("reconcile.yaml"), text).unwrap();
        fs::write(folder.path().join("manifests/modules.yaml"), modules).unwrap();
        let config = config::load(&folder.path().join("reconcile.yaml"), &|_| None).unwrap();
        let prod = Database::open(&places[0].url).await;
        let test = Database::open(&places[1].url).await;
        Self { prod, test, folder, config, request: 0, places }
    }

    pub fn prod_url(&self) -> String {
        self.places[0].url.clone()
    }

    pub fn database(&mut self, side: Environment) -> &mut Database {
        match side {
            Environment::Prod => &mut self.prod,
            Environment::Test => &mut self.test,
        }
    }

    /// Writes the job's manifest under a request of its own.
    pub fn write(&mut self, job: &Job) {
        self.request += 1;
        let what = match &job.undo {
            Some(run) => format!("  undo: {run}\n"),
            None => job.what.clone(),
        };
        let text = format!(
            "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {{name: sync}}\nspec:\n{what}  \
             dryRun: {}\n  request: {}\n  approved: {}\n",
            job.dry_run,
            self.request,
            serde_json::to_string(&job.approved).unwrap()
        );
        fs::write(self.folder.path().join("manifests/sync.yaml"), text).unwrap();
    }

    /// One pass over the manifest as it stands.
    pub async fn pass(&self, wish: Wish, watch: &mut dyn Watch) -> Report {
        let manifests = manifest::load(&self.folder.path().join("manifests")).unwrap();
        let problems: Vec<_> = manifests.problems.iter().filter(|it| it.is_error()).collect();
        assert!(problems.is_empty(), "{problems:#?}");
        let context = Context::new(&self.config, &manifests);
        let mut passing =
            Passing::open(&self.config, Source::of(&self.config), wish).await.unwrap();
        passing
            .job(&context, (&manifests.jobs["sync"]).into(), Timestamp::now(), watch)
            .await
            .unwrap()
    }

    /// Writes the manifest and makes one pass.
    pub async fn carry_out(&mut self, job: &Job, wish: Wish) -> Report {
        self.write(job);
        self.pass(wish, &mut Patient).await
    }

    pub async fn remove(self) {
        drop((self.prod, self.test));
        for place in self.places {
            place.remove().await;
        }
    }
}

/// A story that is being told.
pub struct World<'s> {
    pub story: &'s Story,
    pub shop: Shop,
    /// Edits that the constraints accepted.
    pub edits: usize,
}

impl<'s> World<'s> {
    pub async fn new(story: &'s Story) -> Self {
        let Engines { prod, test } = story.engines;
        let ddl = [prod, test].map(|engine| written::ddl(&story.schema, engine));
        let databases = [(prod, ddl[0].as_str()), (test, ddl[1].as_str())];
        let mut shop = Shop::of(databases, &written::modules(&story.schema)).await;
        let mut edits = 0;
        for side in [Environment::Prod, Environment::Test] {
            let database = shop.database(side);
            database.run("BEGIN").await.unwrap();
            for edit in story.edits.iter().filter(|edit| edit.on.contains(&side)) {
                edits += usize::from(database.attempt(&edit.sql).await);
            }
            database.run("COMMIT").await.unwrap();
        }
        Self { story, shop, edits }
    }

    /// The story's job, nothing approved.
    pub fn job(&self) -> Job {
        let what = format!(
            "  direction: {}\n  mode: {}\n  modules: [{}]\n",
            if self.story.to_prod { "TEST -> PROD" } else { "PROD -> TEST" },
            if self.story.new_only { "new-only" } else { "all" },
            self.story.modules.join(", ")
        );
        Job { what, ..Job::default() }
    }

    fn target_side(&self) -> Environment {
        if self.story.to_prod { Environment::Prod } else { Environment::Test }
    }

    pub fn target(&mut self) -> &mut Database {
        self.shop.database(self.target_side())
    }

    pub async fn source_rows(&mut self) -> Snapshot {
        let (side, story) = (self.target_side().other(), self.story);
        self.shop.database(side).snapshot(&story.schema).await
    }

    pub async fn target_rows(&mut self) -> Snapshot {
        let story = self.story;
        self.target().snapshot(&story.schema).await
    }
}

/// Lets every write happen.
pub struct Patient;

impl Watch for Patient {
    fn step(&mut self, _: usize, _: usize) -> Result<(), ApplyError> {
        Ok(())
    }
}

impl Schema {
    pub fn modules(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for table in &self.tables {
            if let TablePlace::Root { module, .. } = &table.place
                && !names.contains(module)
            {
                names.push(module.clone());
            }
        }
        names
    }
}
