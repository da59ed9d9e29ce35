//! The one place that starts git.
//!
//! Answers for what every call has: a limit of time and of output, nobody asked for a password, no
//! hook, no protocol but the known ones, no variable that leads to another repository, and errors
//! without credentials. A call that is dropped takes its process with it. There is no shell.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::address;
use super::error::Error;
use super::kill::Group;
use crate::config::Secret;
use crate::effect;
use crate::escape::{harmless, shortened};

/// How long a call may take unless it says otherwise.
const TIME_LIMIT: Duration = Duration::from_mins(1);
/// Of a call that talks to a remote.
pub const REMOTE_TIME_LIMIT: Duration = Duration::from_mins(2);
/// Bytes that a call may print unless it says otherwise.
const OUTPUT_LIMIT: usize = 1024 * 1024;
/// Bytes of git's own words that are kept; the rest is read and forgotten.
const WORDS_LIMIT: usize = 16 * 1024;
/// Lines of a server's own words that are kept, and their characters.
const REMOTE_LINES: usize = 20;
const REMOTE_LINE: usize = 500;
const PROTOCOLS: &str = "file:git:http:https:ssh";
/// Set where this program runs as part of a hook or of another git: they would lead elsewhere.
const FOREIGN: [&str; 15] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_GRAFT_FILE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Whose settings are in force besides the repository's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settings {
    /// The user's and the system's: how to reach remotes, and how to sign.
    Users,
    /// Nobody's.
    Own,
}

/// What the folder is that git works in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A work tree, or a folder of one.
    WorkTree,
    /// The repository itself; one around it isn't looked for.
    Bare,
}

/// Git in one folder.
#[derive(Debug, Clone)]
pub struct Git {
    folder: PathBuf,
    place: Place,
    settings: Settings,
    remote: Option<Secret>,
    secrets: Vec<Secret>,
}

impl Git {
    pub fn new(folder: &Path, place: Place, settings: Settings) -> Self {
        Self { folder: folder.to_owned(), place, settings, remote: None, secrets: Vec::new() }
    }

    /// Gives the remote `origin` its address. It is handed over in the environment, since lists of
    /// arguments can be seen by other users of the host, and files outlive the operator's settings.
    #[must_use]
    pub fn with_remote(mut self, url: &Secret) -> Self {
        self.secrets = address::secrets(url.expose());
        self.remote = Some(url.clone());
        self
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A call with these arguments; the first one is git's command.
    pub fn call<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Call<'_> {
        Call {
            git: self,
            arguments: arguments.into_iter().map(|it| it.as_ref().to_owned()).collect(),
            environment: Vec::new(),
            input: Vec::new(),
            time_limit: TIME_LIMIT,
            output_limit: OUTPUT_LIMIT,
        }
    }
}

/// One call of git that wasn't made yet.
#[derive(Debug)]
pub struct Call<'a> {
    git: &'a Git,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    input: Vec<u8>,
    time_limit: Duration,
    output_limit: usize,
}

/// How a call ended.
#[derive(Debug)]
pub struct Output {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub bytes: Vec<u8>,
    /// What it said besides: one line, without credentials.
    pub said: String,
    /// What of it a server said, line by line.
    pub remote: Vec<String>,
}

impl Call<'_> {
    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name, value.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub fn input(mut self, bytes: Vec<u8>) -> Self {
        self.input = bytes;
        self
    }

    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// The bytes it printed; an end with another code than 0 is [`Error::Failed`].
    pub async fn bytes(self) -> Result<Vec<u8>, Error> {
        let command = self.name();
        let output = self.output().await?;
        if output.code == Some(0) {
            return Ok(output.bytes);
        }
        Err(Error::Failed { command, said: output.said })
    }

    /// What it printed as text, without the line's end.
    pub async fn text(self) -> Result<String, Error> {
        let bytes = self.bytes().await?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// Carries the call out, whatever code it ends with.
    pub async fn output(self) -> Result<Output, Error> {
        if effect::before(effect::Kind::Git, &self.name()).is_err() {
            let said = "fatal: the remote end hung up unexpectedly".to_owned();
            return Ok(Output { code: Some(128), bytes: Vec::new(), said, remote: Vec::new() });
        }
        let mut group = Group { child: self.command().spawn().map_err(Error::Start)? };
        let talk = talk(&mut group.child, &self.input, self.output_limit);
        let talked = match tokio::time::timeout(self.time_limit, talk).await {
            Ok(Ok(talked)) => talked,
            Ok(Err(Broken::System(error))) => return Err(Error::Start(error)),
            Ok(Err(Broken::TooMuch)) => {
                let (command, bytes) = (self.name(), self.output_limit);
                return Err(Error::OutputLimit { command, bytes });
            }
            Err(_) => {
                let (command, limit) = (self.name(), self.time_limit);
                return Err(Error::TimeLimit { command, limit });
            }
        };
        let said = String::from_utf8_lossy(&talked.words);
        let remote = remote(&said, &self.git.secrets);
        let said = one_line(&address::redacted(said.trim(), &self.git.secrets));
        Ok(Output { code: talked.code, bytes: talked.bytes, said, remote })
    }

    /// The command alone, for messages: what follows may be long.
    fn name(&self) -> String {
        let settings = self.arguments.chunks(2).take_while(|pair| pair[0] == "-c").count();
        let command = self.arguments.get(2 * settings);
        command.map(|it| it.to_string_lossy().into_owned()).unwrap_or_default()
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        for name in FOREIGN {
            command.env_remove(name);
        }
        if self.git.settings == Settings::Own {
            command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        }
        command
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", PROTOCOLS)
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .envs(unasked())
            .envs(self.git.remote.iter().flat_map(remote_setting))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .arg("-C")
            .arg(&self.git.folder)
            .args((self.git.place == Place::Bare).then_some("--git-dir=."))
            .args(["--literal-pathspecs", "--no-pager"])
            .args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"])
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// Has `ssh` ask nobody for a passphrase or about a host's key, unless the user has a program for it.
/// It would otherwise wait for a terminal that nobody looks at.
fn unasked() -> impl Iterator<Item = (&'static str, &'static str)> {
    let asks = std::env::var_os("SSH_ASKPASS").is_some();
    let settings = [("SSH_ASKPASS", "false"), ("SSH_ASKPASS_REQUIRE", "force")];
    settings.into_iter().filter(move |_| !asks)
}

/// One setting more in the environment, behind those that are there.
fn remote_setting(url: &Secret) -> Vec<(String, String)> {
    let count = std::env::var("GIT_CONFIG_COUNT").ok().and_then(|count| count.parse().ok());
    let count: u32 = count.unwrap_or(0);
    vec![
        ("GIT_CONFIG_COUNT".into(), (count + 1).to_string()),
        (format!("GIT_CONFIG_KEY_{count}"), "remote.origin.url".into()),
        (format!("GIT_CONFIG_VALUE_{count}"), url.expose().into()),
    ]
}

struct Talked {
    code: Option<i32>,
    bytes: Vec<u8>,
    words: Vec<u8>,
}

/// Why a talk was broken off.
enum Broken {
    /// It prints more than it may.
    TooMuch,
    System(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// Writes, reads and waits at once: either side would otherwise wait for the other.
async fn talk(child: &mut Child, input: &[u8], limit: usize) -> Result<Talked, Broken> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A git that ends early says why, and doesn't read the rest.
            let _ = stdin.write_all(input).await;
        }
        Ok(())
    };
    let ((), bytes, words) = tokio::try_join!(write, print(stdout, limit), words(stderr))?;
    Ok(Talked { code: child.wait().await?.code(), bytes, words })
}

async fn print(from: Option<impl AsyncRead + Unpin>, limit: usize) -> Result<Vec<u8>, Broken> {
    let Some(from) = from else { return Ok(Vec::new()) };
    let mut bytes = Vec::new();
    from.take(limit as u64 + 1).read_to_end(&mut bytes).await?;
    if bytes.len() > limit { Err(Broken::TooMuch) } else { Ok(bytes) }
}

/// The beginning of what git says, which names the cause; a server may add any amount.
async fn words(from: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, Broken> {
    let Some(mut from) = from else { return Ok(Vec::new()) };
    let (mut words, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let count = from.read(&mut part).await?;
        if count == 0 {
            return Ok(words);
        }
        let room = WORDS_LIMIT - words.len();
        words.extend(&part[..count.min(room)]);
    }
}

/// What a server says to people: where to open a pull request, why it refuses. Addresses keep their
/// queries, in which servers name the branch.
fn remote(said: &str, secrets: &[Secret]) -> Vec<String> {
    let lines = said.split(['\n', '\r']).filter_map(|line| line.strip_prefix("remote:"));
    let lines = lines.map(str::trim).filter(|line| !line.is_empty()).take(REMOTE_LINES);
    let shown = |line| {
        let line = address::without_secrets(line, secrets);
        harmless(&shortened(&line, REMOTE_LINE)).into_owned()
    };
    lines.map(shown).collect()
}

/// Git's words on one line; what it says of how it gets on isn't among them.
fn one_line(said: &str) -> String {
    let lines = said.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    harmless(&lines.collect::<Vec<_>>().join("; ")).into_owned()
}
