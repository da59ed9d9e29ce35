//! Opens files of the manifests' directory, and nothing that a link leads to.
//!
//! Manifests come in pull requests, so a link could show any file of the host, or have it written.
//! Answers for what is read being the regular file of that name below that directory, also when
//! somebody swaps it meanwhile.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::source::MAX_BYTES;

/// Why a file isn't touched.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("symbolic links aren't followed among manifests; put the file itself here")]
    Link,
    #[error("this is no regular file")]
    NoFile,
    #[error("it was replaced while it was opened; try again")]
    Swapped,
    #[error("a link leads out of the manifests' directory")]
    Outside,
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> Self {
        Self::other(refused)
    }
}

/// Opens a regular file for reading.
///
/// # Guarantees
/// What is open is the file that stood there under its own name before and after.
pub fn open(path: &Path) -> io::Result<File> {
    let before = look(path)?;
    let file = File::open(path)?;
    let opened = file.metadata()?;
    if !same(&before, &opened) || !same(&look(path)?, &opened) {
        return Err(Refused::Swapped.into());
    }
    Ok(file)
}

/// What a path itself is; a link or anything but a file is refused.
pub fn look(path: &Path) -> io::Result<Metadata> {
    let found = fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Err(Refused::Link.into());
    }
    if !found.is_file() {
        return Err(Refused::NoFile.into());
    }
    Ok(found)
}

/// Refuses a file whose folder, links followed, lies outside of a directory.
pub fn inside(directory: &Path, path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    if fs::canonicalize(folder)?.starts_with(fs::canonicalize(directory)?) {
        return Ok(());
    }
    Err(Refused::Outside.into())
}

/// The text of a manifest of at most [`MAX_BYTES`].
pub fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = open(path)?.take(MAX_BYTES as u64 + 1).read_to_string(&mut text)?;
    if read > MAX_BYTES {
        return Err(io::Error::other(format!("the file has more than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

fn same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_and_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.yaml"), "text").unwrap();
        symlink(at("a.yaml"), at("link.yaml")).unwrap();
        fs::create_dir(at("folder.yaml")).unwrap();
        assert_eq!(read_text(&at("a.yaml")).unwrap(), "text");
        for (name, why) in [("link.yaml", "links"), ("folder.yaml", "no regular file")] {
            let error = read_text(&at(name)).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_folder_that_became_a_link_leads_nowhere() {
        let (inside_of, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("a.yaml"), "secret").unwrap();
        symlink(outside.path(), inside_of.path().join("jobs")).unwrap();
        let path = inside_of.path().join("jobs/a.yaml");
        assert!(inside(inside_of.path(), &path).unwrap_err().to_string().contains("leads out"));
        fs::create_dir(inside_of.path().join("modules")).unwrap();
        inside(inside_of.path(), &inside_of.path().join("modules/b.yaml")).unwrap();
    }
}
