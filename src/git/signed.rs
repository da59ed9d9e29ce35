//! Whether commits were signed by those whom the operator trusts.
//!
//! Answers for every commit that came since the last trusted one, also those below a signed head and
//! those that a merge brought. Git checks the signatures; which keys count is decided here, by whole
//! fingerprints, and not by how much a keyring trusts them.

use std::path::PathBuf;
use std::time::Duration;

use super::error::not_understood;
use super::mirror::at;
use super::{Commit, Error, Mirror};
use crate::config::SigningKey;
use crate::whole::write_if_changed;

/// Each signature starts a program or two.
const TIME_LIMIT: Duration = Duration::from_mins(10);
const OUTPUT_LIMIT: usize = 32 * 1024 * 1024;
const FORMAT: &str = "--format=%H%x00%G?%x00%GF%x00%GP%x00%an%x00%ae";

/// A commit that isn't signed as the operator wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    pub commit: Commit,
    /// As the commit has it: to be escaped.
    pub author_name: String,
    pub author_email: String,
    /// Continues "the commit …": "isn't signed".
    pub why: String,
}

impl Mirror {
    /// The first commit that isn't signed with one of the operator's keys, among all that `head`
    /// brings since `trusted`; without one only `head` is asked. `None` when all are signed, or when
    /// the operator doesn't ask for signatures.
    ///
    /// # Errors
    /// [`Error::TrustGone`] when `trusted` isn't in the repository any more.
    pub async fn first_unsigned(
        &self,
        trusted: Option<&Commit>,
        head: &Commit,
    ) -> Result<Option<Unsigned>, Error> {
        let Some(keys) = &self.source.require_signed else { return Ok(None) };
        let mut range = match trusted {
            Some(trusted) if !self.repository.has(trusted).await? => {
                return Err(Error::TrustGone { commit: trusted.to_string() });
            }
            Some(trusted) => vec!["--topo-order".into(), "--reverse".into(), format!("^{trusted}")],
            None => vec!["--max-count=1".into()],
        };
        range.push(head.to_string());
        let signers = format!("gpg.ssh.allowedSignersFile={}", self.signers(keys)?.display());
        // X.509 has fingerprints too, which nobody here named.
        // `rev-list` doesn't look at the settings of signatures, so it finds none to be good.
        let log = ["-c", &signers, "-c", "gpg.x509.program=false", "log", FORMAT];
        let plain = ["--no-show-signature", "--no-patch", "--no-color", "--encoding=UTF-8"];
        let call =
            self.git().call(log.into_iter().chain(plain).chain(range.iter().map(String::as_str)));
        let printed = call.time_limit(TIME_LIMIT).output_limit(OUTPUT_LIMIT).bytes().await?;
        let printed = String::from_utf8_lossy(&printed);
        let lines = printed.lines().filter(|line| line.contains('\0'));
        for line in lines {
            if let Some(unsigned) = judge(line, keys)? {
                return Ok(Some(unsigned));
            }
        }
        Ok(None)
    }

    /// The file in which `ssh-keygen` finds who may sign.
    fn signers(&self, keys: &[SigningKey]) -> Result<PathBuf, Error> {
        let ssh = keys.iter().filter_map(|key| match key {
            SigningKey::Ssh(key) => Some(format!("* namespaces=\"git\" {key}\n")),
            SigningKey::OpenPgp(_) => None,
        });
        let text: String = ssh.collect();
        let path = std::path::absolute(self.folder()).map_err(at(self.folder()))?;
        let path = path.with_extension("signers");
        write_if_changed(&path, &text).map_err(at(&path))?;
        Ok(path)
    }
}

/// What is wrong with a commit, from the line that [`FORMAT`] makes.
fn judge(line: &str, keys: &[SigningKey]) -> Result<Option<Unsigned>, Error> {
    let parts: Vec<&str> = line.split('\0').collect();
    let parts = <[&str; 6]>::try_from(parts).map_err(|_| not_understood("log"))?;
    let [commit, state, key, primary, author_name, author_email] = parts;
    let why = match state {
        "G" | "U" if is_allowed(state, key, primary, keys) => return Ok(None),
        "G" | "U" => format!("is signed with {key}, which isn't among git.requireSigned.keys"),
        "N" => "isn't signed".into(),
        "B" => "has a signature that doesn't fit it".into(),
        "X" => "has a signature that has expired".into(),
        "Y" => format!("is signed with {key}, which has expired"),
        "R" => format!("is signed with {key}, which was revoked"),
        _ => "has a signature that can't be checked; an OpenPGP key must be in the keyring of the \
              user that reconcile runs as"
            .into(),
    };
    Ok(Some(Unsigned {
        commit: Commit::parse(commit).ok_or_else(|| not_understood("log"))?,
        author_name: author_name.to_owned(),
        author_email: author_email.to_owned(),
        why,
    }))
}

/// A good SSH signature of an allowed key is `G`, since git was given the keys; of any other `U`. A
/// good signature of `OpenPGP` is either, by the keyring's trust, which isn't asked for: the key is.
fn is_allowed(state: &str, key: &str, primary: &str, keys: &[SigningKey]) -> bool {
    if key.starts_with("SHA256:") {
        return state == "G" && keys.iter().any(|key| matches!(key, SigningKey::Ssh(_)));
    }
    let is_named = |name: &str| {
        keys.iter()
            .any(|key| matches!(key, SigningKey::OpenPgp(own) if own.eq_ignore_ascii_case(name)))
    };
    is_named(key) || is_named(primary)
}
