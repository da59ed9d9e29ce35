//! How much a clone takes on disk, also while it grows.

use std::path::Path;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(200);

/// Bytes of all files below a folder; files that vanish meanwhile count nothing.
pub fn bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => bytes(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

/// Waits until a folder takes more than `limit` bytes; for ever if it doesn't.
pub async fn exceeds(folder: &Path, limit: u64) {
    while bytes(folder) <= limit {
        tokio::time::sleep(PAUSE).await;
    }
}
