//! The `spec` of a `SyncJob`, from the tree.
//!
//! Answers for its keys, their types and the forms that can be judged alone: IDs and pins, folders,
//! addresses. What depends on other keys or documents is asked in `validate`.

use super::approval::{Approval, Approvals};
use super::fields::{At, Fields, Problems, list_of, map_of};
use super::paths::{OWN, ROOT, bad_path, is_like_own};
use super::problem::Problem;
use super::scalars::{boolean, id_text, name, text, whole_number, word};
use super::sync_job::{Direction, Mode, OnStale, Schedule, Selection, Suspend, SyncJobSpec};
use super::tree::Content;

/// Reads the `spec` of a `SyncJob`.
pub fn sync_job(at: &At<'_>, problems: &mut Problems) -> Option<SyncJobSpec> {
    const DIRECTION: &[(&str, Direction)] =
        &[("TEST -> PROD", Direction::TestToProd), ("PROD -> TEST", Direction::ProdToTest)];
    const MODE: &[(&str, Mode)] = &[("all", Mode::All), ("new-only", Mode::NewOnly)];
    const ON_STALE: &[(&str, OnStale)] = &[("refuse", OnStale::Refuse), ("skip", OnStale::Skip)];
    let mut fields = Fields::open(at, problems)?;
    let spec = SyncJobSpec {
        direction: fields.get("direction", problems, word(DIRECTION)),
        mode: fields.get("mode", problems, word(MODE)),
        modules: fields.get("modules", problems, selection(name)),
        gallery_folders: fields.get("galleryFolders", problems, selection(folder)),
        schedule: fields.get("schedule", problems, schedule),
        dry_run: fields.get("dryRun", problems, boolean).unwrap_or_default(),
        request: fields.get("request", problems, whole_number).unwrap_or(1),
        delete_missing: fields.get("deleteMissing", problems, boolean).unwrap_or_default(),
        undo: fields.get("undo", problems, name),
        suspend: fields.get("suspend", problems, suspend).unwrap_or_default(),
        notify: fields.get("notify", problems, addresses).unwrap_or_default(),
        on_stale: fields.get("onStale", problems, word(ON_STALE)).unwrap_or_default(),
        approved: fields.get("approved", problems, approved).unwrap_or_default(),
    };
    one_way_to_say_what(&fields, problems);
    fields.close(problems);
    Some(spec)
}

/// Either `undo`, or all of direction, mode and modules.
fn one_way_to_say_what(fields: &Fields<'_>, problems: &mut Problems) {
    const FORWARD: [&str; 3] = ["direction", "mode", "modules"];
    if fields.has("undo") {
        for key in FORWARD.iter().chain(&["galleryFolders", "deleteMissing"]) {
            if fields.has(key) {
                problems.push(
                    Problem::error(
                        "undo-or-sync",
                        format!("a job that undoes a run has no `{key}`: the run decided it"),
                    )
                    .at(fields.span(key)),
                );
            }
        }
    } else {
        for key in FORWARD {
            fields.require(key, problems);
        }
    }
}

/// `all`, or a list.
pub(super) fn selection<'a, R>(read: R) -> impl FnOnce(&At<'a>, &mut Problems) -> Option<Selection>
where
    R: Fn(&At<'a>, &mut Problems) -> Option<String>,
{
    move |at, problems| match &at.node.content {
        Content::Scalar(scalar) if scalar.text == "all" => Some(Selection::All),
        Content::List(items) if items.is_empty() => {
            let message = format!("`{}` selects nothing", at.path);
            problems.push(at.error("empty-selection", message).help("name some, or write `all`"));
            None
        }
        _ => list_of(read)(at, problems).map(Selection::Names),
    }
}

/// When to run.
pub(super) fn schedule(at: &At<'_>, problems: &mut Problems) -> Option<Schedule> {
    let mut fields = Fields::open(at, problems)?;
    let time = fields.get("at", problems, text);
    let cron = fields.get("cron", problems, text);
    let time_zone = fields.need("timeZone", problems, text);
    if fields.has("at") == fields.has("cron") {
        let message = format!("`{}` must have either `at` or `cron`", at.path);
        problems.push(at.error("at-or-cron", message));
    }
    fields.close(problems);
    Some(Schedule { at: time, cron, time_zone: time_zone? })
}

/// Whether it rests, why and until when.
pub(super) fn suspend(at: &At<'_>, problems: &mut Problems) -> Option<Suspend> {
    if !matches!(at.node.content, Content::Map(_)) {
        return boolean(at, problems).map(|yes| if yes { Suspend::Yes } else { Suspend::No });
    }
    let mut fields = Fields::open(at, problems)?;
    let reason = fields.need("reason", problems, text);
    let until = fields.get("until", problems, text);
    fields.close(problems);
    Some(Suspend::Because { reason: reason?, until })
}

/// Every server takes a hundred recipients of a mail (RFC 5321); a manifest isn't a mailing list.
const MOST_ADDRESSES: usize = 50;

pub(super) fn addresses(at: &At<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    let found = list_of(address)(at, problems)?;
    if found.len() <= MOST_ADDRESSES {
        return Some(found);
    }
    let message =
        format!("`{}` names {} addresses; {MOST_ADDRESSES} are allowed", at.path, found.len());
    let help = "have the mail server keep a list, and name its address";
    problems.push(at.error("too-many-addresses", message).help(help));
    None
}

/// Shape only: whose addresses mail may go to is the operator's decision.
fn address(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let value = text(at, problems)?;
    let parts = value.rsplit_once('@').filter(|(user, host)| {
        !user.is_empty()
            && !user.starts_with('-')
            && !user.contains('@')
            && host.contains('.')
            && host.split('.').all(|label| !label.is_empty())
            && value.len() <= 254
            && value
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"@.!#$%&'*+-/=?^_`{|}~".contains(&b))
    });
    if parts.is_none() {
        let message = format!("`{}` is no mail address", at.path);
        problems
            .push(at.error("bad-address", message).help("an address alone, as in jo@shop.example"));
        return None;
    }
    Some(value)
}

fn approved(
    at: &At<'_>,
    problems: &mut Problems,
) -> Option<std::collections::BTreeMap<String, Approvals>> {
    if let Content::Map(entries) = &at.node.content {
        for entry in entries {
            if let Some(folder) = entry.key.text.strip_prefix("gallery/")
                && let Some(reason) = bad_path(folder).filter(|_| folder != ROOT)
            {
                let message = format!("`{}` is no gallery folder: {reason}", entry.key.text);
                problems.push(Problem::error("bad-folder", message).at(entry.key.span));
            }
        }
    }
    map_of(approvals)(at, problems)
}

fn approvals(at: &At<'_>, problems: &mut Problems) -> Option<Approvals> {
    let folder = at.path.strip_prefix("spec.approved.gallery/");
    let below = |id: &str| match folder.filter(|folder| *folder != ROOT) {
        Some(folder) => format!("{folder}/{id}"),
        None => id.to_owned(),
    };
    let entry = |at: &At<'_>, problems: &mut Problems| {
        let entry = approval(at, problems)?;
        if let (Some(_), Approval::Id(id) | Approval::Pinned { id, .. }) = (folder, &entry)
            && let Some(reason) = bad_path(&below(id))
        {
            let message = format!("`{}` is no file of a gallery: {reason}", at.path);
            problems.push(at.error("bad-path", message));
        }
        Some(entry)
    };
    let mut fields = Fields::open(at, problems)?;
    let approvals = Approvals {
        new: fields.get("new", problems, list_of(entry)).unwrap_or_default(),
        modified: fields.get("modified", problems, list_of(entry)).unwrap_or_default(),
        deleted: fields.get("deleted", problems, list_of(entry)).unwrap_or_default(),
        overwrite: fields.get("overwrite", problems, list_of(entry)).unwrap_or_default(),
        adopt: fields.get("adopt", problems, list_of(entry)).unwrap_or_default(),
        renumber: fields.get("renumber", problems, list_of(entry)).unwrap_or_default(),
    };
    fields.close(problems);
    Some(approvals)
}

fn approval(at: &At<'_>, problems: &mut Problems) -> Option<Approval> {
    let written = id_text(at, problems)?;
    match written.parse() {
        Ok(approval) => Some(approval),
        Err(error) => {
            let message = format!("`{}`{} is no approved ID: {error}", at.path, at.quoted());
            problems.push(
                at.error("bad-id", message)
                    .help("copy it from the plan, as in `41@9f2ac1d05b7e3a10`"),
            );
            None
        }
    }
}

fn folder(at: &At<'_>, problems: &mut Problems) -> Option<String> {
    let value = text(at, problems)?;
    if let Some(reason) = bad_path(&value).filter(|_| value != ROOT) {
        let message = format!("`{}`{} is no gallery folder: {reason}", at.path, at.quoted());
        problems
            .push(at.error("bad-folder", message).help("name it as seen from the gallery's root"));
        return None;
    }
    if is_like_own(&value) {
        let message = format!(
            "`{}`{} is no gallery folder: below {OWN} the tool keeps its own files",
            at.path,
            at.quoted()
        );
        problems.push(at.error("bad-folder", message).help("leave it out"));
        return None;
    }
    Some(value)
}
