//! What a read store keeps in a file of ours, by index and key: the SQL of the embedded stores.
//!
//! Answers for one statement or one read at a time. Which write wins is decided in `store::embedded`;
//! finding documents by words is `words`'s.

use super::Session;
use super::connection::{Cell, Parameter, Statement};
use super::error::Result;
use super::messages::whole_text;
use super::own::{Scheme, rows_of, text};

/// An entry without a value is a deletion, which is remembered for a while.
pub static ENTRIES: Scheme = Scheme {
    version: 1,
    tables: "
        CREATE TABLE place (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
        CREATE TABLE entry (
            id INTEGER PRIMARY KEY,
            place INTEGER NOT NULL,
            key TEXT NOT NULL,
            version INTEGER NOT NULL,
            written INTEGER NOT NULL,
            value TEXT,
            UNIQUE (place, key)
        );
        CREATE INDEX entry_deleted ON entry (written) WHERE value IS NULL",
};

/// Rows or keys in one statement.
const ROWS: usize = 500;

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub version: i64,
    /// None: it was deleted.
    pub value: Option<String>,
}

impl Session {
    /// The indexes there are, by name.
    pub async fn entry_indexes(&mut self) -> Result<Vec<(String, i64)>> {
        let statement = Statement::new("SELECT name, id FROM place ORDER BY name");
        let rows = self.rows("list the indexes of", None, statement).await?;
        Ok(rows.iter().map(|row| (row[0].text().unwrap_or_default(), number(&row[1]))).collect())
    }

    /// Makes an index, unless it is there; returns its number.
    pub async fn make_entry_index(&mut self, name: &str) -> Result<i64> {
        let sql = "INSERT INTO place (name) VALUES (?) ON CONFLICT DO NOTHING";
        self.execute("make an index of", None, Statement::new(sql).with(text(name))).await?;
        let sql = "SELECT id FROM place WHERE name = ?";
        let id = self.cell("read", None, Statement::new(sql).with(text(name))).await?;
        Ok(number(&id))
    }

    /// What is known of keys, deletions too; in no order.
    pub async fn entries(&mut self, place: i64, keys: &[&str]) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        for keys in keys.chunks(ROWS) {
            let sql = format!(
                "WITH wanted (key) AS (VALUES {}) SELECT e.key, e.version, e.value \
                 FROM wanted AS w CROSS JOIN entry AS e ON e.place = ? AND e.key = w.key",
                rows_of(keys.len(), 1)
            );
            let mut statement = often(sql, keys.len());
            for key in keys {
                statement.bind(text(key));
            }
            statement.bind(Parameter::Integer(place));
            let rows = self.rows("read", None, statement).await?;
            found.extend(rows.into_iter().map(entry));
        }
        Ok(found)
    }

    /// Puts entries in place of what is known of their keys; returns the number each has.
    pub async fn put_entries(
        &mut self,
        place: i64,
        written: i64,
        entries: &[(&str, i64, Option<&str>)],
    ) -> Result<Vec<(String, i64)>> {
        let mut numbers = Vec::with_capacity(entries.len());
        for entries in entries.chunks(ROWS) {
            let sql = format!(
                "INSERT INTO entry (place, key, version, written, value) VALUES {} \
                 ON CONFLICT (place, key) DO UPDATE SET version = excluded.version, \
                 written = excluded.written, value = excluded.value RETURNING key, id",
                rows_of(entries.len(), 5)
            );
            let mut statement = often(sql, entries.len());
            for (key, version, value) in entries {
                statement.bind(Parameter::Integer(place));
                statement.bind(text(key));
                statement.bind(Parameter::Integer(*version));
                statement.bind(Parameter::Integer(written));
                statement.bind(value.map_or(Parameter::Null, text));
            }
            for mut row in self.rows("write to", None, statement).await? {
                let id = number(&row[1]);
                numbers.push((whole_text(row.swap_remove(0)), id));
            }
        }
        Ok(numbers)
    }

    /// Keys with a value in their order, at or after one and behind another.
    pub async fn entry_keys(
        &mut self,
        place: i64,
        from: &str,
        behind: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>> {
        let sql = "SELECT key FROM entry WHERE place = ? AND key >= ? AND (key > ? OR ?) \
                   AND value IS NOT NULL ORDER BY key LIMIT ?";
        // Where it begins is said once, so that nothing before it is read.
        let begin = behind.filter(|behind| *behind > from).unwrap_or(from);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let statement = Statement::new(sql)
            .with(Parameter::Integer(place))
            .with(text(begin))
            .with(text(behind.unwrap_or_default()))
            .with(Parameter::Integer(i64::from(behind.is_none())))
            .with(Parameter::Integer(most));
        let rows = self.rows("list the keys of", None, statement).await?;
        Ok(rows.into_iter().filter_map(|mut row| row.pop().map(whole_text)).collect())
    }

    /// Forgets deletions that were written before a moment.
    pub async fn sweep_deleted(&mut self, before: i64) -> Result<u64> {
        let sql = "DELETE FROM entry WHERE value IS NULL AND written < ?";
        let statement = Statement::new(sql).with(Parameter::Integer(before));
        self.execute("forget old deletions of", None, statement).await
    }

    /// How many keys have a value.
    pub async fn count_entries(&mut self) -> Result<u64> {
        let statement = Statement::new("SELECT count(*) FROM entry WHERE value IS NOT NULL");
        let count = self.cell("count the keys of", None, statement).await?;
        Ok(u64::try_from(number(&count)).unwrap_or_default())
    }
}

/// Statements of full size come again.
fn often(sql: String, rows: usize) -> Statement {
    if rows == ROWS || rows == 1 { Statement::new(sql) } else { Statement::once(sql) }
}

fn number(cell: &Cell) -> i64 {
    cell.integer().unwrap_or_default()
}

pub(super) fn entry(row: Vec<Cell>) -> Entry {
    let mut cells = row.into_iter();
    let mut next = || cells.next().unwrap_or(Cell::Null);
    let (key, version) = (whole_text(next()), number(&next()));
    let value = match next() {
        Cell::Null => None,
        cell => Some(whole_text(cell)),
    };
    Entry { key, version, value }
}
