//! Automatic numbers: sequences that only go up, and how far they are.
//!
//! Answers for the engines' ways to number rows. PostgreSQL's sequences don't roll back, so a test
//! import may only read them; SQLite's numbers do.

use super::connection::{Parameter, Statement};
use super::dialect::quote;
use super::error::Result;
use super::{Session, catalog_sqlite};
use crate::catalog::{Engine, Table};

/// Up to this distance a sequence is drawn number by number, which disturbs nobody.
const DRAWN_ONE_BY_ONE: i64 = 10_000;

impl Session {
    /// Makes the column's next automatic number greater than `at_least`. A column that doesn't
    /// number its rows is left alone.
    ///
    /// # Guarantees
    ///
    /// Never down. PostgreSQL: others may draw at the same time; over a large gap the sequence is
    /// set while inserts into the table wait.
    pub async fn raise_sequence(
        &mut self,
        table: &Table,
        column: &str,
        at_least: i64,
    ) -> Result<()> {
        let auto = self.column(table, column)?.auto.as_ref();
        match (self.engine(), auto.and_then(|auto| auto.sequence.as_deref())) {
            // InnoDB follows the numbers that rows bring along.
            (_, None) | (Engine::Mariadb, _) => Ok(()),
            (Engine::Sqlite, Some(_)) => self.raise_autoincrement(table, at_least).await,
            (Engine::Postgres, Some(sequence)) => {
                self.raise_postgres(table, sequence, at_least).await
            }
        }
    }

    /// The greatest number that the column's sequence has given away, as far as the account may see
    /// it: rows that bore it may be gone. Reads only.
    pub async fn last_number(&mut self, table: &Table, column: &str) -> Result<Option<i64>> {
        let auto = self.column(table, column)?.auto.as_ref();
        match (self.engine(), auto.and_then(|auto| auto.sequence.as_deref())) {
            (Engine::Mariadb, _) if auto.is_some() => self.last_auto_increment(table).await,
            (_, None) | (Engine::Mariadb, _) => Ok(None),
            (Engine::Sqlite, Some(_)) => self.autoincrement(table).await,
            (Engine::Postgres, Some(sequence)) => Ok(self.sequence(table, sequence).await?.last),
        }
    }

    async fn last_auto_increment(&mut self, table: &Table) -> Result<Option<i64>> {
        let sql = "SELECT CAST(AUTO_INCREMENT AS CHAR) FROM information_schema.TABLES \
                   WHERE TABLE_SCHEMA = database() AND TABLE_NAME = ?";
        let statement = Statement::new(sql).with(Parameter::Text(table.name.as_str().into()));
        let next = self.cell("read the next number of", Some(table), statement).await?;
        Ok(next.integer().map(|next| next - 1))
    }

    async fn raise_autoincrement(&mut self, table: &Table, at_least: i64) -> Result<()> {
        let sequences = catalog_sqlite::SEQUENCES;
        let with = |sql: String| {
            Statement::new(sql)
                .with(Parameter::Text(table.name.as_str().into()))
                .with(Parameter::Integer(at_least))
        };
        let update = with(format!("UPDATE {sequences} SET seq = max(seq, ?2) WHERE name = ?1"));
        if self.execute("raise the sequence of", Some(table), update).await? == 0 {
            let insert = with(format!("INSERT INTO {sequences} (name, seq) VALUES (?1, ?2)"));
            self.execute("raise the sequence of", Some(table), insert).await?;
        }
        Ok(())
    }

    async fn raise_postgres(&mut self, table: &Table, sequence: &str, at_least: i64) -> Result<()> {
        let Sequence { last, step } = self.sequence(table, sequence).await?;
        if last.is_some_and(|last| last >= at_least) {
            return Ok(());
        }
        if step < 1 {
            return Err(
                self.unsupported(format!("sequence {sequence} counts down and can't be raised"))
            );
        }
        let mut last = self.draw_many(table, sequence, 1).await?;
        if at_least.saturating_sub(last) / step > DRAWN_ONE_BY_ONE {
            self.set_under_lock(table, sequence, at_least).await?;
            return Ok(());
        }
        while last < at_least {
            // Others draw too, and a sequence may cycle: so it is asked again, and must have risen.
            let missing = (at_least - last - 1) / step + 1;
            let drawn = self.draw_many(table, sequence, missing).await?;
            if drawn <= last {
                return Err(self.unsupported(format!("sequence {sequence} doesn't rise")));
            }
            last = drawn;
        }
        Ok(())
    }

    async fn set_under_lock(&mut self, table: &Table, sequence: &str, at_least: i64) -> Result<()> {
        let lock = format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", quote(&table.name));
        self.execute("lock", Some(table), Statement::once(lock)).await?;
        let set = Statement::new(
            "SELECT setval(s.seqrelid::regclass, greatest(CAST($2 AS bigint), \
             pg_sequence_last_value(s.seqrelid)))::text \
             FROM pg_sequence AS s WHERE s.seqrelid = CAST($1 AS regclass)",
        );
        let set = set.with(Parameter::Text(sequence.into())).with(Parameter::Integer(at_least));
        self.cell("raise the sequence of", Some(table), set).await.map(|_| ())
    }

    async fn sequence(&mut self, table: &Table, sequence: &str) -> Result<Sequence> {
        let statement = Statement::new(
            "SELECT CASE WHEN has_sequence_privilege(seqrelid, 'SELECT, USAGE') \
             THEN pg_sequence_last_value(seqrelid)::text END, seqincrement::text FROM pg_sequence \
             WHERE seqrelid = CAST($1 AS regclass)",
        );
        let statement = statement.with(Parameter::Text(sequence.into()));
        let rows = self.rows("read the sequence of", Some(table), statement).await?;
        let row = rows
            .first()
            .ok_or_else(|| self.unsupported(format!("there is no sequence {sequence}")))?;
        Ok(Sequence { last: row[0].integer(), step: row[1].integer().unwrap_or(1) })
    }

    /// Draws `times` numbers and returns the last.
    async fn draw_many(&mut self, table: &Table, sequence: &str, times: i64) -> Result<i64> {
        let statement = Statement::new(
            "SELECT max(nextval(CAST($1 AS regclass)))::text FROM generate_series(1, CAST($2 AS bigint))",
        );
        let statement =
            statement.with(Parameter::Text(sequence.into())).with(Parameter::Integer(times));
        let cell = self.cell("draw from the sequence of", Some(table), statement).await?;
        cell.integer()
            .ok_or_else(|| self.unsupported(format!("sequence {sequence} gave no number")))
    }

    async fn autoincrement(&mut self, table: &Table) -> Result<Option<i64>> {
        let sql = format!("SELECT max(seq) FROM {} WHERE name = ?1", catalog_sqlite::SEQUENCES);
        let statement = Statement::new(sql).with(Parameter::Text(table.name.as_str().into()));
        Ok(self.cell("read the sequence of", Some(table), statement).await?.integer())
    }
}

struct Sequence {
    /// The last number drawn; none while it is new or the account may not see it.
    last: Option<i64>,
    step: i64,
}
