//! MariaDB: rows are updated from a temporary table with columns of the very same types and collations, so
//! that values are taken as a single-row statement would take them, and keys are compared as ever.

use std::collections::BTreeMap;

use super::super::connection::Statement;
use super::super::dialect::{quote, quote_all};
use super::super::error::Result;
use super::super::write::held_still;
use super::{Alike, Session};

/// The temporary tables of a session, by the table and columns they are for.
pub(in super::super) type Stages = BTreeMap<Vec<String>, String>;

impl Session {
    pub(super) async fn update_staged(&mut self, alike: &Alike<'_>) -> Result<u64> {
        let stage = self.stage(alike).await?;
        self.fill(&stage, alike).await?;
        let assignments = alike.set.iter().enumerate();
        let mut assignments: Vec<_> =
            assignments.map(|(place, name)| format!("t.{} = w.s{place}", quote(name))).collect();
        let still = held_still(alike.table, |name| alike.set.contains(&name));
        assignments.extend(still.map(|name| format!("t.{0} = t.{0}", quote(name))));
        let on = alike.key.iter().enumerate();
        let on = on.map(|(place, name)| format!("t.{} = w.k{place}", quote(name)));
        let sql = format!(
            "UPDATE {} AS t JOIN {stage} AS w ON {} SET {}",
            quote(&alike.table.name),
            on.collect::<Vec<_>>().join(" AND "),
            assignments.join(", ")
        );
        self.execute(alike.action(), Some(alike.table), Statement::new(sql)).await
    }

    /// The temporary table for updates of these columns, empty. Making it ends no transaction.
    async fn stage(&mut self, alike: &Alike<'_>) -> Result<String> {
        let names = [alike.table.name.as_str()].into_iter().chain(alike.key.iter().copied());
        let place: Vec<_> =
            names.chain([""]).chain(alike.set.iter().copied()).map(str::to_owned).collect();
        if let Some(stage) = self.stages.get(&place) {
            let stage = stage.clone();
            self.script("empty a temporary table", &format!("DELETE FROM {stage}")).await?;
            return Ok(stage);
        }
        let stage = quote(&format!("reconcile_stage_{}", self.stages.len()));
        let key = alike.key.iter().enumerate();
        let key = key.map(|(place, name)| format!("{} AS k{place}", quote(name)));
        let set = alike.set.iter().enumerate();
        let set = set.map(|(place, name)| format!("{} AS s{place}", quote(name)));
        let create = format!(
            "CREATE TEMPORARY TABLE {stage} ENGINE=InnoDB SELECT {} FROM {} LIMIT 0",
            key.chain(set).collect::<Vec<_>>().join(", "),
            quote(&alike.table.name)
        );
        self.script("create a temporary table", &create).await?;
        self.stages.insert(place, stage.clone());
        Ok(stage)
    }

    async fn fill(&mut self, stage: &str, alike: &Alike<'_>) -> Result<()> {
        let key = alike.columns(self, &alike.key)?;
        let columns = alike.columns(self, &alike.set)?;
        let names = (0..key.len()).map(|place| format!("k{place}"));
        let names: Vec<_> =
            names.chain((0..columns.len()).map(|place| format!("s{place}"))).collect();
        let names = quote_all(names.iter().map(String::as_str));
        for rows in self.portions(&alike.rows, key.len() + columns.len()) {
            let mut statement = Statement::new(String::new());
            let tuples = self.tuples(&mut statement, alike, &key, &columns, rows)?;
            statement.sql = format!("INSERT INTO {stage} ({names}) VALUES {tuples}");
            self.execute(alike.action(), Some(alike.table), statement).await?;
        }
        Ok(())
    }
}
