//! Which jobs a branch changes: `--changed-since REVISION`.
//!
//! Answers for a job counting as changed when what it asks for is, or what one of its modules says;
//! comments, order and the people to tell don't count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Error;
use crate::escape::visible;
use crate::git::WorkTree;
use crate::manifest::module::ModuleSpec;
use crate::manifest::sync_job::Selection;
use crate::manifest::{Manifests, Spec};

/// The jobs that differ from those of a revision of the repository that the manifests lie in. Broken
/// ones are among them, so that their problems are told.
pub async fn changed_since(
    directory: &Path,
    manifests: &Manifests,
    revision: &str,
) -> Result<BTreeSet<String>, Error> {
    let failed = |error: crate::git::Error| Error::failed(error.to_string());
    let tree = WorkTree::around(directory).await.map_err(failed)?.ok_or_else(|| {
        let message = "`--changed-since` needs manifests in a git work tree";
        Error::failed(message).hint("leave it out to look at all jobs")
    })?;
    let commit = tree.repository.resolve(revision).await.map_err(|error| {
        failed(error).hint(format!(
            "in CI fetch more history, so that {} is there (`fetch-depth: 0`)",
            visible(revision)
        ))
    })?;
    let root = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let folder = root.strip_prefix(&tree.root).unwrap_or(Path::new("")).to_string_lossy();
    let folder = if folder.is_empty() { "." } else { &*folder };
    let before = match tree.repository.manifests(&commit, folder).await {
        Ok(before) => before,
        // There were none yet.
        Err(crate::git::Error::NoFolder { .. }) => Manifests::default(),
        Err(error) => return Err(failed(error)),
    };
    Ok(different(&before, manifests))
}

fn different(before: &Manifests, now: &Manifests) -> BTreeSet<String> {
    let jobs = now.documents.iter().filter_map(|document| match &document.spec {
        Spec::SyncJob(spec) => Some((&document.name, spec)),
        _ => None,
    });
    let (old, new) = (modules(before), modules(now));
    let changed: BTreeSet<&String> = new
        .iter()
        .filter(|(name, spec)| old.get(**name) != Some(spec))
        .map(|(name, _)| *name)
        .collect();
    let gone = || old.keys().any(|name| !new.contains_key(name));
    let differs = |name: &str, spec: &crate::manifest::sync_job::SyncJobSpec| {
        let earlier = before.jobs.get(name).map(|job| job.spec.request_hash());
        earlier != Some(spec.request_hash())
            || spec.modules.as_ref().is_some_and(|selection| {
                changed.iter().any(|module| selection.selects(module))
                    || (*selection == Selection::All && gone())
            })
    };
    let again = now.republish_jobs.values().filter(|job| {
        let earlier = before.republish_jobs.get(&job.name).map(|job| job.spec.request_hash());
        earlier != Some(job.spec.request_hash())
    });
    let compared = jobs.filter(|(name, spec)| differs(name, spec)).map(|(name, _)| name.clone());
    compared.chain(again.map(|job| job.name.clone())).collect()
}

fn modules(manifests: &Manifests) -> BTreeMap<&String, &ModuleSpec> {
    manifests.modules.iter().map(|(name, module)| (name, &module.spec)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::load_text;

    fn manifests(title: &str, other: &str, notify: &str) -> Manifests {
        let text = format!(
            "apiVersion: reconcile/v1\nkind: Module\nmetadata: {{name: pages}}\nspec:\n  title: {title}\n  records: [{{table: page}}]\n\
             ---\napiVersion: reconcile/v1\nkind: Module\nmetadata: {{name: media}}\nspec:\n  title: {other}\n  records: [{{table: media}}]\n\
             ---\napiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {{name: one}}\nspec: {{direction: TEST -> PROD, mode: all, modules: [pages], notify: [{notify}]}}\n\
             ---\napiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {{name: all-of-it}}\nspec: {{direction: TEST -> PROD, mode: all, modules: all}}\n"
        );
        let read = load_text(Path::new("all.yaml"), text.as_bytes());
        assert!(read.problems.is_empty(), "{:?}", read.problems);
        read
    }

    #[test]
    fn a_job_changes_with_its_modules() {
        let before = manifests("Pages", "Media", "a@shop.example");
        for (now, expected) in [
            (manifests("Pages", "Media", "b@shop.example"), &[][..]),
            (manifests("All pages", "Media", "a@shop.example"), &["all-of-it", "one"]),
            (manifests("Pages", "Pictures", "a@shop.example"), &["all-of-it"]),
        ] {
            let found = different(&before, &now);
            assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        }
        assert_eq!(different(&Manifests::default(), &before).len(), 2);
    }
}
