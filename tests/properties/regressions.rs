//! What once broke a law, cut down to a few rows by hand. Each test is named after what went wrong.

use reconcile::catalog::Engine;
use reconcile::config::Environment;
use reconcile::job::report::Outcome;
use reconcile::job::run::Wish;
use reconcile::plan::change::{Answer, Change, Plan};

use super::laws::approvals;
use super::world::{Job, Shop};

/// A job over all modules, TEST -> PROD.
const ALL: &str = "  direction: TEST -> PROD\n  mode: all\n  modules: all\n";

async fn shop(ddl: &str, records: &str, prod: &str, test: &str) -> Shop {
    let modules = format!(
        "apiVersion: reconcile/v1\nkind: Module\nmetadata: {{name: main}}\nspec:\n  title: Main\n  \
         records:\n{records}"
    );
    let mut shop = Shop::new(Engine::Sqlite, ddl, &modules).await;
    shop.prod.run(prod).await.unwrap();
    shop.test.run(test).await.unwrap();
    shop
}

fn job() -> Job {
    Job { what: ALL.into(), ..Job::default() }
}

async fn plan(shop: &mut Shop) -> Plan {
    let report = shop.carry_out(&job(), Wish::DryRun).await;
    report.plan.unwrap_or_else(|| panic!("{:?}", report.outcome))
}

async fn apply(shop: &mut Shop, chosen: &[(&Change, Option<Answer>)]) -> Outcome {
    let job = Job { approved: approvals(chosen), ..job() };
    shop.carry_out(&job, Wish::Apply).await.outcome
}

async fn rows(shop: &mut Shop, side: Environment, sql: &str) -> Vec<String> {
    let rows = shop.database(side).rows(sql).await;
    let shown = |value: Option<String>| value.unwrap_or_else(|| "NULL".into());
    rows.into_iter().map(|row| row.into_iter().map(shown).collect::<Vec<_>>().join("|")).collect()
}

fn change<'p>(plan: &'p Plan, table: &str, id: &str) -> &'p Change {
    let found = plan.changes.iter().find(|change| change.table == table && change.id == id);
    found.unwrap_or_else(|| panic!("{table}/{id} isn't among {:#?}", plan.changes))
}

#[tokio::test]
async fn a_record_in_the_way_of_one_was_lost_to_the_other_that_it_is() {
    let mut shop = shop(
        "CREATE TABLE page (id INTEGER PRIMARY KEY, slug TEXT, text TEXT)",
        "    - {table: page, identity: [slug]}\n",
        "INSERT INTO page VALUES (2, 'about', 'old'), (7, 'home', 'old')",
        "INSERT INTO page VALUES (2, 'home', 'new'), (6, 'about', 'new')",
    )
    .await;
    let plan = plan(&mut shop).await;
    let about = change(&plan, "page", "6");
    assert_eq!(about.conflict.as_ref().unwrap().target_id.as_deref(), Some("2"));
    let home = change(&plan, "page", "2");
    let both = [(about, Some(Answer::Adopt)), (home, Some(Answer::Adopt))];
    let outcome = apply(&mut shop, &both).await;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    let sql = "SELECT CAST(id AS TEXT), slug, text FROM page ORDER BY id";
    assert_eq!(rows(&mut shop, Environment::Prod, sql).await, ["2|about|new", "7|home|new"]);
}

#[tokio::test]
async fn an_order_came_to_mean_another_product_when_a_reused_id_was_overwritten() {
    let mut shop = shop(
        "CREATE TABLE product (id INTEGER PRIMARY KEY, sku TEXT);
         CREATE TABLE variant (id INTEGER PRIMARY KEY, product_id INTEGER REFERENCES product,
            sku TEXT);
         CREATE TABLE shop_order (id INTEGER PRIMARY KEY, product_id INTEGER REFERENCES product,
            variant_id INTEGER REFERENCES variant);",
        "    - {table: product, identity: [sku], owns: [{table: variant, identity: [sku]}]}\n",
        "INSERT INTO product VALUES (1, 'chair'), (2, 'lamp'), (3, 'rug');
         INSERT INTO variant VALUES (10, 2, 'red');
         INSERT INTO shop_order VALUES (1, 1, NULL), (2, NULL, 10)",
        "INSERT INTO product VALUES (1, 'table'), (2, 'vase'), (3, 'mat');
         INSERT INTO variant VALUES (10, 2, 'red')",
    )
    .await;
    let plan = plan(&mut shop).await;
    let answers = |id| change(&plan, "product", id).conflict.clone().unwrap().answers;
    assert_eq!(answers("1"), [Answer::Renumber]);
    assert_eq!(answers("2"), [Answer::Renumber]);
    assert_eq!(answers("3"), [Answer::Overwrite, Answer::Renumber]);
}
