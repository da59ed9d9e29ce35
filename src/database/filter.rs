//! A filter as SQL: the twin of `manifest::filter::passes`.
//!
//! Comparing with NULL gives NULL in PostgreSQL, so wherever NOT stands the NULLs are told apart first.

use super::connection::{Parameter, Statement};
use super::dialect::{Dialect, quote};
use super::value::Value;
use crate::catalog::{Column, Kind, Table};
use crate::manifest::filter::{Condition, Filter, Scalar};

/// Appends ` WHERE …`, or nothing where the filter is empty. The error names a column that the
/// table doesn't have.
pub(super) fn push_where(
    statement: &mut Statement,
    dialect: &dyn Dialect,
    table: &Table,
    filter: &Filter,
) -> Result<(), String> {
    let conditions = conditions(statement, dialect, table, filter)?;
    push_all(statement, &conditions);
    Ok(())
}

/// Appends ` WHERE …`, or nothing where there are no conditions.
pub(super) fn push_all(statement: &mut Statement, conditions: &[String]) {
    if !conditions.is_empty() {
        statement.sql.push_str(" WHERE ");
        statement.sql.push_str(&conditions.join(" AND "));
    }
}

/// A filter's conditions, their values bound to the statement.
pub(super) fn conditions(
    statement: &mut Statement,
    dialect: &dyn Dialect,
    table: &Table,
    filter: &Filter,
) -> Result<Vec<String>, String> {
    let mut conditions = Vec::new();
    for (name, condition) in filter {
        let column = table
            .column(name)
            .ok_or_else(|| format!("table {} has no column {name} to filter by", table.name))?;
        conditions.push(condition_sql(statement, dialect, column, condition));
    }
    Ok(conditions)
}

fn condition_sql(
    statement: &mut Statement,
    dialect: &dyn Dialect,
    column: &Column,
    condition: &Condition,
) -> String {
    let sql = quote(&column.name);
    let mut any = |scalars: &[Scalar]| {
        let matches = scalars.iter().map(|scalar| scalar_sql(statement, dialect, column, scalar));
        let matches: Vec<_> = matches.flatten().collect();
        if matches.is_empty() { "1 = 0".to_owned() } else { matches.join(" OR ") }
    };
    match condition {
        Condition::Equals(scalar) => {
            format!("({})", any(std::slice::from_ref(scalar)))
        }
        Condition::In(scalars) => format!("({})", any(scalars)),
        Condition::NotIn(scalars) if scalars.contains(&Scalar::Null) => {
            format!("NOT ({})", any(scalars))
        }
        Condition::NotIn(scalars) => format!("({sql} IS NULL OR NOT ({}))", any(scalars)),
        Condition::StartsWith(prefix) => {
            starts_with(statement, dialect, column, prefix).unwrap_or_else(|| "1 = 0".to_owned())
        }
    }
}

/// `None`: no value of this column equals the scalar.
fn scalar_sql(
    statement: &mut Statement,
    dialect: &dyn Dialect,
    column: &Column,
    scalar: &Scalar,
) -> Option<String> {
    let sql = quote(&column.name);
    let next = statement.parameters.len() + 1;
    let is_text = matches!(scalar, Scalar::Text(_));
    let comparable = column.kind != Kind::Json && (is_text || column.kind != Kind::Bytes);
    let (condition, parameter) = match scalar {
        Scalar::Null => return Some(format!("{sql} IS NULL")),
        _ if !comparable => return None,
        Scalar::Boolean(wanted) => return dialect.boolean_equals(&sql, column, *wanted),
        Scalar::Integer(wanted) => {
            (dialect.integer_equals(&sql, column, next)?, Parameter::Integer(*wanted))
        }
        Scalar::Decimal(wanted) => {
            let value = Value::Decimal(wanted.as_str().into());
            let parameter = dialect.parameter(column, &value).ok()?;
            (format!("{sql} = {}", dialect.lookup(next, column)), parameter)
        }
        Scalar::Text(wanted) => {
            (dialect.text_equals(&sql, column, next)?, text_parameter(dialect, column, wanted)?)
        }
    };
    statement.bind(parameter);
    Some(condition)
}

fn starts_with(
    statement: &mut Statement,
    dialect: &dyn Dialect,
    column: &Column,
    prefix: &str,
) -> Option<String> {
    if column.kind == Kind::Json {
        return None;
    }
    let next = statement.parameters.len() + 1;
    let condition = dialect.starts_with(&quote(&column.name), column, next)?;
    statement.bind(text_parameter(dialect, column, prefix)?);
    Some(condition)
}

/// `None` where the engine can't hold such text (a NUL in PostgreSQL): then nothing equals it.
fn text_parameter(dialect: &dyn Dialect, column: &Column, text: &str) -> Option<Parameter> {
    let value = match column.kind {
        Kind::Bytes => Value::bytes_of(text),
        _ => Value::Text(text.into()),
    };
    dialect.parameter(column, &value).ok()
}
