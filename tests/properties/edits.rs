//! Random rows and random edits, as SQL statements. A statement that the constraints refuse is left
//! out by whoever runs it, so that any list of statements is a legal history, and so is any part of
//! it: a failing case can be cut down by leaving statements out.

use reconcile::config::Environment;

use super::random::Random;
use super::schema::{Kind, LEFT_OUT, Place, Reference, Role, Schema, Table};

/// Statements that happen together or not at all.
#[derive(Debug, Clone)]
pub struct Edit {
    pub on: Vec<Environment>,
    pub sql: Vec<String>,
}

/// What stands before and after the bar in a code; each engine has a function of its own for it.
pub const BEFORE_BAR: &str = "before_bar(code)";
pub const AFTER_BAR: &str = "after_bar(code)";

const BOTH: [Environment; 2] = [Environment::Prod, Environment::Test];

/// Writes statements for one schema.
pub struct Author<'a> {
    schema: &'a Schema,
    random: &'a mut Random,
    /// `created` values never repeat, as times hardly do.
    moment: usize,
}

impl<'a> Author<'a> {
    pub fn new(schema: &'a Schema, random: &'a mut Random, moment: usize) -> Self {
        Self { schema, random, moment }
    }

    /// What both sides begin with.
    pub fn beginning(&mut self) -> Vec<Edit> {
        let mut edits = Vec::new();
        // Twice, so that circles of references get filled too.
        for round in 0..2 {
            for at in 0..self.schema.tables.len() {
                for number in 1..=2 + self.random.below(4) {
                    let id = round * 5 + number;
                    edits.push(Edit { on: BOTH.to_vec(), sql: vec![self.insert(at, id)] });
                }
            }
        }
        for _ in 0..self.random.below(6) {
            let at = self.random.below(self.schema.tables.len());
            let sql = self.repoint(at);
            edits.push(Edit { on: BOTH.to_vec(), sql });
        }
        edits
    }

    /// What happens afterwards on either side.
    pub fn edits(&mut self, count: usize) -> Vec<Edit> {
        let mut edits = Vec::new();
        for _ in 0..count {
            let at = self.random.below(self.schema.tables.len());
            let side = *self.random.pick(&BOTH);
            if self.random.chance(12) {
                edits.extend(self.twins(at));
                continue;
            }
            let sql = match self.random.below(13) {
                0 | 1 => {
                    let id = self.free_id(side);
                    vec![self.insert(at, id)]
                }
                2 => self.delete(at),
                3 => self.reuse(at),
                4 => self.set(at, "code"),
                5 | 6 => self.repoint(at),
                7 => self.swap(at),
                8 => self.empty(at),
                9 => self.set(at, "kind"),
                10 => self.set(at, "rank"),
                11 => self.set(at, "hits"),
                _ => self.set(at, "label"),
            };
            edits.push(Edit { on: vec![side], sql });
        }
        edits
    }

    /// The same thing, made on both sides under different IDs; or the same ID, for different things.
    fn twins(&mut self, at: usize) -> Vec<Edit> {
        let (prod, test) = match self.random.below(3) {
            0 => (21, 21),
            1 => (22, 23),
            _ => (24, 25),
        };
        let sql = self.insert(at, prod);
        let other = match self.random.chance(70) {
            true => self.same_with_id(at, &sql, prod, test),
            false => self.insert(at, test),
        };
        vec![
            Edit { on: vec![Environment::Prod], sql: vec![sql] },
            Edit { on: vec![Environment::Test], sql: vec![other] },
        ]
    }

    fn same_with_id(&self, at: usize, sql: &str, from: usize, to: usize) -> String {
        match self.schema.tables[at].auto {
            true => sql.replacen(&format!("VALUES ({from},"), &format!("VALUES ({to},"), 1),
            false => sql.to_owned(),
        }
    }

    fn free_id(&mut self, side: Environment) -> usize {
        match (self.random.below(3), side) {
            (0, _) => 11 + self.random.below(8),
            (_, Environment::Prod) => 30 + self.random.below(8),
            (_, Environment::Test) => 40 + self.random.below(8),
        }
    }

    fn insert(&mut self, at: usize, id: usize) -> String {
        let table = &self.schema.tables[at];
        let values: Vec<String> = table
            .columns
            .iter()
            .map(|column| match table.reference_of(&column.name) {
                Some(_) => String::new(),
                None => self.plain(table, &column.name, id),
            })
            .collect();
        let mut values = values;
        for reference in &table.references {
            for (column, value) in self.referred(reference, table) {
                let place = table.columns.iter().position(|c| c.name == column).unwrap();
                values[place] = value;
            }
        }
        let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        format!("INSERT INTO {} ({}) VALUES ({})", table.name, names.join(", "), values.join(", "))
    }

    /// A value of a column that refers to nothing.
    fn plain(&mut self, table: &Table, name: &str, id: usize) -> String {
        let column = table.column(name);
        if table.key.iter().any(|key| key == name) {
            return match (name, column.kind) {
                ("shop", _) => (1 + id % 2).to_string(),
                (_, Kind::Integer) => id.to_string(),
                (_, Kind::Text) => format!("'k{id}'"),
            };
        }
        if column.nullable && self.random.chance(15) {
            return "NULL".into();
        }
        match name {
            "code" => self.code(),
            "kind" => self.kind(),
            "made" => {
                self.moment += 1;
                format!("'2026-01-01 {:06}'", self.moment)
            }
            "rank" | "position" => self.random.below(12).to_string(),
            _ if column.role != Role::Content => self.random.below(5).to_string(),
            _ if column.kind == Kind::Integer => self.random.below(12).to_string(),
            _ => format!("'text {}'", self.random.below(50)),
        }
    }

    fn code(&mut self) -> String {
        match self.random.below(40) {
            0 => "''".into(),
            1 => "'c,\\ü'".into(),
            number => format!("'c{}'", number % 20),
        }
    }

    fn kind(&mut self) -> String {
        let kinds = ["'a'", "'b'", "'a'"];
        let left_out = format!("'{LEFT_OUT}'");
        match self.random.chance(20) {
            true => left_out,
            false => (*self.random.pick(&kinds)).into(),
        }
    }

    /// Columns of a reference and what they hold: some row that exists, or NULL.
    fn referred(&mut self, reference: &Reference, holder: &Table) -> Vec<(String, String)> {
        let to = &self.schema.tables[reference.to];
        let nullable = holder.column(&reference.columns[0]).nullable;
        let nothing = nullable && self.random.chance(25);
        let offset = self.random.below(6);
        let pairs = reference.columns.iter().zip(&reference.to_columns);
        pairs
            .map(|(column, to_column)| {
                let value = match nothing {
                    true => "NULL".into(),
                    false => format!(
                        "(SELECT {to_column} FROM {} ORDER BY {} LIMIT 1 OFFSET {offset})",
                        to.name,
                        to.key.join(", ")
                    ),
                };
                (column.clone(), value)
            })
            .collect()
    }

    /// A condition that one existing row passes.
    fn one(&mut self, table: &Table) -> String {
        let offset = self.random.below(8);
        nth(table, offset)
    }

    fn delete(&mut self, at: usize) -> Vec<String> {
        let table = &self.schema.tables[at];
        let one = self.one(table);
        let mut sql = Vec::new();
        self.delete_below(at, &one, &mut sql);
        sql.push(format!("DELETE FROM {} WHERE {one}", table.name));
        sql
    }

    fn delete_below(&self, at: usize, condition: &str, sql: &mut Vec<String>) {
        for child in
            self.schema.indexes(|t| matches!(t.place, Place::Owned { above, .. } if above == at))
        {
            let table = &self.schema.tables[child];
            let Place::Owned { by, .. } = table.place else { continue };
            let reference = &table.references[by];
            let below = format!(
                "({}) IN (SELECT {} FROM {} WHERE {condition})",
                reference.columns.join(", "),
                reference.to_columns.join(", "),
                self.schema.tables[at].name
            );
            self.delete_below(child, &below, sql);
            sql.push(format!("DELETE FROM {} WHERE {below}", table.name));
        }
    }

    /// An ID that is given to something else.
    fn reuse(&mut self, at: usize) -> Vec<String> {
        let table = &self.schema.tables[at];
        let one = self.one(table);
        let mut set = Vec::new();
        for name in ["code", "kind", "made", "label"] {
            if table.has(name) {
                set.push(format!("{name} = {}", self.plain(table, name, 0)));
            }
        }
        update(table, &set, &one)
    }

    fn set(&mut self, at: usize, name: &str) -> Vec<String> {
        let table = &self.schema.tables[at];
        if !table.has(name) {
            return Vec::new();
        }
        let one = self.one(table);
        let value = self.plain(table, name, 0);
        update(table, &[format!("{name} = {value}")], &one)
    }

    /// Repoints a reference: a tree's parent, an owned row's owner, anything.
    fn repoint(&mut self, at: usize) -> Vec<String> {
        let table = &self.schema.tables[at];
        if table.references.is_empty() {
            return Vec::new();
        }
        let reference = self.random.pick(&table.references).clone();
        let one = self.one(table);
        let set: Vec<String> = self
            .referred(&reference, table)
            .into_iter()
            .map(|(column, value)| format!("{column} = {value}"))
            .collect();
        update(table, &set, &one)
    }

    fn empty(&mut self, at: usize) -> Vec<String> {
        let table = &self.schema.tables[at];
        let nullable: Vec<_> = table.columns.iter().filter(|column| column.nullable).collect();
        if nullable.is_empty() {
            return Vec::new();
        }
        let column = *self.random.pick(&nullable);
        let value = match column.kind {
            Kind::Text if table.reference_of(&column.name).is_none() && self.random.chance(30) => {
                "''"
            }
            _ => "NULL",
        };
        let one = self.one(table);
        update(table, &[format!("{} = {value}", column.name)], &one)
    }

    /// Two rows exchange a unique value. Both values travel through one row, since neither may be
    /// held twice on the way.
    fn swap(&mut self, at: usize) -> Vec<String> {
        let table = &self.schema.tables[at];
        let first = self.random.below(4);
        let (a, b) = (nth(table, first), nth(table, first + 1));
        let name = &table.name;
        if table.has("rank") && self.random.chance(50) {
            return vec![
                format!(
                    "UPDATE {name} SET rank = -((rank + 1) * 1000 + (SELECT rank FROM {name} \
                     WHERE {b})) WHERE {a}"
                ),
                format!(
                    "UPDATE {name} SET rank = -(SELECT rank - rank % 1000 FROM {name} WHERE {a}) \
                     / 1000 - 1 WHERE {b}"
                ),
                format!("UPDATE {name} SET rank = -rank % 1000 WHERE {a}"),
            ];
        }
        if !table.has("code") {
            return Vec::new();
        }
        vec![
            format!(
                "UPDATE {name} SET code = code || '|' || (SELECT code FROM {name} WHERE {b}) \
                 WHERE {a}"
            ),
            format!(
                "UPDATE {name} SET code = (SELECT {BEFORE_BAR} FROM {name} WHERE {a}) WHERE {b}"
            ),
            format!("UPDATE {name} SET code = {AFTER_BAR} WHERE {a}"),
        ]
    }
}

fn update(table: &Table, set: &[String], condition: &str) -> Vec<String> {
    match set.is_empty() {
        true => Vec::new(),
        false => vec![format!("UPDATE {} SET {} WHERE {condition}", table.name, set.join(", "))],
    }
}

fn nth(table: &Table, offset: usize) -> String {
    let key = table.key.join(", ");
    let (left, right) = (format!("({key})"), format!("SELECT {key} FROM {}", table.name));
    // Nested once more, since MariaDB takes no LIMIT right inside IN.
    format!("{left} IN (SELECT * FROM ({right} ORDER BY {key} LIMIT 1 OFFSET {offset}) AS nth)")
}
