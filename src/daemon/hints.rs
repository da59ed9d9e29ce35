//! Hints that the manifests' folder changed: a reason to look now, never what to believe.
//!
//! Answers for one hint after many events, and for a folder that was deleted and made again. Where
//! nothing is told (network file systems, too many folders), the regular listing finds it later.
//! A hint says only that something may have changed, so that events which were lost need no more.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::EventKind;
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::log::say;

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
    /// Why it isn't watched; it is said once.
    unwatched: Option<String>,
}

impl Hints {
    /// Watches a folder; one that can't be watched gives no hints.
    pub fn of(folder: &Path) -> Self {
        let (sender, events) = unbounded_channel();
        let told = move |event: notify::Result<Event>| {
            if is_hint(&event) {
                // Nobody listens any more: the program ends.
                let _ = sender.send(());
            }
        };
        Self::with(folder, notify::recommended_watcher(told), events)
    }

    fn with(
        folder: &Path,
        watcher: notify::Result<RecommendedWatcher>,
        events: UnboundedReceiver<()>,
    ) -> Self {
        let folder = folder.to_owned();
        let mut hints = Self { folder, watcher: None, events, watched: None, unwatched: None };
        match watcher {
            Ok(watcher) => hints.watcher = Some(watcher),
            Err(error) => hints.say_unwatched(&error),
        }
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
        match watcher.watch(&self.folder, RecursiveMode::Recursive) {
            Ok(()) => {
                self.watched = there;
                self.unwatched = None;
            }
            Err(error) => {
                self.watched = None;
                // One that isn't there can't be listed either, and that is said.
                if there.is_some() {
                    self.say_unwatched(&error);
                }
            }
        }
    }

    fn say_unwatched(&mut self, error: &notify::Error) {
        let why = error.to_string();
        if self.unwatched.as_ref() != Some(&why) {
            say("manifests", format!("the folder can't be watched, only listed regularly: {why}"));
            self.unwatched = Some(why);
        }
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

/// Whether something may have changed: all but reads, also events that were lost (`Rescan`) and errors.
fn is_hint(event: &notify::Result<Event>) -> bool {
    !matches!(event, Ok(event) if matches!(event.kind, EventKind::Access(_)))
}

fn identity(folder: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let about = std::fs::metadata(folder).ok()?;
    Some((about.dev(), about.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{AccessKind, DataChange, Flag, ModifyKind};

    #[test]
    fn all_but_reads_are_hints() {
        let event = |kind| Ok(Event::new(kind));
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let rescan = Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan));
        for (what, event, expected) in [
            ("a read", event(EventKind::Access(AccessKind::Any)), false),
            ("a write", event(written), true),
            ("events were lost", rescan, true),
            ("the watcher failed", Err(notify::Error::generic("it broke")), true),
        ] {
            assert_eq!(is_hint(&event), expected, "{what}");
        }
    }

    /// A watcher that can't keep up: the system drops what its queue has no room for, and says so.
    #[tokio::test]
    async fn events_that_were_really_lost_are_a_hint() {
        let most = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events");
        let most: usize = most.unwrap().trim().parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (sender, events) = unbounded_channel();
        let (busy, idle) = std::sync::mpsc::channel::<()>();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Until the other end is dropped.
            let _ = idle.recv();
            let is_loss = event.as_ref().is_ok_and(Event::need_rescan);
            if is_loss && is_hint(&event) {
                let _ = sender.send(());
            }
        });
        let mut hints = Hints::with(folder.path(), watcher, events);
        for number in 0..most {
            std::fs::write(folder.path().join(format!("{number}.yaml")), "").unwrap();
        }
        drop(busy);
        let hint = tokio::time::timeout(Duration::from_mins(1), hints.next()).await;
        assert!(hint.is_ok(), "no loss was told");
    }

    #[tokio::test]
    async fn the_steps_of_an_editor_are_one_hint() {
        let folder = tempfile::tempdir().unwrap();
        let mut hints = Hints::of(folder.path());
        let (draft, file) = (folder.path().join(".a.yaml.swp"), folder.path().join("a.yaml"));
        for text in ["a", "ab", "abc"] {
            std::fs::write(&draft, text).unwrap();
            std::fs::rename(&draft, &file).unwrap();
        }
        hints.next().await;
        let another = tokio::time::timeout(2 * QUIET, hints.next()).await;
        assert!(another.is_err(), "a second hint of the same steps");
    }

    /// Nobody says that the folder above is gone: it is asked after each look.
    #[tokio::test]
    async fn a_folder_that_went_with_its_parent_gives_hints_again() {
        let place = tempfile::tempdir().unwrap();
        let parent = place.path().join("repository");
        let folder = parent.join("manifests");
        std::fs::create_dir_all(&folder).unwrap();
        let mut hints = Hints::of(&folder);
        std::fs::rename(&parent, place.path().join("away")).unwrap();
        hints.renew();
        assert_eq!((hints.watched, &hints.unwatched), (None, &None));
        std::fs::create_dir_all(&folder).unwrap();
        hints.renew();
        while tokio::time::timeout(2 * QUIET, hints.next()).await.is_ok() {}
        std::fs::write(folder.join("a.yaml"), "").unwrap();
        let hint = tokio::time::timeout(Duration::from_mins(1), hints.next()).await;
        assert!(hint.is_ok(), "no hint of the new folder");
    }

    /// The folder is listed regularly all the same: the wait for a hint doesn't end, it isn't an error,
    /// and it doesn't spin.
    #[tokio::test]
    async fn without_a_watcher_there_are_no_hints() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, events) = unbounded_channel();
        drop(sender);
        let no_watcher = Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch));
        let mut hints = Hints::with(folder.path(), no_watcher, events);
        assert!(
            hints.unwatched.as_ref().is_some_and(|why| why.contains("limit")),
            "{:?}",
            hints.unwatched
        );
        hints.renew();
        std::fs::write(folder.path().join("a.yaml"), "").unwrap();
        let hint = tokio::time::timeout(2 * QUIET, hints.next()).await;
        assert!(hint.is_err());
    }
}
