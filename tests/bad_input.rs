//! Bad input, each case a folder under `bad_input/` named after the threat it stands for: files go
//! in, the real binary runs among them, its output and exit code must be those of `expected.txt`.
//!
//! `UPDATE_EXPECTED=1 cargo test bad_input` writes what came out, to be read before it is committed.
//! Inputs that git or an editor would spoil (bytes, sizes, links) are made in `made_input`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const JOB: &str = "apiVersion: reconcile/v1\nkind: SyncJob\nmetadata: {name: refresh}\n\
                   spec: {direction: PROD -> TEST, mode: all, modules: all}\n";

#[test]
fn bad_input_is_refused_with_the_expected_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_input");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 40, "cases are missing: found {}", cases.len());
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    for case in &cases {
        let (found, expected_file) = (run(case), case.join("expected.txt"));
        if update {
            fs::write(&expected_file, &found).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&expected_file).unwrap_or_default();
        if found != expected {
            let name = case.file_name().unwrap().to_string_lossy();
            wrong.push(format!("== {name}\n-- expected\n{expected}\n-- found\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ\n{}", wrong.len(), wrong.join("\n"));
}

/// Whatever goes wrong, the secrets in these files are never shown.
#[test]
fn no_expected_output_holds_a_secret() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_input");
    for case in fs::read_dir(root).unwrap() {
        let path = case.unwrap().path().join("expected.txt");
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("hunter2"), "{}", path.display());
    }
}

/// Runs `args` (by default `validate`) in a copy of the case's folder.
fn run(case: &Path) -> String {
    let place = tempfile::tempdir().unwrap();
    copy(case, place.path());
    made_input(&case.file_name().unwrap().to_string_lossy(), place.path());
    let args = fs::read_to_string(case.join("args")).unwrap_or_else(|_| "validate".to_owned());
    let output = Command::new(env!("CARGO_BIN_EXE_reconcile"))
        .args(args.split_whitespace())
        .current_dir(place.path())
        .env_clear()
        .env("SHOP_PASSWORD", "hunter2")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).expect("output is always UTF-8");
        // The working directory differs from run to run.
        let here = place.path().canonicalize().unwrap().display().to_string();
        text.replace(&here, "HERE").lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    };
    let (stdout, stderr): (String, String) = (text(&output.stdout), text(&output.stderr));
    format!("exit code {}\n\n{stdout}\n{stderr}", output.status.code().unwrap())
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else if entry.file_name() != "expected.txt" && entry.file_name() != "args" {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn made_input(case: &str, place: &Path) {
    let manifests = place.join("manifests");
    fs::create_dir_all(&manifests).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(manifests.join(name), bytes).unwrap();
    let link = |target: &Path, name: &str| {
        std::os::unix::fs::symlink(target, manifests.join(name)).unwrap();
    };
    match case {
        "02-deep-nesting" => write("deep.yaml", "[".repeat(5_000).as_bytes()),
        "04-too-large" => write("large.yaml", &vec![b'#'; 2 * 1024 * 1024]),
        "04-many-documents" => write("storm.yaml", "---\n".repeat(100_000).as_bytes()),
        "04-long-line" => write("line.yaml", format!("{JOB}  {}", "a".repeat(500_000)).as_bytes()),
        "10-byte-order-mark" => write("job.yaml", format!("\u{feff}{JOB}").as_bytes()),
        "10-utf-16" => {
            let bytes: Vec<u8> = JOB.encode_utf16().flat_map(u16::to_le_bytes).collect();
            write("job.yaml", &bytes);
        }
        "10-invalid-utf-8" => write("job.yaml", &[JOB.as_bytes(), b"# Caf\xe9\n"].concat()),
        "10-control-characters" => {
            write("zero.yaml", &[JOB.as_bytes(), b"# \0\n"].concat());
            write("escape.yaml", &[JOB.as_bytes(), b"# \x1b[2J\n"].concat());
            write("return.yaml", &[JOB.as_bytes(), b"# hidden\rshown\n"].concat());
        }
        "12-tabs-crlf-json" => {
            let crlf = JOB.replace('\n', "\r\n").replace("refresh", "crlf");
            write("crlf.yaml", crlf.as_bytes());
            write("tab.yaml", b"apiVersion: reconcile/v1\nkind: SyncJob\nspec:\n\tmode: all\n");
        }
        "14-symlink" => {
            fs::write(place.join("outside.yaml"), JOB).unwrap();
            link(&place.join("outside.yaml"), "job.yaml");
            link(Path::new("/etc/passwd"), "passwd.yaml");
        }
        "15-symlink-directory" => {
            link(Path::new("."), "loop");
            link(Path::new("/etc"), "etc");
        }
        "18-file-names" => {
            write("-rf.yaml", b"kind: 1\n");
            write("two\nlines \u{1b}[31m.yaml", b"kind: 1\n");
        }
        "54-config-beside-manifests" => fs::create_dir_all(place.join(".git")).unwrap(),
        _ => {}
    }
}
