//! Paths below a gallery's root, judged by their text alone.

/// The folder of the files that lie directly in the gallery's root.
pub const ROOT: &str = ".";
/// The most bytes of a path; longer ones can't be created everywhere.
const MOST_BYTES: usize = 1024;
/// The most bytes of one of its parts.
const MOST_PART: usize = 255;

/// Why a path can't lie below the gallery's root. The gallery itself opens nothing through links either.
pub fn bad_path(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        Some("it is empty")
    } else if path.starts_with('/') || path.contains("://") || has_drive(path) {
        Some("it is not relative")
    } else if path.contains('\\') {
        Some("folders are separated by `/`")
    } else if path.contains('%') && holds_encoded(path) {
        Some("it holds an encoded dot or slash")
    } else if path.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        Some("it has an empty part, `.` or `..`")
    } else if path.contains(crate::escape::is_deceptive) {
        Some("it holds a character that can't be seen")
    } else if path.len() > MOST_BYTES || path.split('/').any(|part| part.len() > MOST_PART) {
        Some("it is too long")
    } else {
        None
    }
}

fn holds_encoded(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    ["%2e", "%2f", "%5c", "%00"].iter().any(|code| path.contains(code))
}

/// `C:`, as other systems begin a path.
fn has_drive(path: &str) -> bool {
    let mut characters = path.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters.next() == Some(':')
}
