//! The queues that manifests need, for brokers that don't tell the names of theirs.

use std::collections::BTreeSet;

use super::shop::events_of;
use crate::manifest::Manifests;

/// Of events and of messages, each once, by name.
pub fn queues_of(manifests: &Manifests) -> Vec<String> {
    let mut queues = BTreeSet::new();
    for (name, resource) in &manifests.resources {
        queues.insert(events_of(name));
        queues.extend(resource.spec.storage.iter().map(|storage| storage.queue.clone()));
        queues.extend(resource.spec.search.iter().map(|search| search.queue.clone()));
    }
    queues.into_iter().collect()
}
