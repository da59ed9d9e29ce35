//! A proposal as files that read like ones written by hand.

use super::text_found::{self, Place};
use super::{Module, Proposal, Record};
use crate::catalog::Catalog;
use crate::escape::visible;
use crate::manifest::module::KeepRule;
use crate::manifest::quote::{key, quoted};
use crate::manifest::words::parts;
use crate::put::put;

pub const JOB_NAME: &str = "test-to-prod";
/// Longest line of a comment.
const WIDTH: usize = 100;

/// How the operator's file names a database: a file's path, or a variable.
#[derive(Debug, Clone)]
pub struct Places {
    pub prod: String,
    pub test: String,
}

pub fn module(module: &Module) -> String {
    let mut out =
        String::from("# yaml-language-server: $schema=../../schemas/reconcile.schema.json\n");
    comment(
        &mut out,
        0,
        "Proposed by `reconcile init` from tables and samples of rows. Read it and change it: it is yours.",
    );
    let title = title(&module.record.table);
    put!(out, "apiVersion: reconcile/v1\nkind: Module\nmetadata:\n  name: {}\n", key(&module.name));
    put!(out, "spec:\n  title: {}\n  records:\n", key_or_quoted(&title));
    record(&mut out, &module.record, 4);
    out
}

fn title(table: &str) -> String {
    let mut title = parts(table).join(" ");
    if let Some(first) = title.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    title
}

fn key_or_quoted(text: &str) -> String {
    if text.split(' ').all(|word| key(word) == word) { text.to_owned() } else { quoted(text) }
}

fn record(out: &mut String, record: &Record, indent: usize) {
    let pad = " ".repeat(indent);
    let owned = !record.why_owned.is_empty();
    let line = format!("{pad}- table: {}", key(&record.table));
    if owned {
        put!(out, "{line}  # {}\n", visible(&record.why_owned));
    } else {
        put!(out, "{line}\n");
    }
    let inner = indent + 2;
    if let Some(by) = &record.by {
        entry(out, inner, "by", &key(&by.0), by.1);
    }
    if !record.key.is_empty() {
        entry(out, inner, "key", &list(&record.key), "there is no primary key");
    }
    match record.identity.is_empty() {
        true => comment(out, inner, &record.why_identity),
        false => entry(out, inner, "identity", &list(&record.identity), &record.why_identity),
    }
    if !owned {
        times_and_label(out, record, inner);
    }
    if let Some(tree) = &record.tree {
        text_found::tree(out, inner, tree, if owned { Place::Owned } else { Place::Root });
    }
    ignored(out, record, inner);
    text_found::references(out, inner, &record.references);
    suggestions(out, record, inner);
    if !record.owns.is_empty() {
        put!(out, "{}owns:\n", " ".repeat(inner));
        for owned in &record.owns {
            self::record(out, owned, inner + 2);
        }
    }
    text_found::may_own(out, inner, record);
}

fn ignored(out: &mut String, record: &Record, indent: usize) {
    let names: Vec<String> = record.ignore.iter().map(|(name, _)| name.clone()).collect();
    match record.ignore.as_slice() {
        [] => {}
        [(_, why)] => entry(out, indent, "ignore", &list(&names), why),
        several => {
            let whys = several.iter().map(|(name, why)| format!("{name}: {why}"));
            entry(out, indent, "ignore", &list(&names), &whys.collect::<Vec<_>>().join("; "));
        }
    }
}

fn times_and_label(out: &mut String, record: &Record, indent: usize) {
    if let Some(label) = &record.label {
        entry(out, indent, "label", &key(label), "what reviewers see");
    }
    if let Some(updated) = &record.updated {
        entry(
            out,
            indent,
            "updated",
            &key(updated),
            "a target newer than the source is pointed out",
        );
    }
    if let Some(created) = &record.created {
        entry(
            out,
            indent,
            "created",
            &key(created),
            "equal on both sides: another identity is a rename",
        );
    }
}

fn keep_word(rule: KeepRule) -> &'static str {
    match rule {
        KeepRule::Default => "default",
        KeepRule::Source => "source",
    }
}

fn suggestions(out: &mut String, record: &Record, indent: usize) {
    if !record.keep.is_empty() {
        let keep: Vec<String> = record
            .keep
            .iter()
            .map(|(column, rule)| format!("{}: {}", key(column), keep_word(*rule)))
            .collect();
        let text = format!("keep: {{{}}}  # each environment's own?", keep.join(", "));
        put!(out, "{}# {text}\n", " ".repeat(indent));
    }
    if !record.files.is_empty() {
        let text = format!("files: {}  # paths of images?", list(&record.files));
        put!(out, "{}# {text}\n", " ".repeat(indent));
    }
    for note in &record.notes {
        comment(out, indent, note);
    }
}

fn entry(out: &mut String, indent: usize, name: &str, value: &str, why: &str) {
    put!(out, "{}{name}: {value}  # {}\n", " ".repeat(indent), visible(why));
}

fn list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| key(name)).collect();
    format!("[{}]", names.join(", "))
}

/// A sentence as comment lines.
fn comment(out: &mut String, indent: usize, text: &str) {
    let pad = " ".repeat(indent);
    let mut line = String::new();
    for word in visible(text).split(' ') {
        if !line.is_empty() && indent + 3 + line.chars().count() + word.chars().count() > WIDTH {
            put!(out, "{pad}# {line}\n");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    put!(out, "{pad}# {line}\n");
}

/// The job to begin with.
pub fn job() -> String {
    format!(
        "# yaml-language-server: $schema=../../schemas/reconcile.schema.json
# Everything that differs, from TEST to PROD. Nothing happens until records are approved:
# `reconcile plan {JOB_NAME}` shows them, `reconcile approve {JOB_NAME} …` writes them here.
apiVersion: reconcile/v1
kind: SyncJob
metadata:
  name: {JOB_NAME}
spec:
  direction: TEST -> PROD
  mode: all
  modules: all
"
    )
}

/// The operator's file.
pub fn operator(proposal: &Proposal, places: &Places, prod: &Catalog) -> String {
    let mut out = String::new();
    comment(
        &mut out,
        0,
        "The operator's file. It alone says where the databases are and what manifests may reach, \
         so keep it on the host and out of the repository that holds the manifests. ${NAME} is \
         taken from the environment.",
    );
    out.push_str("\n# Only an installation that says PROD ever writes.\ninstance: PROD\n");
    out.push_str("manifests: ./manifests\n");
    out.push_str("# Plans, and what became of each request.\nstateDirectory: ./state\n");
    let secrets = secrets(proposal, prod);
    let mark = if secrets.is_empty() { "# " } else { "" };
    comment(
        &mut out,
        0,
        "Pins cover redacted values, so they are keyed: head -c 32 /dev/urandom | base64",
    );
    put!(out, "{mark}pinKey: \"${{PIN_KEY}}\"\n");
    put!(out, "environments:\n  PROD: {{database: {}}}\n", quoted(&places.prod));
    put!(out, "  TEST: {{database: {}}}\n", quoted(&places.test));
    out.push_str("tables:\n");
    comment(
        &mut out,
        2,
        "What manifests may reach; everything else is refused, whatever they say.",
    );
    let mut tables: Vec<&str> = proposal.modules.iter().flat_map(Module::tables).collect();
    tables.sort_unstable();
    match tables.is_empty() {
        true => out.push_str("  allow: []\n"),
        false => out.push_str("  allow:\n"),
    }
    for table in tables {
        put!(out, "    - {}\n", key(table));
    }
    comment(&mut out, 2, "Columns whose values reviews never show, only that they changed.");
    if secrets.is_empty() {
        out.push_str("  # redact: [\"*.email\", \"*.password*\"]\n");
    } else {
        put!(out, "  redact: [{}]\n", secrets.join(", "));
    }
    comment(&mut out, 2, "How rows outside every module are recognised on the other side.");
    out.push_str("  # match: {site: [domain]}\n");
    left_out(&mut out, proposal);
    comment(
        &mut out,
        0,
        "Of what one run may write; percent of a table's rows, above 10 deletions.",
    );
    out.push_str("limits: {maxChanges: 10000, maxDeletes: 50, maxDeletePercent: 10}\n");
    out
}

fn left_out(out: &mut String, proposal: &Proposal) {
    if proposal.left_out.is_empty() {
        return;
    }
    comment(out, 2, "Left out, for these reasons:");
    for (table, why) in &proposal.left_out {
        comment(out, 2, &format!("  {table}: {why}"));
    }
}

/// Columns of proposed tables that look like personal data, as entries of `redact`.
fn secrets(proposal: &Proposal, prod: &Catalog) -> Vec<String> {
    let tables = proposal.modules.iter().flat_map(Module::tables);
    let tables = tables.filter_map(|name| prod.table(name));
    let mut found: Vec<String> = tables
        .flat_map(|table| {
            let columns = super::columns::secrets(table).into_iter();
            columns.map(|column| quoted(&format!("{}.{column}", table.name)))
        })
        .collect();
    found.sort();
    found
}

/// Whether the operator's file asks for a key of pins.
pub fn needs_pin_key(proposal: &Proposal, prod: &Catalog) -> bool {
    !secrets(proposal, prod).is_empty()
}
