//! Keys that tests sign commits with, made by real `ssh-keygen`.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A key pair of somebody.
pub struct SshKey {
    /// Where the private one is.
    pub path: String,
    /// The public one, as `requireSigned` takes it.
    pub public: String,
}

/// Whether the programs were installed for the tests, with a line that says so if not.
pub fn is_there() -> bool {
    let named = std::env::var_os("RECONCILE_TEST_SIGNING").is_some();
    if !named {
        eprintln!("skipped: RECONCILE_TEST_SIGNING isn't set; see scripts/services");
    }
    named
}

pub fn ssh_key(folder: &Path, name: &str) -> SshKey {
    let path = folder.join(name).display().to_string();
    let made = ["-q", "-t", "ed25519", "-N", "", "-C", "jo@shop", "-f", &path];
    assert!(Command::new("ssh-keygen").args(made).status().unwrap().success());
    let public = fs::read_to_string(format!("{path}.pub")).unwrap();
    let public = public.split(' ').take(2).collect::<Vec<_>>().join(" ");
    SshKey { path, public }
}
