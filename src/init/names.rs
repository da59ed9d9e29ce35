//! Which table a column's name could mean.
//!
//! `product_id`, `hero_media` and `rev_page` (where every column of the table begins with `rev`) name
//! tables. A name is a hint: whether the values are keys of that table is asked in `references`.

use super::ownership::singular;
use crate::catalog::{Catalog, Table};
use crate::manifest::words::parts;

/// Ends of names that say "this is a key".
const KEYS: [&str; 6] = ["id", "uuid", "guid", "fk", "ref", "key"];
const PEOPLE: [&str; 9] = [
    "author",
    "creator",
    "owner",
    "user",
    "editor",
    "reviewer",
    "approver",
    "publisher",
    "customer",
];
const SAME_TABLE: [&str; 7] =
    ["parent", "original", "origin", "root", "previous", "next", "ancestor"];
const NEWEST: [&str; 5] = ["latest", "newest", "current", "head", "last"];

/// What a column's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// The words without the table's own prefix and without `id`.
    pub words: Vec<String>,
    /// It ends like a key.
    pub is_key: bool,
}

impl Meaning {
    pub fn of(table: &Table, column: &str) -> Self {
        let mut words = parts(column);
        let own = prefix(table).filter(|prefix| words.len() > 1 && words[0] == *prefix);
        let is_key = words.last().is_some_and(|last| KEYS.contains(&last.as_str()));
        if is_key && words.len() > 1 {
            words.pop();
        }
        if own.is_some() && words.len() > 1 {
            words.remove(0);
        }
        Self { words, is_key }
    }

    fn last_is_one_of(&self, words: &[&str]) -> bool {
        self.words.last().is_some_and(|last| words.contains(&last.as_str()))
    }

    /// `author_id`, `created_by`.
    pub fn is_person(&self) -> bool {
        self.last_is_one_of(&PEOPLE) || (self.words.len() > 1 && self.last_is_one_of(&["by"]))
    }

    pub fn is_same_table(&self) -> bool {
        self.last_is_one_of(&SAME_TABLE)
    }

    /// `page_latest`, `current_version_id`.
    pub fn is_newest(&self) -> bool {
        self.words.iter().any(|word| NEWEST.contains(&word.as_str()))
    }
}

/// The word that all columns of a table begin with.
fn prefix(table: &Table) -> Option<String> {
    let mut first = table.columns.iter().map(|column| parts(&column.name).into_iter().next());
    let prefix = first.next()??;
    (table.columns.len() > 1 && first.all(|word| word.as_ref() == Some(&prefix))).then_some(prefix)
}

/// The tables that a column's name could mean, all of them equally well.
pub fn tables_named<'c>(catalog: &'c Catalog, table: &Table, column: &str) -> Vec<&'c str> {
    let meaning = Meaning::of(table, column);
    let mut full = parts(column);
    if meaning.is_key && full.len() > 1 {
        full.pop();
    }
    // `total_pages` counts pages.
    let is_plural = full.last().is_some_and(|last| singular(last) != *last);
    if is_plural && !meaning.is_key {
        return Vec::new();
    }
    let application = parts(&table.name).into_iter().next().unwrap_or_default();
    let others = catalog.tables.keys().filter(|name| **name != table.name);
    let rated = others.filter_map(|name| {
        let rank = rank(&parts(name), &full, &application)
            .into_iter()
            .chain(rank(&parts(name), &meaning.words, &application))
            .min()?;
        Some((rank, name.as_str()))
    });
    let rated: Vec<_> = rated.collect();
    let best = rated.iter().map(|(rank, _)| *rank).min();
    rated.iter().filter(|(rank, _)| Some(*rank) == best).map(|(_, name)| *name).collect()
}

/// How well words name a table, the smaller the better.
fn rank(table: &[String], words: &[String], application: &str) -> Option<(u8, usize)> {
    let is_end = |of: &[String], end: &[String]| {
        of.len() > end.len()
            && of.iter().rev().zip(end.iter().rev()).all(|(a, b)| singular(a) == singular(b))
    };
    if table.len() == words.len()
        && table.iter().zip(words).all(|(a, b)| singular(a) == singular(b))
    {
        return Some((0, 0));
    }
    if is_end(table, words) && table[0] == application && table.len() == words.len() + 1 {
        return Some((1, 0));
    }
    if is_end(words, table) {
        return Some((2, words.len() - table.len()));
    }
    is_end(table, words).then(|| (3, table.len() - words.len()))
}

/// Whether a label (`product`, `cms.page`, `App\Models\Product`) names a table.
pub fn label_names(label: &str, table: &str) -> bool {
    let plain = |text: &str| singular(&parts(text).concat());
    let last = label.rsplit(['\\', '.', ':', '/']).next().unwrap_or(label);
    let table = plain(table);
    table == plain(label) || table == plain(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Engine, Kind};

    fn catalog(tables: &[(&str, &[&str])]) -> Catalog {
        let tables = tables.iter().map(|(name, columns)| {
            let columns: Vec<_> = columns.iter().map(|name| (*name, Kind::Integer)).collect();
            ((*name).to_owned(), Table::plain(name, &columns, &["id"]))
        });
        Catalog {
            engine: Engine::Sqlite,
            tables: tables.collect(),
            no_tables: std::collections::BTreeMap::new(),
        }
    }

    fn named<'c>(catalog: &'c Catalog, table: &str, column: &str) -> Vec<&'c str> {
        tables_named(catalog, &catalog.tables[table], column)
    }

    #[test]
    fn a_name_without_id_and_in_the_singular_is_meant() {
        let shop = catalog(&[("products", &["id"]), ("media", &["id"]), ("line", &["id", "x"])]);
        assert_eq!(named(&shop, "line", "product_id"), ["products"]);
        assert_eq!(named(&shop, "line", "hero_media"), ["media"]);
        assert_eq!(named(&shop, "line", "relatedProductId"), ["products"]);
        assert!(named(&shop, "line", "position").is_empty());
        assert!(named(&shop, "line", "total_products").is_empty(), "it counts them");
    }

    #[test]
    fn the_tables_of_the_same_application_come_first() {
        let cms = catalog(&[("cms_page", &["id"]), ("wiki_page", &["id"]), ("cms_url", &["id"])]);
        assert_eq!(named(&cms, "cms_url", "page_id"), ["cms_page"]);
        let both = catalog(&[("cms_page", &["id"]), ("wiki_page", &["id"]), ("link", &["id"])]);
        assert_eq!(named(&both, "link", "page_id"), ["cms_page", "wiki_page"]);
    }

    #[test]
    fn the_prefix_of_a_tables_columns_is_no_word() {
        let wiki = catalog(&[
            ("page", &["page_id", "page_latest"]),
            ("slots", &["slot_revision_id", "slot_role_id"]),
            ("slot_roles", &["role_id"]),
            ("revision", &["rev_id", "rev_page", "rev_parent_id"]),
        ]);
        assert_eq!(named(&wiki, "revision", "rev_page"), ["page"]);
        assert_eq!(named(&wiki, "slots", "slot_role_id"), ["slot_roles"]);
        assert_eq!(named(&wiki, "slots", "slot_revision_id"), ["revision"]);
        assert!(Meaning::of(&wiki.tables["page"], "page_latest").is_newest());
        assert!(Meaning::of(&wiki.tables["revision"], "rev_parent_id").is_same_table());
    }

    #[test]
    fn labels_of_classes_name_tables() {
        assert!(label_names("cms.pagecontent", "cms_pagecontent"));
        assert!(label_names("App\\Models\\Product", "products"));
        assert!(label_names("product", "products"));
        assert!(!label_names("production", "products"));
        assert!(!label_names("coupon", "products"));
    }
}
