//! Reading entities with all that belongs to them: a few statements for many, never one for each.
//!
//! Answers for what stands in the database at the moment of the reading transaction, whole. What
//! documents are made of it is `document`'s.

use std::collections::{BTreeSet, HashMap};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Error;
use super::message::Which;
use super::model::{Child, Model, Parts};
use crate::database::{Row, Session, Stretch, Value};
use crate::manifest::filter::{Filter, passes};

/// An entity and the rows below it.
#[derive(Debug)]
pub struct Entity {
    pub id: Value,
    pub node: Node,
    pub stores: Vec<Option<String>>,
    pub locales: Vec<Option<String>>,
}

/// A row, and of each child of its table the rows that belong to it.
#[derive(Debug)]
pub struct Node {
    pub row: Row,
    pub children: Vec<Vec<Node>>,
}

/// Which rows are read, by the column that names the entity.
#[derive(Debug, Clone)]
pub enum Wanted {
    Ids(Vec<Vec<Value>>),
    Between(Stretch),
}

impl Wanted {
    /// An event's entities. The database casts what is no number in a column of numbers away.
    pub fn of(which: &Which, numbered: bool) -> Self {
        match which {
            Which::Ids(ids) => {
                let ids: BTreeSet<&String> = ids.iter().collect();
                let value = |id: &String| match id.parse() {
                    Ok(number) if numbered => Value::Integer(number),
                    _ => Value::Text(id.as_str().into()),
                };
                Self::Ids(ids.into_iter().map(|id| vec![value(id)]).collect())
            }
            Which::Between { after, upto } => {
                let bound = |it: &Option<i64>| it.map(|it| vec![Value::Integer(it)]);
                Self::Between(Stretch { after: bound(after), upto: bound(upto) })
            }
        }
    }
}

/// Rows of a table by one of its columns.
pub async fn rows_by(
    session: &mut Session,
    table: &crate::catalog::Table,
    columns: &[String],
    by: &str,
    wanted: &Wanted,
) -> Result<Vec<Row>, Error> {
    let by = [by.to_owned()];
    Ok(match wanted {
        Wanted::Between(stretch) => session.rows_within(table, columns, &by, stretch).await?,
        Wanted::Ids(ids) => {
            let found = session.find(table, columns, &by, ids).await?;
            found.into_iter().map(|(_, row)| row).collect()
        }
    })
}

/// The entities that are published, of those wanted.
pub async fn load(
    session: &mut Session,
    model: &Model,
    wanted: &Wanted,
) -> Result<Vec<Entity>, Error> {
    let mut rows = rows_by(session, &model.entity, &model.columns, &model.id, wanted).await?;
    rows.retain(|row| {
        model.active.is_none_or(|place| is_true(&row[place]))
            && filtered(&model.rows, &model.columns, row)
    });
    rows.sort();
    let ids: Vec<Value> = rows.iter().map(|row| row[0].clone()).collect();
    let stores = parts(session, &model.stores, wanted, &ids).await?;
    let locales = parts(session, &model.locales, wanted, &ids).await?;
    let nodes = with_children(session, &model.children, rows, Some(wanted)).await?;
    let entities = nodes.into_iter().zip(ids).zip(stores).zip(locales);
    Ok(entities
        .map(|(((node, id), stores), locales)| Entity { id, node, stores, locales })
        .collect())
}

fn is_true(value: &Value) -> bool {
    !matches!(&*value.display(), "NULL" | "false" | "0" | "")
}

fn filtered(filter: &Filter, columns: &[String], row: &Row) -> bool {
    let get = |name: &str| columns.iter().position(|it| it == name).map(|place| &row[place]);
    filter.is_empty() || passes(filter, get)
}

/// Stores or locales of each entity.
async fn parts(
    session: &mut Session,
    parts: &Parts,
    wanted: &Wanted,
    ids: &[Value],
) -> Result<Vec<Vec<Option<String>>>, Error> {
    Ok(match parts {
        Parts::None => vec![vec![None]; ids.len()],
        Parts::Listed(names) => {
            let names: Vec<_> = names.iter().cloned().map(Some).collect();
            vec![names; ids.len()]
        }
        Parts::All { table, column } => {
            let everything = Stretch::default();
            let rows =
                session.rows_within(table, std::slice::from_ref(column), &[], &everything).await?;
            let names: BTreeSet<_> = rows.iter().map(|row| name(&row[0])).collect();
            let names: Vec<_> = names.into_iter().flatten().map(Some).collect();
            vec![names; ids.len()]
        }
        Parts::Each { table, by, column } => {
            let columns = [by.clone(), column.clone()];
            let rows = rows_by(session, table, &columns, by, wanted).await?;
            let mut of: HashMap<Value, BTreeSet<String>> = HashMap::new();
            for row in rows {
                of.entry(row[0].clone()).or_default().extend(name(&row[1]));
            }
            let names = |id| of.remove(id).unwrap_or_default().into_iter().map(Some).collect();
            ids.iter().map(names).collect()
        }
    })
}

fn name(value: &Value) -> Option<String> {
    (!value.is_empty()).then(|| value.display().into_owned())
}

/// Rows with everything below them. `direct`: the children are named by what the rows are wanted by,
/// so that they needn't be looked up one by one.
fn with_children<'a>(
    session: &'a mut Session,
    children: &'a [Child],
    rows: Vec<Row>,
    direct: Option<&'a Wanted>,
) -> BoxFuture<'a, Result<Vec<Node>, Error>> {
    async move {
        let mut nodes: Vec<Node> = rows
            .into_iter()
            .map(|row| Node { row, children: Vec::with_capacity(children.len()) })
            .collect();
        for child in children {
            let below = below(session, child, &nodes, direct).await?;
            let below = with_children(session, &child.children, below, None).await?;
            let mut of: HashMap<Value, Vec<Node>> = HashMap::new();
            for node in below {
                of.entry(node.row[child.by_place].clone()).or_default().push(node);
            }
            let mut left: HashMap<Value, usize> = HashMap::new();
            for node in &nodes {
                *left.entry(node.row[child.parent].clone()).or_default() += 1;
            }
            for node in &mut nodes {
                let key = &node.row[child.parent];
                let last = left.get_mut(key).is_some_and(|left| {
                    *left -= 1;
                    *left == 0
                });
                let found = if last { of.remove(key) } else { of.get(key).map(|it| copied(it)) };
                node.children.push(found.unwrap_or_default());
            }
        }
        Ok(nodes)
    }
    .boxed()
}

/// Rows that several parents share, as with `via`.
fn copied(nodes: &[Node]) -> Vec<Node> {
    let copy = |node: &Node| Node {
        row: node.row.clone(),
        children: node.children.iter().map(|nodes| copied(nodes)).collect(),
    };
    nodes.iter().map(copy).collect()
}

async fn below(
    session: &mut Session,
    child: &Child,
    nodes: &[Node],
    direct: Option<&Wanted>,
) -> Result<Vec<Row>, Error> {
    let mut rows = match direct {
        // The ID stands first in an entity's columns.
        Some(wanted @ Wanted::Between(_)) if child.parent == 0 => {
            rows_by(session, &child.table, &child.columns, &child.by, wanted).await?
        }
        _ => {
            let keys: BTreeSet<&Value> = nodes.iter().map(|it| &it.row[child.parent]).collect();
            let keys = keys.into_iter().filter(|key| !key.is_null());
            let keys: Vec<_> = keys.map(|key| vec![key.clone()]).collect();
            let wanted = Wanted::Ids(keys);
            rows_by(session, &child.table, &child.columns, &child.by, &wanted).await?
        }
    };
    rows.retain(|row| filtered(&child.rows, &child.columns, row));
    rows.sort();
    Ok(rows)
}
