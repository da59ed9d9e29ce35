//! Files as plans, pins and the ledger speak of them: where they are, and what they hold.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::manifest::paths::bad_path;

/// What begins the tables of changes that are about files, and not about records.
pub const GALLERY: &str = "gallery/";

/// Whether changes of a table are about files: `gallery/spring`.
pub fn is_file(table: &str) -> bool {
    table.starts_with(GALLERY)
}

/// Vector graphics have no size in pixels, and may hold scripts.
const IMAGES: [&str; 6] = [".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"];

/// Whether a file is called like an image that reviews look at; what it is, its first bytes say.
pub fn is_named_like_image(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    IMAGES.iter().any(|ending| path.ends_with(ending))
}

/// A file's path below the root of a gallery: parts joined with `/`, none of them `..`, without
/// characters that can't be seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FilePath(String);

/// Why a text is no path of a file: `it is empty`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadPath(pub &'static str);

impl FilePath {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FilePath {
    type Error = BadPath;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match bad_path(&text) {
            Some(reason) => Err(BadPath(reason)),
            None => Ok(Self(text)),
        }
    }
}

impl From<FilePath> for String {
    fn from(path: FilePath) -> Self {
        path.0
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A file's content: how many bytes, and their BLAKE3 hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Content {
    /// Bytes.
    pub size: u64,
    pub blake3: Hash,
}

/// A file that a record names on the source, and what becomes of the target's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedFile {
    pub path: FilePath,
    pub state: FileState,
    /// What the target has and what it gets: both only where it is replaced, `to` where it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ShownContent>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ShownContent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FileState {
    /// Nobody looked: no gallery is configured.
    Unknown,
    /// The target has all of it, or the source has nothing to bring.
    Unchanged,
    New,
    Replaced,
    /// Neither side has it.
    Missing,
    /// What stands there on a side is never copied.
    Refused,
}

/// A content as a reviewer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownContent {
    /// Bytes.
    pub size: u64,
    pub blake3: Hash,
    /// Width and height of an image that can be read: `1200 x 600`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<String>,
}

impl From<Content> for ShownContent {
    fn from(Content { size, blake3 }: Content) -> Self {
        Self { size, blake3, dimensions: None }
    }
}

/// One file that a run changes on the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    pub path: FilePath,
    /// What the target holds; none: it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Content>,
    /// What it is to hold; none: it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Content>,
}

/// A BLAKE3 hash, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub [u8; 32]);

impl From<blake3::Hash> for Hash {
    fn from(hash: blake3::Hash) -> Self {
        Self(*hash.as_bytes())
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = blake3::HexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        blake3::Hash::from_hex(text).map(Self::from)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&blake3::Hash::from(self.0).to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_looked_for_by_their_names() {
        assert!(is_named_like_image("a/B.JPG") && is_named_like_image("x.webp"));
        assert!(!is_named_like_image("x.svg") && !is_named_like_image("png"));
    }
}
