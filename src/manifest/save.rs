//! One manifest file replaced as a whole.
//!
//! Answers for a reader seeing the old text or the new one and never half of one, and for the
//! file's permissions. What the text says is decided elsewhere.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use super::files;
use crate::whole::{remove, rename};

/// Replaces the text of a file, if it still is what was read.
///
/// # Guarantees
/// The new text is on the disk before it takes the old one's place, with the same permissions.
/// Links are refused, and one that somebody puts there meanwhile is replaced, never followed.
/// Nothing is left behind after an error.
///
/// # Assumptions
/// Whoever else writes the file in the instant between the last look and the renaming loses.
pub fn replace(path: &Path, before: &str, after: &str) -> io::Result<()> {
    if io::read_to_string(files::open(path)?)? != before {
        return Err(io::Error::other("the file was changed meanwhile; nothing was written"));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.{}.draft", std::process::id()));
    let written = write(path, &draft, after).and_then(|()| rename(&draft, path));
    if written.is_err() {
        // The first error is the one to tell; a draft that can't be removed changes nothing.
        let _ = remove(&draft);
    }
    written
}

fn write(path: &Path, draft: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(draft)?;
    file.set_permissions(files::look(path)?.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_text_changes_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spring.yaml");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, "old", "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_changed_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spring.yaml");
        fs::write(&path, "someone else's").unwrap();
        assert!(replace(&path, "old", "new").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "someone else's");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_refused_and_what_it_points_to_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.yaml"), folder.path().join("b.yaml"));
        fs::write(&path, "old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let error = replace(&link, "old", "new").unwrap_err().to_string();
        assert!(error.contains("symbolic links aren't followed"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
