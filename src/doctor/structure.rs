//! PROD's structure against TEST's, as far as modules reach, and what it asks of the operator.

use super::{Finding, Needs};
use crate::catalog::{Catalog, Kind, Table};
use crate::config::Config;
use crate::plan::render::words::count;

const ABOUT: &str = "structure";

/// What differs between the tables of modules, and the triggers on them.
pub fn differences(prod: &Catalog, test: &Catalog, needs: &Needs) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, modules) in &needs.tables {
        let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
        match (prod.table(name), test.table(name)) {
            (Some(prod), Some(test)) => findings.extend(of_table(prod, test)),
            (None, None) => {} // Said by the manifests' own check.
            (one, _) => {
                let without = if one.is_some() { "TEST" } else { "PROD" };
                let message = format!("{without} has no table {name}");
                findings.push(
                    Finding::warning(ABOUT, message)
                        .advice(format!("{} can't be compared until it has", modules.join(", "))),
                );
            }
        }
    }
    if findings.is_empty() {
        let told = count(needs.tables.len() as u64, "table", "tables");
        findings.push(Finding::ok(ABOUT, format!("{told} of modules are alike")));
    }
    findings.extend(triggers(prod, "PROD", needs));
    findings.extend(triggers(test, "TEST", needs));
    findings
}

fn of_table(prod: &Table, test: &Table) -> Vec<Finding> {
    let name = &prod.name;
    let mut findings = Vec::new();
    for (one, other, which) in [(prod, test, "PROD"), (test, prod, "TEST")] {
        let alone = one.columns.iter().filter(|column| other.column(&column.name).is_none());
        let alone: Vec<&str> = alone.map(|column| column.name.as_str()).collect();
        if !alone.is_empty() {
            let message = format!("only {which} has {name}.{}", alone.join(&format!(", {name}.")));
            findings.push(Finding::warning(ABOUT, message).advice(
                "values that only the source can hold are conflicts, others keep the target's",
            ));
        }
    }
    for column in &prod.columns {
        let Some(twin) = test.column(&column.name) else { continue };
        if !comparable(column.kind, twin.kind) {
            let message = format!(
                "{name}.{} is {} on PROD and {} on TEST",
                column.name, column.declared, twin.declared
            );
            findings.push(
                Finding::broken(ABOUT, message)
                    .advice("its module can't be compared; bring both to one release"),
            );
        }
    }
    findings
}

/// As the comparison judges it: numbers go together, and what has no type goes with anything.
fn comparable(a: Kind, b: Kind) -> bool {
    let number = |kind| matches!(kind, Kind::Integer | Kind::Decimal | Kind::Float);
    a == b || [a, b].contains(&Kind::Any) || (number(a) && number(b))
}

fn triggers(catalog: &Catalog, environment: &str, needs: &Needs) -> Option<Finding> {
    let tables = needs.tables.keys().filter_map(|name| catalog.table(name));
    let with: Vec<String> = tables
        .filter(|table| !table.triggers.is_empty())
        .map(|table| format!("{} ({})", table.name, table.triggers.join(", ")))
        .collect();
    (!with.is_empty()).then(|| {
        let message = format!("triggers fire when modules are written: {}", with.join("; "));
        Finding::warning(environment, message)
            .advice("a run whose records are read back differently is rolled back")
    })
}

/// Redacted values stand in pins, which need a key then.
pub fn pin_key(config: &Config, catalog: &Catalog, needs: &Needs) -> Option<Finding> {
    let tables = needs.tables.keys().filter_map(|name| catalog.table(name));
    let redacted = tables
        .flat_map(|table| table.columns.iter().map(move |column| (table, column)))
        .find(|(table, column)| config.redact_matches(&table.name, &column.name));
    let (table, column) = redacted?;
    let name = format!("{}.{}", table.name, column.name);
    Some(match config.pin_key {
        Some(_) => Finding::ok("pinKey", format!("{name} and the like are redacted, pins are keyed")),
        None => Finding::broken("pinKey", format!("{name} is redacted, so pins need a key"))
            .advice("set `pinKey: \"${PIN_KEY}\"` in the operator's file, and PIN_KEY to a long random value"),
    })
}
