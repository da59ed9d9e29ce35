//! Where an environment's queue and read stores are: one for the whole shop, or one for each of its
//! stores.
//!
//! Answers for which one is meant, and for what the operator's file lacks where none is. What a URL
//! means is the rooms' that connect to it.

use std::path::PathBuf;

use super::{Config, Environment, Secret, Target};
use crate::escape::{url, visible};
use crate::manifest::words::nearest;

/// The word for a file in the state directory, which needs no server.
pub const EMBEDDED: &str = "embedded";

/// What `publish` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Queue,
    Storage,
    Search,
}

/// A place that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place<'a> {
    /// A file in the state directory.
    Embedded(PathBuf),
    Url(&'a Secret),
}

/// Why no place could be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// The operator's file says nothing of it.
    #[error(
        "not configured: the operator's file names no {part} for {environment}; add it under \
         `environments.{environment}`, for example `publish: {{{part}: embedded}}`",
        part = .part.as_str()
    )]
    NotConfigured { environment: Environment, part: Part },
    /// There is one for each of the shop's stores, and none was named.
    #[error(
        "{environment} has a {part} for each store of the shop ({stores}): say which one",
        part = .part.as_str(), stores = .stores.join(", ")
    )]
    WhichStore { environment: Environment, part: Part, stores: Vec<String> },
    /// There is one for each of the shop's stores, but for none of that name.
    #[error(
        "{environment} has no {part} for the store {store}; there are {stores}{meant}",
        part = .part.as_str(), store = visible(.store), stores = .stores.join(", "),
        meant = nearest(.store, .stores.iter().map(String::as_str))
            .map_or_else(String::new, |meant| format!("; did you mean {meant}?"))
    )]
    NoSuchStore { environment: Environment, part: Part, store: String, stores: Vec<String> },
}

impl Part {
    pub const ALL: [Self; 3] = [Self::Queue, Self::Storage, Self::Search];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Storage => "storage",
            Self::Search => "search",
        }
    }
}

impl Config {
    fn target(&self, environment: Environment, part: Part) -> Result<&Target, NoPlace> {
        let publish = self.environment(environment).publish.as_ref();
        let target = publish.and_then(|publish| match part {
            Part::Queue => publish.queue.as_ref().map(|queue| &queue.url),
            Part::Storage => publish.storage.as_ref().map(|storage| &storage.url),
            Part::Search => publish.search.as_ref().map(|search| &search.url),
        });
        target.ok_or(NoPlace::NotConfigured { environment, part })
    }

    /// For which of the shop's stores there is one each; one without a name where all share it.
    pub fn stores_of(
        &self,
        environment: Environment,
        part: Part,
    ) -> Result<Vec<Option<&str>>, NoPlace> {
        Ok(match self.target(environment, part)? {
            Target::All(_) => vec![None],
            Target::ByStore(by) => by.keys().map(|store| Some(store.as_str())).collect(),
        })
    }

    /// Where it is. One that all stores share is that of each of them.
    pub fn place_of(
        &self,
        environment: Environment,
        part: Part,
        store: Option<&str>,
    ) -> Result<Place<'_>, NoPlace> {
        let (secret, of_store) = match (self.target(environment, part)?, store) {
            (Target::All(secret), _) => (secret, None),
            (Target::ByStore(by), Some(store)) => {
                let Some(secret) = by.get(store) else {
                    let (store, stores) = (store.to_owned(), by.keys().cloned().collect());
                    return Err(NoPlace::NoSuchStore { environment, part, store, stores });
                };
                (secret, Some(store))
            }
            (Target::ByStore(by), None) => {
                let stores = by.keys().cloned().collect();
                return Err(NoPlace::WhichStore { environment, part, stores });
            }
        };
        if secret.expose() != EMBEDDED {
            return Ok(Place::Url(secret));
        }
        let name = match of_store {
            None => format!("{}.db", part.as_str()),
            Some(store) => format!("{}.{}.db", part.as_str(), url(store)),
        };
        Ok(Place::Embedded(self.state_directory.join(environment.as_str()).join(name)))
    }
}

/// What kind of place a URL names, without what may be secret in it.
pub fn kind_of(url: &Secret) -> String {
    let scheme = url.expose().split_once("://").map(|(scheme, _)| scheme);
    let is_plain = |scheme: &&str| scheme.bytes().all(|byte| byte.is_ascii_lowercase());
    scheme.filter(is_plain).map_or_else(|| "it".to_owned(), |scheme| format!("`{scheme}://…`"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(publish: &str) -> Config {
        let text = format!(
            "instance: PROD\nmanifests: ./m\nstateDirectory: /state\nenvironments:\n  PROD: \
             {{database: 'sqlite://p.db', publish: {publish}}}\n  TEST: {{database: 'sqlite://t.db'}}\n"
        );
        crate::config::parse(Path::new("/x/reconcile.yaml"), text.as_bytes(), &|_| None).unwrap()
    }

    #[test]
    fn one_for_all_or_one_for_each_store() {
        let (prod, test) = (Environment::Prod, Environment::Test);
        let one = config("{queue: embedded, search: 'http://localhost:9200'}");
        let queue = Place::Embedded("/state/PROD/queue.db".into());
        assert_eq!(one.place_of(prod, Part::Queue, None), Ok(queue.clone()));
        assert_eq!(one.place_of(prod, Part::Queue, Some("DE")), Ok(queue));
        assert_eq!(one.stores_of(prod, Part::Queue), Ok(vec![None]));
        let Ok(Place::Url(url)) = one.place_of(prod, Part::Search, None) else { panic!() };
        assert_eq!(kind_of(url), "`http://…`");
        assert_eq!(kind_of(&Secret::new("secret")), "it");
        for (environment, part) in [(prod, Part::Storage), (test, Part::Queue)] {
            let error = one.place_of(environment, part, None).unwrap_err().to_string();
            assert!(error.starts_with("not configured: "), "{error}");
            assert!(error.contains(&format!("`publish: {{{}: embedded}}`", part.as_str())));
        }
        let each = config("{queue: {DE: embedded, a/b: embedded}}");
        assert_eq!(each.stores_of(prod, Part::Queue), Ok(vec![Some("DE"), Some("a/b")]));
        let odd = Place::Embedded("/state/PROD/queue.a%2Fb.db".into());
        assert_eq!(each.place_of(prod, Part::Queue, Some("a/b")), Ok(odd));
        let error = each.place_of(prod, Part::Queue, None).unwrap_err().to_string();
        assert_eq!(error, "PROD has a queue for each store of the shop (DE, a/b): say which one");
        let error = each.place_of(prod, Part::Queue, Some("DEE")).unwrap_err().to_string();
        assert!(error.ends_with("there are DE, a/b; did you mean DE?"), "{error}");
    }
}
