//! Modules resolved against two catalogues: what is read, compared, matched and written.
//!
//! Answers for every name being real on both sides, and for what each column is (content, kept,
//! ignored, a reference). It reads no rows. Building it is in `resolve.rs`.

use std::collections::{BTreeMap, BTreeSet};

use super::files::Files;
use super::spots::{Within, as_kind};
use crate::catalog::{Kind, Table};
use crate::database::{Value, limits};
use crate::manifest::filter::{Condition, Filter};

/// Which of the two databases a row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    Source,
    Target,
}

impl Side {
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Source => Self::Target,
            Self::Target => Self::Source,
        }
    }
}

/// Index into [`Model::nodes`].
pub type NodeId = usize;
/// Index into [`Model::matchings`].
pub type MatchingId = usize;

/// By what owned rows of two records are paired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PairedBy {
    /// Identity, key and content: the records stand in two databases.
    #[default]
    Meaning,
    /// The key alone: an undo looks at one database, where nothing else is the same row.
    Key,
}

/// Everything a comparison needs to know before it reads rows.
#[derive(Debug, Default)]
pub struct Model {
    pub paired_by: PairedBy,
    /// Record types of the job and the rows they own, parents before children.
    pub nodes: Vec<Node>,
    /// The root nodes, ordered by module and table.
    pub roots: Vec<NodeId>,
    /// How rows of each table that is referred to are recognised on the other side.
    pub matchings: Vec<Matching>,
    /// The default matching of a table.
    pub by_table: BTreeMap<String, MatchingId>,
    /// Declared references of any loaded module, and `referencedBy`, with the table that they refer to.
    pub declared: Vec<(String, Referrer)>,
    /// What conditions ask of rows that a column refers to.
    pub throughs: Vec<Through>,
    /// Tables of the target whose rows name files, by any loaded module.
    pub file_holders: Vec<FileHolder>,
    /// What both galleries have of the files that records name. Filled before a comparison.
    pub files: Files,
    /// Foreign keys of the target, by the table of the job that they refer to.
    pub referrers: BTreeMap<String, Vec<Referrer>>,
    /// What a reviewer should know of the whole.
    pub notes: Vec<String>,
    /// Modules that can't be compared, with the reason.
    pub failed: BTreeMap<String, String>,
}

impl Model {
    /// Whether rows besides those they own refer to a table's rows, by whatever key.
    pub fn is_referred_to(&self, table: &str) -> bool {
        let owned = |holder: &Table, columns: &[String]| {
            self.nodes.iter().filter(|node| node.table == holder.name).any(|node| {
                node.parent.as_ref().is_some_and(|parent| {
                    self.nodes[parent.node].table == table && node.names(&parent.columns) == columns
                })
            })
        };
        let mut holders = self.referrers.get(table).into_iter().flatten();
        holders.any(|it| !owned(&it.holder, &it.columns))
            || self.declared.iter().any(|(to_table, _)| to_table == table)
    }
}

/// One table in one place of a record.
#[derive(Debug)]
pub struct Node {
    pub module: String,
    /// 16 bytes over the module's manifest and both tables' structure: part of every pin.
    pub shape: [u8; 16],
    pub table: String,
    pub source: Table,
    pub target: Table,
    /// Every column of either side, the target's first, in its order.
    pub columns: Vec<Column>,
    /// Indexes into `columns`: the internal ID.
    pub key: Vec<usize>,
    /// Indexes into `columns`; empty where none is declared.
    pub identity: Vec<usize>,
    /// Which rows belong to the module.
    pub filter: BTreeMap<String, Condition>,
    /// Of a table that is never synchronized: which rows may be touched, whatever recognises them.
    pub only: Option<Filter>,
    /// Which rows of the table belong to the record at all: constants beside the parent's ID.
    pub belongs: Vec<Test>,
    /// Rows the application makes again: never compared or copied, deleted with their parent.
    pub derived: bool,
    pub references: Vec<Reference>,
    pub files: Vec<NamedFiles>,
    /// Where the rows form a tree: the index of the path column, and how steps are numbered.
    pub tree: Option<Tree>,
    /// For owned rows: the node above and how the row names it.
    pub parent: Option<Parent>,
    pub owns: Vec<NodeId>,
    pub label: Option<usize>,
    pub updated: Option<usize>,
    pub created: Option<usize>,
    /// Index into `columns`: an owned row's single integer key that refers to nothing, or a single
    /// integer primary key where the manifest names another `key`. It is no content: a matched row
    /// keeps the target's.
    pub number: Option<usize>,
    /// Nothing but key and references: its references are its identity.
    pub link: bool,
    /// The matching of this table's rows.
    pub matching: MatchingId,
    pub republish: Vec<String>,
}

/// A column that holds paths below the gallery's root.
#[derive(Debug, Clone)]
pub struct NamedFiles {
    /// Index into the columns that are at hand where it is asked.
    pub column: usize,
    pub when: Vec<Test>,
    /// Where in the value paths stand.
    pub within: Within,
}

/// A table of the target whose rows name files, whichever module says so.
#[derive(Debug, Clone)]
pub struct FileHolder {
    pub table: Table,
    /// By which its rows are known.
    pub key: Vec<String>,
    /// The columns to read, which `files` and their tests index.
    pub read: Vec<String>,
    pub files: Vec<NamedFiles>,
}

/// Paths that name a row's parent.
#[derive(Debug, Clone)]
pub struct Tree {
    pub path: usize,
    /// Characters of one step.
    pub step: usize,
    /// The digits of a step, in their order.
    pub alphabet: Vec<char>,
    /// Index into the node's references.
    pub reference: usize,
}

/// How an owned row names its parent row.
#[derive(Debug, Clone)]
pub struct Parent {
    pub node: NodeId,
    /// What the parent's columns hold, and what the child's do; `Any` where it is the same.
    pub to_kinds: Vec<Kind>,
    pub kinds: Vec<Kind>,
    /// Indexes into the child's columns.
    pub columns: Vec<usize>,
    /// Indexes into the parent's columns, in the same order.
    pub to: Vec<usize>,
}

/// One column of a node, over both sides.
#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub on: Presence,
    pub role: Role,
    pub redacted: bool,
    /// On the target (on the source where only it has the column).
    pub nullable: bool,
    pub kind: Kind,
    /// What `reset` writes.
    pub reset: Value,
    /// Where the sides keep seconds with different precision: the coarser one's decimals.
    pub seconds: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    Both,
    /// Carries the source's default, to tell a mere default from content.
    SourceOnly {
        default: Option<String>,
    },
    /// A row inserted there takes the column's default. `required`: it has none and isn't nullable.
    TargetOnly {
        required: bool,
    },
}

/// What a column is for comparing and writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Compared and written.
    Content,
    /// The internal ID of a root, an owned row's surrogate key or its parent reference: written with
    /// an insert, implied by the match otherwise.
    Place,
    /// Not compared, but written with a row that differs otherwise.
    Ignored,
    /// Not compared, never updated; an insert takes the target's default.
    KeptDefault,
    /// Not compared, never updated; an insert takes the source's value.
    KeptSource,
    /// Not compared; NULL or the default whenever the record is written.
    Reset,
    /// A reference into a never-synchronized table: an update keeps the target's, an insert takes
    /// the matched row, else NULL.
    Foreign,
    /// Computed by a database: never compared, never written.
    Generated,
}

/// Columns that hold another row's unique values, as a whole or somewhere inside.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Indexes into the node's or matching's columns; one where IDs stand inside.
    pub columns: Vec<usize>,
    pub within: Within,
    /// Of the references with one number, which follow each other, a row takes the first whose tests
    /// it passes.
    pub place: usize,
    pub when: Vec<Test>,
    pub to_table: String,
    /// Column names there, in the same order.
    pub to_columns: Vec<String>,
    /// What those columns hold, where it isn't what these hold, too.
    pub to_kinds: Vec<Kind>,
    pub matching: MatchingId,
    /// The value that means "no reference" besides NULL.
    pub none: Option<Value>,
    /// Points into a never-synchronized table.
    pub outside: bool,
    /// It does and is no part of an identity, so it is no content.
    pub foreign: bool,
    /// Every column may be NULL on the target.
    pub nullable: bool,
}

/// A condition on one column of a row.
#[derive(Debug, Clone)]
pub struct Test {
    /// Index into the columns that are at hand where it is asked.
    pub column: usize,
    pub condition: Condition,
    /// Index into [`Model::throughs`]: the column refers to a row, whose unique key is asked instead.
    pub through: Option<usize>,
}

/// A condition on the unique key of the rows that a column may refer to.
#[derive(Debug, Clone)]
pub struct Through {
    pub matching: MatchingId,
    /// The column referred to.
    pub to_column: String,
    /// The unique key there, its values joined with `.`.
    pub name: Vec<String>,
    pub condition: Condition,
    /// By side: what the column holds where the condition, or for `notIn` its opposite, is true.
    /// Filled before a comparison.
    pub known: [BTreeSet<Value>; 2],
}

/// How rows of one table are recognised on the other side.
#[derive(Debug, Clone)]
pub struct Matching {
    pub table: String,
    pub source: Table,
    pub target: Table,
    /// The columns read for matching, key and identity among them.
    pub columns: Vec<String>,
    pub key: Vec<usize>,
    pub identity: Vec<usize>,
    /// How an owned row names its parent.
    pub parent: Vec<usize>,
    /// References among identity and key columns.
    pub references: Vec<Reference>,
    pub filter: BTreeMap<String, Condition>,
    pub created: Option<usize>,
    /// By column: its values are never shown.
    pub redacted: Vec<bool>,
    pub basis: Basis,
}

/// Why rows of a table are recognised as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A record type's or an owned table's identity.
    Module,
    /// `tables.match` of the operator or `match` of a reference.
    Declared,
    /// The first unique key that isn't a surrogate.
    UniqueKey,
    /// The internal ID, for want of anything better.
    Id,
}

/// A reference seen from the table that is referred to.
#[derive(Debug, Clone)]
pub struct Referrer {
    pub holder: Table,
    pub columns: Vec<String>,
    pub to_columns: Vec<String>,
    /// Where a manifest declares it: which rows of the holder refer, and where the ID stands.
    pub declared: Option<Declared>,
}

/// A reference that a manifest declares, for reading the rows that hold it.
#[derive(Debug, Clone)]
pub struct Declared {
    /// The columns to read, which the references and their tests index.
    pub read: Vec<String>,
    /// All choices of the place.
    pub references: Vec<Reference>,
    /// Which of them it is.
    pub which: usize,
}

impl Node {
    pub fn table(&self, side: Side) -> &Table {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    /// The key is a number that is no content.
    pub fn surrogate_key(&self) -> bool {
        self.number.is_some_and(|number| self.key == [number])
    }

    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    pub fn names(&self, indexes: &[usize]) -> Vec<String> {
        indexes.iter().map(|index| self.columns[*index].name.clone()).collect()
    }

    /// Columns whose difference makes a record differ.
    pub fn content(&self) -> impl Iterator<Item = usize> + '_ {
        self.columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.role == Role::Content && column.on == Presence::Both)
            .map(|(index, _)| index)
    }

    /// Whether the target itself refuses a reference to nothing.
    pub fn is_enforced(&self, reference: &Reference) -> bool {
        let names = self.names(&reference.columns);
        reference.within.is_whole()
            && self.target.foreign_keys.iter().any(|key| key.columns == names)
    }

    /// The reference that a column as a whole is part of, if any.
    pub fn reference_of(&self, column: usize) -> Option<&Reference> {
        self.references.iter().find(|reference| reference.holds(column))
    }

    /// What the children hold of the row above them.
    pub fn from_parent(parent: &Parent, above: &[Value]) -> Vec<Value> {
        let values = parent.to.iter().map(|column| &above[*column]);
        values
            .zip(&parent.kinds)
            .map(|(value, kind)| as_kind(value, *kind).unwrap_or(Value::Null))
            .collect()
    }
}

impl Column {
    /// Whether two values of the sides are the same, as far as the coarser one keeps them.
    pub fn same(&self, ours: &Value, theirs: &Value) -> bool {
        match self.seconds {
            None => ours == theirs,
            Some(_) => self.cut(ours) == self.cut(theirs),
        }
    }

    /// How many decimals of a second are left of a value that has more.
    pub fn loses_seconds(&self, value: &Value) -> Option<usize> {
        let (Some(kept), Value::Other(text)) = (self.seconds, value) else { return None };
        // None has so many: this only takes zeros away.
        let whole = limits::cut_seconds(text, 12);
        (limits::cut_seconds(text, kept) != whole).then_some(kept)
    }

    /// A value with as many decimals of a second as both sides keep.
    pub fn cut(&self, value: &Value) -> Value {
        match (self.seconds, value) {
            (Some(kept), Value::Other(text)) => {
                Value::Other(limits::cut_seconds(text, kept).into())
            }
            _ => value.clone(),
        }
    }

    pub fn is_on(&self, side: Side) -> bool {
        match (&self.on, side) {
            (Presence::Both, _)
            | (Presence::SourceOnly { .. }, Side::Source)
            | (Presence::TargetOnly { .. }, Side::Target) => true,
            (Presence::SourceOnly { .. }, Side::Target)
            | (Presence::TargetOnly { .. }, Side::Source) => false,
        }
    }
}

impl Tree {
    /// The path that a row of the node holds.
    pub fn of<'r>(&self, row: &'r [Value]) -> Option<&'r str> {
        match row.get(self.path)? {
            Value::Text(path) => Some(path),
            _ => None,
        }
    }
}

impl Reference {
    /// A column of this role isn't written for it: it is reset, or it stays as a matched row has it.
    pub fn leaves(&self, role: Role, matched: bool) -> bool {
        let not_content = self.foreign && self.within.is_whole();
        role == Role::Reset || (matched && (role == Role::Place || not_content))
    }

    /// A column is, as a whole, part of it.
    pub fn holds(&self, column: usize) -> bool {
        self.within.is_whole() && self.columns.contains(&column)
    }
}

impl Through {
    pub fn holds(&self, side: Side, value: &Value) -> bool {
        let known = &self.known[usize::from(side == Side::Target)];
        known.contains(value) != matches!(self.condition, Condition::NotIn(_))
    }
}

impl Matching {
    pub fn table(&self, side: Side) -> &Table {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    pub fn names(&self, indexes: &[usize]) -> Vec<String> {
        indexes.iter().map(|index| self.columns[*index].clone()).collect()
    }

    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }
}
