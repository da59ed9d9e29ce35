//! From bytes to a text that may be parsed.
//!
//! Answers for everything that is decided before YAML is: size, encoding, control and reordering
//! characters, leftovers of a merge. A file that fails here isn't parsed at all.

use super::problem::{Problem, Span};
use super::tree::MAX_DOCUMENTS;
use crate::escape::is_bidi_control;

/// Bytes a file may hold.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The text of a file, or the reasons why it can't be read.
pub fn read(bytes: &[u8]) -> Result<&str, Vec<Problem>> {
    if bytes.len() > MAX_BYTES {
        return Err(vec![too_large(bytes.len() as u64)]);
    }
    let text = decode(bytes).map_err(|problem| vec![problem])?;
    let checks = [control_characters, conflict_markers, too_many_documents, git_lfs_pointer];
    let problems: Vec<Problem> = checks.into_iter().filter_map(|check| check(text)).collect();
    if problems.is_empty() { Ok(text) } else { Err(problems) }
}

/// Also said of files that aren't even opened, by their size on disk.
pub fn too_large(bytes: u64) -> Problem {
    Problem::error("too-large", format!("the file has {bytes} bytes; {MAX_BYTES} are allowed"))
        .help("split it into several files of the same folder")
}

/// The place of a byte in a text.
pub fn span_at(text: &str, start: usize, len: usize) -> Span {
    let line_start = text[..start].rfind('\n').map_or(0, |found| found + 1);
    Span {
        start,
        end: start + len,
        line: text[..start].matches('\n').count() + 1,
        column: text[line_start..start].chars().count() + 1,
    }
}

fn decode(bytes: &[u8]) -> Result<&str, Problem> {
    let encoding = |name: &str| {
        Problem::error("encoding", format!("the file {name}; manifests are plain UTF-8"))
            .help("save it as UTF-8 without a byte order mark")
    };
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Err(encoding("is UTF-32")),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(encoding("is UTF-16")),
        [0xef, 0xbb, 0xbf, ..] => return Err(encoding("begins with a byte order mark")),
        [0, first, 0, ..] | [first, 0, _, 0, ..] if *first != 0 => {
            return Err(encoding("looks like UTF-16"));
        }
        _ => {}
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        encoding("is no valid UTF-8").at(span_at(&valid, valid.len(), 1))
    })
}

fn control_characters(text: &str) -> Option<Problem> {
    let (at, found) = text.char_indices().find(|(at, c)| match c {
        '\n' | '\t' => false,
        // A carriage return is fine where it ends a line.
        '\r' => !text[at + 1..].starts_with('\n'),
        '\u{feff}' => true,
        _ => c.is_control() || is_bidi_control(*c),
    })?;
    let code = u32::from(found);
    let problem = if is_bidi_control(found) {
        Problem::error(
            "bidi-control",
            format!("the file holds U+{code:04X}, which makes text look other than it is"),
        )
    } else {
        Problem::error(
            "control-character",
            format!("the file holds the control character U+{code:04X}"),
        )
    };
    Some(problem.at(span_at(text, at, found.len_utf8())))
}

fn conflict_markers(text: &str) -> Option<Problem> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let marker = line.trim_end();
        let is_marker = ["<<<<<<< ", ">>>>>>> ", "||||||| "].iter().any(|m| line.starts_with(m))
            || matches!(marker, "<<<<<<<" | "=======" | ">>>>>>>" | "|||||||");
        if is_marker {
            return Some(
                Problem::error("merge-conflict", "an unfinished merge: this is a conflict marker")
                    .help("decide which side is right, remove the three marker lines, commit again")
                    .at(span_at(text, at, marker.len())),
            );
        }
        at += line.len();
    }
    None
}

/// Every `---` at the beginning of a line may start a document; counting them costs nothing
/// compared with parsing.
fn too_many_documents(text: &str) -> Option<Problem> {
    let markers = text.lines().filter(|line| {
        line.strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
    });
    let count = markers.count();
    (count > MAX_DOCUMENTS).then(|| {
        Problem::error(
            "too-many-documents",
            format!("the file has {count} documents; {MAX_DOCUMENTS} are allowed"),
        )
        .help("split it into several files of the same folder")
    })
}

fn git_lfs_pointer(text: &str) -> Option<Problem> {
    text.starts_with("version https://git-lfs.github.com/spec/").then(|| {
        Problem::error("lfs-pointer", "this is a Git LFS pointer, not the file itself")
            .help("keep manifests in git itself: remove them from .gitattributes")
    })
}
