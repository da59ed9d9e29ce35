//! Checksums that a server computes over stretches of a table, so that equal rows needn't be read.
//!
//! Answers for two sides never giving one checksum to rows that differ: a row's hash is non-linear,
//! takes the key in, tells types, NULL and the ends of values apart, and starts from a random seed.
//! The engines' expressions are in `checksum_NAME.rs`; which stretches are asked for, and what is
//! read of those that differ, is decided in `compare`.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use super::connection::{Cell, Cells, Parameter, Statement};
use super::dialect::quote;
use super::error::Result;
use super::filter::{conditions, push_all};
use super::read::Shape;
use super::{Session, Value, checksum_mariadb as mariadb, checksum_postgres as postgres};
use crate::catalog::{Column, Engine, Kind, Table};
use crate::manifest::filter::Filter;

/// The keys after one and up to another; all of them where neither is given. The order is the one
/// that the columns have by themselves, so that their index serves. Should it differ between two
/// servers, the stretches of a walk still hold every row of both, and some of them twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stretch {
    pub after: Option<Vec<Value>>,
    pub upto: Option<Vec<Value>>,
}

/// How rows of a table are hashed on both sides.
#[derive(Debug, Clone)]
pub struct Hashing {
    key: Vec<Part>,
    columns: Vec<Part>,
    seed: Seed,
}

/// One column as it goes into a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub column: String,
    pub form: Form,
    pub nullable: bool,
}

/// What of a column is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Postgres(postgres::Form),
    Mariadb(mariadb::Form),
}

/// Random for each comparison, so that nobody can prepare rows whose hashes meet.
#[derive(Debug, Clone)]
pub(super) struct Seed {
    pub number: i64,
    pub word: String,
}

/// What makes a row of the source differ from any of the target's, beside the columns that both have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unlike {
    /// The column is NULL or empty text.
    Empty(String),
    /// The column is neither NULL nor, where it is given, this text.
    Other(String, Option<String>),
}

/// Rows of one stretch whose keys share a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    pub rows: u64,
    checksum: String,
}

/// By their numbers.
pub type Buckets = BTreeMap<u32, Bucket>;

/// Which part of a table is read.
#[derive(Debug, Clone, Copy)]
pub struct Slice<'a> {
    pub stretch: &'a Stretch,
    /// Only these of so many buckets.
    pub buckets: Option<(&'a Hashing, u32, &'a [u32])>,
}

impl Seed {
    fn random() -> Self {
        // The standard library draws its hashers' keys from the system.
        let draw = || {
            let mut hasher = RandomState::new().build_hasher();
            hasher.write_u64(0);
            hasher.finish()
        };
        Self {
            number: i64::from_le_bytes(draw().to_le_bytes()),
            word: format!("{:016x}{:016x}", draw(), draw()),
        }
    }
}

/// Whether both tables have these columns, of the same kinds: then what two SQLite files store alike is
/// read as equal values.
pub fn same_kinds(tables: [&Table; 2], columns: &[String]) -> bool {
    let kind = |table: &Table, name: &String| table.column(name).map(|column| column.kind);
    columns.iter().all(|name| {
        let kinds = tables.map(|table| kind(table, name));
        kinds[0].is_some() && kinds[0] == kinds[1]
    })
}

impl Hashing {
    /// How both tables' rows can be hashed alike; `None` where a column can't, or where the key's
    /// order isn't one to walk in.
    pub fn of(
        engine: Engine,
        tables: [&Table; 2],
        key: &[String],
        columns: &[String],
    ) -> Option<Self> {
        let part = |name: &String| part(engine, tables.map(|table| table.column(name)));
        let walks = |name: &&String| {
            tables.iter().all(|table| table.column(name).is_some_and(|it| walks_by(engine, it)))
        };
        if key.is_empty() || !key.iter().all(|name| walks(&name)) {
            return None;
        }
        Some(Self {
            key: key.iter().map(part).collect::<Option<_>>()?,
            columns: columns
                .iter()
                .filter(|name| !key.contains(name))
                .map(part)
                .collect::<Option<_>>()?,
            seed: Seed::random(),
        })
    }
}

fn part(engine: Engine, [source, target]: [Option<&Column>; 2]) -> Option<Part> {
    let (source, target) = (source?, target?);
    let form = |column| match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(Form::Postgres(postgres::form(column))),
        Engine::Mariadb => Some(Form::Mariadb(mariadb::form(column))),
    };
    let alike = match (source.kind, target.kind) {
        // A value's text shows how many decimals the type keeps.
        (Kind::Decimal, _) | (_, Kind::Decimal) => source.declared == target.declared,
        (ours, theirs) => ours == theirs,
    };
    let charset = |column: &Column| {
        column.collation.as_deref().map(|name| name.split('_').next().unwrap_or(name).to_owned())
    };
    let same_bytes = engine != Engine::Mariadb || charset(source) == charset(target);
    let form = form(source).filter(|ours| alike && same_bytes && form(target) == Some(*ours))?;
    let nullable = source.nullable || target.nullable;
    Some(Part { column: source.name.clone(), form, nullable })
}

/// Whether the column's own order is one that comparing with `<` follows, too.
fn walks_by(engine: Engine, column: &Column) -> bool {
    let plain = matches!(
        column.kind,
        Kind::Integer
            | Kind::Decimal
            | Kind::Text
            | Kind::Uuid
            | Kind::Bytes
            | Kind::Date
            | Kind::Timestamp
            | Kind::TimestampTz
    );
    // A type of an extension may compare by operators that a pinned search path doesn't reach.
    plain && (engine == Engine::Mariadb || column.collation.is_none())
}

impl Session {
    /// Sessions with the same answer hash alike; `None` where rows can't be hashed.
    pub async fn hashes_as(&mut self) -> Result<Option<String>> {
        let sql = match self.engine() {
            Engine::Sqlite => return Ok(None),
            Engine::Postgres => {
                "SELECT (current_setting('server_version_num')::integer / 10000)::text"
            }
            Engine::Mariadb => "SELECT CAST(version() AS CHAR)",
        };
        let version = self.cell("read the version of", None, Statement::once(sql)).await?;
        let version = version.text().unwrap_or_default();
        Ok(match self.engine() {
            Engine::Sqlite => None,
            Engine::Postgres => {
                let known = version.parse().is_ok_and(|major: u32| major >= postgres::LEAST_MAJOR);
                known.then(|| format!("PostgreSQL {version}"))
            }
            Engine::Mariadb if version.to_lowercase().contains("mariadb") => Some("MariaDB".into()),
            Engine::Mariadb => Some("MySQL".into()),
        })
    }

    /// The key of the last of the next `rows` rows of a stretch; `None` where it has fewer.
    pub async fn last_of(
        &mut self,
        table: &Table,
        key: &[String],
        stretch: &Stretch,
        rows: u64,
    ) -> Result<Option<Vec<Value>>> {
        let shape = Shape::new(self, table, key, key)?;
        let order: Vec<_> = key.iter().map(|name| format!("t.{}", quote(name))).collect();
        let mut statement = Statement::once(format!(
            "SELECT {} FROM {} AS t",
            shape.select("t."),
            quote(&table.name)
        ));
        let within = self.within(&mut statement, table, key, stretch)?;
        push_all(&mut statement, &within);
        let skipped = i64::try_from(rows.saturating_sub(1)).unwrap_or(i64::MAX);
        let skipped = statement.bind(Parameter::Integer(skipped));
        let offset = match self.engine() {
            Engine::Postgres => format!("CAST(${skipped} AS bigint)"),
            Engine::Sqlite | Engine::Mariadb => "?".to_owned(),
        };
        let tail = format!(" ORDER BY {} LIMIT 1 OFFSET {offset}", order.join(", "));
        statement.sql.push_str(&tail);
        let rows = self.rows("read", Some(table), statement).await?;
        rows.into_iter().next().map(|cells| shape.row(cells)).transpose()
    }

    /// The checksums of a stretch's rows that pass `filter`, in so many buckets. Rows that `unlike`
    /// describes get one that no row of a session without it has.
    pub async fn checksums(
        &mut self,
        table: &Table,
        hashing: &Hashing,
        filter: &Filter,
        slice: (&Stretch, u32),
        unlike: &[Unlike],
    ) -> Result<Buckets> {
        let (stretch, buckets) = slice;
        let mut statement = Statement::once(String::new());
        let number = hashing.number(self.engine(), &mut statement, buckets);
        let hash = hashing.row(self, &mut statement, table, unlike)?;
        statement.sql =
            format!("SELECT {number} AS b, {hash} AS h FROM {} AS t", quote(&table.name));
        let mut all = conditions(&mut statement, self.dialect(), table, filter)
            .map_err(|what| self.unsupported(what))?;
        let key: Vec<_> = hashing.key.iter().map(|part| part.column.clone()).collect();
        all.extend(self.within(&mut statement, table, &key, stretch)?);
        push_all(&mut statement, &all);
        statement.sql = match self.engine() {
            Engine::Postgres => postgres::grouped(&statement.sql),
            Engine::Sqlite | Engine::Mariadb => mariadb::grouped(&statement.sql),
        };
        let rows = self.rows("compute checksums of", Some(table), statement).await?;
        let bucket = |cells: &Cells| {
            let number = |at: usize| cells.get(at).and_then(Cell::integer);
            let (bucket, rows) = (number(0)?.try_into().ok()?, number(1)?.try_into().ok()?);
            Some((bucket, Bucket { rows, checksum: cells.get(2)?.text()? }))
        };
        rows.iter().map(bucket).collect::<Option<_>>().ok_or_else(|| {
            self.unsupported(format!("table {} gave no readable checksums", table.name))
        })
    }

    /// The conditions of a slice, bound to the statement.
    pub(super) fn slice(
        &self,
        statement: &mut Statement,
        table: &Table,
        key: &[String],
        slice: Slice<'_>,
    ) -> Result<Vec<String>> {
        let mut all = self.within(statement, table, key, slice.stretch)?;
        if let Some((hashing, buckets, wanted)) = slice.buckets {
            // A mark for each bucket instead of a list of them: neither server searches through it, and
            // the statement is the same text every time.
            let mut chosen = vec![b'0'; buckets as usize];
            for bucket in wanted {
                chosen[*bucket as usize] = b'1';
            }
            let place = statement.bind(Parameter::Blob(chosen));
            let number = hashing.number(self.engine(), statement, buckets);
            all.push(match self.engine() {
                Engine::Postgres => {
                    format!("get_byte(CAST(${place} AS bytea), {number}::integer) = ascii('1')")
                }
                Engine::Sqlite | Engine::Mariadb => format!("SUBSTR(?, {number} + 1, 1) = '1'"),
            });
        }
        Ok(all)
    }

    pub(super) fn within(
        &self,
        statement: &mut Statement,
        table: &Table,
        key: &[String],
        stretch: &Stretch,
    ) -> Result<Vec<String>> {
        let columns =
            key.iter().map(|name| self.column(table, name)).collect::<Result<Vec<_>>>()?;
        let mut all = Vec::new();
        for (bound, operator) in [(&stretch.after, ">"), (&stretch.upto, "<=")] {
            let Some(bound) = bound else { continue };
            let condition = match self.engine() {
                Engine::Postgres => {
                    let values = self.placeholders(statement, table, &columns, bound)?;
                    let names: Vec<_> = key.iter().map(|name| quote(name)).collect();
                    format!("({}) {operator} ({})", names.join(", "), values.join(", "))
                }
                Engine::Sqlite | Engine::Mariadb => {
                    self.by_parts(statement, table, &columns, bound, operator)?
                }
            };
            all.push(condition);
        }
        Ok(all)
    }

    /// `a > x OR a = x AND b > y`: the form that MariaDB finds a range of an index in.
    fn by_parts(
        &self,
        statement: &mut Statement,
        table: &Table,
        columns: &[&Column],
        bound: &[Value],
        operator: &str,
    ) -> Result<String> {
        let strict = operator.trim_end_matches('=');
        let mut choices = Vec::with_capacity(columns.len());
        for last in 0..columns.len() {
            let values = self.placeholders(statement, table, &columns[..=last], &bound[..=last])?;
            let is_end = last + 1 == columns.len();
            let parts = columns[..=last].iter().zip(values).enumerate();
            let parts = parts.map(|(at, (column, value))| {
                let operator = match at == last {
                    false => "=",
                    true if is_end => operator,
                    true => strict,
                };
                format!("{} {operator} {value}", quote(&column.name))
            });
            choices.push(format!("({})", parts.collect::<Vec<_>>().join(" AND ")));
        }
        Ok(format!("({})", choices.join(" OR ")))
    }
}

impl Hashing {
    /// The bucket of a row: of its key alone, so that a row more or less shifts no other.
    fn number(&self, engine: Engine, statement: &mut Statement, buckets: u32) -> String {
        let hash = match engine {
            Engine::Postgres => postgres::key(statement, &self.seed, &self.key),
            Engine::Sqlite | Engine::Mariadb => mariadb::key(statement, &self.seed, &self.key),
        };
        format!("({hash} & {})", buckets.saturating_sub(1))
    }

    fn row(
        &self,
        session: &Session,
        statement: &mut Statement,
        table: &Table,
        unlike: &[Unlike],
    ) -> Result<String> {
        let parts: Vec<&Part> = self.key.iter().chain(&self.columns).collect();
        Ok(match session.engine() {
            Engine::Postgres => {
                let mark = session.mark(statement, table, unlike)?;
                postgres::row(statement, &self.seed, &parts, &mark)
            }
            Engine::Sqlite | Engine::Mariadb => {
                let word = statement.parameters.len();
                let mark = session.mark(statement, table, unlike)?;
                mariadb::row(statement, &self.seed, &parts, &mark, word)
            }
        })
    }
}

impl Session {
    /// 1 in rows that `unlike` describes, else 0.
    pub(super) fn mark(
        &self,
        statement: &mut Statement,
        table: &Table,
        unlike: &[Unlike],
    ) -> Result<String> {
        let mut any = Vec::with_capacity(unlike.len());
        for it in unlike {
            let (Unlike::Empty(name) | Unlike::Other(name, _)) = it;
            let column = self.column(table, name)?;
            let (sql, text) = (quote(name), self.dialect().select(&quote(name), column));
            let bytes = |text: &str| match self.engine() {
                Engine::Postgres => format!("{text} COLLATE \"C\""),
                Engine::Mariadb => format!("CAST({text} AS BINARY)"),
                Engine::Sqlite => format!("CAST({text} AS TEXT) COLLATE BINARY"),
            };
            any.push(match it {
                Unlike::Empty(_) if column.kind == Kind::Text => {
                    format!("({sql} IS NULL OR {} = '')", bytes(&text))
                }
                Unlike::Empty(_) => format!("{sql} IS NULL"),
                Unlike::Other(_, Some(constant)) => {
                    let number = statement.bind(Parameter::Text(constant.as_str().into()));
                    let constant = match self.engine() {
                        Engine::Postgres => format!("${number}"),
                        Engine::Sqlite => format!("?{number}"),
                        Engine::Mariadb => bytes("?"),
                    };
                    format!("({sql} IS NOT NULL AND {} <> {constant})", bytes(&text))
                }
                Unlike::Other(_, None) => format!("{sql} IS NOT NULL"),
            });
        }
        Ok(match any.is_empty() {
            true => "0".to_owned(),
            false => format!("CASE WHEN {} THEN 1 ELSE 0 END", any.join(" OR ")),
        })
    }
}
