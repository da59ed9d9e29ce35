//! A random shop's structure: tables of modules, owned tables, and tables outside every module.
//!
//! Answers for the schema as a value, which the other files read instead of a catalogue, so that the
//! checks share no code with the program. DDL and manifests are written in `written.rs`.

use super::random::Random;

#[derive(Debug, Clone)]
pub struct Schema {
    /// Parents before the rows they own; references may point anywhere.
    pub tables: Vec<Table>,
}

#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    pub key: Vec<String>,
    /// The key is one integer that the database can draw.
    pub auto: bool,
    pub uniques: Vec<Vec<String>>,
    pub references: Vec<Reference>,
    pub place: Place,
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub nullable: bool,
    pub role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Integer,
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Content,
    KeptDefault,
    KeptSource,
    Ignored,
}

#[derive(Debug, Clone)]
pub struct Reference {
    pub columns: Vec<String>,
    pub to: usize,
    pub to_columns: Vec<String>,
    pub on_delete: &'static str,
    pub deferrable: bool,
}

#[derive(Debug, Clone)]
pub enum Place {
    Root {
        module: String,
        identity: Vec<String>,
        created: bool,
        filtered: bool,
    },
    Owned {
        above: usize,
        /// Index of the reference that names the parent.
        by: usize,
        identity: Vec<String>,
        filtered: bool,
    },
    /// `protected`: its name keeps it from being synchronized.
    Outside {
        protected: bool,
    },
}

const ROOTS: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
/// `kind` of rows that a filtered module leaves alone.
pub const LEFT_OUT: &str = "x";

impl Schema {
    pub fn random(random: &mut Random) -> Self {
        let mut schema = Self { tables: Vec::new() };
        let outer = random.below(3);
        if outer > 0 {
            let unit = outside(random, if outer == 1 { "ext_unit" } else { "auth_user" });
            schema.tables.push(unit);
        }
        let roots = 1 + random.below(3);
        for name in ROOTS.iter().take(roots) {
            let table = root(random, name);
            schema.tables.push(table);
        }
        for above in schema.indexes(|table| matches!(table.place, Place::Root { .. })) {
            if random.chance(55) {
                let child = schema.owned(random, above, "part");
                if random.chance(40) {
                    schema.owned(random, child, "bit");
                }
                if random.chance(20) {
                    schema.owned(random, above, "link");
                }
            }
        }
        schema.refer(random);
        schema.identify(random);
        if random.chance(80) {
            schema.orders(random);
        }
        schema
    }

    pub fn indexes(&self, wanted: impl Fn(&Table) -> bool) -> Vec<usize> {
        (0..self.tables.len()).filter(|at| wanted(&self.tables[*at])).collect()
    }

    /// Adds a table owned by another; its key may be the parent reference, or contain it.
    fn owned(&mut self, random: &mut Random, above: usize, suffix: &str) -> usize {
        let name = format!("{}_{suffix}", self.tables[above].name);
        let mut table = Table::named(&name);
        table.place = Place::Owned { above, by: 0, identity: Vec::new(), filtered: false };
        let (columns, to_columns) = self.reference_columns(above, "of");
        let kinds = self.kinds(above, &to_columns);
        for (column, kind) in columns.iter().zip(kinds) {
            table.add(column, kind, false, Role::Content);
        }
        let on_delete = *random.pick(&["CASCADE", "NO ACTION", "RESTRICT"]);
        let to = above;
        let deferrable = random.chance(20);
        table.references.push(Reference {
            columns: columns.clone(),
            to,
            to_columns,
            on_delete,
            deferrable,
        });
        match random.below(10) {
            0 => table.key = columns.clone(),
            1 | 2 => {
                table.add("position", Kind::Integer, false, Role::Content);
                table.key = columns.clone();
                table.key.push("position".into());
            }
            _ => table.auto_key(),
        }
        if suffix != "link" {
            table.content(random);
        }
        self.tables.push(table);
        self.tables.len() - 1
    }

    /// Names and referred columns of a reference to a table's key.
    fn reference_columns(&self, to: usize, prefix: &str) -> (Vec<String>, Vec<String>) {
        let to_columns = self.tables[to].key.clone();
        (to_columns.iter().map(|column| format!("{prefix}_{column}")).collect(), to_columns)
    }

    fn kinds(&self, table: usize, columns: &[String]) -> Vec<Kind> {
        columns.iter().map(|name| self.tables[table].column(name).kind).collect()
    }

    /// References between tables, to themselves and to what lies outside.
    fn refer(&mut self, random: &mut Random) {
        let inside = self.indexes(|table| !matches!(table.place, Place::Outside { .. }));
        for at in inside.clone() {
            let link = self.tables[at].name.ends_with("link");
            let count = if link { 1 + random.below(2) } else { random.below(3) };
            for number in 0..count {
                let to = match random.below(10) {
                    0..=2 if !link => at,
                    3 | 4 => random.below(self.tables.len()),
                    _ => *random.pick(&inside),
                };
                self.add_reference(random, at, to, number);
            }
        }
    }

    fn add_reference(&mut self, random: &mut Random, at: usize, to: usize, number: usize) {
        // Only one column can be named as `by`, so a composite parent must stand alone.
        let composite = |above: usize| above == to && self.tables[to].key.len() > 1;
        if matches!(self.tables[at].place, Place::Owned { above, .. } if composite(above)) {
            return;
        }
        let by_code = random.chance(20) && self.tables[to].has("code");
        let (columns, to_columns) = if by_code {
            let unique = vec!["code".to_owned()];
            if !self.tables[to].uniques.contains(&unique) {
                self.tables[to].uniques.push(unique.clone());
            }
            (vec![format!("r{number}_code")], unique)
        } else {
            self.reference_columns(to, &format!("r{number}"))
        };
        let nullable = random.chance(75) || to >= at;
        let kinds = self.kinds(to, &to_columns);
        for (column, kind) in columns.iter().zip(kinds) {
            self.tables[at].add(column, kind, nullable, Role::Content);
        }
        let on_delete = match nullable {
            true => *random.pick(&["SET NULL", "NO ACTION", "CASCADE"]),
            false => *random.pick(&["NO ACTION", "CASCADE"]),
        };
        let deferrable = random.chance(20);
        let reference = Reference { columns, to, to_columns, on_delete, deferrable };
        self.tables[at].references.push(reference);
    }

    /// Chooses identities, and unique keys that support them or not.
    fn identify(&mut self, random: &mut Random) {
        for table in &mut self.tables {
            let plain: Vec<String> = ["code", "kind", "rank"]
                .iter()
                .filter(|name| table.has(name))
                .map(|name| (*name).to_owned())
                .collect();
            let own: Vec<Vec<String>> =
                table.references.iter().map(|reference| reference.columns.clone()).collect();
            let by = match table.place {
                Place::Owned { by, .. } => Some(by),
                _ => None,
            };
            let chosen = choose_identity(random, &plain, &own, by);
            let unique = random.chance(50);
            match &mut table.place {
                Place::Root { identity, .. } => identity.clone_from(&chosen),
                Place::Owned { identity, .. } => identity.clone_from(&chosen),
                Place::Outside { .. } => continue,
            }
            if unique && !chosen.is_empty() {
                let parent = by.map(|by| own[by].clone()).unwrap_or_default();
                table.unique(parent.into_iter().chain(chosen).collect());
            }
            if random.chance(30) && table.has("rank") {
                table.unique(vec!["rank".into()]);
            }
            if random.chance(10) && table.has("rank") && !own.is_empty() {
                let mut columns = random.pick(&own).clone();
                columns.push("rank".into());
                table.unique(columns);
            }
        }
    }

    /// Rows that customers make on either side: they refer to synchronized rows and never move.
    fn orders(&mut self, random: &mut Random) {
        let mut table = Table::named("shop_order");
        table.place = Place::Outside { protected: true };
        table.auto_key();
        table.add("note", Kind::Text, true, Role::Content);
        self.tables.push(table);
        let at = self.tables.len() - 1;
        for number in 0..1 + random.below(3) {
            let to = random.below(at);
            self.add_reference(random, at, to, number);
        }
    }
}

fn choose_identity(
    random: &mut Random,
    plain: &[String],
    references: &[Vec<String>],
    by: Option<usize>,
) -> Vec<String> {
    let others: Vec<&Vec<String>> =
        references.iter().enumerate().filter(|(at, _)| Some(*at) != by).map(|(_, r)| r).collect();
    if plain.is_empty() {
        return Vec::new();
    }
    match random.below(10) {
        0 | 1 => Vec::new(),
        2 if plain.len() > 1 => plain[..2].to_vec(),
        3 | 4 if !others.is_empty() => {
            let mut identity = (*random.pick(&others)).clone();
            identity.push(plain[0].clone());
            identity
        }
        _ => vec![plain[0].clone()],
    }
}

fn root(random: &mut Random, name: &str) -> Table {
    let mut table = Table::named(name);
    table.place = Place::Root {
        module: if random.chance(70) { "main".into() } else { format!("only-{name}") },
        identity: Vec::new(),
        created: random.chance(50),
        filtered: false,
    };
    match random.below(10) {
        0 => {
            table.add("id", Kind::Text, false, Role::Content);
            table.key = vec!["id".into()];
        }
        1 | 2 => {
            table.add("shop", Kind::Integer, false, Role::Content);
            table.add("no", Kind::Integer, false, Role::Content);
            table.key = vec!["shop".into(), "no".into()];
        }
        _ => table.auto_key(),
    }
    table.content(random);
    if !table.has("code") {
        table.add("code", Kind::Text, true, Role::Content);
    }
    if let Place::Root { created: true, .. } = table.place {
        table.add("made", Kind::Text, true, Role::Content);
    }
    table
}

fn outside(random: &mut Random, name: &str) -> Table {
    let mut table = Table::named(name);
    table.place = Place::Outside { protected: name == "auth_user" };
    table.auto_key();
    table.add("code", Kind::Text, random.chance(30), Role::Content);
    if random.chance(70) {
        table.unique(vec!["code".into()]);
    }
    table
}

impl Table {
    fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            columns: Vec::new(),
            key: Vec::new(),
            auto: false,
            uniques: Vec::new(),
            references: Vec::new(),
            place: Place::Outside { protected: false },
        }
    }

    fn auto_key(&mut self) {
        self.columns.insert(
            0,
            Column { name: "id".into(), kind: Kind::Integer, nullable: false, role: Role::Content },
        );
        self.key = vec!["id".into()];
        self.auto = true;
    }

    fn content(&mut self, random: &mut Random) {
        self.add("label", Kind::Text, random.chance(50), Role::Content);
        if random.chance(80) {
            self.add("code", Kind::Text, random.chance(40), Role::Content);
        }
        if random.chance(60) {
            self.add("rank", Kind::Integer, random.chance(40), Role::Content);
        }
        if random.chance(35) {
            self.add("kind", Kind::Text, random.chance(30), Role::Content);
            let on = random.chance(60);
            match &mut self.place {
                Place::Root { filtered, .. } | Place::Owned { filtered, .. } => *filtered = on,
                Place::Outside { .. } => {}
            }
        }
        if random.chance(30) {
            let role = *random.pick(&[Role::KeptDefault, Role::KeptSource, Role::Ignored]);
            self.add("hits", Kind::Integer, false, role);
        }
    }

    fn add(&mut self, name: &str, kind: Kind, nullable: bool, role: Role) {
        self.columns.push(Column { name: name.into(), kind, nullable, role });
    }

    fn unique(&mut self, columns: Vec<String>) {
        if !self.uniques.contains(&columns) && columns != self.key {
            self.uniques.push(columns);
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    pub fn column(&self, name: &str) -> &Column {
        self.columns.iter().find(|column| column.name == name).unwrap()
    }

    pub fn identity(&self) -> &[String] {
        match &self.place {
            Place::Root { identity, .. } | Place::Owned { identity, .. } => identity,
            Place::Outside { .. } => &[],
        }
    }

    /// The key is the parent reference, so the parent is all that such a row is known by.
    pub fn one_a_parent(&self) -> bool {
        matches!(self.place, Place::Owned { by, .. } if self.references[by].columns == self.key)
    }

    pub fn filtered(&self) -> bool {
        match self.place {
            Place::Root { filtered, .. } | Place::Owned { filtered, .. } => filtered,
            Place::Outside { .. } => false,
        }
    }

    /// The reference that a column is part of.
    pub fn reference_of(&self, column: &str) -> Option<&Reference> {
        self.references.iter().find(|reference| reference.columns.iter().any(|c| c == column))
    }
}
