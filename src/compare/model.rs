//! Modules resolved against two catalogues: what is read, compared, matched and written.
//!
//! Answers for every name being real on both sides, and for what each column is (content, kept,
//! ignored, a reference). It reads no rows. Building it is in `resolve.rs`.

use std::collections::BTreeMap;

use crate::catalog::Table;
use crate::database::{Value, limits};
use crate::manifest::filter::Condition;

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
    /// Declared references of any loaded module, with the table that they refer to.
    pub declared: Vec<(String, Referrer)>,
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
    pub references: Vec<Reference>,
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

/// How an owned row names its parent row.
#[derive(Debug, Clone)]
pub struct Parent {
    pub node: NodeId,
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
    pub kind: crate::catalog::Kind,
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
    /// A reference into a never-synchronized table: an update keeps the target's, an insert takes
    /// the matched row, else NULL.
    Foreign,
    /// Computed by a database: never compared, never written.
    Generated,
}

/// Columns that hold another row's unique values.
#[derive(Debug, Clone)]
pub struct Reference {
    /// Indexes into the node's or matching's columns.
    pub columns: Vec<usize>,
    pub to_table: String,
    /// Column names there, in the same order.
    pub to_columns: Vec<String>,
    pub matching: MatchingId,
    /// The value that means "no reference" besides NULL.
    pub none: Option<Value>,
    /// Points into a never-synchronized table.
    pub foreign: bool,
    /// Every column may be NULL on the target.
    pub nullable: bool,
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
        self.target.foreign_keys.iter().any(|key| key.columns == names)
    }

    /// The reference that holds a column, if any.
    pub fn reference_of(&self, column: usize) -> Option<&Reference> {
        self.references.iter().find(|reference| reference.columns.contains(&column))
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
            (Some(kept), Value::Other(text)) => Value::Other(limits::cut_seconds(text, kept)),
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
