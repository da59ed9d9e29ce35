//! The read stores of an environment, each opened when it is needed first.
//!
//! Answers for which one a message of one of the shop's stores belongs to, and for a connection that failed
//! serving nobody any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Error;
use crate::config::target::Part;
use crate::config::{Config, Environment};
use crate::store::{self, Store};

pub struct Stores {
    config: Arc<Config>,
    environment: Environment,
    open: BTreeMap<(Part, Option<String>), Box<dyn Store>>,
}

impl Stores {
    pub fn new(config: Arc<Config>, environment: Environment) -> Self {
        Self { config, environment, open: BTreeMap::new() }
    }

    /// The one for a store of the shop; where all share one, it is that one.
    pub async fn of(
        &mut self,
        part: Part,
        shop_store: Option<&str>,
    ) -> Result<&mut Box<dyn Store>, Error> {
        let of = self.config.stores_of(self.environment, part)?;
        let own = if of == [None] { None } else { shop_store };
        let key = (part, own.map(str::to_owned));
        if !self.open.contains_key(&key) {
            let opened = store::open(&self.config, self.environment, part, own).await?;
            self.open.insert(key.clone(), opened);
        }
        Ok(self.open.get_mut(&key).expect("it was just opened"))
    }

    /// The next one who asks gets new connections.
    pub fn forget(&mut self) {
        self.open.clear();
    }

    pub async fn close(self) -> Result<(), Error> {
        for store in self.open.into_values() {
            store.close().await?;
        }
        Ok(())
    }
}
