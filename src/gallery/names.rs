//! Which files of a gallery may be copied, by their names and sizes alone: the same for a folder and a
//! bucket.
//!
//! Answers for what is refused, with its reason. Links, devices and the like are known to whoever lists.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use unicode_normalization::UnicodeNormalization;

use super::{Listing, Refused};
pub use crate::manifest::paths::OWN;
use crate::manifest::paths::is_like_own;
use crate::plan::file::FilePath;

/// The operator's limit is given in these.
pub const MEGABYTE: u64 = 1_000_000;

/// Whether a path is the tool's own, and so in no listing: `.reconcile/…`, `spring/.reconcile-RUN-1`.
pub fn is_own(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    first == OWN || path.rsplit('/').next().is_some_and(is_draft)
}

/// Whether a file of this name is being made in a folder, or was by a process that died.
pub fn is_draft(name: &str) -> bool {
    name.strip_prefix(OWN).is_some_and(|rest| rest.starts_with('-'))
}

/// The folder of what a run took away, by the day on which the run began: `.reconcile/trash/DAY/RUN`.
pub fn trash_of(run: &str) -> String {
    let day = match run.get(..8).filter(|day| day.bytes().all(|digit| digit.is_ascii_digit())) {
        Some(day) => format!("{}-{}-{}", &day[..4], &day[4..6], &day[6..]),
        None => "undated".to_owned(),
    };
    format!("{OWN}/trash/{day}/{run}")
}

/// A file's path, where the file may be copied.
pub fn judged(path: &str, size: u64, most_bytes: u64) -> Result<FilePath, Refused> {
    let refused = |reason: String| Refused { path: path.to_owned(), reason };
    let good = FilePath::try_from(path.to_owned())
        .map_err(|reason| refused(format!("has a name that isn't allowed: {reason}")))?;
    if is_like_own(path) {
        return Err(refused(format!("has a name like {OWN}, which is kept for this tool")));
    }
    match size > most_bytes {
        true => Err(refused(too_large(size, most_bytes))),
        false => Ok(good),
    }
}

fn too_large(size: u64, most_bytes: u64) -> String {
    let (whole, most) = (size / MEGABYTE, most_bytes / MEGABYTE);
    // Rounded, a file that is a little too large would have as many as it may, or twice that.
    let size = if whole > most { format!("{whole} MB") } else { format!("{size} bytes") };
    format!("has {size}, more than the {most} MB of limits.maxFileMegabytes")
}

/// Puts a listing in order and refuses all files whose paths differ in case or Unicode form only: some
/// systems would take them for one.
pub fn tell_apart(listing: &mut Listing) {
    listing.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let mut reasons = reasons(listing);
    listing.files.retain(|file| match reasons.remove(&file.path) {
        None => true,
        Some(reason) => {
            listing.refused.push(Refused { path: file.path.to_string(), reason });
            false
        }
    });
    listing.refused.sort_unstable_by(|a, b| (&a.path, &a.reason).cmp(&(&b.path, &b.reason)));
    listing.refused.dedup();
    listing.folders.sort_unstable();
    listing.folders.dedup();
}

/// Files that others are alike, by their paths.
fn reasons(listing: &Listing) -> HashMap<FilePath, String> {
    let paths = || listing.files.iter().map(|file| &file.path);
    let mut forms = HashSet::with_capacity(listing.files.len());
    let doubles: HashSet<Cow<'_, str>> = paths()
        .map(|path| folded(path.as_str()))
        .filter(|form| !forms.insert(form.clone()))
        .collect();
    let mut alike: HashMap<Cow<'_, str>, Vec<&FilePath>> = HashMap::new();
    // Hardly ever there are any.
    for path in paths().filter(|_| !doubles.is_empty()) {
        let form = folded(path.as_str());
        if doubles.contains(&form) {
            alike.entry(form).or_default().push(path);
        }
    }
    let mut reasons = HashMap::new();
    for group in alike.values() {
        for path in group {
            let others = group.iter().filter(|other| *other != path).map(|other| other.as_str());
            reasons.insert((*path).clone(), alike_reason(others));
        }
    }
    reasons
}

/// Why a file is refused beside others.
pub fn alike_reason<'p>(others: impl Iterator<Item = &'p str>) -> String {
    let mut reason = "differs in case or Unicode form only from ".to_owned();
    for (at, other) in others.enumerate() {
        let comma = if at > 0 { ", " } else { "" };
        write!(reason, "{comma}{other}").expect("writing into a String succeeds");
    }
    reason
}

/// The same for all paths that a system may take for one. Each letter counts as one, as file systems have
/// it: `ß` isn't `ss`.
pub fn folded(path: &str) -> Cow<'_, str> {
    if !path.is_ascii() {
        return path.nfd().map(upper).flat_map(char::to_lowercase).nfc().collect();
    }
    match path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => path.to_ascii_lowercase().into(),
        false => path.into(),
    }
}

fn upper(letter: char) -> char {
    let mut upper = letter.to_uppercase();
    if upper.len() == 1 { upper.next().unwrap_or(letter) } else { letter }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gallery::Found;

    fn listing(paths: &[&str]) -> Listing {
        let files = paths.iter().map(|path| Found {
            path: judged(path, 1, MEGABYTE).unwrap(),
            size: 1,
            stamp: String::new(),
            is_settled: true,
            modified: 0,
        });
        Listing { files: files.collect(), ..Listing::default() }
    }

    #[test]
    fn files_that_some_systems_take_for_one_are_refused_all_of_them() {
        let mut found = listing(&[
            "b/Hero.png",
            "a.png",
            "B/hero.PNG",
            "caf\u{e9}.png",
            "cafe\u{301}.png",
            "stra\u{df}e.png",
            "strasse.png",
            "\u{3c3}.png",
            "\u{3c2}.png",
            "b/HERO.png",
        ]);
        tell_apart(&mut found);
        let kept: Vec<_> = found.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(kept, ["a.png", "strasse.png", "stra\u{df}e.png"]);
        let refused: Vec<_> = found.refused.iter().map(|it| it.path.as_str()).collect();
        let expected = [
            "B/hero.PNG",
            "b/HERO.png",
            "b/Hero.png",
            "cafe\u{301}.png",
            "caf\u{e9}.png",
            "\u{3c2}.png",
            "\u{3c3}.png",
        ];
        assert_eq!(refused, expected);
        let reason = "differs in case or Unicode form only from B/hero.PNG, b/HERO.png";
        assert_eq!(found.refused[2].reason, reason);
    }

    #[test]
    fn a_file_is_refused_by_its_name_or_size() {
        let reason =
            |path: &str, size| judged(path, size, 100 * MEGABYTE).err().map(|it| it.reason);
        assert_eq!(reason("a/b.png", 100 * MEGABYTE), None);
        let size = |bytes| reason("a/b.png", bytes).unwrap();
        let said = "has 100000001 bytes, more than the 100 MB of limits.maxFileMegabytes";
        assert_eq!(size(100 * MEGABYTE + 1), said);
        let said = "has 101 MB, more than the 100 MB of limits.maxFileMegabytes";
        assert_eq!(size(102 * MEGABYTE - 1), said);
        for bad in
            ["a\nb.png", "a/../b", "%2e%2e/b", "..\\b", "a//b", "/b", "C:x", "x\u{202e}gnp.exe"]
        {
            assert!(reason(bad, 1).unwrap().starts_with("has a name that isn't allowed"), "{bad}");
        }
        assert!(reason(".Reconcile/trash/x", 1).unwrap().contains("kept for this tool"));
    }

    #[test]
    fn what_is_the_tools_own_is_known_by_its_name() {
        for own in [".reconcile", ".reconcile/trash/a", "a/.reconcile-20261123-093124-abcdef-1"] {
            assert!(is_own(own), "{own}");
        }
        for other in [".reconciled/a", "a/.reconcile/b", "a/.reconcile", "reconcile"] {
            assert!(!is_own(other), "{other}");
        }
    }
}
