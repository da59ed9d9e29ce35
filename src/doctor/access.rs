//! One database: reachable, readable, writable, with a ledger or the right to make one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Needs};
use crate::apply::files;
use crate::apply::ledger::{Ledger, PREFIX};
use crate::catalog::{Catalog, Engine};
use crate::config::Environment;
use crate::database::{self, Access, Allowed, Facts, Rights, Session, is_pooled_by_transactions};
use crate::plan::render::words::count;

/// Adds what there is to say of the database; its catalogue where it could be read.
pub async fn examine(
    environment: Environment,
    session: &mut Session,
    needs: &Needs,
    findings: &mut Vec<Finding>,
) -> Option<Catalog> {
    let about = environment.as_str();
    let is_target = needs.targets.contains(&environment);
    match look(session).await {
        Err(error) => {
            findings.push(Finding::broken(about, error.to_string()));
            None
        }
        Ok((facts, catalog, rights)) => {
            findings.push(Finding::ok(about, described(&facts)));
            findings.extend(read_only(about, &facts, is_target));
            findings.extend(row_security(about, &catalog, needs));
            findings.extend(without_transactions(about, &catalog, needs));
            findings.push(reading(about, &facts, &catalog, &rights, needs));
            if is_target {
                findings.extend(writing(about, &facts, &catalog, &rights, needs));
                match Ledger::default().is_there(session, &catalog).await {
                    Ok(is_there) => {
                        findings.push(ledger(about, &facts, &catalog, &rights));
                        findings.extend(match is_there {
                            true => unfinished(environment, session).await,
                            false => None,
                        });
                    }
                    Err(error) => findings.push(Finding::broken(about, error.to_string())),
                }
            }
            Some(catalog)
        }
    }
}

/// Says where sessions aren't ours to keep. What can't be found out is told by what comes after it.
pub async fn pooled(environment: Environment, session: &mut Session, url: &str) -> Option<Finding> {
    let about = environment.as_str();
    let found = match Session::open(url, about, Access::ReadOnly).await {
        Ok(mut other) => {
            let found = is_pooled_by_transactions(session, &mut other).await;
            // It held nothing.
            let _ = other.close().await;
            found
        }
        Err(error) => Err(error),
    };
    let is_pooled = found.unwrap_or_else(|error| error.tells_of_a_pooler());
    let message = "a pooler gives each transaction another session of the server: limits of time are \
                   lost, and what only one publisher may do at a time isn't kept apart";
    is_pooled.then(|| {
        Finding::warning(about, message)
            .advice("name the server itself, or have the pooler pool by sessions")
    })
}

async fn look(
    session: &mut Session,
) -> Result<(Facts, Catalog, BTreeMap<String, Rights>), database::Error> {
    Ok((session.facts().await?, session.catalog().await?, session.rights().await?))
}

fn described(facts: &Facts) -> String {
    match facts.engine {
        Engine::Sqlite => {
            let file = crate::escape::near(std::path::Path::new(&facts.database));
            format!("SQLite {}, {file}", facts.version)
        }
        Engine::Postgres => format!(
            "PostgreSQL {}, database {}, schema {}, account {}",
            facts.version, facts.database, facts.schema, facts.account
        ),
        Engine::Mariadb if !facts.version.to_lowercase().contains("mariadb") => format!(
            "MySQL {} (untested), database {}, account {}",
            facts.version, facts.database, facts.account
        ),
        Engine::Mariadb => {
            format!(
                "MariaDB {}, database {}, account {}",
                facts.version, facts.database, facts.account
            )
        }
    }
}

fn read_only(about: &str, facts: &Facts, is_target: bool) -> Option<Finding> {
    let what = match (facts.standby, facts.read_only) {
        (false, false) => return None,
        (true, _) => "it is a standby",
        (false, true) => "it is read-only",
    };
    if !is_target {
        return Some(Finding::ok(about, format!("{what}, which is enough for a source")));
    }
    Some(
        Finding::broken(about, format!("{what}, and a job writes to it"))
            .advice("name the primary, with an account that may write, in the operator's file"),
    )
}

fn row_security(about: &str, catalog: &Catalog, needs: &Needs) -> Option<Finding> {
    let hidden: Vec<&str> = needs
        .tables
        .keys()
        .filter(|name| catalog.table(name).is_some_and(|table| table.row_security))
        .map(String::as_str)
        .collect();
    (!hidden.is_empty()).then(|| {
        let message = format!("row-level security may hide rows of {}", hidden.join(", "));
        Finding::broken(about, message)
            .advice("use an account with BYPASSRLS: a hidden row would look like a deleted one")
    })
}

fn without_transactions(about: &str, catalog: &Catalog, needs: &Needs) -> Option<Finding> {
    let tables = needs.tables.keys().filter_map(|name| catalog.table(name));
    let names: Vec<&str> =
        tables.filter(|table| !table.transactional).map(|table| table.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        let message = format!("the storage engine of {} has no transactions", names.join(", "));
        let sql = |name: &&str| format!("ALTER TABLE {} ENGINE = InnoDB;", back_quoted(name));
        let advice: Vec<_> = names.iter().map(sql).collect();
        Finding::broken(about, message).advice(advice.join("\n"))
    })
}

/// Module tables, what they refer to, and what refers to them.
fn read_tables(catalog: &Catalog, needs: &Needs) -> BTreeSet<String> {
    let mut tables = BTreeSet::new();
    for table in needs.tables.keys().filter_map(|name| catalog.table(name)) {
        tables.insert(table.name.clone());
        tables.extend(table.foreign_keys.iter().map(|key| key.to_table.clone()));
        tables.extend(catalog.referrers(&table.name).map(|(holder, _)| holder.name.clone()));
    }
    tables
}

fn lacking(
    tables: impl IntoIterator<Item = String>,
    rights: &BTreeMap<String, Rights>,
    right: impl Fn(&Rights) -> Allowed,
) -> Vec<String> {
    let lacks = |name: &String| rights.get(name).is_some_and(|of| right(of) == Allowed::No);
    tables.into_iter().filter(lacks).collect()
}

fn reading(
    about: &str,
    facts: &Facts,
    catalog: &Catalog,
    rights: &BTreeMap<String, Rights>,
    needs: &Needs,
) -> Finding {
    let tables = read_tables(catalog, needs);
    let told = count(tables.len() as u64, "table", "tables");
    let unread = lacking(tables, rights, |of| of.read);
    if unread.is_empty() {
        return Finding::ok(about, format!("{told} that modules need can be read"));
    }
    Finding::broken(about, format!("{} can't be read", unread.join(", ")))
        .advice(grant("SELECT", &unread, facts))
}

fn writing(
    about: &str,
    facts: &Facts,
    catalog: &Catalog,
    rights: &BTreeMap<String, Rights>,
    needs: &Needs,
) -> Vec<Finding> {
    let tables = || needs.tables.keys().filter(|name| catalog.table(name).is_some()).cloned();
    let unwritten = lacking(tables(), rights, |of| of.write);
    let undrawn = lacking(tables(), rights, |of| of.draw);
    if unwritten.is_empty() && undrawn.is_empty() {
        let told = count(tables().count() as u64, "table", "tables");
        return vec![Finding::ok(about, format!("{told} of modules can be written"))];
    }
    let mut findings = Vec::new();
    if !unwritten.is_empty() {
        let message = format!("{} can't be written, and a job does", unwritten.join(", "));
        let advice = grant("SELECT, INSERT, UPDATE, DELETE", &unwritten, facts);
        findings.push(Finding::broken(about, message).advice(advice));
    }
    if !undrawn.is_empty() {
        let message = format!("the account may not use the sequences of {}", undrawn.join(", "));
        let schema = quote(&facts.schema);
        findings.push(Finding::broken(about, message).advice(format!(
            "GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA {schema} TO {};",
            quote(&facts.account)
        )));
    }
    findings
}

/// Files that committed runs left to be replaced or deleted.
async fn unfinished(environment: Environment, session: &mut Session) -> Option<Finding> {
    const NAMED: usize = 5;
    let about = format!("{environment} gallery");
    let rows = match files::to_finish(session, environment).await {
        Ok(rows) => rows,
        Err(error) => return Some(Finding::broken(about, error.to_string())),
    };
    let named: Vec<&str> =
        rows.iter().take(NAMED).map(|row| row.work.change.path.as_str()).collect();
    let more = rows.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!rows.is_empty()).then(|| {
        let message = format!("{}: {}{more}", files::NOT_ALL, named.join(", "));
        Finding::warning(about, message).advice(
            "the daemon does it, or `reconcile` with the job's name; what stands against it stands in \
             `reconcile status`",
        )
    })
}

fn ledger(
    about: &str,
    facts: &Facts,
    catalog: &Catalog,
    rights: &BTreeMap<String, Rights>,
) -> Finding {
    let ledger = Ledger::default();
    if ledger.exists(catalog) {
        let own = catalog.tables.keys().filter(|name| name.starts_with(PREFIX)).cloned();
        let unwritten = lacking(own, rights, |of| of.write);
        if unwritten.is_empty() {
            return Finding::ok(about, "the ledger is there");
        }
        let message = format!("the ledger's {} can't be written", unwritten.join(", "));
        let advice = grant("SELECT, INSERT, UPDATE, DELETE", &unwritten, facts);
        return Finding::broken(about, message).advice(advice);
    }
    if facts.may_create {
        return Finding::ok(about, "the ledger is made by the first run");
    }
    Finding::broken(about, "there is no ledger, and the account may not create tables").advice(
        format!(
            "have an administrator run, as this account or with a GRANT:\n{}",
            ledger.sql(facts.engine)
        ),
    )
}

fn grant(rights: &str, tables: &[String], facts: &Facts) -> String {
    if facts.engine == Engine::Mariadb {
        let (user, host) = facts.account.rsplit_once('@').unwrap_or((&facts.account, "%"));
        let account = format!("{}@{}", back_quoted(user), back_quoted(host));
        let sql =
            |table: &String| format!("GRANT {rights} ON {} TO {account};", back_quoted(table));
        return tables.iter().map(sql).collect::<Vec<_>>().join("\n");
    }
    let tables: Vec<String> = tables.iter().map(|table| quote(table)).collect();
    format!("GRANT {rights} ON {} TO {};", tables.join(", "), quote(&facts.account))
}

/// For statements that people run themselves.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The same for MariaDB, where `"x"` is a text unless the server is told otherwise.
fn back_quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
