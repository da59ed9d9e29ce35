//! File systems of a test's own, for those who may mount one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One of a few MiB, in memory. It goes with its test.
pub struct Disk(PathBuf);

impl Disk {
    /// `None`, with a line that says so, where this account may not mount any.
    pub fn mounted(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at)
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("skipped: a disk of its own; this account can't mount one");
        None
    }

    /// Leaves no byte.
    pub fn fill(&self) {
        let error = loop {
            let file = fs::OpenOptions::new().create(true).append(true).open(self.0.join("filler"));
            match file.and_then(|mut file| std::io::Write::write_all(&mut file, &[0; 4096])) {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    /// From now on nothing is written, or everything again.
    pub fn remount(&self, how: &str) {
        let remount = format!("remount,{how}");
        let done = Command::new("mount").args(["-o", &remount]).arg(&self.0).status();
        assert!(done.unwrap().success());
    }

    pub fn make_room(&self) {
        let _ = fs::remove_file(self.0.join("filler"));
        self.remount("size=64m");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
