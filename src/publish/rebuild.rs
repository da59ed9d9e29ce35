//! `sync:data --rebuild`: search indexes made anew from the tables, while workers go on.
//!
//! # Flow
//! A fresh index is made beside each; once every worker writes to both, the rows are read and written to the
//! fresh one; then it takes the other's place.
//!
//! # Guarantees
//! No write is lost: one that went to the old index alone was committed before the rows were read, and later
//! ones go to both, where versions decide. Nothing takes a place before every row is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::export::{Reading, read};
use super::mapping::fields;
use super::message::Message;
use super::model::OutletKind;
use super::pace::Steps;
use super::shop::{CreateTables, Shop};
use super::worker::operation;
use super::{Counts, Error, Pace};
use crate::config::target::Part;
use crate::config::{Config, Environment};
use crate::manifest::Manifests;
use crate::store::{Fate, Fresh, Operation};

/// Added to the time until all workers write to both indexes.
const MARGIN: Duration = Duration::from_millis(200);

/// What was made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    pub counts: Counts,
    pub indexes: Vec<String>,
}

/// An index and the fresh one beside it, of one of the shop's stores or of all.
struct Begun {
    shop_store: Option<String>,
    index: String,
    fresh: Fresh,
}

/// Rebuilds the indexes of resources, with all that write to the same ones.
pub async fn rebuild(
    config: &Config,
    manifests: &Manifests,
    (environment, names): (Environment, &[String]),
    tell: &mut dyn FnMut(&Pace),
) -> Result<Rebuilt, Error> {
    let selected = super::selected(manifests, names)?;
    let kind = |name: &String| manifests.resources[name].spec.search.as_ref().map(|it| &it.kind);
    let kinds: BTreeSet<&String> = selected.iter().filter_map(kind).collect();
    let all = manifests.resources.keys();
    let sharing: Vec<String> =
        all.filter(|name| kind(name).is_some_and(|it| kinds.contains(it))).cloned().collect();
    if sharing.is_empty() {
        return Err(Error::NothingToRebuild);
    }
    let of_all: BTreeSet<&String> = manifests.resources.keys().filter_map(kind).collect();
    let no = CreateTables::No;
    let mut shop = Shop::open(config, environment, manifests, &sharing, no).await?;
    let mut tell = |shop: &Shop| tell(&shop.pace());
    let indexes = shop.rebuild(&kinds, &of_all, &mut tell).await?;
    let counts = shop.counts();
    shop.close().await?;
    Ok(Rebuilt { counts, indexes })
}

/// The indexes that a rebuild would make anew, by name.
pub async fn would_rebuild(
    config: &Config,
    manifests: &Manifests,
    (environment, names): (Environment, &[String]),
) -> Result<Vec<String>, Error> {
    let selected = super::selected(manifests, names)?;
    let kind = |name: &String| manifests.resources[name].spec.search.as_ref().map(|it| &it.kind);
    let kinds: BTreeSet<&String> = selected.iter().filter_map(kind).collect();
    let of_all: BTreeSet<&String> = manifests.resources.keys().filter_map(kind).collect();
    let mut names = BTreeSet::new();
    for shop_store in config.stores_of(environment, Part::Search)? {
        let store = crate::store::look(config, environment, Part::Search, shop_store).await?;
        let Some(mut store) = store else { continue };
        let indexes = store.indexes().await?.into_iter();
        names.extend(
            indexes.filter(|index| kind_of(index, &of_all).is_some_and(|it| kinds.contains(it))),
        );
        store.close().await?;
    }
    Ok(names.into_iter().collect())
}

/// The type of an index, by its name: the longest one that it ends with.
fn kind_of<'k>(index: &str, kinds: &BTreeSet<&'k String>) -> Option<&'k String> {
    let is_its = |kind: &&String| {
        let kind = kind.to_lowercase();
        index.strip_suffix(&kind).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
    };
    kinds.iter().copied().filter(is_its).max_by_key(|kind| kind.len())
}

impl Shop {
    async fn rebuild(
        &mut self,
        kinds: &BTreeSet<&String>,
        of_all: &BTreeSet<&String>,
        tell: &mut dyn FnMut(&Self),
    ) -> Result<Vec<String>, Error> {
        let begun = self.begin_rebuild(kinds, of_all).await?;
        let wait = begun.iter().map(|it| it.fresh.wait).max().unwrap_or_default();
        tokio::time::sleep(wait + MARGIN).await;
        self.fill(&begun, tell).await?;
        let mut names = Vec::new();
        for Begun { shop_store, index, fresh } in begun {
            let store = self.stores.of(Part::Search, shop_store.as_deref()).await?;
            store.end_rebuild(&index, &fresh).await?;
            names.push(index);
        }
        Ok(names)
    }

    async fn begin_rebuild(
        &mut self,
        kinds: &BTreeSet<&String>,
        of_all: &BTreeSet<&String>,
    ) -> Result<Vec<Begun>, Error> {
        let mut begun = Vec::new();
        let stores = self.config.stores_of(self.environment, Part::Search)?;
        let stores: Vec<_> = stores.into_iter().map(|it| it.map(str::to_owned)).collect();
        for shop_store in stores {
            let models = self.models.clone();
            let store = self.stores.of(Part::Search, shop_store.as_deref()).await?;
            for index in store.indexes().await? {
                let kind = kind_of(&index, of_all).filter(|kind| kinds.contains(kind));
                let Some(kind) = kind else { continue };
                let fresh = store.begin_rebuild(&index, &fields(&models, kind)?).await?;
                let fresh = fresh.ok_or(Error::NothingToRebuild)?;
                begun.push(Begun { shop_store: shop_store.clone(), index, fresh });
            }
        }
        if begun.is_empty() {
            return Err(Error::NothingToRebuild);
        }
        Ok(begun)
    }

    /// Writes every row to the fresh indexes.
    async fn fill(&mut self, begun: &[Begun], tell: &mut dyn FnMut(&Self)) -> Result<(), Error> {
        let is_search = |kind: &OutletKind| matches!(kind, OutletKind::Search { .. });
        let mut rows = 0;
        for outlet in self.models.iter().flat_map(|model| &model.outlets) {
            if is_search(&outlet.kind) {
                rows += self.session.count(&outlet.table, &BTreeMap::new()).await?;
            }
        }
        self.steps = Steps::of(rows);
        for model in self.models.clone() {
            for outlet in model.outlets.iter().filter(|it| is_search(&it.kind)) {
                let reading = Reading { outlet, numbered: model.is_numbered(), ids: &[] };
                let mut after = None;
                loop {
                    let page = read(&mut self.session, &self.versions, reading, after).await?;
                    self.counts.read += page.rows;
                    self.fill_with(begun, &page.messages).await?;
                    self.steps.took(page.rows);
                    tell(self);
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    async fn fill_with(&mut self, begun: &[Begun], messages: &[Message]) -> Result<(), Error> {
        let each = self.config.stores_of(self.environment, Part::Search)? != [None];
        for Begun { shop_store, index, fresh } in begun {
            let of = |message: &&Message| !each || message.store == *shop_store;
            let operations =
                messages.iter().filter(of).map(|it| operation(Part::Search, it.clone(), 0));
            let operations: Vec<Operation> = operations
                .filter(|operation| operation.index == *index)
                .map(|it| Operation { index: format!("{index}{}", fresh.beside), ..it })
                .collect();
            if operations.is_empty() {
                continue;
            }
            let store = self.stores.of(Part::Search, shop_store.as_deref()).await?;
            let fates = store.apply(&operations).await?;
            for (operation, fate) in operations.iter().zip(fates) {
                match fate {
                    Fate::Done => self.counts.written += 1,
                    Fate::Outdated => self.counts.outdated += 1,
                    Fate::Refused(reason) => {
                        let (index, key) = (index.clone(), operation.key.clone());
                        return Err(Error::NotRebuilt { index, key, reason });
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_an_index_is_the_longest_at_its_end() {
        let names = ["page", "big_page", "Block"].map(str::to_owned);
        let kinds: BTreeSet<&String> = names.iter().collect();
        let kind = |index| kind_of(index, &kinds).map(String::as_str);
        assert_eq!(kind("de_page"), Some("page"));
        assert_eq!(kind("de_big_page"), Some("big_page"));
        assert_eq!(kind("block"), Some("Block"));
        assert_eq!((kind("homepage"), kind("de_pages")), (None, None));
    }
}
