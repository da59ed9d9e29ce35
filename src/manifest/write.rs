//! A whole `SyncJob` document as text, for jobs that the program writes itself.
//!
//! Answers for a file that reads like one written by hand: the schema's line first, keys in the
//! order of the spec, defaults left out, approvals one a line.

use serde_json::Value as Json;

use super::edit::approved_block;
use super::quote::{key, quoted};
use super::sync_job::{OnStale, Suspend, SyncJobSpec};
use crate::put::put;

/// The document. `schema` is the path or address of the JSON Schema for editors, as it shall stand
/// in the first line; `why` is one line of comment below it.
pub fn sync_job(name: &str, spec: &SyncJobSpec, schema: &str, why: &str) -> String {
    let one_line = |text: &str| crate::escape::visible(text).into_owned();
    let mut out = format!("# yaml-language-server: $schema={}\n", one_line(schema));
    if !why.is_empty() {
        put!(out, "# {}\n", one_line(why));
    }
    out.push_str("apiVersion: reconcile/v1\nkind: SyncJob\n");
    put!(out, "metadata:\n  name: {}\nspec:\n", key(name));
    let written = serde_json::to_value(spec).expect("a spec is text, numbers and lists");
    if let Json::Object(entries) = &written {
        for (name, value) in entries.iter().filter(|(name, _)| !is_default(spec, name)) {
            if name == "approved" {
                let block = approved_block(&spec.approved);
                for line in block.lines() {
                    put!(out, "  {line}\n");
                }
            } else {
                entry(&mut out, name, value, 2);
            }
        }
    }
    out
}

/// What would be read just so if it weren't written.
fn is_default(spec: &SyncJobSpec, name: &str) -> bool {
    match name {
        "dryRun" => !spec.dry_run,
        "request" => spec.request == 1,
        "deleteMissing" => !spec.delete_missing,
        "suspend" => spec.suspend == Suspend::No,
        "notify" => spec.notify.is_empty(),
        "onStale" => spec.on_stale == OnStale::Refuse,
        "approved" => spec.approved.is_empty(),
        _ => false,
    }
}

fn entry(out: &mut String, name: &str, value: &Json, column: usize) {
    let indent = " ".repeat(column);
    put!(out, "{indent}{}:", key(name));
    match value {
        Json::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            for (name, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
                entry(out, name, value, column + 2);
            }
        }
        Json::Array(items) if !items.is_empty() => {
            out.push('\n');
            for item in items {
                put!(out, "{indent}  - {}\n", scalar(item));
            }
        }
        other => put!(out, " {}\n", scalar(other)),
    }
}

/// Names stay plain; whatever could be read as something else is quoted.
fn scalar(value: &Json) -> String {
    match value {
        Json::String(text) if text == "all" || is_course(text) => text.clone(),
        Json::String(text) => {
            let is_time = text.starts_with(|c: char| c.is_ascii_digit());
            if is_time { quoted(text) } else { key(text) }
        }
        other => other.to_string(),
    }
}

/// `TEST -> PROD` reads as text without quotes.
fn is_course(text: &str) -> bool {
    matches!(text, "TEST -> PROD" | "PROD -> TEST")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::sync_job::{Direction, Mode, Schedule, Selection};

    fn read(text: &str) -> SyncJobSpec {
        #[derive(serde::Deserialize)]
        struct Document {
            spec: SyncJobSpec,
        }
        serde_saphyr::from_str::<Document>(text).unwrap().spec
    }

    #[test]
    fn an_undo_reads_as_if_written_by_hand() {
        let spec = SyncJobSpec { undo: Some("spring-2026-12-01".into()), ..read("spec: {}") };
        let mut spec = spec;
        spec.approved.entry("cms_page".into()).or_default().modified =
            vec!["41@9f2ac1d05b7e3a10".parse().unwrap()];
        let text = sync_job("undo-spring", &spec, "../schemas/reconcile.json", "Undoes spring.");
        insta::assert_snapshot!(text, @r#"
    # yaml-language-server: $schema=../schemas/reconcile.json
    # Undoes spring.
    apiVersion: reconcile/v1
    kind: SyncJob
    metadata:
      name: undo-spring
    spec:
      undo: spring-2026-12-01
      approved:
        cms_page:
          modified:
            - "41@9f2ac1d05b7e3a10"
    "#);
        assert_eq!(read(&text), spec);
    }

    #[test]
    fn every_key_comes_back() {
        let mut spec = read("spec: {}");
        spec.direction = Some(Direction::TestToProd);
        spec.mode = Some(Mode::NewOnly);
        spec.modules = Some(Selection::Names(vec!["cms-pages".into(), "yes".into()]));
        spec.gallery_folders = Some(Selection::All);
        spec.schedule = Some(Schedule {
            at: Some("2026-12-01T02:00".into()),
            cron: None,
            time_zone: "Europe/Warsaw".into(),
        });
        (spec.dry_run, spec.request, spec.delete_missing) = (true, 2, true);
        spec.notify = vec!["jo@shop.example".into(), "# x: \n".into()];
        spec.on_stale = OnStale::Skip;
        let text = sync_job("true", &spec, "s\n- x", "why\nkind: Module");
        insta::assert_snapshot!(text, @r##"
    # yaml-language-server: $schema=s\n- x
    # why\nkind: Module
    apiVersion: reconcile/v1
    kind: SyncJob
    metadata:
      name: "true"
    spec:
      direction: TEST -> PROD
      mode: new-only
      modules:
        - cms-pages
        - "yes"
      galleryFolders: all
      schedule:
        at: "2026-12-01T02:00"
        timeZone: Europe/Warsaw
      dryRun: true
      request: 2
      deleteMissing: true
      notify:
        - "jo@shop.example"
        - "# x: \n"
      onStale: skip
    "##);
        assert_eq!(read(&text), spec);
    }
}
