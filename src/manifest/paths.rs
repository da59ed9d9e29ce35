//! Paths below a gallery's root, judged by their text alone.

/// The folder of the files that lie directly in the gallery's root.
pub const ROOT: &str = ".";
/// What the tool keeps for itself: below this folder of the root, and in files elsewhere whose names begin
/// so.
pub const OWN: &str = ".reconcile";
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

/// Whether a path lies among the tool's own files, also where case doesn't count.
pub fn is_like_own(path: &str) -> bool {
    path.split('/').next().is_some_and(|first| first.eq_ignore_ascii_case(OWN))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_as_long_as_every_system_takes() {
        let part = "x".repeat(MOST_PART);
        assert_eq!(bad_path(&format!("a/{part}")), None);
        assert_eq!(bad_path(&format!("a/{part}x")), Some("it is too long"));
        // Bytes count, not letters.
        assert_eq!(bad_path(&"\u{fc}".repeat(128)), Some("it is too long"));
        let deep = "ab/".repeat(400);
        assert_eq!(bad_path(&deep[..MOST_BYTES]), None);
        assert_eq!(bad_path(&deep[..=MOST_BYTES]), Some("it is too long"));
    }

    #[test]
    fn what_the_tool_keeps_is_known_in_any_case() {
        assert!(is_like_own(".reconcile") && is_like_own(".Reconcile/trash/x"));
        assert!(!is_like_own("a/.reconcile") && !is_like_own(".reconciled"));
    }
}
