//! `git`: the repository that manifests come from, as the operator names it.
//!
//! Answers for addresses that lead where they seem to, for names of branches, and for keys of
//! signers, which are taken only in full.

use std::path::{Component, Path};

use super::read::{at_least_one, secret};
use super::{GitSource, Secret, SigningKey};
use crate::manifest::fields::{At, Fields, Problems, list_of};
use crate::manifest::scalars::text;

const RESULTS_BRANCH: &str = "reconcile-results";
const POLL_SECONDS: u64 = 60;
const MAX_MEBIBYTES: u64 = 1024;
/// The same that git is allowed to speak when it is called.
const SCHEMES: [&str; 5] = ["file", "git", "http", "https", "ssh"];
const SSH_KEYS: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// Reads `git`; relative paths start from `folder`.
pub fn git(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<GitSource> {
    let mut fields = Fields::open(at, problems)?;
    let url = fields.need("url", problems, |at, problems| address(at, folder, problems));
    let branch = fields.get("branch", problems, branch).unwrap_or_else(|| "main".into());
    let path = fields.get("path", problems, inner_path);
    let poll_seconds = fields.get("pollSeconds", problems, at_least_one);
    let results = fields.get("resultsBranch", problems, self::branch);
    let results_branch = results.unwrap_or_else(|| RESULTS_BRANCH.into());
    let max_mebibytes = fields.get("maxMebibytes", problems, at_least_one);
    let require_signed = fields.get("requireSigned", problems, require_signed);
    if results_branch == branch {
        let message = "`git.resultsBranch` is the branch of the manifests, `git.branch`";
        let help = "results need a branch of their own, since people review the manifests' one";
        problems.push(at.error("same-branch", message).help(help));
    }
    fields.close(problems);
    Some(GitSource {
        url: url?,
        branch,
        path: path.unwrap_or_else(|| ".".into()),
        poll_seconds: poll_seconds.unwrap_or(POLL_SECONDS),
        results_branch,
        max_mebibytes: max_mebibytes.unwrap_or(MAX_MEBIBYTES),
        require_signed,
    })
}

/// A URL, `HOST:PATH` or a path; a relative path starts from the operator's file.
fn address(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<Secret> {
    let written = secret(at, problems)?;
    let url = written.expose();
    let bad = |message: String| {
        at.error("bad-url", message).help("as in https://…, ssh://…, git@HOST:PATH or a path")
    };
    if let Some((scheme, _)) = url.split_once("://") {
        if !SCHEMES.contains(&scheme) {
            problems.push(bad(format!("`{}` has a scheme that isn't allowed", at.path)));
            return None;
        }
        return Some(written);
    }
    let first = url.split('/').next().unwrap_or_default();
    if url.starts_with('-') || first.contains("::") {
        problems.push(bad(format!("`{}` is no address of a repository", at.path)));
        return None;
    }
    // As git tells them apart: what has a colon before any slash is a host.
    if first.contains(':') || url.starts_with('/') {
        return Some(written);
    }
    Some(Secret::new(folder.join(url).display().to_string()))
}

/// A name as `git check-ref-format` allows it.
fn branch(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let name = text(at, problems)?;
    let is_part = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.to_lowercase().ends_with(".lock")
    };
    let forbidden = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let good = name.split('/').all(is_part)
        && !name.contains(forbidden)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !matches!(name.as_str(), "@" | "HEAD")
        && !name.starts_with("refs/");
    if !good {
        let message = format!("`{}`{} is no name of a branch", at.path, at.quoted());
        problems.push(at.error("bad-branch", message).help("as in `main` or `shop/results`"));
        return None;
    }
    Some(name)
}

/// A folder of the repository.
fn inner_path(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let path = text(at, problems)?;
    let parts = Path::new(&path).components();
    if parts.into_iter().any(|part| !matches!(part, Component::CurDir | Component::Normal(_))) {
        let message = format!("`{}` must be a folder of the repository", at.path);
        problems
            .push(at.error("bad-path", message).help("as in `manifests`, or `.` for all of it"));
        return None;
    }
    Some(path)
}

fn require_signed(at: &At<'_>, problems: &mut Problems) -> Option<Vec<SigningKey>> {
    let before = problems.list.len();
    let mut fields = Fields::open(at, problems)?;
    let keys = fields.need("keys", problems, list_of(signing_key));
    fields.close(problems);
    let keys = keys?;
    // A list of keys that are all refused is none either, but that has been said.
    if keys.is_empty() && problems.list.len() == before {
        problems.push(at.error("no-value", format!("`{}.keys` allows no key", at.path)));
    }
    (!keys.is_empty()).then_some(keys)
}

/// A fingerprint of `OpenPGP`, or an SSH key as it stands in `authorized_keys`.
fn signing_key(at: &At<'_>, problems: &mut Problems) -> Option<SigningKey> {
    let written = text(at, problems)?;
    let key = if written.contains("ssh-") || written.starts_with("ecdsa-") {
        ssh_key(&written)
    } else {
        fingerprint(&written)
    };
    key.map_err(|why| {
        let help = "write an OpenPGP fingerprint in full, as `gpg --fingerprint` shows it, or a \
                    public SSH key, as in `ssh-ed25519 AAAA…`";
        problems.push(at.error("bad-key", format!("`{}` {why}", at.path)).help(help));
    })
    .ok()
}

/// Only in full: anybody can make a key whose short ID is another's.
fn fingerprint(written: &str) -> Result<SigningKey, &'static str> {
    let digits: String = written.chars().filter(|c| *c != ' ').collect();
    let digits = digits.strip_prefix("0x").unwrap_or(&digits).to_ascii_uppercase();
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("is no key");
    }
    match digits.len() {
        40 | 64 => Ok(SigningKey::OpenPgp(digits)),
        0..40 => Err("is only a part of a fingerprint, which others' keys can share"),
        _ => Err("is no fingerprint: it has neither 40 nor 64 digits"),
    }
}

fn ssh_key(written: &str) -> Result<SigningKey, &'static str> {
    let mut words = written.split_ascii_whitespace();
    let (kind, key) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !SSH_KEYS.contains(&kind) {
        return Err("is no public SSH key of a known kind");
    }
    // The kind stands again inside, behind its length; the key itself comes after it.
    let inner = decode_base64(key).ok_or("is no public SSH key: its second word isn't base64")?;
    let name = inner.get(..4).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes);
    let rest = inner.get(4..).and_then(|rest| rest.strip_prefix(kind.as_bytes()));
    let is_whole =
        name == u32::try_from(kind.len()).ok() && rest.is_some_and(|rest| rest.len() > 32);
    if !is_whole {
        return Err("is no whole public SSH key");
    }
    Ok(SigningKey::Ssh(format!("{kind} {key}")))
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    if !text.len().is_multiple_of(4) {
        return None;
    }
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        (bits, held) = ((bits << 6) | u32::from(value), held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    Some(bytes)
}
