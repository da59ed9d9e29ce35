//! What the connected account may do with each table.
//!
//! Answers for `doctor`; a run finds out by itself.

use std::collections::BTreeMap;

use super::Session;
use super::connection::Statement;
use super::dialect::quote;
use super::error::Result;
use crate::catalog::Engine;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights {
    pub read: Allowed,
    /// Insert, update and delete.
    pub write: Allowed,
    /// Draw numbers from the sequences that its columns own.
    pub draw: Allowed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allowed {
    #[default]
    No,
    Yes,
}

impl Allowed {
    fn of(allowed: bool) -> Self {
        if allowed { Self::Yes } else { Self::No }
    }
}

impl Session {
    /// Rights by table of the current schema. SQLite knows none but those of the file, which
    /// [`Session::facts`] tells; it returns nothing.
    pub async fn rights(&mut self) -> Result<BTreeMap<String, Rights>> {
        if self.engine() == Engine::Sqlite {
            return Ok(BTreeMap::new());
        }
        if self.engine() == Engine::Mariadb {
            return self.mariadb_rights().await;
        }
        let sql = "SELECT c.relname::text, has_table_privilege(c.oid, 'SELECT')::text, \
                   (has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') \
                    AND has_table_privilege(c.oid, 'DELETE'))::text, \
                   (SELECT coalesce(bool_and(has_sequence_privilege(d.objid, 'USAGE') AND \
                    has_sequence_privilege(d.objid, 'UPDATE')), true) FROM pg_depend d \
                    JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' \
                    WHERE d.refobjid = c.oid AND d.deptype IN ('a', 'i'))::text \
                   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                   WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')";
        let rows = self.rows("read rights", None, Statement::new(sql)).await?;
        Ok(rows
            .iter()
            .map(|row| {
                let [read, write, draw] = [1, 2, 3].map(|at| Allowed::of(row[at].is_true()));
                (row[0].text().unwrap_or_default(), Rights { read, write, draw })
            })
            .collect())
    }

    /// What the account may do with every column. The right to delete shows nowhere so plainly, so
    /// it is asked by having a deletion explained, which no read-only transaction does.
    async fn mariadb_rights(&mut self) -> Result<BTreeMap<String, Rights>> {
        let sql = "SELECT CAST(TABLE_NAME AS CHAR), \
                   CAST(min(PRIVILEGES LIKE '%select%') AS CHAR), \
                   CAST(min(PRIVILEGES LIKE '%insert%' AND PRIVILEGES LIKE '%update%') AS CHAR) \
                   FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = database() GROUP BY 1";
        let rows = self.rows("read rights", None, Statement::once(sql)).await?;
        let mut rights = BTreeMap::new();
        self.script("read rights", "START TRANSACTION READ WRITE").await?;
        for row in rows {
            let name = row[0].text().unwrap_or_default();
            let delete = format!("EXPLAIN DELETE FROM {} WHERE 1 = 0", quote(&name));
            let deletes = self.connection.rows(Statement::once(delete)).await.is_ok();
            let may = |at: usize| row[at].text().as_deref() == Some("1");
            let [read, write] = [may(1), may(2) && deletes].map(Allowed::of);
            // Numbers are drawn by inserting.
            rights.insert(name, Rights { read, write, draw: Allowed::Yes });
        }
        self.script("read rights", "ROLLBACK").await?;
        Ok(rights)
    }
}
