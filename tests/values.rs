//! Value by value: what becomes of one value in a column of one type on its way into a column of
//! another, on real databases, through a whole job.
//!
//! `tests/values/SOURCE-to-TARGET.txt` holds a line a value: `source type | SQL of the value | target
//! type => result`. The result is what the target's own SQL says of the column afterwards, or why the
//! value isn't carried. `UPDATE_EXPECTED=1` writes the results as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use reconcile::catalog::Engine;
use reconcile::job::report::Outcome;
use reconcile::job::run::Wish;
use reconcile::plan::change::Plan;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, Row as _, SqliteConnection};

use crate::places::is_there;
use crate::properties::world::{Job, Shop};

struct Sample {
    table: String,
    source_type: String,
    value: String,
    target_type: String,
    expected: String,
}

macro_rules! pairs {
    ($($name:ident: $source:ident -> $target:ident;)*) => {
        $(#[tokio::test]
        async fn $name() {
            carry(Engine::$source, Engine::$target).await;
        })*
    };
}

pairs! {
    postgresql_to_mariadb: Postgres -> Mariadb;
    postgresql_to_sqlite: Postgres -> Sqlite;
    postgresql_to_postgresql: Postgres -> Postgres;
    mariadb_to_postgresql: Mariadb -> Postgres;
    mariadb_to_sqlite: Mariadb -> Sqlite;
    mariadb_to_mariadb: Mariadb -> Mariadb;
    sqlite_to_postgresql: Sqlite -> Postgres;
    sqlite_to_mariadb: Sqlite -> Mariadb;
    sqlite_to_sqlite: Sqlite -> Sqlite;
}

async fn carry(source: Engine, target: Engine) {
    if !is_there(source) || !is_there(target) {
        return;
    }
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/values").join(format!(
        "{}-to-{}.txt",
        name(source),
        name(target)
    ));
    let samples = read(&fs::read_to_string(&file).unwrap());
    let results = results(source, target, &samples).await;
    let mut text = String::new();
    for (sample, result) in samples.iter().zip(&results) {
        let Sample { source_type, value, target_type, .. } = sample;
        writeln!(text, "{source_type} | {value} | {target_type} => {result}").unwrap();
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&file, text).unwrap();
        return;
    }
    let wrong = samples.iter().zip(&results).filter(|(sample, result)| sample.expected != **result);
    let wrong: Vec<String> = wrong
        .map(|(it, result)| {
            let Sample { source_type, value, target_type, expected, .. } = it;
            format!("{source_type} | {value} | {target_type}\n  is {result}\n  not {expected}")
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
        Engine::Mariadb => "mariadb",
    }
}

fn read(text: &str) -> Vec<Sample> {
    let lines = text.lines().enumerate();
    lines
        .map(|(number, line)| {
            let (left, expected) = line.rsplit_once(" => ").unwrap();
            let (left, target_type) = left.rsplit_once(" | ").unwrap();
            let (source_type, value) = left.split_once(" | ").unwrap();
            Sample {
                table: format!("v{:03}", number + 1),
                source_type: source_type.into(),
                value: value.into(),
                target_type: target_type.into(),
                expected: expected.into(),
            }
        })
        .collect()
}

/// All samples in one job, without those that keep it from being compared at all.
async fn results(source: Engine, target: Engine, samples: &[Sample]) -> Vec<String> {
    let (mut from, mut into, mut modules) = (beginning(source), beginning(target), Vec::new());
    for Sample { table, source_type, value, target_type, .. } in samples {
        let create = |type_name: &str| {
            let type_name = if type_name == "(none)" { "" } else { type_name };
            format!("CREATE TABLE {table} (id INTEGER PRIMARY KEY, v {type_name});\n")
        };
        from += &format!("{}INSERT INTO {table} VALUES (1, {value});\n", create(source_type));
        into += &create(target_type);
        modules.push(format!(
            "apiVersion: reconcile/v1\nkind: Module\nmetadata: {{name: {table}}}\nspec: {{title: \
             Value, records: [{{table: {table}}}]}}\n"
        ));
    }
    let databases = [(target, into.as_str()), (source, from.as_str())];
    let mut shop = Shop::of(databases, &modules.join("---\n")).await;
    let mut results: BTreeMap<&str, String> = BTreeMap::new();
    let plan = plan(&mut shop, samples, &mut results).await;
    let left = |results: &BTreeMap<&str, String>| {
        let left = samples.iter().map(|it| it.table.as_str());
        left.filter(|table| !results.contains_key(table)).collect::<BTreeSet<_>>()
    };
    let mut approved: BTreeMap<String, BTreeMap<&'static str, Vec<String>>> = BTreeMap::new();
    for change in &plan.changes {
        let table = samples.iter().find(|it| it.table == change.table).unwrap().table.as_str();
        match &change.conflict {
            Some(conflict) => {
                let why = anonymous(&conflict.details.join("; "), table);
                results.insert(table, format!("refused: {why}"));
            }
            None => {
                let headings = approved.entry(change.table.clone()).or_default();
                headings.entry("new").or_default().push(change.pin.clone());
            }
        }
    }
    let names: Vec<&str> = left(&results).into_iter().collect();
    let job = Job { approved, ..job(&names) };
    let outcome = shop.carry_out(&job, Wish::Apply).await.outcome;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    for sample in samples.iter().filter(|it| names.contains(&it.table.as_str())) {
        let Sample { table, target_type, .. } = sample;
        results.insert(table, shown(&shop.prod_url(), target, table, target_type).await);
    }
    // What was carried is the same now, by the program's own reading of both sides.
    let outcome = shop.carry_out(&self::job(&names), Wish::DryRun).await.outcome;
    assert!(matches!(outcome, Outcome::NothingToDo { .. }), "{outcome:?}");
    shop.remove().await;
    samples.iter().map(|sample| results.remove(sample.table.as_str()).unwrap()).collect()
}

/// Dates that don't exist are values on MariaDB.
fn beginning(engine: Engine) -> String {
    match engine {
        Engine::Mariadb => "SET sql_mode = CONCAT(@@sql_mode, ',ALLOW_INVALID_DATES');\n".into(),
        Engine::Sqlite | Engine::Postgres => String::new(),
    }
}

fn job(modules: &[&str]) -> Job {
    let what =
        format!("  direction: TEST -> PROD\n  mode: all\n  modules: [{}]\n", modules.join(", "));
    Job { what, ..Job::default() }
}

/// Compares until no value stops the comparison; those that do are noted with their error.
async fn plan<'s>(
    shop: &mut Shop,
    samples: &'s [Sample],
    results: &mut BTreeMap<&'s str, String>,
) -> Plan {
    loop {
        let left = samples.iter().map(|sample| sample.table.as_str());
        let left: Vec<&str> = left.filter(|table| !results.contains_key(table)).collect();
        let report = shop.carry_out(&job(&left), Wish::DryRun).await;
        let before = results.len();
        if let Outcome::Failed { error } = &report.outcome {
            let table = samples.iter().find(|sample| error.contains(&sample.table));
            let table = table.unwrap_or_else(|| panic!("no table is named: {error}"));
            results.insert(&table.table, format!("error: {}", anonymous(error, &table.table)));
        }
        for (module, reason) in report.plan.iter().flat_map(|plan| &plan.failed_modules) {
            let table = samples.iter().find(|sample| sample.table == *module).unwrap();
            results.insert(&table.table, format!("refused: {}", anonymous(reason, &table.table)));
        }
        if results.len() == before {
            return report.plan.unwrap_or_else(|| panic!("{:?}", report.outcome));
        }
    }
}

/// The result doesn't depend on the line it stands in.
fn anonymous(text: &str, table: &str) -> String {
    text.replace(table, "t")
}

/// The value as the target itself tells it, without invisible characters.
async fn shown(url: &str, engine: Engine, table: &str, target_type: &str) -> String {
    let is_bytes = ["binary", "blob"].iter().any(|part| target_type.contains(part));
    let expression = match engine {
        Engine::Postgres => "v::text".to_owned(),
        Engine::Mariadb if is_bytes => "HEX(v)".to_owned(),
        Engine::Mariadb if target_type.starts_with("bit") => "BIN(v)".to_owned(),
        Engine::Mariadb => "CONVERT(v USING utf8mb4)".to_owned(),
        Engine::Sqlite => "typeof(v) || ' ' || CASE typeof(v) WHEN 'blob' THEN hex(v) \
                           WHEN 'null' THEN '' ELSE CAST(v AS TEXT) END"
            .to_owned(),
    };
    let sql = AssertSqlSafe(format!("SELECT {expression} FROM {table}"));
    let text: Option<String> = match engine {
        Engine::Sqlite => {
            let mut connection = SqliteConnection::connect(url).await.unwrap();
            sqlx::query(sql).fetch_one(&mut connection).await.unwrap().get(0)
        }
        Engine::Postgres => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            sqlx::query(sql).fetch_one(&mut connection).await.unwrap().get(0)
        }
        Engine::Mariadb => {
            let mut connection = MySqlConnection::connect(url).await.unwrap();
            sqlx::query(sql).fetch_one(&mut connection).await.unwrap().get(0)
        }
    };
    let Some(text) = text else { return "NULL".into() };
    let visible: String = text.escape_debug().collect();
    if visible.chars().count() > 150 {
        let start: String = visible.chars().take(20).collect();
        return format!("{start}… ({} characters)", text.chars().count());
    }
    format!("\"{visible}\"")
}

/// The ledger keeps both sides of a change, which together are more than the server takes at once.
#[tokio::test]
async fn a_large_value_is_changed_and_taken_back() {
    if !is_there(Engine::Mariadb) {
        return;
    }
    let ddl = "CREATE TABLE page (id int PRIMARY KEY, v longtext)";
    let modules = "apiVersion: reconcile/v1\nkind: Module\nmetadata: {name: pages}\nspec: \
                   {title: Pages, records: [{table: page}]}\n";
    let mut shop = Shop::new(Engine::Mariadb, ddl, modules).await;
    shop.prod.run("INSERT INTO page VALUES (1, REPEAT('x', 8500000))").await.unwrap();
    shop.test.run("INSERT INTO page VALUES (1, REPEAT('y', 8500000))").await.unwrap();
    let run = apply_change(&mut shop, job(&["pages"])).await;
    let there = shown(&shop.prod_url(), Engine::Mariadb, "page", "longtext").await;
    assert!(there.starts_with('y'), "{there}");
    apply_change(&mut shop, Job { undo: Some(run), ..Job::default() }).await;
    let back = shown(&shop.prod_url(), Engine::Mariadb, "page", "longtext").await;
    assert_eq!(back, "xxxxxxxxxxxxxxxxxxxx… (8500000 characters)");
    shop.remove().await;
}

/// Approves the one change that a job's plan holds and applies it; the run's name.
async fn apply_change(shop: &mut Shop, job: Job) -> String {
    let plan = shop.carry_out(&job, Wish::DryRun).await.plan.unwrap();
    let pins = BTreeMap::from([("modified", vec![plan.changes[0].pin.clone()])]);
    let job = Job { approved: BTreeMap::from([("page".to_owned(), pins)]), ..job };
    match shop.carry_out(&job, Wish::Apply).await.outcome {
        Outcome::Applied { run, .. } => run,
        outcome => panic!("{outcome:?}"),
    }
}
