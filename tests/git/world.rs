//! Remotes and state directories of one test each, made by real git.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reconcile::config::{GitSource, Secret};
use reconcile::git::{Commit, Mirror};
use tempfile::TempDir;

/// Runs git as somebody else than the program under test, without this machine's settings.
pub fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("git")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs([("GIT_AUTHOR_NAME", "Jo"), ("GIT_AUTHOR_EMAIL", "jo@shop.example")])
        .envs([("GIT_COMMITTER_NAME", "Merger"), ("GIT_COMMITTER_EMAIL", "m@shop.example")])
        .envs([("GIT_AUTHOR_DATE", "@1000000000 +0000"), ("LC_ALL", "C")])
        .env("GIT_COMMITTER_DATE", "@1700000000 +0100")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// A bare repository with the branch `main`, and a state directory beside it.
pub struct World {
    pub folder: TempDir,
}

/// An entry of a tree: mode, name, object.
pub type Entry<'a> = (&'a str, &'a [u8], String);

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "--quiet", "--bare", "-b", "main", "remote"], b"");
        Self { folder }
    }

    pub fn remote(&self) -> PathBuf {
        self.folder.path().join("remote")
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub fn clone_folder(&self) -> PathBuf {
        self.state().join("git")
    }

    pub fn source(&self) -> GitSource {
        GitSource {
            url: Secret::new(self.remote().display().to_string()),
            branch: "main".into(),
            path: ".".into(),
            poll_seconds: 60,
            results_branch: "reconcile-results".into(),
            max_mebibytes: 64,
            require_signed: None,
        }
    }

    pub fn mirror(&self) -> Mirror {
        Mirror::new(&self.source(), &self.state())
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        git(&self.remote(), arguments, b"")
    }

    pub fn blob(&self, bytes: &[u8]) -> String {
        git(&self.remote(), &["hash-object", "-w", "--stdin"], bytes)
    }

    /// Writes a tree byte by byte, so that it may hold what git itself would never write.
    pub fn tree(&self, entries: &[Entry<'_>]) -> String {
        let mut bytes = Vec::new();
        for (mode, name, object) in entries {
            bytes.extend(format!("{mode} ").bytes());
            bytes.extend(*name);
            bytes.push(0);
            let digits = object.as_bytes().chunks(2);
            bytes.extend(
                digits.map(|it| u8::from_str_radix(std::str::from_utf8(it).unwrap(), 16).unwrap()),
            );
        }
        let write = ["hash-object", "-w", "-t", "tree", "--literally", "--stdin"];
        git(&self.remote(), &write, &bytes)
    }

    /// Makes a commit of a tree the newest of a branch; without a parent the branch starts anew.
    pub fn commit_tree(&self, branch: &str, tree: &str, parents: &[&str]) -> Commit {
        let mut arguments = vec!["commit-tree", tree, "-m", "A change"];
        arguments.extend(parents.iter().flat_map(|parent| ["-p", *parent]));
        let commit = self.git(&arguments);
        self.git(&["update-ref", &format!("refs/heads/{branch}"), &commit]);
        Commit::parse(&commit).unwrap()
    }

    /// Adds or replaces one file at the top, on top of the branch.
    pub fn change(&self, branch: &str, name: &str, text: &str) -> Commit {
        let parent = Command::new("git")
            .arg("-C")
            .arg(self.remote())
            .args(["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")])
            .output()
            .unwrap();
        let parent = String::from_utf8(parent.stdout).unwrap().trim().to_owned();
        let before = match parent.as_str() {
            "" => String::new(),
            parent => self.git(&["ls-tree", parent]),
        };
        let others = before.lines().filter(|line| !line.ends_with(&format!("\t{name}")));
        let mut lines: Vec<String> = others.map(str::to_owned).collect();
        lines.push(format!("100644 blob {}\t{name}", self.blob(text.as_bytes())));
        let tree = git(&self.remote(), &["mktree"], (lines.join("\n") + "\n").as_bytes());
        let parents: Vec<&str> =
            Some(parent.as_str()).filter(|it| !it.is_empty()).into_iter().collect();
        self.commit_tree(branch, &tree, &parents)
    }

    /// A program beside the repositories.
    pub fn script(&self, path: &Path, text: &str) -> String {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    /// The branch's commits, newest first.
    pub fn log(&self, branch: &str) -> Vec<String> {
        let log = self.git(&["rev-list", &format!("refs/heads/{branch}")]);
        log.lines().map(str::to_owned).collect()
    }
}
