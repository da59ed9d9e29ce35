//! Which folders of a gallery are meant, and which of them a file lies in.

pub use crate::manifest::paths::ROOT;
use crate::plan::file::FilePath;

/// Folders with all that lies below them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folders {
    /// Every folder of the root, and the root's own files.
    All,
    /// None lies within another.
    These(Vec<String>),
}

impl Folders {
    /// The folder that a file belongs to, and its ID: its path below that folder.
    pub fn place<'p>(&'p self, path: &'p FilePath) -> Option<(&'p str, &'p str)> {
        let path = path.as_str();
        match self {
            Self::All => Some(path.split_once('/').unwrap_or((ROOT, path))),
            Self::These(folders) => folders.iter().find_map(|folder| {
                if folder == ROOT {
                    return (!path.contains('/')).then_some((ROOT, path));
                }
                let below = path.strip_prefix(folder.as_str())?.strip_prefix('/')?;
                Some((folder.as_str(), below))
            }),
        }
    }
}

/// The path of a file by its folder and its ID there, as text.
pub fn joined(folder: &str, id: &str) -> String {
    match folder {
        ROOT => id.to_owned(),
        folder => format!("{folder}/{id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_in_the_folder_that_is_selected() {
        let these = Folders::These(vec!["spring".into(), "a/b".into(), ROOT.into()]);
        for (path, all, chosen) in [
            ("spring/x/y.png", Some(("spring", "x/y.png")), Some(("spring", "x/y.png"))),
            ("springs/y.png", Some(("springs", "y.png")), None),
            ("a/b/c.png", Some(("a", "b/c.png")), Some(("a/b", "c.png"))),
            ("a/c.png", Some(("a", "c.png")), None),
            ("c.png", Some((ROOT, "c.png")), Some((ROOT, "c.png"))),
        ] {
            let path = FilePath::try_from(path.to_owned()).unwrap();
            assert_eq!((Folders::All.place(&path), these.place(&path)), (all, chosen), "{path}");
            for (folder, id) in [all, chosen].into_iter().flatten() {
                assert_eq!(joined(folder, id), path.as_str());
            }
        }
    }
}
