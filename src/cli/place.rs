//! Which environment's queue or read store a command looks into, and for whom it writes.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::Value as Json;

use super::{Error, Format};
use crate::config::target::{NoPlace, Part};
use crate::config::{Config, Environment};
use crate::escape::harmless;
use crate::plan::render::pretty;
use crate::put::put;

/// Options of the commands that look into queues and read stores.
#[derive(Debug, Clone, clap::Args)]
pub struct Place {
    /// Whose it is [default: the `instance` of the operator's file]
    #[arg(long, value_name = "PROD|TEST", value_parser = environment(), ignore_case = true)]
    pub environment: Option<Environment>,
    /// The shop's store, where the operator's file names one each [default: all of them]
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,
    /// Whom the output is written for
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

fn environment() -> impl TypedValueParser<Value = Environment> {
    let words = PossibleValuesParser::new(["PROD", "TEST"]);
    words.map(|word| match word.eq_ignore_ascii_case("PROD") {
        true => Environment::Prod,
        false => Environment::Test,
    })
}

impl Place {
    pub fn environment(&self, config: &Config) -> Environment {
        self.environment.unwrap_or(config.instance)
    }

    /// The shop's stores to look into, one after the other; one without a name where all share one.
    pub fn stores(&self, config: &Config, part: Part) -> Result<Vec<Option<String>>, Error> {
        let environment = self.environment(config);
        if let Some(store) = &self.store {
            config.place_of(environment, part, Some(store))?;
            return Ok(vec![Some(store.clone())]);
        }
        let stores = config.stores_of(environment, part)?;
        Ok(stores.into_iter().map(|store| store.map(str::to_owned)).collect())
    }

    /// The one store a command is about.
    pub fn one_store(&self, config: &Config, part: Part) -> Result<Option<String>, Error> {
        let mut stores = self.stores(config, part)?;
        if let (1, Some(store)) = (stores.len(), stores.pop()) {
            return Ok(store);
        }
        let named = config.place_of(self.environment(config), part, None);
        let error = named.err().map_or_else(|| Error::failed("no store"), Error::from);
        Err(error.hint("name it with `--store STORE`"))
    }
}

impl From<NoPlace> for Error {
    fn from(error: NoPlace) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<crate::queue::Error> for Error {
    fn from(error: crate::queue::Error) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<crate::store::Error> for Error {
    fn from(error: crate::store::Error) -> Self {
        Self::failed(error.to_string())
    }
}

/// A stored text as a program reads it: JSON where it is that, else the text.
pub fn as_json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()))
}

/// A stored text as people read it, over several lines, on which nothing hides.
pub fn for_people(text: &str) -> String {
    let read: Result<Json, _> = serde_json::from_str(text);
    let long = read.map_or_else(|_| text.to_owned(), |json| pretty(&json));
    let mut out = String::new();
    for line in long.lines() {
        put!(out, "{}\n", harmless(line));
    }
    out
}
