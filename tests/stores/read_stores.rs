//! Where an environment's queue and read stores are, for tests that publish: the same story on every kind.

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::elastic::Server;
use super::redis_server;
use crate::queues::{Rabbit, fresh};

/// Which servers stand behind a shop where nothing is embedded.
#[derive(Clone, Copy)]
pub enum Servers {
    /// One Redis, and Elasticsearch.
    Single,
    /// Six of Redis, and OpenSearch.
    Clustered,
}

/// Places as the operator's file has them.
#[derive(Clone)]
pub struct ReadStores {
    queue: String,
    storage: String,
    /// None: embedded.
    search: Option<Arc<Server>>,
    /// The shared cluster has one database: its keys are one story's as long as this lives.
    _alone: Option<Arc<OwnedMutexGuard<()>>>,
}

impl ReadStores {
    pub fn embedded() -> Self {
        let [queue, storage] = ["embedded"; 2].map(str::to_owned);
        Self { queue, storage, search: None, _alone: None }
    }

    /// With a storage at this URL.
    pub fn with_storage(url: &str) -> Self {
        Self { storage: url.to_owned(), ..Self::embedded() }
    }

    pub fn with_search(server: Server) -> Self {
        Self { search: Some(Arc::new(server)), ..Self::embedded() }
    }

    /// A storage on one server of Redis; `None` where there is none.
    pub fn redis() -> Option<Self> {
        Some(Self::with_storage(&redis_server::database()?))
    }

    pub async fn redis_cluster() -> Option<Self> {
        static ONE: LazyLock<Arc<Mutex<()>>> = LazyLock::new(Arc::default);
        let (storage, _) = redis_server::cluster()?;
        let guard = Some(Arc::new(Arc::clone(&ONE).lock_owned().await));
        Some(Self { _alone: guard, ..Self::with_storage(&storage) })
    }

    /// Nothing is embedded: queues in a vhost of their own, with messages of this format.
    pub async fn servers(format: &str, servers: Servers) -> Option<Self> {
        let rabbit = Rabbit::shared()?;
        let mut searches = Server::all().into_iter();
        let (search, stores) = match servers {
            Servers::Single => (searches.next()?, Self::redis()?),
            Servers::Clustered => (searches.last()?, Self::redis_cluster().await?),
        };
        let url = rabbit.vhost(&fresh("shop"));
        let queue = format!("{{url: '{url}', format: {format}}}");
        Some(Self { queue, search: Some(Arc::new(search)), ..stores })
    }

    pub fn yaml(&self) -> String {
        let Self { queue, storage, search, .. } = self;
        let search = search.as_ref().map_or_else(|| "embedded".to_owned(), |it| it.search());
        format!("{{queue: {queue}, storage: '{storage}', search: {search}}}")
    }

    /// A search finds words also without their accents.
    pub fn folds_accents(&self) -> bool {
        self.search.is_none()
    }

    /// Takes away all that the read stores hold of a resource; `folder` has the state directory.
    pub fn lose(&self, folder: &Path, resource: &str) {
        self.lose_storage(folder, resource);
        match &self.search {
            Some(server) => server.remove(),
            None => remove(folder, "search.db"),
        }
    }

    /// A database of Redis may have been another process's.
    pub fn lose_storage(&self, folder: &Path, resource: &str) {
        if self.storage == "embedded" {
            remove(folder, "storage.db");
        } else {
            redis_server::forget(&self.storage, &format!("kv:{resource}:"));
        }
    }
}

fn remove(folder: &Path, name: &str) {
    let Ok(files) = fs::read_dir(folder.join("state/PROD")) else { return };
    for file in files {
        let file = file.unwrap();
        if file.file_name().to_str().unwrap().starts_with(name) {
            fs::remove_file(file.path()).unwrap();
        }
    }
}
