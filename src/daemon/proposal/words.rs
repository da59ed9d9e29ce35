//! What people read of a proposal: its commit, and what happens once it is merged.

use jiff::Timestamp;

use super::Proposal;
use crate::config::Window;
use crate::escape::harmless;
use crate::git::Unsigned;
use crate::manifest::sync_job::{Schedule, Suspend, SyncJobSpec};
use crate::manifest::windows::{Opening, opening};
use crate::plan::render::words::{count, source_and_target};
use crate::report::local;

/// The message of its commit.
pub fn message(proposal: &Proposal, by: &str) -> String {
    let Proposal { job, plan, chosen, .. } = proposal;
    let (source, target) = source_and_target(plan.direction);
    let title = match chosen.names.len() {
        0 => format!("{}: take approvals back", job.name),
        changes => format!("{}: approve {}", job.name, count(changes as u64, "change", "changes")),
    };
    let mut lines = vec![title, String::new()];
    let digest = plan.short_digest();
    lines.push(format!("Reviewed from {source} to {target}, as plan {digest} shows it:"));
    lines.extend(tables(proposal).into_iter().map(|line| format!("* {line}")));
    lines.extend(unseen(proposal.unseen));
    lines.push(String::new());
    lines.push(when(proposal));
    lines.push(saved(&proposal.spec).to_owned());
    lines.push(format!("Approved by {}.", harmless(by)));
    lines.join("\n")
}

/// `cms_page: 2 new, 1 modified`
fn tables(proposal: &Proposal) -> Vec<String> {
    let chosen = &proposal.chosen;
    if chosen.names.is_empty() {
        return vec!["nothing is approved any more".into()];
    }
    let tables = chosen.counts.iter().map(|(table, counts)| {
        let counts = counts.iter().map(|(heading, count)| match heading.answer() {
            None => format!("{count} {}", heading.word()),
            Some(_) => format!("{count} in conflict: {}", heading.word()),
        });
        format!("{}: {}", harmless(table), counts.collect::<Vec<_>>().join(", "))
    });
    tables.collect()
}

/// What happens once it is merged.
pub fn sentences(proposal: &Proposal) -> Vec<String> {
    let mut sentences = vec![format!("Approved: {}.", tables(proposal).join("; "))];
    sentences.extend(unseen(proposal.unseen));
    sentences.push(when(proposal));
    if let Some(why) = &proposal.suspended {
        sentences.push(format!("The job is suspended ({why}): it waits until it is resumed."));
    }
    sentences.push(saved(&proposal.spec).to_owned());
    if proposal.spec.request != proposal.job.spec.request {
        sentences.push(format!(
            "A request of this job is over already, so the manifest says `request: {}`.",
            proposal.spec.request
        ));
    }
    sentences
}

/// Nobody could tick them.
fn unseen(entries: usize) -> Option<String> {
    match entries {
        0 => None,
        1 => Some("1 approval of the manifest that this plan doesn't show is taken back.".into()),
        more => Some(format!(
            "{more} approvals of the manifest that this plan doesn't show are taken back."
        )),
    }
}

fn when(proposal: &Proposal) -> String {
    let Proposal { spec, chosen, config, now, .. } = proposal;
    if chosen.names.is_empty() {
        return "Once it is merged nothing is carried out.".into();
    }
    match &spec.schedule {
        Some(schedule) => match schedule.instant() {
            Ok(Some(at)) => format!(
                "It runs {} ({}), if it is merged before; later it would be missed.",
                local(at.instant, spec),
                schedule.time_zone
            ),
            _ => "It runs at its time.".into(),
        },
        None => at_once(&config.windows, spec, *now),
    }
}

fn at_once(windows: &[Window], spec: &SyncJobSpec, now: Timestamp) -> String {
    match opening(windows, now) {
        Opening::Open => "It runs as soon as it is merged.".into(),
        Opening::Closed { why, opens: Some(opens) } => format!(
            "It runs once it is merged, {} at the earliest: now is {why}.",
            local(opens, spec)
        ),
        Opening::Closed { why, opens: None } => {
            format!("It doesn't run before the operator's windows change: {why}.")
        }
    }
}

fn saved(spec: &SyncJobSpec) -> &'static str {
    match spec.dry_run {
        true => "A test import: everything is tried, and nothing is saved.",
        false => "No test import: what it does is saved.",
    }
}

/// Why a job rests by its manifest.
pub fn suspended(spec: &SyncJobSpec, now: Timestamp) -> Option<String> {
    let schedule: Option<&Schedule> = spec.schedule.as_ref();
    if !spec.suspend.holds_at(now, schedule) {
        return None;
    }
    Some(match &spec.suspend {
        Suspend::Because { reason, .. } => reason.clone(),
        Suspend::Yes | Suspend::No => "the manifest says `suspend: true`".into(),
    })
}

/// What whoever merges it has to heed.
pub fn warnings(proposal: &Proposal, unsigned: Option<&Unsigned>) -> Vec<String> {
    let (branch, mut warnings) = (&proposal.git.branch, Vec::new());
    if proposal.git.require_signed.is_some() {
        warnings.push(match unsigned {
            None => format!(
                "`git.requireSigned` is set: what merges this into {branch} must be signed with one of \
                 its keys, as this commit is."
            ),
            Some(Unsigned { why, .. }) => format!(
                "`git.requireSigned` is set, and this commit {why}. Merge it by squashing into one that \
                 is signed with one of the keys; merged as it is, it would keep the daemon from \
                 following {branch}."
            ),
        });
    }
    warnings
}

/// How to merge it with git alone.
pub fn commands(proposal: &Proposal, branch: &str) -> Vec<String> {
    let into = &proposal.git.branch;
    let merge = match proposal.git.require_signed {
        None => vec![format!("git merge --no-ff 'origin/{branch}'")],
        Some(_) => {
            vec![format!("git merge --squash 'origin/{branch}'"), "git commit -S".to_owned()]
        }
    };
    let before = [
        "git fetch origin".to_owned(),
        format!("git checkout '{into}'"),
        "git pull --ff-only".to_owned(),
    ];
    before.into_iter().chain(merge).chain([format!("git push origin '{into}'")]).collect()
}
