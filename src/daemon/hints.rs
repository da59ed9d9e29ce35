//! Hints that the manifests' folder changed: a reason to look now, never what to believe.
//!
//! Answers for one hint after many events, and for a folder that was deleted and made again. Where
//! nothing is told (network file systems, too many folders), the regular listing finds it later.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::EventKind;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Editors write a file in several steps; after the last one it is quiet for so long,
const QUIET: Duration = Duration::from_millis(150);
/// or nobody waits any longer.
const LONGEST: Duration = Duration::from_secs(2);

/// Events below one folder.
pub struct Hints {
    folder: PathBuf,
    watcher: Option<RecommendedWatcher>,
    events: UnboundedReceiver<()>,
    /// Device and number of the folder that is watched.
    watched: Option<(u64, u64)>,
}

impl Hints {
    /// Watches a folder; one that can't be watched gives no hints.
    pub fn of(folder: &Path) -> Self {
        let (sender, events) = unbounded_channel();
        let told = move |event: notify::Result<notify::Event>| {
            let is_read = matches!(&event, Ok(event) if matches!(event.kind, EventKind::Access(_)));
            if !is_read {
                // Nobody listens any more: the program ends.
                let _ = sender.send(());
            }
        };
        let watcher = notify::recommended_watcher(told).ok();
        let mut hints = Self { folder: folder.to_owned(), watcher, events, watched: None };
        hints.renew();
        hints
    }

    /// Watches the folder that stands there now, if it isn't the one that is watched.
    pub fn renew(&mut self) {
        let there = identity(&self.folder);
        if there == self.watched {
            return;
        }
        let Some(watcher) = &mut self.watcher else { return };
        // What is gone can't be left any more.
        let _ = watcher.unwatch(&self.folder);
        let watching = watcher.watch(&self.folder, RecursiveMode::Recursive).is_ok();
        self.watched = there.filter(|_| watching);
    }

    /// Waits for a change and until it is quiet again.
    pub async fn next(&mut self) {
        if self.events.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        let settled = async {
            while let Ok(Some(())) = tokio::time::timeout(QUIET, self.events.recv()).await {}
        };
        let _ = tokio::time::timeout(LONGEST, settled).await;
    }
}

fn identity(folder: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let about = std::fs::metadata(folder).ok()?;
    Some((about.dev(), about.ino()))
}
