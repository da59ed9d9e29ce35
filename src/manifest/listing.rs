//! Which files of a directory or of a commit are manifests.
//!
//! Answers for kinds, names, sizes and numbers of files, in one way for both sources. Nothing is
//! read here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::problem::{Problem, Source};
use super::source;
use crate::escape::is_deceptive;

/// Manifests that one source may hold.
const MAX_FILES: usize = 10_000;
/// Bytes of all of them.
const MAX_TOTAL_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes of a path below the source's directory, and of one name in it.
const MAX_PATH_BYTES: usize = 1024;
const MAX_PART_BYTES: usize = 255;
/// What no other system can have in a name, or what a shell would take for its own.
const NOT_IN_NAMES: [char; 11] = ['\\', ':', '*', '?', '"', '<', '>', '|', '$', '`', '\''];
/// Names that are devices on Windows, whatever their ending.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file, and its bytes.
    File(u64),
    Link,
    /// Another repository's commit.
    Submodule,
    /// A device, a pipe, a mode that git doesn't write.
    Other,
}

/// The files to be read, and what is wrong with others.
#[derive(Debug, Default)]
pub struct Listing {
    files: Vec<PathBuf>,
    bytes: u64,
    problems: Vec<Problem>,
}

impl Listing {
    /// Takes note of an entry that is no folder. `path` is what people know it by, `inside` the part
    /// of it below the manifests' directory. What is hidden, or neither a manifest nor in the way
    /// of one, is left out.
    pub fn add(&mut self, path: PathBuf, inside: &Path, kind: Kind) {
        if is_hidden(inside) {
            return;
        }
        let is_manifest = is_manifest(inside);
        let problem = match kind {
            Kind::Link => Some(
                Problem::error("symlink", "symbolic links aren't followed among manifests")
                    .help("put the file itself here"),
            ),
            Kind::Submodule => Some(
                Problem::error("submodule", "submodules aren't fetched")
                    .help("put the manifests themselves into this repository"),
            ),
            _ if !is_manifest => return,
            Kind::Other => Some(Problem::error("no-file", "this is no regular file")),
            Kind::File(_) if bad_name(inside).is_some() => bad_name(inside),
            Kind::File(bytes) if bytes > source::MAX_BYTES as u64 => Some(source::too_large(bytes)),
            Kind::File(bytes) => {
                self.bytes += bytes;
                None
            }
        };
        match problem {
            Some(problem) => self.refuse(&path, problem),
            None => self.files.push(path),
        }
    }

    /// Takes note of something that can't be read.
    pub fn refuse(&mut self, path: &Path, problem: Problem) {
        self.problems.push(problem.in_source(&Arc::new(Source::unread(path))));
    }

    /// The files in the order of their paths, and the problems of others.
    ///
    /// # Errors
    /// More files or bytes than a source may hold.
    pub fn close(mut self) -> Result<(Vec<PathBuf>, Vec<Problem>), Problem> {
        let help = "name a folder that holds manifests alone";
        if self.files.len() > MAX_FILES {
            let found = self.files.len();
            let message = format!("there are {found} manifests; {MAX_FILES} are allowed");
            return Err(Problem::error("too-many-files", message).help(help));
        }
        if self.bytes > MAX_TOTAL_BYTES {
            let found = self.bytes;
            let message =
                format!("the manifests have {found} bytes; {MAX_TOTAL_BYTES} are allowed");
            return Err(Problem::error("too-large", message).help(help));
        }
        self.files.sort();
        Ok((self.files, self.problems))
    }
}

/// Whether a path is left out without a word, as `.github` is.
pub fn is_hidden(inside: &Path) -> bool {
    inside.iter().any(|part| part.as_encoded_bytes().starts_with(b"."))
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "yaml" || end == "yml")
}

/// Names end in result files, mails and people's terminals, and other systems check them out.
fn bad_name(inside: &Path) -> Option<Problem> {
    let why = match inside.to_str() {
        None => Some("is no UTF-8"),
        Some(path) if path.len() > MAX_PATH_BYTES => Some("is too long"),
        Some(path) => path.split('/').find_map(bad_part),
    };
    let help = "rename it; plain names have letters, digits, `-`, `_` and `.`";
    Some(Problem::error("bad-file-name", format!("the name of this file {}", why?)).help(help))
}

fn bad_part(part: &str) -> Option<&'static str> {
    let stem = part.split('.').next().unwrap_or_default().to_ascii_lowercase();
    if part.chars().any(is_deceptive) {
        Some("holds a character that is not seen or acts")
    } else if part.contains(NOT_IN_NAMES) {
        Some("holds a character that not every system allows")
    } else if part.len() > MAX_PART_BYTES {
        Some("is too long")
    } else if part.starts_with('-') {
        Some("begins with `-`, like an option")
    } else if part.starts_with(' ') || part.ends_with([' ', '.']) {
        Some("begins or ends with a space, or ends with a dot")
    } else if DEVICES.contains(&stem.as_str()) || stem.starts_with("git~") {
        Some("means something else on other systems")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(path: &str, kind: Kind) -> Option<&'static str> {
        let mut listing = Listing::default();
        listing.add(path.into(), Path::new(path), kind);
        let (files, problems) = listing.close().unwrap();
        match problems.as_slice() {
            [] => (!files.is_empty()).then_some("read"),
            [problem] => Some(problem.code),
            more => panic!("{more:?}"),
        }
    }

    #[test]
    fn names_that_act_or_mislead_are_refused() {
        for good in ["a.yaml", "jobs/spring campaign (2).yml", "ż/é.yaml", "a+b@c,d=~1.yaml"] {
            assert_eq!(code(good, Kind::File(1)), Some("read"), "{good}");
        }
        let long = format!("{}/a.yaml", "d/".repeat(600));
        let bad = [
            "a\nb.yaml",
            "a\u{1b}[31m.yaml",
            "-rf.yaml",
            "$(id).yaml",
            "`id`.yaml",
            "CON.yaml",
            "jobs./a.yaml",
            "jobs /a.yaml",
            "a\u{202e}b.yaml",
            "a\\b.yaml",
            "jobs\r/a.yaml",
            "git~1/a.yaml",
            "nul/a.yml",
            "c:a.yaml",
            &"x".repeat(300),
            &long,
        ];
        for bad in bad {
            let bad = if bad.ends_with("ml") { bad.to_owned() } else { format!("{bad}.yaml") };
            assert_eq!(code(&bad, Kind::File(1)), Some("bad-file-name"), "{bad:?}");
        }
    }

    #[test]
    fn only_regular_files_are_read() {
        for (path, kind, expected) in [
            ("README.md", Kind::File(9_999_999), None),
            (".github/workflows/a.yaml", Kind::File(1), None),
            (".hidden", Kind::Link, None),
            ("a.yaml", Kind::Link, Some("symlink")),
            ("jobs", Kind::Link, Some("symlink")),
            ("vendor", Kind::Submodule, Some("submodule")),
            ("a.yaml", Kind::Other, Some("no-file")),
            ("a.pipe", Kind::Other, None),
            ("a.yaml", Kind::File(1024 * 1024), Some("read")),
            ("a.yaml", Kind::File(1024 * 1024 + 1), Some("too-large")),
        ] {
            assert_eq!(code(path, kind), expected, "{path} {kind:?}");
        }
    }

    #[test]
    fn a_source_holds_so_many_files_and_bytes() {
        let mut many = Listing::default();
        for number in 0..=MAX_FILES {
            let path = PathBuf::from(format!("{number}.yaml"));
            many.add(path.clone(), &path, Kind::File(1));
        }
        assert_eq!(many.close().unwrap_err().code, "too-many-files");
        let mut large = Listing::default();
        for number in 0..=256 {
            let path = PathBuf::from(format!("{number}.yaml"));
            large.add(path.clone(), &path, Kind::File(1024 * 1024));
        }
        assert_eq!(large.close().unwrap_err().code, "too-large");
    }
}
