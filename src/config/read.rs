//! The operator's file, from the tree.
//!
//! Answers for its keys, their types and defaults, and for paths relative to the file.

use std::path::{Component, Path, PathBuf};

use super::gallery::gallery;
use super::git::git;
use super::http::http;
use super::mail::mail;
use super::{
    Config, Environment, EnvironmentConfig, Limits, ManifestSource, MessageFormat, MobileApp,
    ModuleConfig, ProtectedRules, Publish, Queue, Results, Search, Secret, Storage, Tables, Target,
    Values, Window, WindowKind,
};
use crate::manifest::fields::{At, Fields, Problems, list_of, map_of};
use crate::manifest::listing::is_hidden;
use crate::manifest::problem::Problem;
use crate::manifest::scalars::{any_text, boolean, name, text, whole_number, word};
use crate::manifest::tree::Content;

/// Shortest key that pins of redacted values may be made with, in bytes.
const MIN_PIN_KEY_BYTES: usize = 16;
/// Where result files are written, beside the operator's file, unless it says otherwise.
const RESULTS: &str = "results";
/// A week: what starts later than that isn't the run that people were told of.
const MOST_LATE_MINUTES: u32 = 7 * 24 * 60;
const DEFAULT_CONNECTIONS: usize = 2;
const MOST_CONNECTIONS: usize = 16;

/// Reads the whole file; `path` is its own, absolute.
pub fn config(at: &At<'_>, path: &Path, problems: &mut Problems) -> Option<Config> {
    const INSTANCE: &[(&str, Environment)] =
        &[("PROD", Environment::Prod), ("TEST", Environment::Test)];
    let folder = path.parent().unwrap_or(path);
    let directory =
        |at: &At<'_>, problems: &mut Problems| text(at, problems).map(|p| folder.join(p));
    let mut fields = Fields::open(at, problems)?;
    let instance = fields.need("instance", problems, word(INSTANCE));
    let manifests = manifest_source(&mut fields, folder, problems);
    let state = fields.get("state", problems, |at, problems| database(at, folder, problems));
    let state_directory = fields.get("stateDirectory", problems, directory);
    let pin_key = fields.get("pinKey", problems, pin_key);
    let results = fields.get("results", problems, |at, problems| results(at, folder, problems));
    let results = results
        .unwrap_or_else(|| Results { directory: folder.join(RESULTS), values: Values::Shown });
    results_beside_manifests(&fields, manifests.as_ref(), &results.directory, problems);
    let environments = fields.need("environments", problems, |at, problems| {
        let mut fields = Fields::open(at, problems)?;
        let read = |at: &At<'_>, problems: &mut Problems| environment(at, folder, problems);
        let prod = fields.need("PROD", problems, read);
        let test = fields.need("TEST", problems, read);
        fields.close(problems);
        Some((prod?, test?))
    });
    let tables = fields.get("tables", problems, tables).unwrap_or_default();
    let protected = fields.get("protected", problems, protected).unwrap_or_default();
    let limits = fields.get("limits", problems, limits).unwrap_or_default();
    let windows = fields.get("windows", problems, list_of(window)).unwrap_or_default();
    let mail = fields.get("mail", problems, |at, problems| mail(at, folder, problems));
    let people = fields.get("people", problems, map_of(text)).unwrap_or_default();
    let modules = fields.get("modules", problems, map_of(module)).unwrap_or_default();
    let http = fields.get("http", problems, http);
    fields.close(problems);
    let (prod, test) = environments?;
    Some(Config {
        path: path.to_owned(),
        instance: instance?,
        manifests: manifests?,
        state,
        state_directory: state_directory.unwrap_or_else(|| folder.join("state")),
        pin_key,
        results,
        prod,
        test,
        tables,
        protected,
        limits,
        windows,
        mail,
        people,
        modules,
        http,
    })
}

/// Either `manifests`, a directory, or `git`.
fn manifest_source(
    fields: &mut Fields<'_>,
    folder: &Path,
    problems: &mut Problems,
) -> Option<ManifestSource> {
    if fields.has("manifests") && fields.has("git") {
        problems.push(
            Problem::error(
                "one-source",
                "manifests come either from the directory `manifests` or from `git`",
            )
            .at(fields.span("git")),
        );
    }
    if !fields.has("git") {
        fields.require("manifests", problems);
    }
    let directory = fields.get("manifests", problems, text);
    let git = fields.get("git", problems, |at, problems| git(at, folder, problems));
    directory
        .map(|path| ManifestSource::Directory(folder.join(path)))
        .or(git.map(ManifestSource::Git))
}

/// Result files are YAML, too: among the manifests they would be read as such.
fn results_beside_manifests(
    fields: &Fields<'_>,
    manifests: Option<&ManifestSource>,
    results: &Path,
    problems: &mut Problems,
) {
    let Some(ManifestSource::Directory(manifests)) = manifests else { return };
    let (manifests, results) = (without_dots(manifests), without_dots(results));
    // What is hidden isn't read.
    if results.strip_prefix(&manifests).is_ok_and(|inside| !is_hidden(inside)) {
        let key = if fields.has("results") { "results" } else { "manifests" };
        let message = format!(
            "result files would lie among the manifests, in {}, and be read as such",
            results.display()
        );
        let help = "name a folder outside, as in `results: {directory: ../results}`";
        problems
            .push(Problem::error("results-in-manifests", message).at(fields.span(key)).help(help));
    }
}

/// The path as it reads, `.` and `..` carried out.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

pub(super) fn at_least_one(at: &At<'_>, problems: &mut Problems) -> Option<u64> {
    let value = whole_number(at, problems)?;
    if value == 0 {
        problems.push(at.error("out-of-range", format!("`{}` must be at least 1", at.path)));
    }
    Some(value)
}

pub(super) fn secret(at: &At<'_>, problems: &mut Problems) -> Option<Secret> {
    let value = text(at, problems)?;
    if value.is_empty() {
        problems.push(at.error("no-value", format!("`{}` is empty", at.path)));
        return None;
    }
    Some(Secret::new(value))
}

fn pin_key(at: &At<'_>, problems: &mut Problems) -> Option<Secret> {
    let key = secret(at, problems)?;
    if key.expose().len() < MIN_PIN_KEY_BYTES {
        let message = format!("`{}` must have at least {MIN_PIN_KEY_BYTES} bytes", at.path);
        let help = "make one with `head -c 32 /dev/urandom | base64` and keep it";
        problems.push(at.error("weak-pin-key", message).help(help));
    }
    Some(key)
}

/// A database URL; the path of a SQLite file starts from the operator's file.
fn database(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<Secret> {
    let url = secret(at, problems)?;
    let Some((scheme, rest)) = url.expose().split_once(':') else {
        let message = format!("`{}` is no database URL", at.path);
        problems.push(at.error("bad-url", message).help("as in postgres://… or sqlite://FILE"));
        return None;
    };
    match scheme {
        "sqlite" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.starts_with('/') || path.starts_with(":memory:") {
                return Some(url);
            }
            let path = folder.join(path.strip_prefix("./").unwrap_or(path));
            Some(Secret::new(format!("sqlite://{}", path.display())))
        }
        "postgres" | "postgresql" | "mysql" | "mariadb" => Some(url),
        _ => {
            let message = format!("`{}` names a database of an unknown kind", at.path);
            let help = "known are postgres://, mysql://, mariadb:// and sqlite://";
            problems.push(at.error("bad-url", message).help(help));
            None
        }
    }
}

fn results(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<Results> {
    let mut fields = Fields::open(at, problems)?;
    let directory = fields.get("directory", problems, text);
    let directory = folder.join(directory.as_deref().unwrap_or(RESULTS));
    let shown = fields.get("values", problems, boolean).unwrap_or(true);
    fields.close(problems);
    Some(Results { directory, values: if shown { Values::Shown } else { Values::Left } })
}

fn environment(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<EnvironmentConfig> {
    let mut fields = Fields::open(at, problems)?;
    let url = fields.need("database", problems, |at, problems| database(at, folder, problems));
    let connections = fields.get("connections", problems, connections);
    let gallery = fields.get("gallery", problems, |at, problems| gallery(at, folder, problems));
    let publish = fields.get("publish", problems, |at, problems| publish(at, folder, problems));
    fields.close(problems);
    let connections = connections.unwrap_or(DEFAULT_CONNECTIONS);
    Some(EnvironmentConfig { database: url?, connections, gallery, publish })
}

fn connections(at: &At<'_>, problems: &mut Problems) -> Option<usize> {
    let value = usize::try_from(whole_number(at, problems)?).unwrap_or(usize::MAX);
    if !(1..=MOST_CONNECTIONS).contains(&value) {
        let message = format!("`{}` must lie between 1 and {MOST_CONNECTIONS}", at.path);
        problems.push(at.error("out-of-range", message));
    }
    Some(value)
}

fn publish(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<Publish> {
    let mut fields = Fields::open(at, problems)?;
    let publish = Publish {
        queue: fields.get("queue", problems, |at, problems| queue(at, folder, problems)),
        storage: fields.get("storage", problems, |at, problems| storage(at, folder, problems)),
        search: fields.get("search", problems, |at, problems| search(at, folder, problems)),
    };
    fields.close(problems);
    Some(publish)
}

/// `embedded`, a URL, a URL for each store, or these below `url` with settings beside it.
fn queue(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<Queue> {
    const FORMAT: &[(&str, MessageFormat)] =
        &[("spryker", MessageFormat::Spryker), ("batch", MessageFormat::Batch)];
    if at.node.get("url").is_none() {
        let url = target(at, problems)?;
        needs_format(at, &url, problems);
        return Some(Queue { url, format: None, ca: None });
    }
    let mut fields = Fields::open(at, problems)?;
    let url = fields.need("url", problems, target);
    let format = fields.get("format", problems, word(FORMAT));
    let ca = fields.get("ca", problems, |at, problems| file(at, folder, problems));
    fields.close(problems);
    if let (Some(url), None) = (&url, at.node.get("format")) {
        needs_format(at, url, problems);
    }
    Some(Queue { url: url?, format, ca })
}

/// Only the operator knows who else reads what a broker holds.
fn needs_format(at: &At<'_>, url: &Target, problems: &mut Problems) {
    let is_on_broker = |url: &Secret| url.expose().starts_with("amqp");
    let is_read_by_others = match url {
        Target::All(url) => is_on_broker(url),
        Target::ByStore(by) => by.values().any(is_on_broker),
    };
    if is_read_by_others {
        let message = format!(
            "`{}` needs a `format`: `spryker` where the original consumers read the messages, else `batch`; as \
             in `{{url: 'amqp://…', format: batch}}`",
            at.path
        );
        problems.push(at.error("missing-key", message));
    }
}

fn storage(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<Storage> {
    if at.node.get("url").is_none() {
        return Some(Storage { url: target(at, problems)?, ca: None });
    }
    let mut fields = Fields::open(at, problems)?;
    let url = fields.need("url", problems, target);
    let ca = fields.get("ca", problems, |at, problems| file(at, folder, problems));
    fields.close(problems);
    Some(Storage { url: url?, ca })
}

fn search(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<Search> {
    if at.node.get("url").is_none() {
        let url = target(at, problems)?;
        return Some(Search { url, prefix: None, api_key: None, ca: None });
    }
    let mut fields = Fields::open(at, problems)?;
    let url = fields.need("url", problems, target);
    let prefix = fields.get("prefix", problems, name);
    let api_key = fields.get("apiKey", problems, secret);
    let ca = fields.get("ca", problems, |at, problems| file(at, folder, problems));
    fields.close(problems);
    Some(Search { url: url?, prefix, api_key, ca })
}

/// A path that starts from the operator's file.
pub(super) fn file(at: &At<'_>, folder: &Path, problems: &mut Problems) -> Option<PathBuf> {
    Some(folder.join(text(at, problems)?))
}

fn target(at: &At<'_>, problems: &mut Problems) -> Option<Target> {
    if matches!(at.node.content, Content::Map(_)) {
        return map_of(secret)(at, problems).map(Target::ByStore);
    }
    secret(at, problems).map(Target::All)
}

fn tables(at: &At<'_>, problems: &mut Problems) -> Option<Tables> {
    let mut fields = Fields::open(at, problems)?;
    let tables = Tables {
        allow: fields.get("allow", problems, list_of(glob)).unwrap_or_default(),
        redact: fields.get("redact", problems, list_of(column_glob)).unwrap_or_default(),
        matching: fields.get("match", problems, map_of(list_of_names)).unwrap_or_default(),
    };
    fields.close(problems);
    Some(tables)
}

fn list_of_names(at: &At<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    list_of(name)(at, problems)
}

fn glob(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    name(at, problems)
}

fn column_glob(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let glob = name(at, problems)?;
    if !glob.contains('.') {
        let message = format!("`{}` must name table and column", at.path);
        problems.push(at.error("bad-value", message).help("as in `customer.email` or `*.email`"));
    }
    Some(glob)
}

fn protected(at: &At<'_>, problems: &mut Problems) -> Option<ProtectedRules> {
    let mut fields = Fields::open(at, problems)?;
    let rules = ProtectedRules {
        add: fields.get("add", problems, list_of(glob)).unwrap_or_default(),
        allow: fields.get("allow", problems, list_of(glob)).unwrap_or_default(),
        mobile_app: fields.get("mobileApp", problems, mobile_app),
    };
    fields.close(problems);
    Some(rules)
}

fn mobile_app(at: &At<'_>, problems: &mut Problems) -> Option<MobileApp> {
    let mut fields = Fields::open(at, problems)?;
    let table = fields.need("table", problems, name);
    let column = fields.need("column", problems, name);
    let starts_with = fields.need("startsWith", problems, |at, problems| {
        let prefix = text(at, problems)?;
        if prefix.is_empty() {
            // Every row would be one of the mobile app's.
            problems.push(at.error("no-value", format!("`{}` is empty", at.path)));
        }
        Some(prefix)
    });
    fields.close(problems);
    Some(MobileApp { table: table?, column: column?, starts_with: starts_with? })
}

fn limits(at: &At<'_>, problems: &mut Problems) -> Option<Limits> {
    let mut fields = Fields::open(at, problems)?;
    let default = Limits::default();
    let limits = Limits {
        max_changes: fields
            .get("maxChanges", problems, whole_number)
            .unwrap_or(default.max_changes),
        max_deletes: fields
            .get("maxDeletes", problems, whole_number)
            .unwrap_or(default.max_deletes),
        max_delete_percent: fields
            .get("maxDeletePercent", problems, percent)
            .unwrap_or(default.max_delete_percent),
        max_late_minutes: fields.get("maxLateMinutes", problems, minutes),
        max_file_megabytes: fields
            .get("maxFileMegabytes", problems, at_least_one)
            .unwrap_or(default.max_file_megabytes),
    };
    fields.close(problems);
    Some(limits)
}

fn minutes(at: &At<'_>, problems: &mut Problems) -> Option<u32> {
    let value = whole_number(at, problems)?;
    let minutes =
        u32::try_from(value).ok().filter(|minutes| (1..=MOST_LATE_MINUTES).contains(minutes));
    if minutes.is_none() {
        let message = format!("`{}` must lie between 1 and {MOST_LATE_MINUTES}", at.path);
        problems.push(at.error("out-of-range", message));
    }
    minutes
}

fn percent(at: &At<'_>, problems: &mut Problems) -> Option<u64> {
    let value = whole_number(at, problems)?;
    if value > 100 {
        let message = format!("`{}` must lie between 0 and 100", at.path);
        problems.push(at.error("out-of-range", message));
    }
    Some(value)
}

fn window(at: &At<'_>, problems: &mut Problems) -> Option<Window> {
    const KIND: &[(&str, WindowKind)] = &[("allow", WindowKind::Allow), ("deny", WindowKind::Deny)];
    let mut fields = Fields::open(at, problems)?;
    let kind = fields.need("kind", problems, word(KIND));
    let cron = fields.need("cron", problems, cron);
    let hours = fields.need("hours", problems, at_least_one);
    let time_zone = fields.need("timeZone", problems, time_zone);
    fields.close(problems);
    Some(Window { kind: kind?, cron: cron?, hours: hours?, time_zone: time_zone? })
}

fn cron(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let written = text(at, problems)?;
    if let Err(error) = crate::manifest::schedule::parse_cron(&written) {
        problems.push(at.error("bad-cron", format!("`{}`: {error}", at.path)));
    }
    Some(written)
}

fn time_zone(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let written = text(at, problems)?;
    if let Err(error) = crate::manifest::schedule::time_zone(&written) {
        problems.push(at.error("bad-time-zone", format!("`{}`: {error}", at.path)));
    }
    Some(written)
}

fn module(at: &At<'_>, problems: &mut Problems) -> Option<ModuleConfig> {
    let mut fields = Fields::open(at, problems)?;
    let after_write = fields.get("afterWrite", problems, list_of(any_text));
    fields.close(problems);
    Some(ModuleConfig { after_write: after_write.unwrap_or_default() })
}
