//! The files of two listings side by side, by their paths.
//!
//! Answers for a path that is refused on either side, or lies below one, being in no pair.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::gallery::names::{alike_reason, folded};
use crate::gallery::{Found, Listing, Refused};
use crate::plan::file::FilePath;

/// A path, as it is on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<'l> {
    pub source: Option<&'l Found>,
    pub target: Option<&'l Found>,
}

impl<'l> Pair<'l> {
    pub fn path(&self) -> Option<&'l FilePath> {
        self.source.or(self.target).map(|file| &file.path)
    }

    pub fn is_new(&self) -> bool {
        self.target.is_none()
    }
}

pub struct Pairs<'l> {
    /// In the order of their paths.
    pub pairs: Vec<Pair<'l>>,
    /// On the source, and on the target.
    pub refused: [Vec<Refused>; 2],
}

impl<'l> Pairs<'l> {
    pub fn of(source: &'l Listing, target: &'l Listing) -> Self {
        let mut pairs = merged(&source.files, &target.files);
        let mut refused = [source.refused.clone(), target.refused.clone()];
        for (refused, more) in refused.iter_mut().zip(alike(&pairs)) {
            refused.extend(more);
        }
        for (refused, more) in refused.iter_mut().zip(in_the_way(&pairs)) {
            refused.extend(more);
        }
        let paths: BTreeSet<&str> = refused.iter().flatten().map(|it| it.path.as_str()).collect();
        if !paths.is_empty() {
            pairs.retain(|pair| pair.path().is_some_and(|path| !covers(&paths, path.as_str())));
        }
        Self { pairs, refused }
    }
}

/// Both lists are in the order of their paths.
fn merged<'l>(source: &'l [Found], target: &'l [Found]) -> Vec<Pair<'l>> {
    let mut pairs = Vec::with_capacity(source.len().max(target.len()));
    let (mut source, mut target) = (source.iter().peekable(), target.iter().peekable());
    while let Some(path) = first(source.peek(), target.peek()) {
        pairs.push(Pair {
            source: source.next_if(|file| file.path == *path),
            target: target.next_if(|file| file.path == *path),
        });
    }
    pairs
}

fn first<'l>(source: Option<&&'l Found>, target: Option<&&'l Found>) -> Option<&'l FilePath> {
    let (source, target) = (source.map(|file| &file.path), target.map(|file| &file.path));
    match (source, target) {
        (Some(source), Some(target)) => Some(source.min(target)),
        (one, other) => one.or(other),
    }
}

/// Files of one side only whose paths some systems would take for another one's of the other side: with
/// one of them copied, a gallery would hold both.
fn alike(pairs: &[Pair<'_>]) -> [Vec<Refused>; 2] {
    let mut forms: BTreeMap<Cow<'_, str>, [Option<&FilePath>; 2]> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| pair.source.is_none() != pair.target.is_none()) {
        let Some(path) = pair.path() else { continue };
        let side = usize::from(pair.source.is_none());
        forms.entry(folded(path.as_str())).or_default()[side] = Some(path);
    }
    let refused = |path: &FilePath, other: &FilePath| Refused {
        path: path.to_string(),
        reason: format!("{} on the other side", alike_reason([other.as_str()].into_iter())),
    };
    let both = forms.into_values().filter_map(|[source, target]| source.zip(target));
    both.map(|(source, target)| (refused(source, target), refused(target, source))).unzip().into()
}

/// Files whose path is a folder on the other side, or on the same one in a bucket: no folder holds both.
fn in_the_way(pairs: &[Pair<'_>]) -> [Vec<Refused>; 2] {
    let files: HashSet<&str> = pairs.iter().filter_map(|it| Some(it.path()?.as_str())).collect();
    let mut blocked: BTreeSet<&str> = BTreeSet::new();
    let mut last = "";
    for path in pairs.iter().filter_map(|it| Some(it.path()?.as_str())) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        if folder != last {
            let ends = folder.match_indices('/').map(|(end, _)| end).chain([folder.len()]);
            blocked.extend(ends.map(|end| &folder[..end]).filter(|outer| files.contains(outer)));
            last = folder;
        }
    }
    let of_side = |side: fn(&Pair<'_>) -> bool| {
        let blocked = pairs.iter().filter(|pair| side(pair)).filter_map(|pair| {
            let path = pair.path()?.as_str();
            let reason = "is a file here, and a folder elsewhere".to_owned();
            blocked.contains(path).then(|| Refused { path: path.to_owned(), reason })
        });
        blocked.collect()
    };
    [of_side(|pair| pair.source.is_some()), of_side(|pair| pair.target.is_some())]
}

/// Whether a path is refused, or lies below one that is.
fn covers(refused: &BTreeSet<&str>, path: &str) -> bool {
    let mut ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    ends.any(|end| refused.contains(&path[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(files: &[&str], refused: &[&str]) -> Listing {
        let file = |path: &&str| Found {
            path: FilePath::try_from((*path).to_owned()).unwrap(),
            size: 1,
            stamp: String::new(),
            is_settled: true,
            modified: 0,
        };
        let refused =
            refused.iter().map(|path| Refused { path: (*path).into(), reason: "is odd".into() });
        Listing {
            files: files.iter().map(file).collect(),
            refused: refused.collect(),
            ..Listing::default()
        }
    }

    fn shown(source: &Listing, target: &Listing) -> (Vec<String>, Vec<String>) {
        let Pairs { pairs, refused } = Pairs::of(source, target);
        let shown = pairs.iter().map(|pair| {
            let mark = match (pair.source, pair.target) {
                (Some(_), Some(_)) => '=',
                (Some(_), None) => '+',
                _ => '-',
            };
            format!("{mark}{}", pair.path().unwrap())
        });
        (shown.collect(), refused.concat().into_iter().map(|it| it.path).collect())
    }

    #[test]
    fn what_is_refused_on_either_side_is_no_change() {
        let source = listing(&["a", "b", "f/x", "g/y"], &["k", "sub"]);
        let target = listing(&["b", "c", "f/x", "k", "sub/a/b", "submarine"], &["g"]);
        let (pairs, refused) = shown(&source, &target);
        assert_eq!(pairs, ["+a", "=b", "-c", "=f/x", "-submarine"]);
        assert_eq!(refused, ["k", "sub", "g"]);
    }

    #[test]
    fn a_file_that_is_a_folder_on_the_other_side_stays() {
        let source = listing(&["a", "b/c/d", "x"], &[]);
        let target = listing(&["a/b/c", "b/c", "b/e", "x"], &[]);
        let (pairs, refused) = shown(&source, &target);
        assert_eq!(pairs, ["-b/e", "=x"]);
        assert_eq!(refused, ["a", "b/c"]);
    }

    #[test]
    fn a_name_that_only_changed_its_case_is_refused_on_both_sides() {
        let (source, target) = (listing(&["Hero.png", "x"], &[]), listing(&["hero.png", "x"], &[]));
        assert_eq!(shown(&source, &target).0, ["=x"]);
        assert_eq!(shown(&source, &target).1, ["Hero.png", "hero.png"]);
    }
}
