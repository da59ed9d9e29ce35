//! Databases: what is read is what is written back, in an order both engines share.

mod mariadb;
mod postgres;
mod postgres_catalog;
mod sqlite;

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use reconcile::catalog::{Catalog, Table};
use reconcile::database::{Row, Session, Value};
use reconcile::manifest::filter::{Condition, Filter, Scalar, passes};

use crate::places::Place;

pub fn text(text: &str) -> Value {
    Value::Text(text.into())
}

pub fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub fn table<'c>(catalog: &'c Catalog, name: &str) -> &'c Table {
    catalog.table(name).unwrap_or_else(|| panic!("no table {name}"))
}

pub fn column_names(table: &Table) -> Vec<String> {
    table.columns.iter().map(|column| column.name.clone()).collect()
}

/// All rows of a table with all its columns, in key order.
pub async fn all(session: &mut Session, table: &Table) -> Vec<Row> {
    matching(session, table, &Filter::new()).await
}

async fn matching(session: &mut Session, table: &Table, filter: &Filter) -> Vec<Row> {
    let columns = column_names(table);
    let mut scan = session.scan(table, &columns, &table.primary_key, filter).await.unwrap();
    let mut rows = Vec::new();
    while let Some(row) = scan.next().await.unwrap() {
        rows.push(row);
    }
    rows
}

/// Copies every row of `one` into the same table of `other` and reads it back.
pub async fn round_trip(one: &Place, other: &Place, name: &str) -> Vec<Row> {
    let mut source = one.read().await;
    let catalog = source.catalog().await.unwrap();
    let table = table(&catalog, name);
    let rows = all(&mut source, table).await;
    let mut target = other.write().await;
    for row in &rows {
        let values: Vec<_> = table
            .columns
            .iter()
            .zip(row)
            .filter(|(column, _)| !column.generated)
            .map(|(column, value)| (column.name.as_str(), value))
            .collect();
        target.insert(table, &values).await.unwrap();
    }
    let copied = all(&mut target, table).await;
    target.commit().await.unwrap();
    // By spelling, which is stricter than by value.
    assert_eq!(format!("{copied:?}"), format!("{rows:?}"));
    rows
}

/// Reads one column as the key and checks that the engine's order is [`Value`]'s.
pub async fn order_is_values_order(place: &Place, expected_rows: usize) {
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    for table in catalog.tables.values() {
        let rows = all(&mut session, table).await;
        assert_eq!(rows.len(), expected_rows, "{}", table.name);
        let keys: Vec<_> = rows.iter().map(|row| &row[0]).collect();
        assert!(keys.is_sorted(), "{}: {keys:?}", table.name);
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), expected_rows, "{}", table.name);
    }
}

fn filters() -> Vec<(&'static str, Condition)> {
    let text = |text: &str| Scalar::Text(text.into());
    vec![
        ("name", Condition::Equals(text("a"))),
        ("name", Condition::Equals(text("A%"))),
        ("name", Condition::Equals(Scalar::Integer(5))),
        ("name", Condition::Equals(Scalar::Null)),
        ("name", Condition::In(vec![text("a"), Scalar::Null, text("ä")])),
        ("name", Condition::In(vec![])),
        ("name", Condition::NotIn(vec![])),
        ("name", Condition::NotIn(vec![text("a"), text("5")])),
        ("name", Condition::NotIn(vec![text("a"), Scalar::Null])),
        ("name", Condition::StartsWith("a".into())),
        ("name", Condition::StartsWith("A%".into())),
        ("name", Condition::StartsWith("A_".into())),
        ("name", Condition::StartsWith("ä".into())),
        ("name", Condition::StartsWith(String::new())),
        ("name", Condition::StartsWith("x\0".into())),
        ("amount", Condition::Equals(Scalar::Integer(5))),
        ("amount", Condition::In(vec![Scalar::Integer(-1), Scalar::Boolean(true)])),
        ("amount", Condition::NotIn(vec![Scalar::Integer(5)])),
        ("amount", Condition::Equals(text("5"))),
        ("amount", Condition::StartsWith("5".into())),
        ("price", Condition::Equals(Scalar::Integer(5))),
        ("price", Condition::NotIn(vec![Scalar::Integer(5), Scalar::Null])),
        ("active", Condition::Equals(Scalar::Boolean(true))),
        ("active", Condition::NotIn(vec![Scalar::Boolean(true)])),
        ("active", Condition::Equals(Scalar::Integer(0))),
        ("active", Condition::Equals(Scalar::Integer(7))),
        ("active", Condition::Equals(text("true"))),
        ("born", Condition::Equals(text("2024-02-29"))),
        ("born", Condition::StartsWith("2024-".into())),
        ("body", Condition::Equals(text("{}"))),
        ("body", Condition::Equals(Scalar::Null)),
        ("body", Condition::NotIn(vec![text("{}")])),
        ("raw", Condition::StartsWith("a".into())),
        ("raw", Condition::StartsWith("ab".into())),
        ("raw", Condition::StartsWith(String::new())),
        ("raw", Condition::Equals(text("a"))),
        ("raw", Condition::Equals(text(""))),
        ("raw", Condition::Equals(text("A\0"))),
        ("raw", Condition::Equals(Scalar::Integer(5))),
        ("raw", Condition::In(vec![text("a"), text("x"), Scalar::Null])),
        ("raw", Condition::NotIn(vec![text("a")])),
    ]
}

/// Holds the SQL of every filter to its meaning over loaded values.
pub async fn filters_mean_the_same_in_sql(place: &Place) {
    let mut session = place.read().await;
    let catalog = session.catalog().await.unwrap();
    let table = table(&catalog, "item");
    let rows = all(&mut session, table).await;
    let columns = column_names(table);
    let mut told_apart = 0;
    for (column, condition) in filters() {
        let filter = Filter::from([(column.to_owned(), condition)]);
        let found = matching(&mut session, table, &filter).await;
        let expected: Vec<_> = rows
            .iter()
            .filter(|row| {
                passes(&filter, |name| Some(&row[columns.iter().position(|c| c == name)?]))
            })
            .cloned()
            .collect();
        assert_eq!(found, expected, "{filter:?}");
        assert_eq!(session.count(table, &filter).await.unwrap(), expected.len() as u64);
        assert_eq!(session.is_empty(table, &filter).await.unwrap(), expected.is_empty());
        told_apart += usize::from(!found.is_empty() && found.len() < rows.len());
    }
    assert!(told_apart > 15, "the rows tell only {told_apart} filters apart");
}

/// Values nobody thought of, each once.
fn random(strategy: impl Strategy<Value = Value>) -> BTreeSet<Value> {
    let mut runner = TestRunner::deterministic();
    (0..300).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Writes random keys into `words` and `numbers` and reads them back in their order; then looks
/// each of them up.
pub async fn random_keys_keep_their_order(place: &Place) {
    let mut session = place.write().await;
    let catalog = session.catalog().await.unwrap();
    let words = random("\\PC{0,6}|[a-zA-Z _%]{0,3}".prop_map(|text| Value::Text(text.into())));
    let number = (-99_999_999_999_i64..99_999_999_999, 0_u32..9);
    let numbers = random(
        number.prop_map(|(digits, scale)| Value::Decimal(format!("{digits}e-{scale}").into())),
    );
    for (name, values) in [("words", words), ("numbers", numbers)] {
        let table = table(&catalog, name);
        for value in &values {
            session.insert(table, &[("k", value)]).await.unwrap();
        }
        let expected: Vec<Row> = values.iter().map(|value| vec![value.clone()]).collect();
        assert_eq!(all(&mut session, table).await, expected);
        let found =
            session.find(table, &strings(&["k"]), &strings(&["k"]), &expected).await.unwrap();
        assert_eq!(found, expected.into_iter().enumerate().collect::<Vec<_>>());
    }
}

/// Dynamic SQL has to pass through `AssertSqlSafe`, so where that stands SQL is built.
#[test]
fn only_the_database_folder_builds_sql() {
    fn sources(directory: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { sources(&path, found) } else { found.push(path) }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let builds_sql = |path: &std::path::PathBuf| {
        std::fs::read_to_string(path).unwrap().contains("AssertSqlSafe")
    };
    let (inside, outside): (Vec<_>, Vec<_>) = files
        .into_iter()
        .filter(builds_sql)
        .partition(|path| path.starts_with(root.join("database")));
    assert!(!inside.is_empty() && outside.is_empty(), "{outside:?}");
}
