//! What columns refer to: foreign keys of either side and declared references.

use super::{Builder, Node, Reference, Refusal, Role, Table, Value, Written};
use crate::compare::model::{Column, Presence};
use crate::manifest::filter::Scalar;
use crate::manifest::reference::{OwnedBy, ReferenceChoice, ReferenceRule};

/// A reference before its columns are looked up.
struct Named {
    columns: Vec<String>,
    to_table: String,
    to_columns: Vec<String>,
    matched_by: Vec<String>,
    none: Option<Value>,
}

impl Builder<'_> {
    /// References of a node; columns that refer to never-synchronized tables change their role.
    pub(super) fn references(
        &mut self,
        written: &Written<'_>,
        source: &Table,
        target: &Table,
        columns: &mut [Column],
    ) -> Result<Vec<Reference>, Refusal> {
        let mut references = Vec::new();
        for named in self.named(written, source, target)? {
            let positions: Option<Vec<usize>> = named
                .columns
                .iter()
                .map(|name| columns.iter().position(|c| c.name == *name && c.on == Presence::Both))
                .collect();
            let Some(positions) = positions else { continue };
            let foreign = self.is_foreign(&named.to_table);
            let in_identity = named.columns.iter().any(|column| written.identity.contains(column));
            if foreign && !in_identity {
                for index in &positions {
                    if columns[*index].role == Role::Content {
                        columns[*index].role = Role::Foreign;
                    }
                }
            }
            let matching = self.matching(&named.to_table, &named.matched_by)?;
            self.needs(matching, &named.to_columns)?;
            references.push(Reference {
                nullable: positions.iter().all(|index| columns[*index].nullable),
                columns: positions,
                to_table: named.to_table,
                to_columns: named.to_columns,
                matching,
                none: named.none,
                foreign,
            });
        }
        Ok(references)
    }

    /// Declared references first; a foreign key over the same columns adds nothing to them.
    fn named(
        &self,
        written: &Written<'_>,
        source: &Table,
        target: &Table,
    ) -> Result<Vec<Named>, Refusal> {
        let mut found: Vec<Named> = Vec::new();
        for (column, rule) in written.references {
            found.push(self.declared_reference(written.table, column, only_choice(rule))?);
        }
        for key in target.foreign_keys.iter().chain(&source.foreign_keys) {
            let known = |named: &Named| {
                named.columns == key.columns
                    || (named.columns.len() == 1 && key.columns.contains(&named.columns[0]))
            };
            if found.iter().any(known) {
                continue;
            }
            found.push(Named {
                columns: key.columns.clone(),
                to_table: key.to_table.clone(),
                to_columns: key.to_columns.clone(),
                matched_by: Vec::new(),
                none: None,
            });
        }
        Ok(found)
    }

    fn declared_reference(
        &self,
        table: &str,
        column: &str,
        choice: &ReferenceChoice,
    ) -> Result<Named, Refusal> {
        let referred = self.input.target.table(&choice.table).ok_or_else(|| {
            format!(
                "{table}.{column} refers to {}, which doesn't exist on the target",
                choice.table
            )
        })?;
        let by_key = |key: &&crate::catalog::ForeignKey| {
            key.columns == [column] && key.to_table == choice.table
        };
        let holder = self.input.target.table(table);
        let to_columns = match holder.and_then(|t| t.foreign_keys.iter().find(by_key)) {
            Some(key) => key.to_columns.clone(),
            None if referred.primary_key.len() == 1 => referred.primary_key.clone(),
            None => {
                return Err(format!(
                    "{table}.{column} can't refer to {}, whose key isn't one column",
                    choice.table
                ));
            }
        };
        Ok(Named {
            columns: vec![column.to_owned()],
            to_table: choice.table.clone(),
            to_columns,
            matched_by: choice.matching.clone(),
            none: choice.none.as_ref().map(scalar_value),
        })
    }
}

/// Manifests are validated to hold exactly one choice until choices by type are supported.
pub(super) fn only_choice(rule: &ReferenceRule) -> &ReferenceChoice {
    &rule.choices[0]
}

pub(super) fn scalar_value(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Boolean(*value),
        Scalar::Integer(value) => Value::Integer(*value),
        Scalar::Decimal(digits) => Value::Decimal(digits.clone()),
        Scalar::Text(text) => Value::Text(text.clone()),
    }
}

/// The columns of an owned table that name its parent, and what they name there.
pub(super) fn parent_link(
    written: &Written<'_>,
    target: &Table,
    source: &Table,
    owner: &Node,
) -> Result<(Vec<String>, Vec<String>), Refusal> {
    let to_owner: Vec<_> =
        target
            .foreign_keys
            .iter()
            .chain(source.foreign_keys.iter().filter(|key| {
                !target.foreign_keys.iter().any(|known| known.columns == key.columns)
            }))
            .filter(|key| key.to_table == owner.table)
            .collect();
    let chosen = match written.by {
        Some(OwnedBy::Name(name)) => {
            to_owner.iter().find(|key| key.name == *name || key.columns == [name.as_str()])
        }
        Some(OwnedBy::Columns(_)) => {
            return Err(format!("{}: a map in `by` is not yet supported", written.table));
        }
        None if to_owner.len() == 1 => to_owner.first(),
        None => None,
    };
    match (chosen, written.by) {
        (Some(key), _) => Ok((key.columns.clone(), key.to_columns.clone())),
        (None, Some(OwnedBy::Name(column))) if target.column(column).is_some() => {
            Ok((vec![column.clone()], owner.names(&owner.key)))
        }
        _ => Err(format!(
            "{} has {} foreign keys to {}; say which one names the parent as `by`",
            written.table,
            to_owner.len(),
            owner.table
        )),
    }
}
