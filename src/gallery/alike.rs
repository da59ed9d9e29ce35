//! Files of a gallery that some systems would take for one another: their paths differ in case or
//! Unicode form only.
//!
//! Answers for what stands beside single files and beside selected folders, each folder on the way being
//! listed once. What one listing holds is told apart in `names`.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::folders::{ROOT, joined};
use super::names::{alike_reason, folded};
use super::{Folders, Gallery, Listing, Refused, Result};
use crate::compare::files::Held;
use crate::plan::file::FilePath;

/// The names directly in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    pub folders: Vec<String>,
    /// Whatever isn't a folder.
    pub files: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sort {
    Files,
    Folders,
}

/// Folders by their paths, with what is in them by its form.
type Seen = HashMap<String, HashMap<(Sort, String), Vec<String>>>;

/// Refuses files that would be brought though others are like them in one of the galleries.
pub async fn refuse(
    gallery: &dyn Gallery,
    side: usize,
    held: &mut BTreeMap<FilePath, [Held; 2]>,
) -> Result<()> {
    let brought = held.iter().filter(|(_, [source, target])| {
        matches!((source, target), (Held::File(_), Held::File(_) | Held::Nothing))
            && source != target
    });
    let brought: Vec<FilePath> = brought.map(|(path, _)| path.clone()).collect();
    let others = alike(gallery, Sort::Files, brought.iter().map(FilePath::as_str)).await?;
    for path in &brought {
        if let (Some(others), Some(held)) = (others.get(path.as_str()), held.get_mut(path)) {
            held[side] = Held::Refused(alike_reason(others.iter().map(String::as_str)));
        }
    }
    Ok(())
}

/// Refuses files of selected folders, where a folder beside them is alike and has the same.
pub async fn refuse_across(
    galleries: [&dyn Gallery; 2],
    folders: &Folders,
    listings: [&mut Listing; 2],
) -> Result<()> {
    let Folders::These(these) = folders else { return Ok(()) };
    let mut others = Vec::new();
    for gallery in galleries {
        let names = these.iter().map(String::as_str).filter(|folder| *folder != ROOT);
        let beside: HashSet<String> =
            alike(gallery, Sort::Folders, names).await?.into_values().flatten().collect();
        // What is selected itself is in the listings.
        let beside: Vec<String> = beside.into_iter().filter(|it| !these.contains(it)).collect();
        if !beside.is_empty() {
            others.extend(gallery.list(&Folders::These(beside)).await?.files);
        }
    }
    let mut forms: HashMap<_, &str> = HashMap::new();
    for other in &others {
        forms.insert(folded(other.path.as_str()), other.path.as_str());
    }
    for listing in listings.into_iter().filter(|_| !forms.is_empty()) {
        for file in &listing.files {
            if let Some(other) = forms.get(&folded(file.path.as_str())) {
                let reason = alike_reason([*other].into_iter());
                listing.refused.push(Refused { path: file.path.to_string(), reason });
            }
        }
    }
    Ok(())
}

/// What is alike and not the same, for each path that has such: in any of the folders that are alike.
async fn alike<'p>(
    gallery: &dyn Gallery,
    sort: Sort,
    paths: impl Iterator<Item = &'p str>,
) -> Result<BTreeMap<&'p str, Vec<String>>> {
    let (mut seen, mut found) = (Seen::new(), BTreeMap::new());
    for path in paths {
        let mut others = forms_of(gallery, sort, path, &mut seen).await?;
        others.retain(|other| other != path);
        if !others.is_empty() {
            others.sort_unstable();
            found.insert(path, others);
        }
    }
    Ok(found)
}

/// Every path of the gallery that is like this one.
async fn forms_of(
    gallery: &dyn Gallery,
    sort: Sort,
    path: &str,
    seen: &mut Seen,
) -> Result<Vec<String>> {
    let mut reached = vec![ROOT.to_owned()];
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let sort = if parts.peek().is_none() { sort } else { Sort::Folders };
        let wanted = (sort, folded(part).into_owned());
        let mut next = Vec::new();
        for folder in reached {
            if !seen.contains_key(&folder) {
                seen.insert(folder.clone(), by_form(gallery.names(&folder).await?));
            }
            let names = seen[&folder].get(&wanted).into_iter().flatten();
            next.extend(names.map(|name| joined(&folder, name)));
        }
        reached = next;
    }
    Ok(reached)
}

fn by_form(names: Names) -> HashMap<(Sort, String), Vec<String>> {
    let mut forms: HashMap<(Sort, String), Vec<String>> = HashMap::new();
    for (sort, names) in [(Sort::Files, names.files), (Sort::Folders, names.folders)] {
        for name in names {
            forms.entry((sort, folded(&name).into_owned())).or_default().push(name);
        }
    }
    forms
}
