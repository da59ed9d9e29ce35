//! Where an environment's queue and read stores are, for tests that publish: the same story on every kind.

use std::fs;
use std::path::Path;

use super::redis_server;

/// Places as the operator's file has them.
#[derive(Clone)]
pub struct ReadStores {
    queue: String,
    storage: String,
    search: String,
}

impl ReadStores {
    pub fn embedded() -> Self {
        let [queue, storage, search] = ["embedded"; 3].map(str::to_owned);
        Self { queue, storage, search }
    }

    /// With a storage at this URL.
    pub fn with_storage(url: &str) -> Self {
        Self { storage: url.to_owned(), ..Self::embedded() }
    }

    /// A storage on one server of Redis; `None` where there is none.
    pub fn redis() -> Option<Self> {
        Some(Self::with_storage(&redis_server::database()?))
    }

    pub fn redis_cluster() -> Option<Self> {
        let (storage, _) = redis_server::cluster()?;
        Some(Self::with_storage(&storage))
    }

    pub fn yaml(&self) -> String {
        let Self { queue, storage, search } = self;
        format!("{{queue: '{queue}', storage: '{storage}', search: '{search}'}}")
    }

    /// Takes away all that the read stores hold of a resource; `folder` has the state directory.
    pub fn lose(&self, folder: &Path, resource: &str) {
        if self.storage == "embedded" {
            remove(folder, "storage.db");
        } else {
            redis_server::forget(&self.storage, &format!("kv:{resource}:"));
        }
        remove(folder, "search.db");
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
