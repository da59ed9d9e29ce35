//! Messages that wait in a file of ours: the SQL of the embedded queue.
//!
//! Answers for one statement or one read at a time. Whose messages come again, and what belongs into
//! one transaction, is decided in `queue::embedded`.

use super::Session;
use super::connection::{Cell, Cells, Parameter, Statement};
use super::error::Result;
use super::own::{Scheme, maybe_number, numbers, rows_of, text};

/// A message that is handed out has a row in `held`, which stays when it comes back, so that the next
/// one is told. The wide rows are written once and deleted once.
pub static MESSAGES: Scheme = Scheme {
    version: 1,
    tables: "
        CREATE TABLE queue (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            beside INTEGER REFERENCES queue (id)
        );
        CREATE TABLE message (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            queue INTEGER NOT NULL,
            sent INTEGER,
            reason TEXT,
            body TEXT NOT NULL
        );
        CREATE INDEX message_queue ON message (queue);
        CREATE TABLE held (
            message INTEGER PRIMARY KEY REFERENCES message (id) ON DELETE CASCADE,
            taker INTEGER NOT NULL,
            until INTEGER NOT NULL
        );
        CREATE TABLE taker (id INTEGER PRIMARY KEY, holder TEXT NOT NULL)",
};

/// Rows in one statement.
const ROWS: usize = 500;

/// A queue as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredQueue {
    pub id: i64,
    pub name: String,
    /// Of an error queue: the queue it stands beside.
    pub beside: Option<i64>,
}

/// A message as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    pub id: i64,
    pub body: String,
    pub sent: Option<i64>,
    pub reason: Option<String>,
}

/// A message that can be handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    pub id: i64,
    pub bytes: usize,
    /// It was handed out before.
    pub again: bool,
}

/// Which messages are handed out at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Now<'a> {
    /// Microseconds since 1970.
    pub at: i64,
    /// Takers that are there no more.
    pub gone: &'a [i64],
}

/// That a message `m`, joined with `held` as `h`, is to be had. Its three values: [`free`].
const FREE: &str = "(h.message IS NULL OR h.taker = 0 OR h.until < ? \
                    OR h.taker IN (SELECT value FROM json_each(?)))";

fn free(statement: Statement, now: Now<'_>) -> Statement {
    statement.with(Parameter::Integer(now.at)).with(numbers(now.gone))
}

impl Session {
    pub async fn queues(&mut self) -> Result<Vec<StoredQueue>> {
        let statement = Statement::new("SELECT id, name, beside FROM queue ORDER BY name");
        let rows = self.rows("list the queues of", None, statement).await?;
        Ok(rows.iter().map(|row| stored_queue(row)).collect())
    }

    pub async fn queue(&mut self, name: &str) -> Result<Option<StoredQueue>> {
        let sql = "SELECT id, name, beside FROM queue WHERE name = ?";
        let statement = Statement::new(sql).with(text(name));
        let rows = self.rows("look for a queue of", None, statement).await?;
        Ok(rows.first().map(|row| stored_queue(row)))
    }

    /// Makes a queue, unless it is there.
    pub async fn make_queue(&mut self, name: &str, beside: Option<i64>) -> Result<()> {
        let sql = "INSERT INTO queue (name, beside) VALUES (?, ?) ON CONFLICT DO NOTHING";
        let statement = Statement::new(sql).with(text(name)).with(maybe_number(beside));
        self.execute("make a queue of", None, statement).await.map(|_| ())
    }

    /// Appends messages, in their order.
    pub async fn append_messages(
        &mut self,
        queue: i64,
        sent: Option<i64>,
        reason: Option<&str>,
        bodies: &[String],
    ) -> Result<()> {
        for bodies in bodies.chunks(ROWS) {
            let sql = format!(
                "INSERT INTO message (queue, sent, reason, body) VALUES {}",
                rows_of(bodies.len(), 4)
            );
            let often = bodies.len() == ROWS || bodies.len() == 1;
            let mut statement = if often { Statement::new(sql) } else { Statement::once(sql) };
            for body in bodies {
                statement.bind(Parameter::Integer(queue));
                statement.bind(maybe_number(sent));
                statement.bind(reason.map_or(Parameter::Null, text));
                statement.bind(text(body));
            }
            self.execute("send to", None, statement).await?;
        }
        Ok(())
    }

    /// The oldest messages of a queue that can be handed out.
    pub async fn ready_messages(
        &mut self,
        queue: i64,
        most: usize,
        now: Now<'_>,
    ) -> Result<Vec<Ready>> {
        let sql = format!(
            "SELECT m.id, octet_length(m.body), h.message IS NOT NULL FROM message AS m \
             LEFT JOIN held AS h ON h.message = m.id WHERE m.queue = ? AND {FREE} \
             ORDER BY m.id LIMIT ?"
        );
        let statement = free(Statement::new(sql).with(Parameter::Integer(queue)), now);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = self.rows("take from", None, statement.with(Parameter::Integer(most))).await?;
        let ready = |row: &Cells| Ready {
            id: number(&row[0]),
            bytes: usize::try_from(number(&row[1])).unwrap_or(usize::MAX),
            again: row[2].is_true(),
        };
        Ok(rows.iter().map(ready).collect())
    }

    /// Messages by their numbers, in their order.
    pub async fn messages(&mut self, ids: &[i64]) -> Result<Vec<StoredMessage>> {
        let sql = "SELECT id, body, sent, reason FROM message \
                   WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id";
        let rows = self.rows("take from", None, Statement::new(sql).with(numbers(ids))).await?;
        Ok(rows.into_iter().map(stored_message).collect())
    }

    /// The oldest messages of a queue, handed out or not.
    pub async fn oldest_messages(&mut self, queue: i64, most: usize) -> Result<Vec<StoredMessage>> {
        let sql = "SELECT id, body, sent, reason FROM message WHERE queue = ? ORDER BY id LIMIT ?";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let statement = Statement::new(sql).with(Parameter::Integer(queue));
        let rows = self.rows("read", None, statement.with(Parameter::Integer(most))).await?;
        Ok(rows.into_iter().map(stored_message).collect())
    }

    /// Notes who has messages, and until when.
    pub async fn hold_messages(&mut self, ids: &[i64], taker: i64, until: i64) -> Result<()> {
        // SQLite would take ON for a join's without a WHERE.
        let sql = "INSERT INTO held (message, taker, until) SELECT value, ?, ? FROM json_each(?) \
                   WHERE true ON CONFLICT (message) DO UPDATE SET taker = excluded.taker, \
                   until = excluded.until";
        let statement = Statement::new(sql).with(Parameter::Integer(taker));
        let statement = statement.with(Parameter::Integer(until)).with(numbers(ids));
        self.execute("take from", None, statement).await.map(|_| ())
    }

    /// Deletes those messages that a taker still has.
    pub async fn delete_held(&mut self, ids: &[i64], taker: i64) -> Result<()> {
        let sql = "DELETE FROM message WHERE id IN (SELECT h.message FROM held AS h \
                   WHERE h.taker = ? AND h.message IN (SELECT value FROM json_each(?)))";
        let statement = Statement::new(sql).with(Parameter::Integer(taker)).with(numbers(ids));
        self.execute("acknowledge messages of", None, statement).await.map(|_| ())
    }

    /// Those of these messages that a taker still has belong to nobody.
    pub async fn let_go_of(&mut self, ids: &[i64], taker: i64) -> Result<()> {
        let sql = "UPDATE held SET taker = 0 WHERE taker = ? \
                   AND message IN (SELECT value FROM json_each(?))";
        let statement = Statement::new(sql).with(Parameter::Integer(taker)).with(numbers(ids));
        self.execute("give messages back to", None, statement).await.map(|_| ())
    }

    /// Whatever a taker has beside these messages belongs to nobody.
    pub async fn let_go_but(&mut self, kept: &[i64], taker: i64) -> Result<()> {
        let sql = "UPDATE held SET taker = 0 WHERE taker = ? \
                   AND message NOT IN (SELECT value FROM json_each(?))";
        let statement = Statement::new(sql).with(Parameter::Integer(taker)).with(numbers(kept));
        self.execute("give messages back to", None, statement).await.map(|_| ())
    }

    /// Who takes messages, each as it wrote itself down.
    pub async fn takers(&mut self) -> Result<Vec<(i64, String)>> {
        let statement = Statement::new("SELECT id, holder FROM taker");
        let rows = self.rows("read", None, statement).await?;
        Ok(rows.iter().map(|row| (number(&row[0]), row[1].text().unwrap_or_default())).collect())
    }

    /// Writes a taker down, unless it is.
    pub async fn note_taker(&mut self, id: i64, holder: &str) -> Result<()> {
        let sql = "INSERT INTO taker (id, holder) VALUES (?, ?) ON CONFLICT DO NOTHING";
        let statement = Statement::new(sql).with(Parameter::Integer(id)).with(text(holder));
        self.execute("take from", None, statement).await.map(|_| ())
    }

    /// Forgets takers; what they have belongs to nobody.
    pub async fn forget_takers(&mut self, ids: &[i64]) -> Result<()> {
        for sql in [
            "UPDATE held SET taker = 0 WHERE taker IN (SELECT value FROM json_each(?))",
            "DELETE FROM taker WHERE id IN (SELECT value FROM json_each(?))",
        ] {
            self.execute("take from", None, Statement::new(sql).with(numbers(ids))).await?;
        }
        Ok(())
    }

    /// How many messages there are, and how many of them are handed out, by queue.
    pub async fn count_messages(&mut self, now: Now<'_>) -> Result<Vec<(i64, u64, u64)>> {
        let sql = format!(
            "SELECT m.queue, count(*), count(CASE WHEN {FREE} THEN NULL ELSE 1 END) \
             FROM message AS m LEFT JOIN held AS h ON h.message = m.id GROUP BY m.queue"
        );
        let rows = self.rows("count the messages of", None, free(Statement::new(sql), now)).await?;
        let count = |cell: &Cell| u64::try_from(number(cell)).unwrap_or_default();
        Ok(rows.iter().map(|row| (number(&row[0]), count(&row[1]), count(&row[2]))).collect())
    }

    /// Puts the messages of one queue that aren't handed out behind those of another; returns how many.
    pub async fn move_messages(&mut self, from: i64, to: i64, now: Now<'_>) -> Result<u64> {
        let sql = format!(
            "INSERT INTO message (queue, sent, body) SELECT ?, m.sent, m.body FROM message AS m \
             LEFT JOIN held AS h ON h.message = m.id WHERE m.queue = ? AND {FREE} ORDER BY m.id"
        );
        let statement = Statement::new(sql).with(Parameter::Integer(to));
        let statement = free(statement.with(Parameter::Integer(from)), now);
        let moved = self.execute("replay messages of", None, statement).await?;
        self.purge_messages(from, now).await?;
        Ok(moved)
    }

    /// Deletes the messages of a queue that aren't handed out; returns how many.
    pub async fn purge_messages(&mut self, queue: i64, now: Now<'_>) -> Result<u64> {
        let sql = format!(
            "DELETE FROM message WHERE id IN (SELECT m.id FROM message AS m \
             LEFT JOIN held AS h ON h.message = m.id WHERE m.queue = ? AND {FREE})"
        );
        let statement = free(Statement::new(sql).with(Parameter::Integer(queue)), now);
        self.execute("purge", None, statement).await
    }
}

fn number(cell: &Cell) -> i64 {
    cell.integer().unwrap_or_default()
}

fn stored_queue(row: &[Cell]) -> StoredQueue {
    let name = row[1].text().unwrap_or_default();
    StoredQueue { id: number(&row[0]), name, beside: row[2].integer() }
}

fn stored_message(row: Cells) -> StoredMessage {
    let (id, sent, reason) = (number(&row[0]), row[2].integer(), row[3].text());
    let body = row.into_iter().nth(1).map(whole_text).unwrap_or_default();
    StoredMessage { id, body, sent, reason }
}

/// The text itself, which may be long, instead of a copy.
pub(super) fn whole_text(cell: Cell) -> String {
    match cell {
        Cell::Text(bytes) => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        },
        other => other.text().unwrap_or_default(),
    }
}
