//! What can go wrong with a database, in words that name where and never hold a row's values.
//!
//! Answers for turning a driver's error into one of ours. PostgreSQL's DETAIL and the quoted parts
//! of its data errors hold values, so they are dropped; names of tables and constraints stay.

use sqlx::error::ErrorKind;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No session: the URL, the network, the server or the account.
    #[error("can't connect to the {environment} database: {reason}")]
    Connect { environment: String, reason: String },
    /// The server refused a statement for a reason none of the other variants names.
    #[error("{environment}: can't {action}{}: {message}", of_table(.table.as_deref()))]
    Statement {
        environment: String,
        action: &'static str,
        table: Option<String>,
        message: String,
        /// SQLSTATE, or SQLite's extended result code.
        code: Option<String>,
    },
    /// A value that can't be read or written exactly. `key` is the row's key as people see it.
    #[error("{environment}: table {table}, row {key}, column {column}: {reason}")]
    Value { environment: String, table: String, key: String, column: String, reason: String },
    /// A statement that must touch exactly one row touched none or several.
    #[error(
        "{environment}: can't {action}{}: {found} rows were touched where exactly one was expected",
        of_table(Some(table))
    )]
    RowCount { environment: String, action: &'static str, table: String, found: u64 },
    /// A failure of writing one row. `row` is its key as people see it.
    #[error("{source} (row {row})")]
    OfRow { row: String, source: Box<Error> },
    /// A constraint of the database doesn't hold. SQLite names columns instead of constraints.
    #[error("{environment}: {kind} constraint {name} of table {table} is violated")]
    Constraint { environment: String, table: String, name: String, kind: ConstraintKind },
    /// Another session held a lock for longer than this one waits.
    #[error(
        "{environment}: gave up waiting for a lock to {action}{}; try again when the other session is done",
        of_table(.table.as_deref())
    )]
    LockTimeout { environment: String, action: &'static str, table: Option<String> },
    /// Another session changed the same rows or holds the database; everything can be tried again
    /// as long as nothing was committed.
    #[error("{environment}: another session got in the way to {action}{}", of_table(.table.as_deref()))]
    Serialization { environment: String, action: &'static str, table: Option<String> },
    /// The connection broke while the commit was under way: it may or may not have happened. The
    /// ledger tells.
    #[error(
        "{environment}: the connection was lost during the commit; whether it happened is unknown"
    )]
    CommitUnknown { environment: String },
    /// Rows came back in another order than asked for, or a key came twice.
    #[error(
        "{environment}: table {table} isn't ordered by its key ({key}) at row {row}: the key must be unique and never change its order"
    )]
    Order { environment: String, table: String, key: String, row: String },
    /// Something this program or engine can't do, or is asked for at the wrong moment.
    #[error("{environment}: {what}")]
    Unsupported { environment: String, what: String },
    /// A session that should write was opened on something that can only be read.
    #[error("{environment} can't be written: {reason}")]
    ReadOnlyTarget { environment: String, reason: String },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintKind {
    Unique,
    ForeignKey,
    NotNull,
    Check,
    /// PostgreSQL's exclusion constraints, and SQLite's triggers that raise an error.
    Other,
}

impl std::fmt::Display for ConstraintKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unique => "unique",
            Self::ForeignKey => "foreign key",
            Self::NotNull => "not-null",
            Self::Check => "check",
            Self::Other => "other",
        })
    }
}

impl Error {
    /// Whether the same work may succeed when it is done again from the start. Only true of
    /// failures before a commit.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::OfRow { source, .. } => source.is_retryable(),
            error => matches!(error, Self::Serialization { .. } | Self::LockTimeout { .. }),
        }
    }
}

impl Error {
    /// Whether the failure says nothing about the work itself: a server that is away, locked, full
    /// or shutting down. Also a commit of which nobody knows: the ledger tells later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::LockTimeout { .. }
            | Self::Serialization { .. }
            | Self::CommitUnknown { .. }
            | Self::ReadOnlyTarget { .. } => true,
            Self::OfRow { source, .. } => source.is_passing(),
            // Classes 08 (connection), 53 (resources), 57 and 70 (stopped by somebody), 58 (system) of
            // SQLSTATE; without a code the connection itself failed.
            Self::Statement { code, .. } => code.as_deref().is_none_or(|code| {
                code.len() == 5 && ["08", "53", "57", "58", "70"].contains(&&code[..2])
            }),
            _ => false,
        }
    }
}

impl Error {
    /// Whether it shows that sessions are shared with others, transaction by transaction.
    pub fn tells_of_a_pooler(&self) -> bool {
        match self {
            Self::Connect { reason, .. } => reason == POOLED,
            Self::Statement { code: Some(code), .. } => OTHERS_STATEMENTS.contains(&code.as_str()),
            _ => false,
        }
    }
}

/// A prepared statement that is there already, or isn't any more: the session was somebody else's.
const OTHERS_STATEMENTS: [&str; 2] = ["42P05", "26000"];
const POOLED: &str = "a pooler gives each transaction another session of the server; name the server \
                      itself, or have the pooler pool by sessions";

fn of_table(table: Option<&str>) -> String {
    table.map(|table| format!(" table {table}")).unwrap_or_default()
}

/// What was being done, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doing<'a> {
    pub environment: &'a str,
    /// A verb phrase that follows "can't": `read rows of`.
    pub action: &'static str,
    pub table: Option<&'a str>,
}

impl Doing<'_> {
    pub fn failed(self, error: &sqlx::Error) -> Error {
        match error {
            sqlx::Error::Database(error) => self.refused(error.as_ref()),
            sqlx::Error::Io(error) => self.statement(format!("the connection was lost ({error})")),
            other => self.statement(driver_words(other)),
        }
    }

    pub fn statement(self, message: String) -> Error {
        let (environment, table) = self.names();
        Error::Statement { environment, action: self.action, table, message, code: None }
    }

    fn names(self) -> (String, Option<String>) {
        (self.environment.to_owned(), self.table.map(str::to_owned))
    }

    fn refused(self, error: &dyn sqlx::error::DatabaseError) -> Error {
        let (environment, table) = self.names();
        let action = self.action;
        if let Some(number) = mariadb_number(error) {
            return self.refused_by_mariadb(number, error);
        }
        let code = error.code().unwrap_or_default().into_owned();
        if let Some(kind) = constraint_kind(&error.kind(), &code) {
            return Error::Constraint {
                environment,
                table: error.table().map(str::to_owned).or(table).unwrap_or_default(),
                name: constraint_name(error),
                kind,
            };
        }
        match code.as_str() {
            "55P03" => Error::LockTimeout { environment, action, table },
            // PostgreSQL: serialization failure, deadlock. SQLite: BUSY, LOCKED and their kin.
            "40001" | "40P01" | "5" | "6" | "261" | "262" | "517" | "773" => {
                Error::Serialization { environment, action, table }
            }
            // PostgreSQL: read-only transaction. SQLite: READONLY and its kin.
            "25006" | "8" | "264" | "520" | "776" | "1032" | "1288" | "1544" => {
                let reason = "the database or the session is read-only".to_owned();
                Error::ReadOnlyTarget { environment, reason }
            }
            _ => {
                let message = match is_raised(error) {
                    true => raised(&code),
                    false => without_values(&code, error.message()),
                };
                Error::Statement { environment, action, table, message, code: Some(code) }
            }
        }
    }
}

/// MariaDB's own number of an error; `None` for the other engines.
pub(super) fn mariadb_number(error: &dyn sqlx::error::DatabaseError) -> Option<u16> {
    let error = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>();
    error.map(sqlx::mysql::MySqlDatabaseError::number)
}

impl Doing<'_> {
    fn refused_by_mariadb(self, number: u16, error: &dyn sqlx::error::DatabaseError) -> Error {
        let (environment, table) = self.names();
        let (action, message) = (self.action, error.message());
        let kind = match number {
            1062 | 1169 | 1557 | 1586 => Some(ConstraintKind::Unique),
            1216 | 1217 | 1451 | 1452 => Some(ConstraintKind::ForeignKey),
            1048 | 1364 => Some(ConstraintKind::NotNull),
            3819 | 4025 => Some(ConstraintKind::Check),
            _ => None,
        };
        if let Some(kind) = kind {
            let (table, name) = (table.unwrap_or_default(), mariadb_constraint(message));
            return Error::Constraint { environment, table, name, kind };
        }
        match number {
            1205 => Error::LockTimeout { environment, action, table },
            // Changed since the snapshot, deadlock, the table's definition changed.
            1020 | 1213 | 1412 => Error::Serialization { environment, action, table },
            1290 | 1792 | 1836 => {
                let reason = "the server or the session is read-only".to_owned();
                Error::ReadOnlyTarget { environment, reason }
            }
            _ => {
                let code = match number {
                    // Full, too many connections, stopping: SQLSTATE has no class of its own.
                    1021 | 1037 | 1038 | 1041 | 1114 => "53000".to_owned(),
                    1053 | 1152 | 1927 => "57P01".to_owned(),
                    _ => error.code().unwrap_or_default().into_owned(),
                };
                let message = mariadb_words(number, message);
                Error::Statement { environment, action, table, message, code: Some(code) }
            }
        }
    }
}

/// `Duplicate entry '…' for key 'slug'`, ``… CONSTRAINT `x` …``, `Column 'x' cannot be null`: the
/// last name but no value. Of a foreign key the first name in backticks after its keyword.
fn mariadb_constraint(message: &str) -> String {
    let after = |begin: &str, end: char| {
        let (_, rest) = message.rsplit_once(begin)?;
        Some(rest.split(end).next().unwrap_or_default().to_owned())
    };
    after("CONSTRAINT `", '`')
        .or_else(|| after("for key '", '\''))
        .or_else(|| after("Column '", '\'').map(|name| format!("({name})")))
        .or_else(|| after("Field '", '\'').map(|name| format!("({name})")))
        .unwrap_or_else(|| "(without a name)".into())
}

/// What stands in quotes is a value, except where it is known to be a name; a trigger's own words
/// may hold anything.
fn mariadb_words(number: u16, message: &str) -> String {
    match number {
        1644 => "a trigger or function raised an error; its words may hold values".to_owned(),
        1044 | 1045 | 1049 | 1054 | 1064 | 1142 | 1143 | 1146 | 1264 | 1265 | 1406 => {
            format!("{message} (error {number})")
        }
        _ => {
            let outside = message.split('\'').step_by(2).collect::<Vec<_>>();
            format!("{} (error {number})", outside.join("…"))
        }
    }
}

fn constraint_kind(kind: &ErrorKind, code: &str) -> Option<ConstraintKind> {
    match kind {
        ErrorKind::UniqueViolation => Some(ConstraintKind::Unique),
        ErrorKind::ForeignKeyViolation => Some(ConstraintKind::ForeignKey),
        ErrorKind::NotNullViolation => Some(ConstraintKind::NotNull),
        ErrorKind::CheckViolation => Some(ConstraintKind::Check),
        _ => match code {
            "23P01" | "23000" | "1811" => Some(ConstraintKind::Other),
            "23001" => Some(ConstraintKind::ForeignKey),
            // SQLite: a rowid that is taken.
            "2579" => Some(ConstraintKind::Unique),
            _ => None,
        },
    }
}

/// Whether the words are a function's own: PostgreSQL tells where in its code it stood. They may hold
/// anything, under any SQLSTATE.
fn is_raised(error: &dyn sqlx::error::DatabaseError) -> bool {
    let error = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>();
    error
        .and_then(sqlx::postgres::PgDatabaseError::r#where)
        .is_some_and(|place| !OF_THE_STATEMENT.iter().any(|begin| place.starts_with(begin)))
}

/// How PostgreSQL begins to tell the place of an error within a statement's own values.
const OF_THE_STATEMENT: [&str; 3] = ["unnamed portal parameter", "portal ", "JSON data"];

/// PostgreSQL names a column instead where NULL isn't allowed.
fn constraint_name(error: &dyn sqlx::error::DatabaseError) -> String {
    if error.code().as_deref() == Some(SQLITE_RAISED) {
        return "(raised by a trigger, whose words may hold values)".to_owned();
    }
    if let Some(name) = error.constraint() {
        return name.to_owned();
    }
    match error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        Some(error) => format!("({})", error.column().unwrap_or("without a name")),
        None => sqlite_name(error.message()),
    }
}

/// SQLite's code of what a trigger raises.
const SQLITE_RAISED: &str = "1811";

/// SQLite says `UNIQUE constraint failed: page.slug`; what follows the colon are columns, or the
/// name of a check.
fn sqlite_name(message: &str) -> String {
    let name = message.rsplit_once(": ").map_or(message, |(_, name)| name);
    format!("({name})")
}

fn raised(code: &str) -> String {
    format!(
        "a trigger or function raised an error (SQLSTATE {code}); the server's log has its words"
    )
}

/// PostgreSQL's data errors (class 22) quote the value (`invalid input syntax for type integer:
/// "x"`), and what a trigger raises (class P0) may hold anything.
fn without_values(code: &str, message: &str) -> String {
    if code.len() == 5 && code.starts_with("P0") {
        return raised(code);
    }
    if code.len() != 5 || !code.starts_with("22") {
        return message.to_owned();
    }
    let outside = message.split('"').step_by(2).collect::<Vec<_>>();
    format!("{} (SQLSTATE {code})", outside.join("…"))
}

/// Driver errors that hold no value: their own words, except where they would quote a column's
/// content.
fn driver_words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            "the driver couldn't read a value".to_owned()
        }
        sqlx::Error::WorkerCrashed => "the connection's worker stopped".to_owned(),
        other => other.to_string(),
    }
}

/// Why there is no connection, without user name or password.
pub(super) fn connect_reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Configuration(_) => "its URL can't be understood".to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(error) => format!("TLS failed: {error}"),
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("42000") if mariadb_number(error.as_ref()) == Some(1049) => {
                "the server has no such database".to_owned()
            }
            Some("42000") if mariadb_number(error.as_ref()) == Some(1044) => {
                "the server refused the account".to_owned()
            }
            Some("28P01" | "28000") => "the server refused the account".to_owned(),
            Some("3D000") => "the server has no such database".to_owned(),
            Some("53300" | "08004") => "the server has too many connections".to_owned(),
            Some(code) if OTHERS_STATEMENTS.contains(&code) => POOLED.to_owned(),
            Some("57P03") => "the server is starting or stopping".to_owned(),
            Some("14") => "the file doesn't exist or can't be opened".to_owned(),
            Some("5" | "261" | "517") => {
                "the file is locked by another program; try again when that is done".to_owned()
            }
            Some("11") => "the file is damaged".to_owned(),
            Some("26") => "the file is no SQLite database".to_owned(),
            code => format!("the server refused (code {})", code.unwrap_or("unknown")),
        },
        _ => "the driver couldn't open it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_errors_lose_their_values() {
        let cut = |message| without_values("22P02", message);
        assert_eq!(
            cut(r#"invalid input syntax for type integer: "secret""#),
            "invalid input syntax for type integer: … (SQLSTATE 22P02)"
        );
        assert_eq!(
            cut(r#"value "99999999999" is out of range for type integer"#),
            "value … is out of range for type integer (SQLSTATE 22P02)"
        );
        assert!(!without_values("P0001", "secret").contains("secret"));
        assert_eq!(
            without_values("42P01", "relation \"x\" does not exist"),
            "relation \"x\" does not exist"
        );
    }

    #[test]
    fn sqlite_constraints_are_named_by_their_columns() {
        assert_eq!(sqlite_name("UNIQUE constraint failed: page.slug"), "(page.slug)");
        assert_eq!(sqlite_name("FOREIGN KEY constraint failed"), "(FOREIGN KEY constraint failed)");
    }
}
