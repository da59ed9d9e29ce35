//! Which file is the operator's.
//!
//! Answers for the order (`--config`, `RECONCILE_CONFIG`, `./reconcile.yaml`) and for the one thing
//! that must never happen: that a pull request brings its own. A file that lies beside manifests in
//! one git work tree is therefore not taken unless it is named.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::{Config, ManifestSource};
use crate::manifest::problem::{Problem, shown_path};

const FILE_NAME: &str = "reconcile.yaml";
const VARIABLE: &str = "RECONCILE_CONFIG";
/// Files and folders looked at in the search for manifests.
const MAX_ENTRIES: usize = 20_000;

/// The operator's file, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discovery {
    /// By `--config` or `RECONCILE_CONFIG`.
    Named(PathBuf),
    /// `./reconcile.yaml`; to be checked by [`Discovery::accept`] once it is read.
    Found(PathBuf),
    Nothing,
}

/// Looks for the operator's file; reads nothing.
pub fn discover(
    option: Option<&Path>,
    variable: &dyn Fn(&str) -> Option<String>,
    directory: &Path,
) -> Discovery {
    if let Some(path) = option {
        return Discovery::Named(directory.join(path));
    }
    if let Some(path) = variable(VARIABLE).filter(|path| !path.is_empty()) {
        return Discovery::Named(directory.join(path));
    }
    let found = directory.join(FILE_NAME);
    if found.is_file() { Discovery::Found(found) } else { Discovery::Nothing }
}

impl Discovery {
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Named(path) | Self::Found(path) => Some(path),
            Self::Nothing => None,
        }
    }

    /// Refuses a file that was only found when manifests lie in its git work tree.
    pub fn accept(&self, config: &Config) -> Result<(), Problem> {
        let Self::Found(path) = self else { return Ok(()) };
        let (Some(folder), Some(tree)) = (path.parent(), path.parent().and_then(work_tree)) else {
            return Ok(());
        };
        let named = match &config.manifests {
            ManifestSource::Directory(directory) => Some(directory.clone()),
            ManifestSource::Git(git) => {
                let path = git.url.expose();
                let path = path.strip_prefix("file://").unwrap_or(path);
                Some(folder.join(path)).filter(|path| path.is_dir())
            }
        };
        let shares_tree = named.and_then(|named| work_tree(&named)) == Some(tree);
        if shares_tree || holds_manifests(folder) {
            return Err(Problem::error(
                "config-beside-manifests",
                format!(
                    "{} lies in the same git work tree as manifests, where a pull request could \
                     change it; it is only taken when it is named",
                    shown_path(path)
                ),
            )
            .help(format!("say `--config {FILE_NAME}` if you trust it, or set {VARIABLE}")));
        }
        Ok(())
    }
}

/// The root of the git work tree a folder lies in. Links are resolved, so that none hides it.
fn work_tree(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    folder.ancestors().find(|parent| parent.join(".git").exists()).map(Path::to_path_buf)
}

/// Whether a manifest lies below a folder, whatever the file found there says: it may come from the
/// same pull request. Repositories of their own are left out. Too many files count as a yes.
fn holds_manifests(folder: &Path) -> bool {
    let mut left = MAX_ENTRIES;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            left = match left.checked_sub(1) {
                Some(left) => left,
                None => return true,
            };
            let (path, name) = (entry.path(), entry.file_name());
            let Ok(kind) = entry.file_type() else { continue };
            let skipped = name.as_encoded_bytes().starts_with(b".") || name == "target";
            if kind.is_dir() && !skipped && !path.join(".git").exists() {
                folders.push(path);
            } else if kind.is_file() && is_manifest(&path) {
                return true;
            }
        }
    }
    false
}

fn is_manifest(path: &Path) -> bool {
    let is_yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    let Some(file) = is_yaml.then(|| std::fs::File::open(path).ok()).flatten() else {
        return false;
    };
    let lines = std::io::BufReader::new(file).split(b'\n').take(200).map_while(Result::ok);
    let mut lines = lines;
    lines.any(|line| {
        line.starts_with(b"apiVersion:") && line.windows(10).any(|w| w == b"reconcile/")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn config(folder: &Path, manifests: &str) -> Config {
        let text = format!(
            "instance: PROD\nmanifests: {manifests}\nenvironments:\n  PROD: {{database: \"sqlite:a\"}}\n  \
             TEST: {{database: \"sqlite:b\"}}\n"
        );
        let path = folder.join(FILE_NAME);
        std::fs::write(&path, &text).expect("the folder is ours");
        super::super::load(&path, &nothing).expect("a valid file")
    }

    #[test]
    fn a_named_file_wins_over_a_found_one() {
        let folder = tempfile::tempdir().expect("a folder");
        config(folder.path(), "m");
        let option = Some(Path::new("other.yaml"));
        let named = discover(option, &nothing, folder.path());
        assert_eq!(named, Discovery::Named(folder.path().join("other.yaml")));
        let variable = |name: &str| (name == VARIABLE).then(|| "/etc/r.yaml".to_owned());
        assert_eq!(
            discover(None, &variable, folder.path()),
            Discovery::Named("/etc/r.yaml".into())
        );
        assert!(matches!(discover(None, &nothing, folder.path()), Discovery::Found(_)));
    }

    #[test]
    fn a_found_file_beside_manifests_of_its_work_tree_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join(".git")).expect("a folder");
        std::fs::create_dir_all(folder.path().join("m")).expect("a folder");
        let config = config(folder.path(), "m");
        let found = discover(None, &nothing, folder.path());
        assert!(found.accept(&config).is_err());
        // Manifests in a repository of their own can't bring the operator's file along.
        std::fs::create_dir_all(folder.path().join("m/.git")).expect("a folder");
        assert!(found.accept(&config).is_ok());
    }

    #[test]
    fn a_found_file_that_names_manifests_elsewhere_is_refused_beside_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(folder.path().join(".git")).expect("a folder");
        let config = config(folder.path(), &elsewhere.path().display().to_string());
        let found = discover(None, &nothing, folder.path());
        assert!(found.accept(&config).is_ok());
        let job = "apiVersion: reconcile/v1\nkind: SyncJob\n";
        std::fs::write(folder.path().join("job.yaml"), job).expect("the folder is ours");
        assert!(found.accept(&config).is_err());
    }
}
