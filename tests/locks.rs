//! What other people's transactions may do to the target while a run writes.

use reconcile::apply::{Error as ApplyError, Watch};
use reconcile::catalog::Engine;
use reconcile::job::report::Outcome;
use reconcile::job::run::Wish;
use sqlx::{Connection, PgConnection};

use crate::properties::world::{Job, Shop};

/// Somebody else who writes before the run does, and doesn't wait for it.
struct Meddler {
    url: String,
    statements: [&'static str; 2],
    answers: Vec<String>,
}

impl Watch for Meddler {
    fn step(&mut self, done: usize, _all: usize) -> Result<(), ApplyError> {
        if done == 0 {
            for sql in self.statements {
                let url = self.url.clone();
                let answer = std::thread::spawn(move || meddle(&url, sql)).join().unwrap();
                self.answers.push(answer);
            }
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn meddle(url: &str, sql: &'static str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql("SET lock_timeout = '20ms'").execute(&mut connection).await.unwrap();
    match sqlx::raw_sql(sql).execute(&mut connection).await {
        Ok(_) => "done".into(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_row_that_only_a_manifest_refers_to_cant_be_deleted_during_a_run() {
    if std::env::var("RECONCILE_TEST_POSTGRES").is_err() {
        return crate::places::say_skipped_postgres();
    }
    let modules = "apiVersion: reconcile/v1\nkind: Module\nmetadata: {name: main}\nspec:\n  title: \
                   Main\n  records:\n    - {table: page, identity: [slug], references: {hero: media}}\n";
    let ddl = "CREATE TABLE media (id integer PRIMARY KEY, path text NOT NULL UNIQUE, alt text);
               CREATE TABLE page (id integer PRIMARY KEY, slug text NOT NULL UNIQUE, hero integer);
               INSERT INTO media VALUES (1, 'x.png', 'x')";
    let mut shop = Shop::new(Engine::Postgres, ddl, modules).await;
    shop.test.run("INSERT INTO page VALUES (1, 'a', 1)").await.unwrap();
    let what = "  direction: TEST -> PROD\n  mode: all\n  modules: all\n".to_owned();
    let job = Job { what: what.clone(), ..Job::default() };
    let plan = shop.carry_out(&job, Wish::DryRun).await.plan.unwrap();
    let pins = [("new", vec![plan.changes[0].pin.clone()])].into();
    let job = Job { what, approved: [("page".to_owned(), pins)].into(), ..Job::default() };
    shop.write(&job);
    let statements = ["DELETE FROM media", "UPDATE media SET alt = 'y'"];
    let mut meddler = Meddler { url: shop.prod_url(), statements, answers: Vec::new() };
    let report = shop.pass(Wish::Apply, &mut meddler).await;
    assert!(matches!(report.outcome, Outcome::Applied { .. }), "{:?}", report.outcome);
    let [deleted, changed] = &meddler.answers[..] else { panic!("{:?}", meddler.answers) };
    assert!(deleted.contains("lock timeout"), "{deleted}");
    // Who only changes what nobody refers to by is never kept waiting.
    assert_eq!(changed, "done");
    shop.remove().await;
}
